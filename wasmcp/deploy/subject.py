"""Server to deploy, with the facts that manifests are made of."""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath
from typing import Any

from wasmcp import __version__
from wasmcp.compose import inspect_component
from wasmcp.errors import ArtifactError
from wasmcp.host.configuration.declared import Configuration
from wasmcp.insight.roles import Reach, Structure, read_structure

MAX_BYTES = 1 << 30
"""Largest sum of what is read of a wheel: a server, its manifest and the metadata."""

_ENVIRONMENT = "wasi:cli/environment"


@dataclass(frozen=True)
class Subject:
    """Server to deploy.

    Attributes:
        path: The given file: a composed server, or a wheel.
        shipped: The content of that file.
        settings: The settings that are baked in; None if they cannot be read.
        package: The import package in the wheel; the empty string for a composed server.
        server: The server's name in the package.
        data: The composed server.
        name: Its name.
        version: Its version, or the empty string.
        imports: Its imports.
        components: The reach of each of its components.
        reads_settings: True if its framework reads settings from the environment under other runtimes.
        fetches_keys: True if its framework fetches keys of issuers under other runtimes.
        configuration: The configuration that it declares to take from its operator.
    """

    path: Path
    shipped: bytes
    data: bytes
    name: str
    version: str
    imports: tuple[str, ...]
    components: tuple[Reach, ...]
    reads_settings: bool
    fetches_keys: bool = False
    settings: Mapping[str, str] | None = field(default_factory=dict)
    package: str = ""
    server: str = "default"
    configuration: Configuration = field(default_factory=Configuration)

    @property
    def target(self) -> str:
        """The argument of `wasmcp serve` and `wasmcp warm` in a container."""
        return self.package or self.path.name

    def imports_any(self, prefix: str) -> bool:
        """Return true if the server imports an interface whose name begins so."""
        return any(name.startswith(prefix) for name in self.imports)

    def granted(self, family: str) -> tuple[str, ...]:
        """Return the names of the components with a grant."""
        return tuple(one.name for one in self.components if family in one.granted)


def read_subject(path: Path, server: str = "default") -> Subject:
    """Read a composed server, or one of those in a wheel.

    Raises:
        ArtifactError: The file cannot be read, is neither of both, or has no such server.
        ComponentError: The server is damaged.
    """
    try:
        shipped = path.read_bytes()
    except OSError as error:
        raise ArtifactError(str(path), f"cannot be read: {error.strerror or error}") from None
    if path.suffix == ".whl":
        package, version, data, entry = _from_wheel(path, server)
    elif shipped[:4] == b"\0asm":
        package, version, data, entry = "", "", shipped, _entry(_document(path.with_name("manifest.json")), path.name)
    else:
        raise ArtifactError(str(path), "is neither a composed server nor a wheel (`.whl`)")
    inspection = inspect_component(data, name=path.name)
    if not inspection.is_server:
        raise ArtifactError(str(path), "is not an MCP server: compose one with `wasmcp compose server`")
    if inspection.development:
        raise ArtifactError(
            str(path), "is a development build, which only its tests can run: build it with `wasmcp build`"
        )
    structure = read_structure(data, path.name)
    metadata = entry.get("metadata", {})
    metadata = metadata if isinstance(metadata, dict) else {}
    try:
        configuration = Configuration.of_manifest(entry.get("configuration"))
    except ValueError as error:
        raise ArtifactError(str(path), f"has a manifest that cannot be read: {error}") from None
    return Subject(
        path=path,
        shipped=shipped,
        data=data,
        name=str(metadata.get("name") or path.stem.split("-")[0]),
        version=str(metadata.get("version") or version),
        imports=tuple(inspection.imports),
        components=tuple(structure.components),
        reads_settings=_reads_settings(structure),
        fetches_keys=any((role.kind, role.name) == ("framework", "key-fetcher") for role in structure.roles),
        settings=structure.settings,
        package=package,
        server=server,
        configuration=configuration,
    )


def requirement() -> str:
    """Return the version of wasmcp that containers install, as a requirement."""
    return f"=={__version__}"


def _reads_settings(structure: Structure) -> bool:
    """Return true if a part of the framework gets the environment of the runtime."""
    return any(
        role.kind == "framework"
        and not role.component  # a guard reads it for its component
        and any(
            name.startswith(_ENVIRONMENT) and any(source.instance is None for source in sources)
            for name, sources in instance.arguments.items()
        )
        for role, instance in zip(structure.roles, structure.topology.instances, strict=True)
    )


def _from_wheel(path: Path, server: str) -> tuple[str, str, bytes, Mapping[str, Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            found = {
                PurePosixPath(name).stem: name
                for name in names
                if PurePosixPath(name).suffix == ".wasm" and PurePosixPath(name).parent.name == "_wasmcp"
            }
            if server not in found:
                listed = ", ".join(f"`{name}`" for name in sorted(found)) or "none"
                raise ArtifactError(str(path), f"has no server `{server}`; its servers: {listed}")
            name = found[server]
            folder = PurePosixPath(name).parent
            manifest = f"{folder}/manifest.json"
            headers = next((one for one in names if re.fullmatch(r"[^/]+\.dist-info/METADATA", one)), None)
            wanted = [name, *([manifest] if manifest in names else []), *([headers] if headers else [])]
            if sum(archive.getinfo(one).file_size for one in wanted) > MAX_BYTES:
                raise ArtifactError(str(path), f"has a server with its metadata above {MAX_BYTES:,} bytes")
            data = archive.read(name)
            document = archive.read(manifest) if manifest in names else b"{}"
            version = HeaderParser().parsestr(archive.read(headers).decode())["Version"] if headers else ""
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, UnicodeDecodeError, RuntimeError) as error:
        # RuntimeError: an encrypted file, or (NotImplementedError) an unknown kind of compression.
        raise ArtifactError(str(path), f"is not a wheel: {error}") from None
    try:
        parsed = json.loads(document)
    except (ValueError, RecursionError):
        parsed = {}
    package = ".".join(folder.parent.parts)
    if not all(part.isidentifier() for part in package.split(".")):
        raise ArtifactError(str(path), f"has its servers in `{folder}`, which is not below an import package")
    return package, version or "", data, _entry(parsed, f"{server}.wasm")


def _document(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}


def _entry(document: Any, file: str) -> Mapping[str, Any]:
    """Return the entry of a file in a manifest; empty if it is missing."""
    servers = document.get("servers") if isinstance(document, dict) and document.get("format") == 1 else None
    entries = servers.values() if isinstance(servers, dict) else ()
    return next((one for one in entries if isinstance(one, dict) and one.get("file") == file), {})
