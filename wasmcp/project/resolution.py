"""Resolution of a project: everything outside of its own files that a plan depends on.

This is the only step before a build that can use the network or change a file: the version of a dynamic project, the
packages and dependencies of components, and their entries in ``wasmcp.lock``. Then `plan` is a function of data, and
`build` compiles and composes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from wasmcp.errors import ComponentsError, ToolchainError, WasmcpError
from wasmcp.project.model import ComponentConfig, Project, source_of, version_of
from wasmcp.registry.fetch_options import FetchOptions, environment_says
from wasmcp.storage.cache import file_failures
from wasmcp.toolchains.base import ComponentSource, Inputs, Resolver, Toolchain

if TYPE_CHECKING:
    from wasmcp.registry.lock import Pin


@dataclass(frozen=True)
class ResolvedComponent:
    """A component with everything that its step depends on.

    Attributes:
        config: The configuration of the component.
        source: The source with its resolved dependencies; None for a compiled component or a package.
        toolchain: The toolchain that compiles it; None for a compiled component or a package.
        inputs: The files and exact versions that it is made of; None for a compiled component or a package.
        pin: The entry of a package in the project's lock file; None otherwise.
        lock: The lock file, if the component has an entry in it.
    """

    config: ComponentConfig
    source: ComponentSource | None = None
    toolchain: Toolchain | None = None
    inputs: Inputs | None = None
    pin: Pin | None = None
    lock: Path | None = None


@dataclass(frozen=True)
class Resolution:
    """A project with everything that its plan depends on.

    Attributes:
        project: The configuration of the project.
        version: The distribution's version.
        components: The components that servers are made of, by name.
        fetching: Options for fetching packages during the build; from the environment if None.
    """

    project: Project
    version: str
    components: Mapping[str, ResolvedComponent]
    fetching: FetchOptions | None = None


@file_failures()
def resolve(project: Project, *, version: str | None = None, fetching: FetchOptions | None = None) -> Resolution:
    """Resolve a project. Packages and dependencies that are missing in the lock file are added to it.

    Args:
        project: The configuration of the project.
        version: The distribution's version, if known; determined otherwise.
        fetching: Options for fetching packages; from the environment (``WASMCP_OFFLINE``, ``WASMCP_LOCKED``) if
            omitted.

    Raises:
        ConfigError: The version is dynamic and cannot be determined.
        LockDriftError: The lock file must not change, and is out of date.
        RegistryError: A package cannot be resolved.
        ToolchainError: A source cannot be read or parsed, or its dependencies cannot be resolved.
        ComponentsError: This is true of several sources.
    """
    version = version_of(project) if version is None else version
    return Resolution(project, version, resolve_components(project, fetching), fetching)


def resolve_components(project: Project, fetching: FetchOptions | None = None) -> dict[str, ResolvedComponent]:
    """Resolve every component that a server is made of, by name. Raises the errors of `resolve`."""
    used = dict.fromkeys(name for server in project.servers.values() for name in server.components)
    found: dict[str, ResolvedComponent] = {}
    failed: dict[str, WasmcpError] = {}
    for name in used:
        try:
            found[name] = resolve_component(project, project.components[name], fetching)
        except ToolchainError as error:  # errors of registries are about all components
            failed[name] = error
    ComponentsError.raise_any(failed)
    if fetching.locked if fetching is not None else environment_says("WASMCP_LOCKED"):
        from wasmcp.project import lock_entries

        inputs = [one.inputs for one in found.values() if one.inputs is not None]
        lock_entries.check(project, {name: pin for each in inputs for name, pin in each.pins.items()})
    return found


def resolve_component(
    project: Project, config: ComponentConfig, fetching: FetchOptions | None = None
) -> ResolvedComponent:
    """Resolve one component: its source with dependencies, or the entry of a package in the project's lock file.

    A package that is missing in the lock file is resolved now, and added to it.

    Raises:
        RegistryError: A package cannot be resolved, or is missing in a lock file that must not change.
        ToolchainError: The source cannot be read or parsed.
    """
    if config.package:
        from wasmcp.project import lock_entries
        from wasmcp.registry.lock import NAME

        options = fetching or lock_entries.options_for(project.root)
        pin = lock_entries.checked_pin(config.package, options)
        return ResolvedComponent(config, pin=pin, lock=project.root / NAME)
    if config.language is None:
        return ResolvedComponent(config)
    source, tools = source_of(project, config)
    source = _with_dependencies(project, source, tools, fetching)
    lock = None
    if source.dependencies:
        from wasmcp.registry.lock import NAME

        lock = project.root / NAME
    return ResolvedComponent(config, source, tools, tools.inputs(source), lock=lock)


def _with_dependencies(
    project: Project, source: ComponentSource, tools: Toolchain, fetching: FetchOptions | None
) -> ComponentSource:
    if not isinstance(tools, Resolver):
        return source
    from wasmcp.project import lock_entries

    required = lock_entries.requirements_of(source, tools)
    if required is None:
        return source
    offline = environment_says("WASMCP_OFFLINE") or (fetching is not None and fetching.offline)
    locked = environment_says("WASMCP_LOCKED") or (fetching is not None and fetching.locked)
    progress = None if fetching is None else fetching.progress
    found = lock_entries.pinned_dependencies(project.root, required, locked=locked, offline=offline, progress=progress)
    return replace(source, dependencies=found, offline=offline)
