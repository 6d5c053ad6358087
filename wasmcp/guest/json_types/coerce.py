"""Conversion of plain JSON values to types of the author."""

from __future__ import annotations

from typing import Any, TypeVar

from wasmcp.guest.errors import MismatchError, UnsupportedTypeError
from wasmcp.guest.json_types.annotations import Resolver, written
from wasmcp.guest.json_types.base import JsonType

T = TypeVar("T")

_json_types: dict[Any, JsonType] = {}


def loaded(value: Any, kind: type[T]) -> T:
    """Return a JSON value, converted to a type: a dataclass, a date, a list.

    Args:
        value: A value that JSON can represent, or bytes.
        kind: The type: any type that a parameter of a tool can have.

    Raises:
        TypeError: The type has no JSON form.
        ValueError: The value does not fit the type.
    """
    if isinstance(value, bytes) and kind is bytes:
        return value  # type: ignore[return-value]
    try:
        found: T = json_type_of(kind).load(value)
    except MismatchError as mismatch:
        raise ValueError(f"expected `{written(kind)}`: {mismatch}") from None
    return found


def json_type_of(kind: Any) -> JsonType:
    """Return the JSON type of a type; cached.

    Raises:
        TypeError: The type has no JSON form.
    """
    try:
        known = _json_types.get(kind)
    except TypeError:  # unhashable
        raise TypeError(f"{kind!r} is not a type") from None
    if known is None:
        try:
            known = _json_types[kind] = Resolver().json_type(kind)
        except (UnsupportedTypeError, NameError) as error:
            raise TypeError(f"`{written(kind)}`: {error}") from None
    return known
