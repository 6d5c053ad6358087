"""Resolution of a project, and the plan of a build as data: inputs -> components -> servers -> outputs.

A resolution is everything outside of a project's own files that a plan depends on. This is the only step before a build
that can use the network or change a file: the version of a dynamic project, the packages and dependencies of
components, and their entries in ``wasmcp.lock``.

The build, the skip check and the check afterwards read the same plan. A plan is a function of a `Resolution` and of the
files that it names: planning uses neither the network nor a registry, writes nothing, and needs no compiler.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from wasmcp import toolchains
from wasmcp.app_pages import declared_apps, files_of, named_pages
from wasmcp.errors import AppsError, ComponentsError, ToolchainError, WasmcpError
from wasmcp.project.model import ComponentConfig, Project, ServerConfig, SkillFolders, source_of, version_of
from wasmcp.registry import FetchOptions, environment_says
from wasmcp.storage import digest_of_file, digest_of_own_code, digest_of_value, digests_of_framework, file_failures
from wasmcp.toolchains.base import IMPORTED_GRANTS, ComponentSource, Inputs, Resolver, Toolchain, is_outside

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


FORMAT = 1
"""Part of every digest of inputs: to be raised when the same inputs give another output."""

SERVER_CODE = (
    "component",
    "compose",
    "project",
    "host/configuration/declared.py",
    "host/operations/rate_limits.py",
    "app_pages.py",
    "apps_section.py",
    "declaration_section.py",
    "skills_section.py",
    "environment.py",
    "guest/json_types/json_codec.py",
    "guest/json_types/uris.py",
    "package_data.py",
    "protocol.py",
    "revision_views.py",
    "wasi.py",
)
"""Code of wasmcp that the bytes and the manifest of a server depend on.

Compilers and sources are in the digests of the components; the other modules that this code imports only move bytes.
"""


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
        pages: The pages of apps that its sources name, by their path in the project; their files are among `files`.
    """

    config: ComponentConfig
    source: ComponentSource | None
    toolchain: Toolchain | None
    pins: Mapping[str, str]
    files: tuple[Path, ...]
    inputs: str
    pin: Pin | None = None
    pages: Mapping[str, Path] = field(default_factory=dict)


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

    def protected_run(self) -> tuple[str, ...]:
        """Return lines with the commands that run the built server with authorization.

        Empty for a server that does not depend on settings of the operator: with authorization in its `settings`, or
        with neither `auth = "required"` nor `environment`.
        """
        from wasmcp.component.decode import decode
        from wasmcp.compose.composed_server import protection

        config = self.config
        if config.auth != "required" and not config.environment:
            return ()
        found = protection(
            "wasmtime" if config.runtime == "wasmcp" else config.runtime,
            self.output,
            decode(self.output.read_bytes()).imports,
            auth=config.auth,
            environment=config.environment,
            settings=config.settings,
        )
        return found.lines()


@dataclass(frozen=True)
class Plan:
    """Steps of a project's build.

    Attributes:
        project: The configuration of the project.
        servers: The steps by server key, in the order of the file.
        framework: The digests of the framework components by name.
        fetching: Options for fetching packages; from the environment if None.
        development: True for development builds; see `wasmcp.project.development`.
        unlisted_tasks: True if modules of a development build can declare tools that run as tasks.
    """

    project: Project
    servers: Mapping[str, ServerStep]
    framework: Mapping[str, str]
    fetching: FetchOptions | None = None
    development: bool = False
    unlisted_tasks: bool = False

    def components(self, servers: Iterable[str]) -> dict[str, ComponentStep]:
        """Return the components of these servers by name, each once."""
        return {step.config.name: step for key in servers for step in self.servers[key].components}


