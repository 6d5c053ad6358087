"""Decoding of JSON inside strings: some models send ``"5"`` for 5, and ``'["a"]'`` for a list.

A string is decoded only if its type does not accept strings, and if it is valid JSON: ``"5 "``, ``"True"`` and
``"1_000"`` stay strings, and are rejected.
"""

from __future__ import annotations

from typing import Any

from wasmcp.guest.json_types.base import Documented, JsonType
from wasmcp.guest.json_types.constraints import Constrained, Formatted
from wasmcp.guest.json_types.containers import Array, Map, Tuple
from wasmcp.guest.json_types.json_codec import decode
from wasmcp.guest.json_types.records import Record
from wasmcp.guest.json_types.text_params import json_scalar
from wasmcp.guest.json_types.unions import Alias, Union


def coerced(json_type: JsonType, value: Any) -> Any:
    """Return a JSON value in which strings are replaced by the JSON inside them, if the type requires it.

    Args:
        json_type: The JSON type.
        value: The value that a client sent; it is not changed.
    """
    while isinstance(json_type, (Constrained, Documented, Formatted, Alias)):
        json_type = json_type.target if isinstance(json_type, Alias) else json_type.inner
    if type(value) is str:
        found = value if str in json_type.exact else _read(value)
        if type(found) not in (*json_type.exact, *json_type.near):
            return value
        value = found
    if type(value) is list:
        if isinstance(json_type, Array):
            return [coerced(json_type.item, item) for item in value]
        if isinstance(json_type, Tuple) and len(value) == len(json_type.items):
            return [coerced(item, one) for item, one in zip(json_type.items, value, strict=True)]
    if type(value) is dict:
        if isinstance(json_type, Map):
            return {name: coerced(json_type.value, item) for name, item in value.items()}
        if isinstance(json_type, Record):
            json_types = {member.name: member.json_type for member in json_type.members}
            return {
                name: coerced(json_types[name], item) if name in json_types else item for name, item in value.items()
            }
    if isinstance(json_type, Union):
        fitting = [option for option in json_type.options if type(value) in option.exact]
        if len(fitting) == 1:
            return coerced(fitting[0], value)
    return value


def _read(text: str) -> Any:
    """Return the value of a JSON text; the text itself if it is not JSON."""
    begins = text[:1]
    if begins in ("[", "{"):
        try:
            return decode(text)
        except (ValueError, RecursionError):
            return text
    return None if text == "null" else json_scalar(text)
