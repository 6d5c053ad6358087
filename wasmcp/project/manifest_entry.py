"""Entry of one server in the server manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from wasmcp.project import manifest
from wasmcp.storage import digest

if TYPE_CHECKING:
    from pathlib import Path

    from wasmcp.compose.metadata import ServerMetadata
    from wasmcp.compose.server import ComposedServer
    from wasmcp.host.configuration.declared import Configuration
    from wasmcp.project.built_component import Built


def server_entry(
    file: str,
    metadata: ServerMetadata,
    components: Sequence[Mapping[str, Any]],
    composed: ComposedServer,
    *,
    inputs: str = "",
    known: bool,
    configuration: Configuration | None = None,
) -> dict[str, Any]:
    """Return the entry of a server.

    Args:
        file: The name of its file, next to the manifest.
        metadata: Its description of itself.
        components: The entries of its components, in the order of the chain.
        composed: The server.
        inputs: The digest of all its inputs; computed from the arguments if omitted.
        known: True if its whole catalogue is recorded, so that the host can answer while it compiles.
        configuration: The configuration that it takes from its operator.
    """
    described = {
        "name": metadata.name,
        "version": metadata.version,
        "title": metadata.title,
        "description": metadata.description,
        "websiteUrl": metadata.website_url,
        "instructions": metadata.instructions,
    }
    described = {key: value for key, value in described.items() if value is not None}
    framework = dict(composed.framework)
    takes = configuration.to_manifest() if configuration is not None else {}
    return {
        "file": file,
        "digest": digest.of_chunks(composed.chunks),
        "inputs": inputs or digest.of_value([described, [dict(one) for one in components], framework]),
        "metadata": described,
        "capabilities": dict(composed.capabilities),
        "catalogue": composed.catalogue.to_dict() if known else None,
        "components": [dict(one) for one in components],
        "wit": manifest.wit_versions(),
        "framework": framework,
        "imports": list(composed.imports),
        **({"configuration": takes} if takes else {}),
        "wasmcp": manifest.tool_version(),
    }


def built_entry(part: Built, root: Path | None = None) -> dict[str, Any]:
    """Return the entry of a component; with the digests of its sources if `root`, its project, is given."""
    step = part.step
    entry: dict[str, Any] = {
        "name": step.config.name,
        "digest": part.digest,
        "language": step.config.language,
        "toolchain": dict(part.built_with),
        "grants": sorted(step.config.grants),
        "dynamic": step.config.dynamic,
        "inputs": step.inputs,
    }
    if step.pin is not None:
        source = f"{step.pin.source}@{step.pin.manifest}"
        entry |= {"package": step.pin.package, "version": step.pin.version, "source": source}
    if root is not None:
        inside = [file for file in step.files if file.is_relative_to(root)]
        entry["sources"] = {file.relative_to(root).as_posix(): digest.of_file(file) for file in inside}
    needed = step.source.dependencies if step.source is not None else ()
    return {**entry, "dependencies": [asdict(one) for one in needed]} if needed else entry


def given_entry(
    name: str, component: str, grants: Sequence[str], *, dynamic: bool, origin: Mapping[str, str]
) -> dict[str, Any]:
    """Return the entry of a component from a file or a package.

    Args:
        name: The component's name.
        component: Its digest.
        grants: Its grants.
        dynamic: True for a dynamic component.
        origin: `package`, `version` and `source` of a component from a registry.
    """
    return {
        "name": name,
        "digest": component,
        "language": None,
        "toolchain": {},
        "grants": sorted(grants),
        "dynamic": dynamic,
        "inputs": component,
        **origin,
    }