def plan_component(project: Project, resolved: ResolvedComponent) -> ComponentStep:
    """Plan one component.

    Raises:
        ToolchainError: The source needs a file outside of the project.
    """
    config, source, tools, found = resolved.config, resolved.source, resolved.toolchain, resolved.inputs
    also = (*([] if resolved.lock is None else [resolved.lock]), *skill_files(project, config.skills))
    if resolved.pin is not None:
        inputs = digest_of_value({"format": FORMAT, "component": resolved.pin.digest})
        return ComponentStep(config, None, None, {}, also, inputs, resolved.pin)
    if source is None or tools is None or found is None:
        path = project.root / config.file
        inputs = digest_of_value({"format": FORMAT, "component": digest_of_file(path)})
        return ComponentStep(config, None, None, {}, (path, *also), inputs)
    document = {
        "format": FORMAT,
        "toolchain": tools.name,
        "code": digest_of_own_code(*_modules(tools)),
        "source": source.label,
        "world": source.world,
        "options": dict(config.options),
        "grants": sorted(config.grants & IMPORTED_GRANTS),
        "pins": dict(found.pins),
        "dependencies": [asdict(one) for one in source.dependencies],
        "files": {label: digest_of_file(file) for label, file in found.files.items()},
        **found.facts,
        **({"names": True} if config.names else {}),
    }
    outside = [label for label in found.files if is_outside(label) and label not in found.shared]
    if outside:  # a source distribution could not include it
        problem = f"component `{config.name}` (`{source.label}`) needs `{outside[0]}`, outside the project"
        raise ToolchainError(problem, source=source.label, toolchain=tools.name)
    files = tuple(file for label, file in sorted(found.files.items()) if not label.startswith("wasmcp:"))
    pages = named_pages(project.root, files)
    # The guest library of Python refuses them itself, at their line.
    declared = declared_apps(files, pages) if config.dynamic and tools.name != "python" else []
    if declared:
        raise AppsError(
            [
                f"the app of `{page}` in `{config.name}` (`{source.label}`) cannot have its page: the build finds it "
                "in the recorded lists of a component, and this one is dynamic; declare the app in another component"
                for page in declared
            ]
        )
    also = (*also, *files_of(project.root, pages))
    inputs = digest_of_value(document)
    return ComponentStep(config, source, tools, dict(found.pins), (*files, *also), inputs, pages=pages)


def plan_components(project: Project, resolved: Mapping[str, ResolvedComponent]) -> dict[str, ComponentStep]:
    """Plan components by name.

    Raises:
        ToolchainError: A source needs a file outside of the project.
    """
    return {name: plan_component(project, one) for name, one in resolved.items()}


@file_failures()
def plan(resolution: Resolution) -> Plan:
    """Plan the servers of a project.

    Raises:
        MissingPackageDataError: The framework is not built.
        StorageError: A file of the project cannot be read.
        ToolchainError: A source needs a file outside of the project.
    """
    project = resolution.project
    steps = plan_components(project, resolution.components)
    framework = digests_of_framework()
    servers = {
        key: _server(project, config, resolution.version, tuple(steps[name] for name in config.components), framework)
        for key, config in project.servers.items()
    }
    return Plan(project, servers, framework, resolution.fetching)


def _server(
    project: Project,
    config: ServerConfig,
    version: str,
    components: tuple[ComponentStep, ...],
    framework: Mapping[str, str],
) -> ServerStep:
    replaced = {name: digest_of_file(project.root / file) for name, file in config.framework.items()}
    document = {
        "format": FORMAT,
        "code": digest_of_own_code(*SERVER_CODE),
        "framework": {**framework, **replaced},
        "server": {**asdict(config), "version": version},
        "skills": _skills(project, config.skills),
        "components": [
            [
                step.config.name,
                step.inputs,
                sorted(step.config.grants),
                step.config.dynamic,
                dict(step.config.values),
                dict(step.config.extensions),
                step.config.rules.to_dict(),
                _skills(project, step.config.skills),
                _digests(project, files_of(project.root, step.pages)),
            ]
            for step in components
        ],
    }
    return ServerStep(config, version, components, project.output(config.key), digest_of_value(document))


def skill_files(project: Project, folders: SkillFolders) -> tuple[Path, ...]:
    """Return the files of skills, sorted."""
    if not folders.paths:
        return ()
    from wasmcp.project.component_files import files_of

    return tuple(files_of(project.root, folders))


def _skills(project: Project, folders: SkillFolders) -> dict[str, str]:
    """Return the digests of the files of skills, by their path in the project."""
    return _digests(project, skill_files(project, folders))


def _digests(project: Project, files: Iterable[Path]) -> dict[str, str]:
    """Return the digests of files, by their path in the project."""
    return {file.relative_to(project.root).as_posix(): digest_of_file(file) for file in files}


def _modules(tools: Toolchain) -> list[str]:
    """Return the parts of wasmcp that determine a toolchain's output: `toolchains/<language>*`."""
    folder = Path(toolchains.__file__).parent
    own = sorted(path.name for path in folder.glob(f"{tools.name}*"))
    return [f"toolchains/{name}" for name in ("base.py", *own)]
