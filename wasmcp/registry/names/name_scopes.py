"""Scopes of bare names: first the project's, then the user's."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wasmcp.errors import ConfigError
from wasmcp.registry.names.aliases import Profile, Registry, name_problem, parse_registry, read_registry, read_toml


@dataclass(frozen=True)
class Layer:
    """Names defined by one file.

    Attributes:
        registry: The aliases and profiles.
        folder: The base of relative paths.
        owner: The owner of the names in messages: `your` or `the project's`.
        components: The names of the project's components.
    """

    registry: Registry
    folder: Path
    owner: str
    components: tuple[str, ...] = field(default=())

    def names(self) -> Iterator[str]:
        """Yield every name, of any kind."""
        yield from self.registry.profiles
        yield from self.components
        yield from self.registry.components

    def output(self, profile: Profile) -> Path:
        """Return the output path of a profile; relative paths are relative to the project."""
        if self.owner == USER or Path(profile.output).name == profile.output:
            return profile.path
        return self.folder / profile.output


USER = "your"
PROJECT = "the project's"


def user_layer() -> Layer:
    """Return the user's names.

    Raises:
        ConfigError: The user's file is invalid.
    """
    return Layer(read_registry(), Path.cwd(), USER)


def project_layer(root: Path) -> Layer:
    """Return the names of a project. Its components are validated when one of them is used.

    Raises:
        ConfigError: The aliases or profiles have mistakes.
    """
    table = tool_table(read_toml(root / "pyproject.toml"))
    return Layer(project_registry(table), root, PROJECT, tuple(_components(table)))


def project_registry(table: Mapping[str, Any]) -> Registry:
    """Return the aliases and profiles in the table `[tool.wasmcp]`.

    Raises:
        ConfigError: The aliases or profiles have mistakes.
    """
    registry = parse_registry(table, "pyproject.toml", aliases="aliases", prefix="tool.wasmcp.")
    mistakes = []
    for key, names in (("aliases", registry.components), ("profiles", registry.profiles)):
        for name in names:
            problem = name_problem(name)
            if problem is not None:
                mistakes.append(f"`tool.wasmcp.{key}.{name}`: {problem}")
            elif name in _components(table) or (key == "aliases" and name in registry.profiles):
                other = "component" if name in _components(table) else "profile"
                mistakes.append(f"`tool.wasmcp.{key}.{name}` has the name of a {other}: one of them needs another")
    if mistakes:
        raise ConfigError(mistakes)
    return registry


def _components(table: Mapping[str, Any]) -> Mapping[str, Any]:
    components = table.get("components", {})
    return components if isinstance(components, dict) else {}


def tool_table(pyproject: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the table `[tool.wasmcp]`; empty if it is missing or not a table."""
    tool = pyproject.get("tool", {})
    table = tool.get("wasmcp", {}) if isinstance(tool, dict) else {}
    return table if isinstance(table, dict) else {}


def find_project(start: Path) -> Path | None:
    """Return the nearest enclosing directory with a `[tool.wasmcp]`, or None."""
    for folder in (start, *start.parents):
        if _is_project(folder / "pyproject.toml"):
            return folder
    return None


def _is_project(path: Path) -> bool:
    try:
        return bool(tool_table(tomllib.loads(path.read_text("utf-8"))))
    except (OSError, ValueError):  # missing, or not readable as TOML
        return False
