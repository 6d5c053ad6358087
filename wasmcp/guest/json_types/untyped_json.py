"""Conversion of values without an annotation to JSON."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from math import isfinite
from typing import Any

from wasmcp.guest.errors import MismatchError
from wasmcp.guest.json_types import pydantic_metadata
from wasmcp.guest.json_types.base import JsonType
from wasmcp.guest.json_types.records import attrs_vars_of
from wasmcp.guest.json_types.scalars import flag_names
from wasmcp.guest.json_types.string_types import format_of


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
    if known is None and pydantic_metadata.is_type(kind):
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
