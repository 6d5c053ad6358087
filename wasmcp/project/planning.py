"""What a build is going to do, as data: inputs -> components -> servers -> outputs.

The build, the skip check and the check afterwards read the same plan. Planning reads the sources, compiles nothing and
needs no compiler.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from wasmcp import toolchains
from wasmcp.errors import ToolchainError
from wasmcp.project import digest
from wasmcp.project.config import ComponentConfig, Project, ServerConfig
from wasmcp.project.version import version_of
from wasmcp.toolchains import toolchain
from wasmcp.toolchains.base import ComponentSource, Toolchain

FORMAT = 1
"""Part of every digest of inputs: raise it when the same inputs give another output."""


@dataclass(frozen=True)
class ComponentStep:
    """One component: compiled, or taken as it is.

    Attributes:
        config: As configured.
        source: What the toolchain compiles; None for a component as it is.
        toolchain: Who compiles it; None for a component as it is.
        pins: Distribution -> the exact version that compiles it.
        files: The files inside the project that it is made of; a source distribution must carry them.
        inputs: The digest of everything that the component depends on.
    """

    config: ComponentConfig
    source: ComponentSource | None
    toolchain: Toolchain | None
    pins: Mapping[str, str]
    files: tuple[Path, ...]
    inputs: str


@dataclass(frozen=True)
class ServerStep:
    """One server: its components composed.

    Attributes:
        config: As configured.
        version: The version that it answers with.
        components: In the order of the chain.
        output: The file it becomes.
        inputs: The digest of everything that the server depends on.
    """

    config: ServerConfig
    version: str
    components: tuple[ComponentStep, ...]
    output: Path
    inputs: str


@dataclass(frozen=True)
class Plan:
    """All that a project builds.

    Attributes:
        project: As configured.
        servers: By key, in the order of the file.
        framework: The digests of the framework's components by name.
    """

    project: Project
    servers: Mapping[str, ServerStep]
    framework: Mapping[str, str]

    def components(self, servers: Iterable[str]) -> dict[str, ComponentStep]:
        """Return the components of some servers by name, each once."""
        return {step.config.name: step for key in servers for step in self.servers[key].components}


def plan_component(project: Project, config: ComponentConfig) -> ComponentStep:
    """Plan one component: read what it is made of.

    Raises:
        ToolchainError: The source cannot be read, or not be understood.
    """
    path = project.root / config.file
    if config.language is None:
        inputs = digest.of_value({"format": FORMAT, "component": digest.of_file(path)})
        return ComponentStep(config, None, None, {}, (path,), inputs)
    tools = toolchain(config.language)
    source = ComponentSource(config.name, path, project.root, options=config.options)
    found = tools.inputs(source)
    document = {
        "format": FORMAT,
        "toolchain": tools.name,
        "code": digest.of_own_code(*_modules(tools)),
        "source": source.label,
        "world": source.world,
        "options": dict(config.options),
        "pins": dict(found.pins),
        "files": {label: digest.of_file(file) for label, file in found.files.items()},
    }
    outside = [label for label in found.files if label.startswith("../")]
    if outside:  # a source distribution could not carry it
        problem = f"component `{config.name}` (`{source.label}`) needs `{outside[0]}`, outside the project"
        raise ToolchainError(problem, source=source.label, toolchain=tools.name)
    files = tuple(file for label, file in sorted(found.files.items()) if not label.startswith("wasmcp:"))
    return ComponentStep(config, source, tools, dict(found.pins), files, digest.of_value(document))


def plan_components(project: Project) -> dict[str, ComponentStep]:
    """Plan every component that a server is made of, by name.

    Raises:
        ToolchainError: A source cannot be read, or not be understood.
    """
    used = dict.fromkeys(name for server in project.servers.values() for name in server.components)
    return {name: plan_component(project, project.components[name]) for name in used}


def plan(project: Project, *, version: str | None = None) -> Plan:
    """Plan the project's servers.

    Args:
        project: As configured.
        version: The distribution's version, where the caller knows it; found out otherwise.

    Raises:
        ConfigError: The version is dynamic and cannot be found out.
        ResourceMissing: The framework is not built.
        ToolchainError: A source cannot be read, or not be understood.
    """
    version = version_of(project) if version is None else version
    steps = plan_components(project)
    framework = digest.of_framework()
    servers = {
        key: _server(project, config, version, tuple(steps[name] for name in config.components), framework)
        for key, config in project.servers.items()
    }
    return Plan(project, servers, framework)


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
        "code": digest.of_own_code("component", "compose", "project"),
        "framework": {**framework, **replaced},
        "server": {**asdict(config), "version": version},
        "components": [
            [step.config.name, step.inputs, sorted(step.config.grants), step.config.dynamic] for step in components
        ],
    }
    return ServerStep(config, version, components, project.output(config.key), digest.of_value(document))


def _modules(tools: Toolchain) -> list[str]:
    """Return the parts of wasmcp that decide what a toolchain makes of its inputs: `toolchains/<language>*`."""
    folder = Path(toolchains.__file__).parent
    own = sorted(path.name for path in folder.glob(f"{tools.name}*"))
    return [f"toolchains/{name}" for name in ("base.py", *own)]
