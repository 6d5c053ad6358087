"""What bare names stand for: those of the project at hand first, then the user's."""

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
    """The names that one file defines.

    Attributes:
        registry: Its aliases and profiles.
        folder: What relative paths in it start from.
        owner: Whose names these are, for messages: `your` or `the project's`.
        components: Names of the project's own components.
    """

    registry: Registry
    folder: Path
    owner: str
    components: tuple[str, ...] = field(default=())

    def names(self) -> Iterator[str]:
        """Yield every name, of whatever kind."""
        yield from self.registry.profiles
        yield from self.components
        yield from self.registry.components

    def output(self, profile: Profile) -> Path:
        """Return where a profile's server goes; a project's own relative outputs start from its folder."""
        if self.owner == USER or Path(profile.output).name == profile.output:
            return profile.path
        return self.folder / profile.output


USER = "your"
PROJECT = "the project's"


def user_layer() -> Layer:
    """Return the user's names.

    Raises:
        ConfigError: The user's file is not of its form.
    """
    return Layer(read_registry(), Path.cwd(), USER)


def project_layer(root: Path) -> Layer:
    """Return the names of a project. Its components are checked when one of them is used.

    Raises:
        ConfigError: Its aliases or profiles have mistakes.
    """
    table = tool_table(read_toml(root / "pyproject.toml"))
    return Layer(project_registry(table), root, PROJECT, tuple(_components(table)))


def project_registry(table: Mapping[str, Any]) -> Registry:
    """Return the aliases and profiles in the table `[tool.wasmcp]`.

    Raises:
        ConfigError: They have mistakes.
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
    """Return the table `[tool.wasmcp]`; an empty one when it is missing or no table."""
    tool = pyproject.get("tool", {})
    table = tool.get("wasmcp", {}) if isinstance(tool, dict) else {}
    return table if isinstance(table, dict) else {}


def find_project(start: Path) -> Path | None:
    """Return the folder of the project that a folder is in: the nearest one with a `[tool.wasmcp]`, or None."""
    for folder in (start, *start.parents):
        if _is_project(folder / "pyproject.toml"):
            return folder
    return None


def _is_project(path: Path) -> bool:
    try:
        return bool(tool_table(tomllib.loads(path.read_text("utf-8"))))
    except (OSError, ValueError):  # none here, or one that belongs to something else
        return False
