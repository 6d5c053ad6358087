"""Files of requirements for pip: their requirements by name, and lines that a project does not take over."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from wasmcp.migration.findings import Finding

_MOST_FILES = 100
_MOST_BYTES = 2**20
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\s*($|[\[<>=!~;(])")
_INCLUDED = re.compile(r"(?:-r|--requirement)(?:\s*=?\s*)(?P<path>\S.*)")
_OPTION = re.compile(r"--?[A-Za-z][A-Za-z-]*")
_INSTEAD = {
    "-c": "write its versions into the requirements",
    "--constraint": "write its versions into the requirements",
    "-e": "name a released version of the package",
    "--editable": "name a released version of the package",
}


@dataclass
class RequirementFiles:
    """Contents of a file of requirements, and of those that it includes.

    Attributes:
        requirements: The requirements by name (PEP 508), in their order.
        findings: A line with the kind ``check`` for each that is not taken over.
    """

    requirements: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def read_requirement_file(file: Path) -> RequirementFiles:
    """Read a file of requirements, and those that it includes by ``-r``, each once.

    Included files are read only if they are in the folder of the first, or below it.
    Format: https://pip.pypa.io/en/stable/reference/requirements-file-format/
    """
    found = RequirementFiles()
    file = file.resolve()
    _read(file, file.parent, {file}, found)
    return found


def _read(file: Path, root: Path, seen: set[Path], found: RequirementFiles) -> str:
    """Add the contents of a file; return why it cannot be read, or the empty string."""
    try:
        if not file.is_file():
            return "does not exist"
        if file.stat().st_size > _MOST_BYTES:
            return f"is larger than {_MOST_BYTES // 2**20} MiB"
        text = file.read_text("utf-8-sig")
    except (OSError, ValueError) as error:
        return "is not UTF-8" if isinstance(error, UnicodeError) else "cannot be read"
    name = file.relative_to(root).as_posix()
    for number, line in _lines(text):
        included = _INCLUDED.fullmatch(line)
        if _REQUIREMENT.match(line):
            found.requirements.append(re.split(r"\s+--", line)[0])
            continue
        problem = _include(included["path"].strip("\"'"), file, root, seen, found) if included else _left_out(line)
        if problem:
            found.findings.append(Finding(name, number, number, "check", problem))
    return ""


def _lines(text: str) -> list[tuple[int, str]]:
    """Return the lines without comments, those that end with a backslash joined, with the number of the first."""
    joined: list[tuple[int, str]] = []
    pending: tuple[int, str] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        first, before = pending or (number, "")
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            pending = (first, f"{before}{line[:-1]} ")
            continue
        pending = None
        joined.append((first, before + line))
    if pending:
        joined.append(pending)
    stripped = ((number, re.split(r"(?:^|\s+)#", line)[0].strip()) for number, line in joined)
    return [(number, line) for number, line in stripped if line]


def _include(path: str, file: Path, root: Path, seen: set[Path], found: RequirementFiles) -> str:
    """Read an included file; return the problem, or the empty string."""
    if "://" in path:
        return f"`-r {_shown(path)}` is not followed, because it is a URL: copy the requirements into the file"
    try:
        other = (file.parent / path).resolve()
    except (OSError, ValueError, RuntimeError):
        return f"`-r {path}` is not followed: it cannot be read"
    if other in seen:
        return ""
    if not other.is_relative_to(root):
        return f"`-r {path}` is not followed, because it is outside of the folder: copy its requirements into the file"
    if len(seen) >= _MOST_FILES:
        return f"`-r {path}` is not followed: there are more than {_MOST_FILES} files of requirements"
    seen.add(other)
    problem = _read(other, root, seen, found)
    return f"`-r {path}` is not followed: it {problem}" if problem else ""


def _left_out(line: str) -> str:
    option = _OPTION.match(line)
    if option is None:
        return f"`{_shown(line)}` is not taken over: name a version of the package that an index has"
    if instead := _INSTEAD.get(option[0]):
        return f"`{option[0]}` is not taken over: {instead}"
    return f"`{option[0]}` is not taken over: builds take pip's own settings, such as `PIP_INDEX_URL`"


def _shown(text: str) -> str:
    """Return a text without user names and passwords of URLs."""
    return re.sub(r"//[^/@\s]*@", "//", text)
