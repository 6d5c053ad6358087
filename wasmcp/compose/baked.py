"""The generated components of constants: the server's metadata, and the catalogue of a segment.

Source: wit/baked.wit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wasmcp.component.constants import constants
from wasmcp.component.model import Func, Instance, Option, Primitive
from wasmcp.compose.catalogue import Catalogue
from wasmcp.compose.contracts import CATALOGUE_DATA, SERVER_METADATA
from wasmcp.compose.metadata import ServerMetadata, metadata_values
from wasmcp.compose.segments import segment_values

_TEXT = Func((), Primitive.STRING)
_METADATA = Instance(
    {"implementation": _TEXT, "instructions": Func((), Option(Primitive.STRING)), "capabilities": _TEXT}
)


def server_metadata(metadata: ServerMetadata, capabilities: dict[str, Any]) -> bytes:
    """Return the component that exports `server-metadata`."""
    values = metadata_values(metadata, capabilities)
    return constants({SERVER_METADATA: _METADATA}, lambda _interface, name, _type: values[name])


def catalogue_data(wanted: Instance, catalogues: Sequence[Catalogue], *, completions: bool) -> bytes:
    """Return the component that exports the `catalogue-data` of a segment; see `segment_values`.

    Args:
        wanted: the type of the interface, as the framework's `catalogue` imports it.
        catalogues: of each component of the segment.
        completions: whether the server offers completion at all.
    """
    values = segment_values(catalogues, completions=completions)
    return constants({CATALOGUE_DATA: wanted}, lambda _interface, name, _type: values[name])
