"""Needs of a server: packages, grants and variables in its code, and files of requirements; findings of its import."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Kind = Literal["changed", "not carried", "check"]


@dataclass(frozen=True, order=True)
class Finding:
    """A finding in a source file.

    Attributes:
        file: The file, relative to the imported file's folder or to the package's parent.
        line: The first line of the statement.
        last: Its last line.
        kind: ``changed``, ``not carried``, or ``check`` for a line that is carried and may behave differently.
        message: The finding, and what to do.
    """

    file: str
    line: int
    last: int
    kind: Kind
    message: str

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as JSON."""
        return {
            "file": self.file,
            "line": self.line,
            "lastLine": self.last,
            "kind": self.kind,
            "message": self.message,
        }


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


_HTTP = frozenset({"httpx", "httpx2", "requests", "urllib3", "aiohttp", "openai", "anthropic"})
_HTTP_STANDARD = frozenset({"urllib.request", "http.client"})
_FILES = frozenset({"read_text", "write_text", "read_bytes", "write_bytes", "iterdir", "rglob", "mkdir", "unlink"})
_FILES_OF_OS = frozenset({"listdir", "walk", "scandir", "makedirs", "mkdir", "remove", "rename", "stat"})

DISTRIBUTIONS: Mapping[str, str] = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "git": "GitPython",
    "jose": "python-jose",
    "jwt": "PyJWT",
    "PIL": "Pillow",
    "pptx": "python-pptx",
    "docx": "python-docx",
    "serial": "pyserial",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}
"""Modules whose distribution has another name."""

NEVER = frozenset({"fastmcp", "fastmcp-slim", "mcp", "mcp-types", "wasmcp"})
"""Distributions that a component does not need: the libraries themselves."""


def normalized(name: str) -> str:
    """Return the normal form of a distribution's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


@dataclass
class Needs:
    """Needs of a server.

    Attributes:
        modules: Imported top-level modules that are neither of the standard library nor the server's own.
        optional: Such modules whose failing import is caught.
        grants: Families of grants, and the first line that shows each.
        variables: Environment variables: True if one is required.
    """

    modules: set[str] = field(default_factory=set)
    optional: set[str] = field(default_factory=set)
    grants: dict[str, str] = field(default_factory=dict)
    variables: dict[str, bool] = field(default_factory=dict)

    def add(self, other: Needs) -> None:
        """Add the needs of another module."""
        self.modules |= other.modules
        self.optional |= other.optional
        for grant, reason in other.grants.items():
            self.grants.setdefault(grant, reason)
        for name, required in other.variables.items():
            self.variables[name] = self.variables.get(name, False) or required

    def imported(self, module: str, place: str) -> None:
        """Record an import."""
        top = module.partition(".")[0]
        if top in _HTTP or module in _HTTP_STANDARD or any(module.startswith(f"{one}.") for one in _HTTP_STANDARD):
            self.grants.setdefault("http", f"{place} imports `{module}`")

    def called(self, function: str, place: str) -> None:
        """Record a call by its dotted name."""
        owner, _, name = function.rpartition(".")
        if function == "open" or name in _FILES or (owner == "os" and name in _FILES_OF_OS) or name == "set_state":
            grant = "sessions" if name == "set_state" else "fs"
            self.grants.setdefault(grant, f"{place} calls `{name}`")

    def variable(self, name: str, place: str, *, required: bool) -> None:
        """Record an environment variable."""
        self.grants.setdefault("env", f"{place} reads `{name}`")
        self.variables[name] = self.variables.get(name, False) or required


def is_secret(variable: str) -> bool:
    """Return True for the name of a variable that holds a secret."""
    return re.search(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", variable.upper()) is not None


def dependencies_of(needs: Needs, declared: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the requirements of a component, and the declared ones that it leaves out.

    An optional module is required if the distribution requires it. A package that is declared once is required
    whatever its marker, because it is imported; of several lines for a package each keeps its marker.

    Args:
        needs: The modules.
        declared: The requirements of the distribution (PEP 508).
    """
    wanted = {_joined(DISTRIBUTIONS.get(module, module)) for module in needs.modules | needs.optional}
    found: dict[str, list[str]] = {}
    left = []
    for requirement in declared:
        name = _name(requirement)
        if normalized(name) in NEVER or _joined(name) not in wanted:
            left.append(requirement)
        elif requirement.strip() not in (lines := found.setdefault(_joined(name), [])):
            lines.append(requirement.strip())
    for module in needs.modules:
        name = DISTRIBUTIONS.get(module, module)
        if _joined(name) not in found and normalized(name) not in NEVER:
            found[_joined(name)] = [name.replace("_", "-")]
    lists = ([lines[0].partition(";")[0].strip()] if len(lines) == 1 else lines for lines in found.values())
    return sorted((line for lines in lists for line in lines), key=str.lower), left


def narrowed(requirements: Iterable[str], constraints: Iterable[Constraint]) -> tuple[list[str], list[Constraint]]:
    """Return requirements with the versions of their constraints, and the constraints of packages without one.

    A constraint with a marker is a requirement of its own: the marker is for its versions only.

    Args:
        requirements: The requirements of a component (PEP 508).
        constraints: The constraints, of which each narrows the requirements of its package.
    """
    lines = list(requirements)
    required = {normalized(_name(line)) for line in lines}
    conditional = []
    unused = []
    for constraint in constraints:
        name = normalized(constraint.name)
        if name not in required:
            unused.append(constraint)
        elif constraint.marker:
            conditional.append(f"{constraint.name}{constraint.versions}; {constraint.marker}")
        else:
            lines = [_with(line, constraint.versions) if normalized(_name(line)) == name else line for line in lines]
    return sorted(dict.fromkeys(lines + conditional), key=str.lower), unused


def _with(requirement: str, versions: str) -> str:
    """Return a requirement with further version specifiers."""
    before, semicolon, marker = requirement.partition(";")
    before = before.strip().removesuffix(")").replace("(", "")
    if versions in re.split(r"\s*,\s*", re.sub(r"^[A-Za-z0-9._-]+\s*(?:\[[^\]]*\])?\s*", "", before)):
        return requirement
    comma = "," if re.search(r"[<>=!~]", before) else ""
    return f"{before}{comma}{versions}{semicolon}{marker}"


def _name(requirement: str) -> str:
    """Return the distribution's name of a requirement (PEP 508)."""
    match = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", requirement)
    return match[1] if match else ""


def _joined(name: str) -> str:
    """Return a name without separators: modules are often named like their distribution without them."""
    return re.sub(r"[-_.]+", "", name).lower()
