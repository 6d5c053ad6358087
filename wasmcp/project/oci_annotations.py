"""What can be said of a component when it is published: what it offers, and where its sources are."""

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
"""The most bytes of a catalogue that goes into a manifest; registries refuse manifests above 4 MiB."""


def of_catalogue(path: Path, name: str) -> dict[str, str]:
    """Return what a component offers, found out by booting it in the sandbox, for whoever composes it.

    Nothing for what offers nothing by itself (a server, a handler), and for what does not fit into a manifest.

    Raises:
        CatalogueError: It does not boot, or what it offers is not valid.
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
    """Return where the sources of a component are, and at which revision, as far as git knows in a folder."""
    checkout = checkout_of(folder)
    return {
        f"org.opencontainers.image.{key}": str(checkout[key])
        for key in ("revision", "source")
        # A revision that what is pushed was not built from says nothing.
        if key in checkout and not (key == "revision" and checkout["modified"])
    }
