"""Annotations of a published component: its catalogue, and the origin of its sources."""

from __future__ import annotations

import json
from pathlib import Path

from wasmcp.compose.component_reader import ComponentSpec, read_component
from wasmcp.compose.interfaces import SERVER_HANDLER
from wasmcp.errors import InvalidComponentError
from wasmcp.project.catalogue_recording import catalogue_of
from wasmcp.project.provenance import checkout_of
from wasmcp.registry.oci.artifact import CATALOGUE
from wasmcp.storage.cache import Cache
from wasmcp.storage.digest import of_bytes, of_framework

CATALOGUE_LIMIT = 1 << 20
"""Limit on the bytes of a catalogue in a manifest; registries refuse manifests above 4 MiB."""


def of_catalogue(path: Path, name: str) -> dict[str, str]:
    """Return the catalogue of a component as an annotation, recorded by booting it in the sandbox.

    Empty for a component without a catalogue (a server, a server handler), and for a catalogue that does not fit into a
    manifest.

    Raises:
        CatalogueError: The component does not boot, or its catalogue is not valid.
    """
    data = path.read_bytes()
    try:
        if SERVER_HANDLER in read_component(ComponentSpec(name, data)).offers:
            return {}
    except InvalidComponentError:
        return {}
    catalogue = catalogue_of(name, data, of_bytes(data), of_framework(), Cache())
    text = json.dumps(json.loads(catalogue.to_json()), separators=(",", ":"), ensure_ascii=False)
    return {CATALOGUE: text} if len(text.encode()) <= CATALOGUE_LIMIT else {}


def of_checkout(folder: Path) -> dict[str, str]:
    """Return the repository and the revision of a component's sources, if git knows them in a folder."""
    checkout = checkout_of(folder)
    return {
        f"org.opencontainers.image.{key}": str(checkout[key])
        for key in ("revision", "source")
        # Omit the revision of modified sources: the component was not built from it.
        if key in checkout and not (key == "revision" and checkout["modified"])
    }
