"""Generated components of constants: the server's metadata, the catalogue of a segment, a configuration, settings.

Source: wit/baked.wit, wit/config.wit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wasmcp.component.constant_component import constants
from wasmcp.component.types import Func, Instance, Option, Primitive
from wasmcp.compose.catalogue import Catalogue
from wasmcp.compose.catalogue_values import segment_values
from wasmcp.compose.interfaces import CATALOGUE_DATA, CONFIG, SERVER_METADATA
from wasmcp.compose.metadata import ServerMetadata, metadata_values
from wasmcp.revision_views import to_json_text

_TEXT = Func((), Primitive.STRING)
_METADATA = Instance(
    {"implementation": _TEXT, "instructions": Func((), Option(Primitive.STRING)), "capabilities": _TEXT}
)

CONFIG_TYPE = Instance({"all": _TEXT})
"""Type of the interface `config`."""


def server_metadata(metadata: ServerMetadata, capabilities: dict[str, Any]) -> bytes:
    """Return the component that exports `server-metadata`."""
    values = metadata_values(metadata, capabilities)
    return constants({SERVER_METADATA: _METADATA}, lambda _interface, name, _type: values[name])


def catalogue_data(imported: Instance, catalogues: Sequence[Catalogue], *, completions: bool) -> bytes:
    """Return the component that exports the `catalogue-data` of a segment; see `segment_values`.

    Args:
        imported: The type of the interface, as the framework's `catalogue` imports it.
        catalogues: The catalogue of each component of the segment.
        completions: True if the server offers completion.
    """
    values = segment_values(catalogues, completions=completions)
    return constants({CATALOGUE_DATA: imported}, lambda _interface, name, _type: values[name])


def configuration(values: Mapping[str, Any]) -> bytes:
    """Return the component that exports `config`.

    Args:
        values: The configuration of one component, a JSON object.

    Raises:
        TypeError: A value has a type that JSON does not have.
        ValueError: A number is infinite or not a number.
    """
    text = to_json_text(dict(values))
    return constants({CONFIG: CONFIG_TYPE}, lambda _interface, _name, _type: text)


def baked_environment(interface: str, type_: Instance, settings: Mapping[str, str]) -> bytes:
    """Return the component that exports `wasi:cli/environment` with the baked settings and nothing else.

    Args:
        interface: The name that the framework imports, with its version.
        type_: The type that the framework imports.
        settings: The checked settings, by name.
    """
    answers = {"get-environment": sorted(settings.items()), "get-arguments": [], "initial-cwd": None}
    return constants({interface: type_}, lambda _interface, name, _type: answers[name])
