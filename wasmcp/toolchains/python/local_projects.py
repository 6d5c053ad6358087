"""Local projects of the same repository among a component's ``dependencies``: ``NAME @ file:../shared``.

Their modules are sources of the component, imported from ``src/`` or the project's folder, and their requirements
(``[project] dependencies``) become requirements of the component. They are not built, so no build code runs.
"""

from __future__ import annotations

import posixpath
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wasmcp.errors import ToolchainError
from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.python.packages import normalised
from wasmcp.toolchains.shared_sources import folder_problem, shared_folder

_FILE = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*@\s*file:(.*)", re.DOTALL)
_MOST = 100
"""Maximum number of local projects of a component."""


@dataclass(frozen=True)
class LocalProject:
    """Project of the same repository.

    Attributes:
        name: Its name in the requirement.
        document: Its ``pyproject.toml``.
        code: The folder of its modules.
        requirements: Its requirements from registries.
    """

    name: str
    document: Path
    code: Path
    requirements: tuple[str, ...]


def is_local(requirement: str) -> bool:
    """Return whether a requirement names a local project by its folder."""
    return _FILE.fullmatch(requirement.strip()) is not None


def local_projects(source: ComponentSource) -> list[LocalProject]:
    """Return the local projects that a component depends on, transitively.

    Raises:
        ToolchainError: Folders, or the projects in them, cannot be used; the message lists all of them.
    """
    configured = source.options.get("dependencies", [])
    waiting = [(str(item).strip(), ".") for item in (configured if isinstance(configured, list) else [])]
    found: dict[str, LocalProject] = {}
    problems: list[str] = []
    while waiting and len(found) < _MOST:
        requirement, base = waiting.pop(0)
        match = _FILE.fullmatch(requirement)
        if match is None:
            continue
        folder = match[2] if match[2].startswith("/") else posixpath.normpath(f"{base}/{match[2]}")
        if folder in found:
            continue
        try:
            found[folder], nested = _read(source.root, match[1], folder)
        except ValueError as error:
            problems.append(f"`{requirement}`, {error}")
            continue
        waiting += [(item, folder) for item in nested]
    if problems:
        message = f"component `{source.name}`: `dependencies` names {'; '.join(dict.fromkeys(problems))}"
        raise ToolchainError(message, source=source.label, toolchain="python")
    return list(found.values())


def _read(root: Path, name: str, folder: str) -> tuple[LocalProject, list[str]]:
    """Return a project, and its requirements of local projects.

    Raises:
        ValueError: The project cannot be used; the text is the end of a sentence.
    """
    problem = folder_problem(root, folder)
    if problem is not None:
        raise ValueError(problem)
    place = shared_folder(root, folder)
    document = place / "pyproject.toml"
    try:
        project = tomllib.loads(document.read_text("utf-8"))["project"]
        declared = str(project["name"])
    except OSError as error:
        raise ValueError(f"whose `pyproject.toml` cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError):
        raise ValueError("whose `pyproject.toml` has no `[project]` with a name") from None
    if normalised(declared) != normalised(name):
        raise ValueError(f"where the project is named `{declared}`")
    if "dependencies" in project.get("dynamic", ()):
        raise ValueError("whose dependencies are dynamic: only those in `[project] dependencies` can be read")
    requirements = list(_requirements(project))
    code = place / "src" if (place / "src").is_dir() else place
    remote = tuple(item for item in requirements if not is_local(item))
    return LocalProject(name, document, code, remote), [item for item in requirements if is_local(item)]


def _requirements(project: dict[str, Any]) -> Iterator[str]:
    listed = project.get("dependencies", [])
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise ValueError("whose `[project] dependencies` are not a list of strings")
    return (item.strip() for item in listed)
