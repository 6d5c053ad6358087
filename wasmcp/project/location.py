"""Which folder of a project the built servers go into: the one import package that its wheel ships."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DIRECTORY = "_wasmcp"
"""The folder inside the package: the servers and their manifest, nothing else."""

_HELP = 'name it: `package = "src/..."` in `[tool.wasmcp]`'


def find_package(root: Path, pyproject: Mapping[str, Any]) -> tuple[str | None, str]:
    """Find the folder of the package as hatchling would.

    Hatchling's own configuration comes first (``packages`` of the wheel target), then its search for a package named
    like the project, then the only package below ``src/``.

    Args:
        root: The project's folder.
        pyproject: The parsed ``pyproject.toml``.

    Returns:
        The folder relative to the root with forward slashes and the empty string; or None and what to say about it.
    """
    for path, table in _hatch_tables(pyproject):
        packages = [item.strip("/") for item in table.get("packages", []) if isinstance(item, str)]
        if len(packages) == 1:
            return packages[0], ""
        if packages:
            listed = ", ".join(f"`{item}`" for item in packages)
            return None, f"is needed, because `{path}.packages` has several ({listed}); {_HELP}"
    name = str(pyproject.get("project", {}).get("name", ""))
    for spelling in dict.fromkeys((re.sub(r"[-_.]+", "_", name).lower(), name.replace("-", "_"))):
        for folder in (f"src/{spelling}", spelling):
            if spelling and (root / folder / "__init__.py").is_file():
                return folder, ""
    found = sorted(path.parent.name for path in (root / "src").glob("*/__init__.py"))
    if len(found) == 1:
        return f"src/{found[0]}", ""
    if found:
        return None, f"is needed, because `src` has several packages ({', '.join(f'`{x}`' for x in found)}); {_HELP}"
    return None, f"is needed, because there is no package named like the project (`{name}`); {_HELP}"


def _hatch_tables(pyproject: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return hatchling's tables that may hold ``packages``, the wheel's own first."""
    build = pyproject.get("tool", {}).get("hatch", {}).get("build", {})
    wheel = build.get("targets", {}).get("wheel", {}) if isinstance(build, dict) else {}
    tables = [("tool.hatch.build.targets.wheel", wheel), ("tool.hatch.build", build)]
    return [(path, table) for path, table in tables if isinstance(table, dict)]
