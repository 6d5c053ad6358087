"""Conversion of values: texts to values of a type, and values without an annotation to JSON.

Arguments of prompts, variables of URIs and environment variables are texts. In arguments of tools, some models send
``"5"`` for 5, and ``'["a"]'`` for a list: such a string is decoded only if its type does not accept strings, and if it
is valid JSON. ``"5 "``, ``"True"`` and ``"1_000"`` stay strings, and are rejected.
"""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from math import isfinite
from typing import Any

from wasmcp.guest.errors import MismatchError
from wasmcp.guest.json_types import annotated
from wasmcp.guest.json_types.base import Documented, JsonType, undocumented
from wasmcp.guest.json_types.constraints import Constrained, Formatted
from wasmcp.guest.json_types.containers import Alias, Array, Map, Tuple, Union, without_null
from wasmcp.guest.json_types.json_codec import decode
from wasmcp.guest.json_types.records import Record, attrs_vars_of
from wasmcp.guest.json_types.scalars import Choice, flag_names
from wasmcp.guest.json_types.string_types import format_of

_SCALAR = re.compile(r"true|false|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")


def load_text(json_type: JsonType, text: str | list[str]) -> Any:
    """Return the value of a text: the text itself if the type accepts strings, otherwise the JSON scalar.

    Raises:
        MismatchError: The value does not fit.
    """
    json_type = undocumented(without_null(json_type))
    if isinstance(text, list):
        item = json_type.item if isinstance(json_type, Array) else None
        return json_type.load(text if item is None else [_plain(item, part) for part in text])
    return json_type.load(_plain(json_type, text))


def _plain(json_type: JsonType, text: str) -> Any:
    """Return the JSON value to convert."""
    try:
        json_type.load(text)
    except MismatchError:
        value = json_scalar(text)
        # A number out of bounds must be reported as a number, not as a string.
        if type(value) in (*json_type.exact, *json_type.near):
            return value
    return text


def json_scalar(text: str) -> str | int | float | bool:
    """Return the number or boolean of a JSON text without white space; the text itself if it is not a scalar."""
    if not _SCALAR.fullmatch(text):
        return text
    try:
        value: int | float | bool = decode(text)
    except ValueError:  # more digits than Python accepts
        return text
    return value


def proposals_of(json_type: JsonType) -> list[str]:
    """Return the values of a type with few values: a literal, an enum, a boolean; an empty list for others."""
    json_type = undocumented(json_type)
    if isinstance(json_type, Choice):
        return [value if isinstance(value, str) else _scalar(value) for value in json_type.values if value is not None]
    if json_type.exact == (bool,):
        return ["true", "false"]
    for option in getattr(json_type, "options", ()):
        found = proposals_of(option)
        if found:
            return found
    return []


def _scalar(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


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


def dump_any(value: Any) -> Any:
    """Return the JSON value of a result of type ``Any``, or without an annotation.

    Raises:
        MismatchError: The value has no JSON form.
    """
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    serializer = getattr(kind, "__pydantic_serializer__", None)
    if serializer is not None:  # a model, or a dataclass of pydantic
        return serializer.to_python(value, mode="json", by_alias=True)
    if isinstance(value, enum.Flag):
        return [name for name in flag_names(kind) if kind[name] in value]
    if isinstance(value, enum.Enum):
        return dump_any(value.value)
    if isinstance(value, float):
        if isfinite(value):
            return float(value)
        raise MismatchError(f"expected a finite number, got {value!r}")
    if isinstance(value, Mapping):
        return {_key(name): _under(name, item) for name, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {name: _under(name, item) for name, item in zip(value._fields, value, strict=True)}
    if isinstance(value, (list, tuple)):
        return [_under(index, item) for index, item in enumerate(value)]
    if isinstance(value, AbstractSet):
        return sorted((dump_any(item) for item in value), key=lambda item: (type(item).__name__, str(item)))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _under(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)}
    if hasattr(kind, "__attrs_attrs__"):
        return {name: _under(name, item) for name, item in attrs_vars_of(value).items()}
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str):
        return str(value)
    known: JsonType | None = format_of(kind)
    if known is None and annotated.is_type(kind):
        from wasmcp.guest.json_types.pydantic2 import Adapted  # the author imported pydantic

        known = Adapted(kind, kind.__qualname__, {})
    if known is not None:
        return known.dump(value)
    raise MismatchError(f"expected a value that JSON can hold, got {kind.__qualname__}")


def _under(segment: Any, value: Any) -> Any:
    try:
        return dump_any(value)
    except MismatchError as mismatch:
        raise mismatch.under(segment) from None


def _key(name: object) -> str:
    if isinstance(name, enum.Enum):
        name = name.value
    if isinstance(name, str):
        return str(name)
    raise MismatchError(f"expected strings as the keys of an object, got {type(name).__name__}")
