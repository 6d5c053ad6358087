"""The version of a project, also when ``[project]`` calls it dynamic."""

from __future__ import annotations

from wasmcp.errors import ConfigError
from wasmcp.project.config import Project


def version_of(project: Project) -> str:
    """Return the version that a build of the project would have.

    A dynamic version is asked of hatchling, so that a server built by pytest is one that ``hatch build`` finds fresh;
    where hatchling is not installed, of the installed distribution.

    Raises:
        ConfigError: Neither knows it.
    """
    if project.version is not None:
        return project.version
    import importlib.metadata

    try:
        from hatchling.metadata.core import ProjectMetadata
        from hatchling.plugin.manager import PluginManager
    except ModuleNotFoundError:
        try:
            return importlib.metadata.version(project.name)
        except importlib.metadata.PackageNotFoundError:
            problem = "`project.version` is dynamic: install hatchling, which finds it out, or the project itself"
            raise ConfigError([problem]) from None
    try:
        return str(ProjectMetadata(str(project.root), PluginManager()).version)
    except Exception as error:  # metadata plugins raise what they like
        raise ConfigError([f"`project.version` is dynamic and cannot be found out: {error}"]) from error
