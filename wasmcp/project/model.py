"""What ``[tool.wasmcp]`` says, as typed values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from wasmcp.host.configuration.declared import Configuration
from wasmcp.project.package_directory import DIRECTORY

Runtime = Literal["wasmcp", "wasmtime", "spin", "wasmcloud"]
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)
"""Ours, and those of `wasmcp.compose.deployment_targets`, which offer each its own draft of `wasi:keyvalue`."""


@dataclass(frozen=True)
class ComponentConfig:
    """One table of ``[tool.wasmcp.components]``.

    Attributes:
        name: The key of the table.
        file: The source, or the component itself when `language` is None; relative to the root, forward slashes; the
            empty string for a package.
        language: Which toolchain compiles it; None for a component as it is.
        grants: Families of host interfaces, of `GRANTS`.
        dynamic: Its lists change at run time.
        options: The options of its toolchain.
        package: What it is in a registry: ``ns:name@range`` or an ``oci://`` reference; the empty string for a file.
        values: Its table ``config``: a JSON object.
        extensions: The extensions of MCP that it supports: identifier -> settings.
    """

    name: str
    file: str
    language: str | None
    grants: frozenset[str]
    dynamic: bool
    options: Mapping[str, object]
    package: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    extensions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class ServerConfig:
    """One table of ``[tool.wasmcp.servers]``; what it leaves out comes from ``[project]``.

    Attributes:
        key: The key of the table, and the file's name without its ending.
        components: Names of components in the order of the chain.
        name: What the server calls itself.
        title: Its name for people.
        description: What it is for.
        website_url: Where to read more.
        instructions: How to use it, for the model.
        on_duplicate: ``error`` or ``first``: what to do about two tools of one name.
        environment: Whether the framework reads its settings (``WASMCP_*``) from the environment it runs in.
        framework: Component of the framework -> the file that replaces it, relative to the root.
        extensions: The extensions of MCP that it announces beside those of its components: identifier -> settings.
        runtime: Who is going to run it, of ``RUNTIMES``.
        settings: Settings (``WASMCP_*``) that are baked in.
        coerce: Whether the tools of its components in Python take JSON in strings; None: as their own tables say.
        configuration: What it takes from its operator: environment variables, directories, a store.
    """

    key: str
    components: tuple[str, ...]
    name: str
    title: str | None
    description: str | None
    website_url: str | None
    instructions: str | None
    on_duplicate: Literal["error", "first"]
    framework: Mapping[str, str] = field(default_factory=dict)
    environment: bool = False
    extensions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    runtime: Runtime = "wasmcp"
    settings: Mapping[str, str] = field(default_factory=dict)
    coerce: bool | None = None
    configuration: Configuration = field(default_factory=Configuration)


@dataclass(frozen=True)
class Project:
    """A project that builds servers.

    Attributes:
        root: Its folder, absolute.
        name: The distribution's name.
        version: The distribution's version, None when it is dynamic (see `wasmcp.project.version`).
        package: The folder of the import package, relative to the root, forward slashes.
        components: By name, in the order of the file.
        servers: By key, in the order of the file.
    """

    root: Path
    name: str
    version: str | None
    package: str
    components: Mapping[str, ComponentConfig]
    servers: Mapping[str, ServerConfig]

    @property
    def directory(self) -> Path:
        """Where the built servers and the manifest go."""
        return self.root / self.package / DIRECTORY

    @property
    def manifest(self) -> Path:
        """The file that says what was built, from what."""
        return self.directory / "manifest.json"

    def output(self, server: str) -> Path:
        """Return the file of a server."""
        return self.directory / f"{server}.wasm"

    @property
    def outputs(self) -> tuple[Path, ...]:
        """Every file that a build leaves in the tree: what hooks add to a wheel, and what cleaning removes."""
        return (*(self.output(key) for key in self.servers), self.manifest)
