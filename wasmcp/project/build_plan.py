"""Plan of a build as data: inputs -> components -> servers -> outputs.

The build, the skip check and the check afterwards read the same plan. Planning reads the sources, compiles nothing and
needs no compiler.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from wasmcp import toolchains
from wasmcp.errors import ToolchainError
from wasmcp.project.model import ComponentConfig, Project, ServerConfig, source_of, version_of
from wasmcp.registry.fetch_options import FetchOptions, environment_says
from wasmcp.storage import digest
from wasmcp.storage.failures import file_failures
from wasmcp.toolchains.base import IMPORTED_GRANTS, ComponentSource, Resolver, Toolchain
from wasmcp.toolchains.shared_sources import is_outside

if TYPE_CHECKING:
    from wasmcp.registry.lock import Pin

FORMAT = 1
"""Part of every digest of inputs: to be raised when the same inputs give another output."""


@dataclass(frozen=True)
class ComponentStep:
    """Step for one component: compiled, or used unchanged.

    Attributes:
        config: The configuration of the component.
        source: The source that is compiled; None for a compiled component or a package.
        toolchain: The toolchain that compiles it; None for a compiled component or a package.
        pins: Distribution -> the exact version that compiles it.
        files: The files of the project, and files shared with other projects of its repository, that it is made of; a
            source distribution must include them.
        inputs: The digest of everything that the component depends on.
        pin: The entry of a package in the project's lock file; None otherwise.
    """

    config: ComponentConfig
    source: ComponentSource | None
    toolchain: Toolchain | None
    pins: Mapping[str, str]
    files: tuple[Path, ...]
    inputs: str
    pin: Pin | None = None


@dataclass(frozen=True)
class ServerStep:
    """Step for one server: its components composed.

    Attributes:
        config: The configuration of the server.
        version: The version that it reports.
        components: The steps of its components, in the order of the chain.
        output: The file to write.
        inputs: The digest of everything that the server depends on.
    """

    config: ServerConfig
    version: str
    components: tuple[ComponentStep, ...]
    output: Path
    inputs: str


@dataclass(frozen=True)
class Plan:
    """Steps of a project's build.

    Attributes:
        project: The configuration of the project.
        servers: The steps by server key, in the order of the file.
        framework: The digests of the framework components by name.
        fetching: Options for fetching packages; from the environment if None.
    """

    project: Project
    servers: Mapping[str, ServerStep]
    framework: Mapping[str, str]
    fetching: FetchOptions | None = None

    def components(self, servers: Iterable[str]) -> dict[str, ComponentStep]:
        """Return the components of these servers by name, each once."""
        return {step.config.name: step for key in servers for step in self.servers[key].components}


def plan_component(project: Project, config: ComponentConfig, fetching: FetchOptions | None = None) -> ComponentStep:
    """Plan one component: read its source, or the entry of a package in the project's lock file.

    A package that is missing in the lock file is resolved now, and added to it.

    Raises:
        RegistryError: A package cannot be resolved, or is missing in a lock file that must not change.
        ToolchainError: The source cannot be read or parsed.
    """
    if config.package:
        from wasmcp.project import lock_components
        from wasmcp.registry import lock

        pin = lock_components.checked_pin(config.package, fetching or lock_components.options_for(project.root))
        inputs = digest.of_value({"format": FORMAT, "component": pin.digest})
        return ComponentStep(config, None, None, {}, (project.root / lock.NAME,), inputs, pin)
    path = project.root / config.file
    if config.language is None:
        inputs = digest.of_value({"format": FORMAT, "component": digest.of_file(path)})
        return ComponentStep(config, None, None, {}, (path,), inputs)
    source, tools = source_of(project, config)
    source = _with_dependencies(project, source, tools, fetching)
    found = tools.inputs(source)
    document = {
        "format": FORMAT,
        "toolchain": tools.name,
        "code": digest.of_own_code(*_modules(tools)),
        "source": source.label,
        "world": source.world,
        "options": dict(config.options),
        "grants": sorted(config.grants & IMPORTED_GRANTS),
        "pins": dict(found.pins),
        "dependencies": [asdict(one) for one in source.dependencies],
        "files": {label: digest.of_file(file) for label, file in found.files.items()},
    }
    outside = [label for label in found.files if is_outside(label) and label not in found.shared]
    if outside:  # a source distribution could not include it
        problem = f"component `{config.name}` (`{source.label}`) needs `{outside[0]}`, outside the project"
        raise ToolchainError(problem, source=source.label, toolchain=tools.name)
    files = tuple(file for label, file in sorted(found.files.items()) if not label.startswith("wasmcp:"))
    if source.dependencies:
        files = (*files, project.root / "wasmcp.lock")
    return ComponentStep(config, source, tools, dict(found.pins), files, digest.of_value(document))


def _with_dependencies(
    project: Project, source: ComponentSource, tools: Toolchain, fetching: FetchOptions | None
) -> ComponentSource:
    if not isinstance(tools, Resolver):
        return source
    from wasmcp.project import lock_dependencies

    required = lock_dependencies.requirements_of(source, tools)
    if required is None:
        return source
    offline = environment_says("WASMCP_OFFLINE") or (fetching is not None and fetching.offline)
    locked = environment_says("WASMCP_LOCKED") or (fetching is not None and fetching.locked)
    progress = None if fetching is None else fetching.progress
    found = lock_dependencies.pinned(project.root, required, locked=locked, offline=offline, progress=progress)
    return replace(source, dependencies=found, offline=offline)


def plan_components(project: Project, fetching: FetchOptions | None = None) -> dict[str, ComponentStep]:
    """Plan every component that a server is made of, by name.

    Raises:
        LockDriftError: The lock file must not change, and is out of date.
        RegistryError: A package cannot be resolved.
        ToolchainError: A source cannot be read or parsed.
    """
    used = dict.fromkeys(name for server in project.servers.values() for name in server.components)
    steps = {name: plan_component(project, project.components[name], fetching) for name in used}
    if fetching.locked if fetching is not None else environment_says("WASMCP_LOCKED"):
        from wasmcp.project import lock_components

        lock_components.check(project, {name: pin for step in steps.values() for name, pin in step.pins.items()})
    return steps


@file_failures()
def plan(project: Project, *, version: str | None = None, fetching: FetchOptions | None = None) -> Plan:
    """Plan the project's servers.

    Args:
        project: The configuration of the project.
        version: The distribution's version, if known; determined otherwise.
        fetching: Options for fetching packages; from the environment (``WASMCP_OFFLINE``, ``WASMCP_LOCKED``) if
            omitted.

    Raises:
        ConfigError: The version is dynamic and cannot be determined.
        MissingPackageDataError: The framework is not built.
        ToolchainError: A source cannot be read or parsed.
    """
    version = version_of(project) if version is None else version
    steps = plan_components(project, fetching)
    framework = digest.of_framework()
    servers = {
        key: _server(project, config, version, tuple(steps[name] for name in config.components), framework)
        for key, config in project.servers.items()
    }
    return Plan(project, servers, framework, fetching)


def _server(
    project: Project,
    config: ServerConfig,
    version: str,
    components: tuple[ComponentStep, ...],
    framework: Mapping[str, str],
) -> ServerStep:
    replaced = {name: digest.of_file(project.root / file) for name, file in config.framework.items()}
    document = {
        "format": FORMAT,
        "code": digest.of_own_code(
            "component",
            "compose",
            "project",
            "host/configuration/declared.py",
            "declaration_section.py",
            "revision_views.py",
        ),
        "framework": {**framework, **replaced},
        "server": {**asdict(config), "version": version},
        "components": [
            [
                step.config.name,
                step.inputs,
                sorted(step.config.grants),
                step.config.dynamic,
                dict(step.config.values),
                dict(step.config.extensions),
            ]
            for step in components
        ],
    }
    return ServerStep(config, version, components, project.output(config.key), digest.of_value(document))


def _modules(tools: Toolchain) -> list[str]:
    """Return the parts of wasmcp that determine a toolchain's output: `toolchains/<language>*`."""
    folder = Path(toolchains.__file__).parent
    own = sorted(path.name for path in folder.glob(f"{tools.name}*"))
    return [f"toolchains/{name}" for name in ("base.py", "shared_sources.py", *own)]
