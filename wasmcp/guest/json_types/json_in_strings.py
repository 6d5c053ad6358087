"""Decoding of JSON inside strings: some models send ``"5"`` for 5, and ``'["a"]'`` for a list.

A string is decoded only if its type does not accept strings, and if it is valid JSON: ``"5 "``, ``"True"`` and
``"1_000"`` stay strings, and are rejected.
"""

from __future__ import annotations

from typing import Any

from wasmcp.guest.json_types.constraints import Constrained, Formatted
from wasmcp.guest.json_types.containers import Array, Map, Tuple
from wasmcp.guest.json_types.json_codec import decode
from wasmcp.guest.json_types.records import Record
from wasmcp.guest.json_types.shapes import Documented, Shape
from wasmcp.guest.json_types.text_params import json_scalar
from wasmcp.guest.json_types.unions import Alias, Union


def coerced(shape: Shape, value: Any) -> Any:
    """Return a JSON value in which strings are replaced by the JSON inside them, if the type requires it.

    Args:
        shape: The JSON type.
        value: The value that a client sent; it is not changed.
    """
    while isinstance(shape, (Constrained, Documented, Formatted, Alias)):
        shape = shape.target if isinstance(shape, Alias) else shape.inner
    if type(value) is str:
        found = value if str in shape.exact else _read(value)
        if type(found) not in (*shape.exact, *shape.near):
            return value
        value = found
    if type(value) is list:
        if isinstance(shape, Array):
            return [coerced(shape.item, item) for item in value]
        if isinstance(shape, Tuple) and len(value) == len(shape.items):
            return [coerced(item, one) for item, one in zip(shape.items, value, strict=True)]
    if type(value) is dict:
        if isinstance(shape, Map):
            return {name: coerced(shape.value, item) for name, item in value.items()}
        if isinstance(shape, Record):
            shapes = {member.name: member.shape for member in shape.members}
            return {name: coerced(shapes[name], item) if name in shapes else item for name, item in value.items()}
    if isinstance(shape, Union):
        fitting = [option for option in shape.options if type(value) in option.exact]
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
