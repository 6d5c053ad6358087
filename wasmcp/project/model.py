"""Typed values of ``[tool.wasmcp]``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from wasmcp.host.configuration.declared import Configuration
from wasmcp.project.package_directory import DIRECTORY

Runtime = Literal["wasmcp", "wasmtime", "spin", "wasmcloud"]
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)
"""Runtime of wasmcp, and those of `wasmcp.compose.deployment_targets`, each with its draft of `wasi:keyvalue`."""


@dataclass(frozen=True)
class ComponentConfig:
    """Table of ``[tool.wasmcp.components]``.

    Attributes:
        name: The key of the table.
        file: The source, or the compiled component if it has no `language`; relative to the root, with forward slashes;
            the empty string for a package.
        language: The language of the source; None for a compiled component or a package.
        grants: Families of host interfaces, of `GRANTS`.
        dynamic: True if its lists change at run time.
        options: The options of its toolchain.
        package: Its reference in a registry: ``ns:name@range`` or an ``oci://`` reference; the empty string for a file.
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
    """Table of ``[tool.wasmcp.servers]``, with defaults from ``[project]``.

    Attributes:
        key: The key of the table, and the file's name without its suffix.
        components: Names of components in the order of the chain.
        name: The name of the server for programs.
        title: Its name for people.
        description: Its description.
        website_url: The address of its website.
        instructions: Instructions for the model.
        on_duplicate: ``error`` or ``first``: handling of two tools of the same name.
        environment: True if the framework reads its settings (``WASMCP_*``) from the environment of the process.
        framework: Framework component -> the file that replaces it, relative to the root.
        extensions: The extensions of MCP that it declares in addition to those of its components: identifier ->
            settings.
        runtime: The target runtime, of ``RUNTIMES``.
        settings: Settings (``WASMCP_*``) that are baked in.
        coerce: True if the tools of its Python components accept JSON in strings; None: set by the components' tables.
        configuration: The configuration that it takes from its operator: environment variables, directories, a store.
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
    """Project that builds servers.

    Attributes:
        root: Its folder, absolute.
        name: The distribution's name.
        version: The distribution's version, None if dynamic (see `wasmcp.project.version`).
        package: The folder of the import package, relative to the root, with forward slashes.
        components: The components by name, in the order of the file.
        servers: The servers by key, in the order of the file.
    """

    root: Path
    name: str
    version: str | None
    package: str
    components: Mapping[str, ComponentConfig]
    servers: Mapping[str, ServerConfig]

    @property
    def directory(self) -> Path:
        """Folder of the built servers and the manifest."""
        return self.root / self.package / DIRECTORY

    @property
    def manifest(self) -> Path:
        """File of the server manifest."""
        return self.directory / "manifest.json"

    def output(self, server: str) -> Path:
        """Return the file of a server."""
        return self.directory / f"{server}.wasm"

    @property
    def outputs(self) -> tuple[Path, ...]:
        """All files that a build leaves in the tree: hooks add them to a wheel, cleaning removes them."""
        return (*(self.output(key) for key in self.servers), self.manifest)
