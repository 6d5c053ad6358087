"""Conversion between the types of the interface ``key-value-types`` and Python. Only for components that use it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from componentize_py_types import Err  # type: ignore[import-not-found]
from wit_world.imports import key_value_types as types  # type: ignore[import-not-found]

from wasmcp.guest.kv.values import Tagged, store_error

T = TypeVar("T")

_CASES = {
    "string": types.Value_String,
    "json": types.Value_Json,
    "u64": types.Value_U64,
    "s64": types.Value_S64,
    "bool": types.Value_Bool,
    "bytes": types.Value_Bytes,
}
_NAMES = {case: name for name, case in _CASES.items()}
_ERRORS = {
    types.Error_AccessDenied: "access-denied",
    types.Error_NoSuchBucket: "no-such-bucket",
    types.Error_NoSession: "no-session",
    types.Error_NotACounter: "not-a-counter",
    types.Error_OutOfRange: "out-of-range",
    types.Error_Limit: "limit",
    types.Error_Unsupported: "unsupported",
}


def value_of(value: Tagged) -> Any:
    """Return a value as a type of the bindings."""
    return _CASES[value[0]](value[1])


def tagged_of(value: Any) -> Tagged:
    """Return a value of the bindings as a `Tagged`."""
    return _NAMES[type(value)], value.value


def called(
    grant: str, function: Callable[..., T], *arguments: Any, bucket: str | None = None, key: str | None = None
) -> T:
    """Call a function of the bindings, and convert its error.

    Args:
        grant: The grant that the function needs.
        function: The function.
        arguments: Its arguments.
        bucket: The name of the bucket; None for session values.
        key: The key, or the prefix of keys, of the operation; see `store_error`.

    Raises:
        StoreError: The function has failed.
    """
    try:
        return function(*arguments)
    except Err as error:
        kind = _ERRORS.get(type(error.value), "other")
        raise store_error(kind, getattr(error.value, "value", ""), grant=grant, bucket=bucket, key=key) from None
