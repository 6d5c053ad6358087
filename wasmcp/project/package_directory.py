"""Folder of the built servers in a project: inside the one import package that its wheel includes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DIRECTORY = "_wasmcp"
"""Folder inside the package for the servers and their manifest, nothing else."""

_EXTENDS = re.compile(r"\bextend_path\s*\(|\bdeclare_namespace\s*\(")
_HELP = 'name it: `package = "src/..."` in `[tool.wasmcp]`'


def find_package(root: Path, pyproject: Mapping[str, Any]) -> tuple[str | None, str]:
    """Find the folder of the package in the same way as hatchling.

    Hatchling's own configuration comes first (``packages`` of the wheel target), then its search for a package named
    like the project, then the only package below ``src/``. For a namespace package it is the only package inside,
    because other distributions install into the namespace as well.

    Args:
        root: The project's folder.
        pyproject: The parsed ``pyproject.toml``.

    Returns:
        The folder relative to the root with forward slashes, and the empty string; or None and an error message.
    """
    for path, table in _hatch_tables(pyproject):
        packages = [item.strip("/") for item in table.get("packages", []) if isinstance(item, str)]
        if len(packages) == 1:
            return _inside(root, packages[0], str(pyproject.get("project", {}).get("name", "")), f"`{path}.packages`")
        if packages:
            listed = ", ".join(f"`{item}`" for item in packages)
            return None, f"is needed, because `{path}.packages` has several ({listed}); {_HELP}"
    name = str(pyproject.get("project", {}).get("name", ""))
    for spelling in dict.fromkeys((_spelled(name), name.replace("-", "_"))):
        for folder in (f"src/{spelling}", spelling):
            if spelling and (root / folder / "__init__.py").is_file():
                return folder, ""
    # Hatchling's last guess: a package named like the project in the one namespace at the top of the project.
    spaced = sorted(root.glob(f"*/{_spelled(name)}/__init__.py")) if name else []
    if len(spaced) == 1:
        return spaced[0].parent.relative_to(root).as_posix(), ""
    found = sorted(path.parent.name for path in (root / "src").glob("*/__init__.py"))
    if len(found) == 1:
        return f"src/{found[0]}", ""
    if found:
        return None, f"is needed, because `src` has several packages ({', '.join(f'`{x}`' for x in found)}); {_HELP}"
    return None, f"is needed, because no package is named like the project (`{name}`); {_HELP}"


def shared_by(root: Path, folder: str) -> str:
    """Return why other distributions can install into a package's folder as well; the empty string if they cannot.

    A namespace package has no ``__init__.py`` (PEP 420), or one that extends its ``__path__`` (`pkgutil`,
    `pkg_resources`).
    """
    init = root / folder / "__init__.py"
    if not init.is_file():
        return "has no `__init__.py`" if (root / folder).is_dir() else ""
    text = init.read_text("utf-8", "replace")
    return "extends its `__path__` in `__init__.py`" if _EXTENDS.search(text) else ""


def namespace_problem(root: Path, folder: str, project: str) -> str | None:
    """Return why a package's folder cannot contain the servers, as the end of a sentence, or None.

    A folder named like the project belongs to the project, even without an ``__init__.py``.
    """
    reason = shared_by(root, folder)
    if not reason or folder.rpartition("/")[2] == _spelled(project):
        return None
    return (
        f"is a namespace package (it {reason}), into which other distributions install as well: their servers and "
        f"these would replace each other in `{folder}/{DIRECTORY}`"
    )


def _inside(root: Path, folder: str, project: str, key: str) -> tuple[str | None, str]:
    """Return a package's folder, or for a namespace package the folder of the only package inside."""
    current = folder
    while (problem := namespace_problem(root, current, project)) is not None:
        packages = sorted(path.name for path in (root / current).iterdir() if _is_package(path))
        if len(packages) != 1:
            several = f" and has the packages {', '.join(f'`{one}`' for one in packages)}" if packages else ""
            return None, f"is needed, because {key} names `{folder}`: `{current}` {problem}{several}; {_HELP}"
        current = f"{current}/{packages[0]}"
    return current, ""


def _spelled(name: str) -> str:
    """Return a distribution's name as an import package (PEP 503, with `_`)."""
    return re.sub(r"[-_.]+", "_", name).lower()


def _is_package(path: Path) -> bool:
    return path.is_dir() and path.name.isidentifier() and any(path.rglob("*.py")) and path.name != "__pycache__"


def _hatch_tables(pyproject: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return hatchling's tables that can contain ``packages``, the wheel's own first."""
    build = pyproject.get("tool", {}).get("hatch", {}).get("build", {})
    wheel = build.get("targets", {}).get("wheel", {}) if isinstance(build, dict) else {}
    tables = [("tool.hatch.build.targets.wheel", wheel), ("tool.hatch.build", build)]
    return [(path, table) for path, table in tables if isinstance(table, dict)]
