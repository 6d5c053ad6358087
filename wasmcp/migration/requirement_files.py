"""Files of requirements for pip: requirements by name, constraints, and lines that a project does not take over."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from wasmcp.migration.findings import Finding

_MOST_FILES = 100
_MOST_BYTES = 2**20
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\s*($|[\[<>=!~;(])")
_INCLUDED = re.compile(r"(?P<option>-r|--requirement|-c|--constraint)(?:\s*=?\s*)(?P<path>\S.*)")
_CONSTRAINT = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*\(?(?P<versions>[<>=!~][^;()]*)\)?\s*(?:;(?P<marker>.*))?"
)
_OPTION = re.compile(r"--?[A-Za-z][A-Za-z-]*")
_COPIED = {
    "requirements": "copy its requirements into the file",
    "constraints": "write its versions into the requirements",
}
_INSTEAD = {
    "-e": "name a released version of the package",
    "--editable": "name a released version of the package",
}

_Seen = set[tuple[Path, bool]]
"""Files that were read, and True for those of constraints."""


@dataclass(frozen=True)
class Constraint:
    """A line of a file of constraints: the versions of a package, if it is required.

    Attributes:
        name: The distribution's name, in the spelling of the file.
        versions: The version specifiers, separated by commas.
        marker: The environment marker; the empty string without one.
        file: The file, relative to the folder of the first file of requirements.
        line: The line.
    """

    name: str
    versions: str
    marker: str
    file: str
    line: int


@dataclass
class RequirementFiles:
    """Contents of a file of requirements, and of those that it includes.

    Attributes:
        requirements: The requirements by name (PEP 508), in their order.
        constraints: The lines of files of constraints (``-c``), in their order.
        findings: A line with the kind ``check`` for each that is not taken over.
    """

    requirements: list[str] = field(default_factory=list)
    constraints: list[Constraint] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def read_requirement_file(file: Path) -> RequirementFiles:
    """Read a file of requirements, and those that it includes by ``-r`` and ``-c``, each once.

    Included files are read only if they are in the folder of the first, or below it.
    Format: https://pip.pypa.io/en/stable/reference/requirements-file-format/
    """
    found = RequirementFiles()
    file = file.resolve()
    _read(file, file.parent, {(file, False)}, found, is_constraints=False)
    return found


def _read(file: Path, root: Path, seen: _Seen, found: RequirementFiles, *, is_constraints: bool) -> str:
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
        plain = re.split(r"\s+--", line)[0]
        if included := _INCLUDED.fullmatch(line):
            problem = _include(included, file, root, seen, found)
        elif is_constraints and (constraint := _CONSTRAINT.fullmatch(plain)):
            parts = (constraint["name"], constraint["versions"].strip(), (constraint["marker"] or "").strip())
            found.constraints.append(Constraint(*parts, name, number))
            problem = ""
        elif not is_constraints and _REQUIREMENT.match(line):
            found.requirements.append(plain)
            problem = ""
        else:
            problem = _left_out(line, is_constraints=is_constraints)
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


def _include(included: re.Match[str], file: Path, root: Path, seen: _Seen, found: RequirementFiles) -> str:
    """Read an included file; return the problem, or the empty string."""
    path = included["path"].strip("\"'")
    is_constraints = included["option"] in ("-c", "--constraint")
    contents = "constraints" if is_constraints else "requirements"
    left = f"`{'-c' if is_constraints else '-r'} {_shown(path)}` is not followed"
    if "://" in path:
        return f"{left}, because it is a URL: {_COPIED[contents]}"
    try:
        other = (file.parent / path).resolve()
    except (OSError, ValueError, RuntimeError):
        return f"{left}: it cannot be read"
    if (other, is_constraints) in seen:
        return ""
    if not other.is_relative_to(root):
        return f"{left}, because it is outside of the folder: {_COPIED[contents]}"
    if len(seen) >= _MOST_FILES:
        return f"{left}: there are more than {_MOST_FILES} files of requirements"
    seen.add((other, is_constraints))
    problem = _read(other, root, seen, found, is_constraints=is_constraints)
    return f"{left}: it {problem}" if problem else ""


def _left_out(line: str, *, is_constraints: bool) -> str:
    option = _OPTION.match(line)
    if option is None and is_constraints:
        return f"`{_shown(line)}` is not applied: a constraint is a name with versions, such as `httpx<1`"
    if option is None:
        return f"`{_shown(line)}` is not taken over: name a version of the package that an index has"
    if instead := _INSTEAD.get(option[0]):
        return f"`{option[0]}` is not taken over: {instead}"
    return f"`{option[0]}` is not taken over: builds take pip's own settings, such as `PIP_INDEX_URL`"


def _shown(text: str) -> str:
    """Return a text without user names and passwords of URLs."""
    return re.sub(r"//[^/@\s]*@", "//", text)
