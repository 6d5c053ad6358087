"""The generated components of constants: the server's metadata, and the catalogue of a segment.

Source: wit/baked.wit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wasmcp.component.constants import constants
from wasmcp.component.model import Func, Instance, List, Option, Primitive
from wasmcp.compose.catalogue import REVISIONS, Tool, catalogue_values
from wasmcp.compose.contracts import CATALOGUE_DATA, SERVER_METADATA
from wasmcp.compose.metadata import ServerMetadata, metadata_values

_TEXT = Func((), Primitive.STRING)
_METADATA = Instance(
    {"implementation": _TEXT, "instructions": Func((), Option(Primitive.STRING)), "capabilities": _TEXT}
)
_CATALOGUE = Instance(
    {
        "tool-index": Func((), List(Primitive.U8)),
        **{f"tools-v{revision.replace('-', '')}": _TEXT for revision in REVISIONS},
    }
)


def server_metadata(metadata: ServerMetadata, capabilities: dict[str, Any]) -> bytes:
    """Return the component that exports `server-metadata`."""
    values = metadata_values(metadata, capabilities)
    return constants({SERVER_METADATA: _METADATA}, lambda _interface, name, _type: values[name])


def catalogue_data(tools: Sequence[Sequence[Tool]]) -> bytes:
    """Return the component that exports the `catalogue-data` of a segment; see `catalogue_values`."""
    values = catalogue_values(tools)
    return constants({CATALOGUE_DATA: _CATALOGUE}, lambda _interface, name, _type: values[name])
