"""The version of a project, also when ``[project]`` calls it dynamic."""

from __future__ import annotations

from wasmcp.errors import ConfigError
from wasmcp.project.model import Project


def version_of(project: Project) -> str:
    """Return the version that a build of the project would have.

    A dynamic version is computed by hatchling, so that a server built by pytest is one that ``hatch build`` finds
    fresh. Where hatchling cannot, because it or the plugin of the version's source is not installed or the source is
    not there, the version is that of the installed distribution.

    Raises:
        ConfigError: Neither knows it.
    """
    if project.version is not None:
        return project.version
    try:
        return _computed(project)
    except Exception as error:  # metadata plugins raise what they like
        installed = _installed(project)
        if installed is None:
            problem = (
                f"`project.version` is dynamic and cannot be computed ({_reason(error)}), and `{project.name}` is not "
                f"installed: {_advice(project, error)}"
            )
            raise ConfigError([problem]) from error
        return installed


def _computed(project: Project) -> str:
    from hatchling.metadata.core import ProjectMetadata
    from hatchling.plugin.manager import PluginManager

    return str(ProjectMetadata(str(project.root), PluginManager()).version)


def _installed(project: Project) -> str | None:
    import importlib.metadata

    try:
        return importlib.metadata.version(project.name)
    except (importlib.metadata.PackageNotFoundError, ValueError):  # the latter for an empty name
        return None


def _reason(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"`{error.name}` is not installed"
    return " ".join(str(error).split()) or type(error).__name__


def _advice(project: Project, error: Exception) -> str:
    """Return what to install: the project, and what computes its version without it."""
    install = "install it (`pip install -e .`)"
    if isinstance(error, ModuleNotFoundError) and error.name is not None and error.name.startswith("hatchling"):
        return f"{install}, or hatchling"
    plugins = _required_plugins(project)
    return f"{install}, or {' and '.join(f'`{one}`' for one in plugins)}" if plugins else install


def _required_plugins(project: Project) -> list[str]:
    """Return what `[build-system]` requires that is not installed: a source of versions is among it."""
    import importlib.metadata
    import tomllib

    from packaging.requirements import InvalidRequirement, Requirement

    try:
        document = tomllib.loads((project.root / "pyproject.toml").read_text("utf-8"))
        names = [Requirement(text).name for text in document["build-system"]["requires"]]
    except (OSError, ValueError, KeyError, TypeError, InvalidRequirement):
        return []
    there = {distribution.name for distribution in importlib.metadata.distributions()}
    spellings = {name.lower().replace("_", "-") for name in there if name}
    return [name for name in names if name.lower().replace("_", "-") not in spellings]
