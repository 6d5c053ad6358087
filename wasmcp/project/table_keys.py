"""Readers of keys that several tables of ``[tool.wasmcp]`` have: names, paths, extensions."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

from wasmcp.project.toml_table import Table

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_NAME_RULE = "1 to 64 lower-case letters, digits, `-`, `_` and `.`, a letter or digit at both ends"


def read_path(table: Table, key: str, root: Path) -> str | None:
    """Return a path inside the project, because a source distribution must include the file."""
    value = table.string(key)
    if value is None:
        return None
    found = PurePosixPath(value)
    if "\\" in value:
        table.problem(key, f"must be written with forward slashes, not `{value}`")
    elif found.is_absolute() or ".." in found.parts or re.match(r"[A-Za-z]:", value):
        table.problem(key, f"must be a path inside the project, relative to its folder, not `{value}`")
    elif not (root / value).resolve().is_relative_to(root.resolve()):
        table.problem(key, f"leads out of the project through a link: `{value}`")
    else:
        return found.as_posix()
    return None


def read_file(table: Table, key: str, root: Path, *, check: bool) -> str | None:
    """Return the path of a file of the project; with `check` it must exist."""
    value = read_path(table, key, root)
    if check and value is not None and not (root / value).is_file():
        kind = "is a folder, not a file" if (root / value).is_dir() else "does not exist"
        table.problem(key, f"{kind}: `{value}`")
    return value


def read_extensions(table: Table) -> dict[str, Any]:
    """Return the extensions of MCP in a table, with their settings."""
    below = table.table("extensions")
    if below is None:
        return {}
    # Imported here, because checking for an up-to-date build must not import the reader of components.
    from wasmcp.declaration_section import extension_problem

    extensions = below.items()
    for identifier, settings in extensions.items():
        problem = extension_problem(identifier, settings)
        if problem is not None:
            below.problem(identifier, problem)
    return extensions


def check_name(name: str, table: Table) -> None:
    """Check the name of a component or a server."""
    if not _NAME.fullmatch(name):
        table.problems.append(f"`{table.path}`: `{name}` is not a usable name: {_NAME_RULE}")
