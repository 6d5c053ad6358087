"""Version of a project, static or dynamic."""

from __future__ import annotations

from wasmcp.errors import ConfigError
from wasmcp.project.model import Project


def version_of(project: Project) -> str:
    """Return the version of the project's distribution.

    A dynamic version is computed by hatchling, so that ``hatch build`` accepts a server built by pytest as up to date.
    If hatchling cannot compute it, because hatchling or the plugin of the version's source is not installed or the
    source is missing, the version is that of the installed distribution.

    Raises:
        ConfigError: The version cannot be determined in either way.
    """
    if project.version is not None:
        return project.version
    try:
        return _computed(project)
    except Exception as error:  # metadata plugins can raise anything
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
    """Return the packages to install: the project, or those that compute its version without it."""
    install = "install it (`pip install -e .`)"
    if isinstance(error, ModuleNotFoundError) and error.name is not None and error.name.startswith("hatchling"):
        return f"{install}, or hatchling"
    plugins = _required_plugins(project)
    return f"{install}, or {' and '.join(f'`{one}`' for one in plugins)}" if plugins else install


def _required_plugins(project: Project) -> list[str]:
    """Return the requirements of `[build-system]` that are not installed, with the plugin of the version's source."""
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
