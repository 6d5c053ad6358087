"""Stored values, which keep their type (`value` of ``key-value-types``), and exceptions of the store.

.. code-block:: text

    StoreError                      base class; `kind` is the case of ``error`` of the interface ``key-value-types``
      AccessDeniedError               no permission (also a NotGrantedError)
      NoSuchBucketError               the operator's store has no bucket of this name
      NoSessionError                  the client has no session, or it has ended
      NotACounterError                the value of the key is not a counter
      OutOfRangeError                 a counter would need more than 64 bits
      LimitExceededError              a key, a value or a batch is too large (also a ValueError)
      UnsupportedOperationError       the store does not support the operation
"""

from __future__ import annotations

import json
from typing import Any

from wasmcp.guest.errors import MismatchError, NotGrantedError
from wasmcp.guest.json_types.conversions import dump_any
from wasmcp.guest.json_types.json_codec import decode, encode


class StoreError(Exception):
    """The operation of the store failed; nothing has changed, unless the message states otherwise.

    Attributes:
        kind: The case of ``error`` of the interface ``key-value-types``, for example ``limit``.
        summary: The message of all errors of this kind.
        detail: The store's message; can be empty.
    """

    kind = "other"
    summary = "the operation of the store failed"

    def __init__(self, detail: str = "") -> None:
        Exception.__init__(self, f"{self.summary}: {detail}" if detail else self.summary)
        self.detail = detail


class AccessDeniedError(StoreError, NotGrantedError):
    """The operation is not granted to the component, or the operator denies it.

    Attributes:
        grant: ``kv`` or ``sessions``.
        rule: The rule of the grant that permits the bucket, for example ``bucket:notes``; of a key in a bucket that is
            permitted for others, ``{ bucket = "shared", prefix = "notes/" }``; or the empty string.
    """

    kind = "access-denied"

    def __init__(self, grant: str, rule: str = "") -> None:
        NotGrantedError.__init__(self, grant, rule)
        self.detail = ""


class NoSuchBucketError(StoreError):
    """The operator's store has no bucket of this name."""

    kind = "no-such-bucket"
    summary = "the operator's store has no bucket of this name"


class NoSessionError(StoreError):
    """The client has no session, or it has ended."""

    kind = "no-session"
    summary = "the client has no session, or it has ended"


class NotACounterError(StoreError):
    """The value of this key is not a counter, a signed integer of 64 bits."""

    kind = "not-a-counter"
    summary = "the value of this key is not a counter, a signed integer of 64 bits"


class OutOfRangeError(StoreError):
    """The counter would need more than 64 bits."""

    kind = "out-of-range"
    summary = "the counter would need more than 64 bits"


class LimitExceededError(StoreError, ValueError):
    """A key, a value or a batch is too large."""

    kind = "limit"
    summary = "a key, a value or a batch is too large"


class UnsupportedOperationError(StoreError):
    """The operator's store does not support this operation."""

    kind = "unsupported"
    summary = "the operator's store does not support this operation"


_KINDS: dict[str, type[StoreError]] = {
    known.kind: known
    for known in (
        NoSuchBucketError,
        NoSessionError,
        NotACounterError,
        OutOfRangeError,
        LimitExceededError,
        UnsupportedOperationError,
    )
}


def store_error(
    kind: str, detail: str = "", *, grant: str, bucket: str | None = None, key: str | None = None
) -> StoreError:
    """Return the exception for a case of ``error``.

    Args:
        kind: The name of the case.
        detail: The message in it.
        grant: The grant that the operation needs.
        bucket: The name of the bucket; None for session values.
        key: The key, or the prefix of keys; None if the operation is about the bucket or about several keys.
    """
    if kind == AccessDeniedError.kind:
        return AccessDeniedError(grant, "" if bucket is None else _rule(bucket, key))
    if kind == NoSuchBucketError.kind and bucket is not None:
        return NoSuchBucketError(f"`{bucket}`")
    return _KINDS.get(kind, StoreError)(detail)


def _rule(bucket: str, key: str | None) -> str:
    """Return the rule of a grant that permits a bucket, or its keys with the prefix of a key, up to its last slash."""
    if not key:
        return f"bucket:{bucket}"
    name, prefix = (json.dumps(text, ensure_ascii=False) for text in (bucket, key[: key.rfind("/") + 1] or key))
    return f"{{ bucket = {name}, prefix = {prefix} }}"


Tagged = tuple[str, Any]
"""The case of `value`, and its content; a JSON value is not decoded."""

_S64 = 1 << 63
_U64 = 1 << 64


def tagged(value: Any) -> Tagged:
    """Return a Python value as a stored value.

    Strings, booleans, bytes and integers of 64 bits keep their types. Every other value is stored as JSON: numbers,
    None, lists, dicts, dataclasses and all other types that a tool can return.

    Raises:
        TypeError: The value has no JSON form.
    """
    kind = type(value)
    if kind is str:
        return "string", value
    if kind is bool:
        return "bool", value
    if kind is int:
        if -_S64 <= value < _S64:
            return "s64", value
        return ("u64", value) if 0 <= value < _U64 else ("json", encode(value))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "bytes", bytes(value)
    try:
        return "json", encode(dump_any(value))
    except MismatchError as mismatch:
        raise TypeError(f"only values that JSON can hold, and bytes, are kept: {mismatch}") from None


def plain(value: Tagged) -> Any:
    """Return a stored value as a Python value.

    Raises:
        ValueError: The value is stored as JSON, and is not valid JSON.
    """
    case, held = value
    return decode(held) if case == "json" else held
