"""Needs of a server that its imports and calls show: packages, grants and environment variables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from wasmcp.migration.requirement_files import Constraint

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
