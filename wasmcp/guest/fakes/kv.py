"""Fake of the key-value store and of session values, in memory, with the limits of the real store."""

# ruff: noqa: D102 - the functions of the WIT resource `bucket`

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any

from wasmcp.guest.kv.buckets import Bucket
from wasmcp.guest.kv.errors import LimitExceededError, NotACounterError, OutOfRangeError, StoreError
from wasmcp.guest.kv.raw import STORES
from wasmcp.guest.kv.values import Tagged, plain, tagged

_NAME = 512
_KEY = 1024
_SESSION_KEY = 256
_VALUE = 2 * 1024 * 1024
_BATCH = 1000
_BATCH_BYTES = 2 * 1024 * 1024
_PAGE = 1000
_RESERVED = "wasmcp:"
_RESERVED_NAME = f"names that begin with `{_RESERVED}` are reserved for the framework"
_RESERVED_KEYS = (_RESERVED, "wasmcp.")
_RESERVED_KEY = "keys that begin with `wasmcp:` or `wasmcp.` are reserved for the framework"
_S64 = 1 << 63


class FakeValues:
    """The values of one bucket or session, in memory.

    Args:
        key_limit: The maximum length of a key, in bytes.
        values: The initial values.
    """

    def __init__(self, key_limit: int = _KEY, values: Mapping[str, Any] | None = None) -> None:
        self._key_limit = key_limit
        self._lock = threading.RLock()
        self.held: MutableMapping[str, Tagged] = {key: tagged(value) for key, value in (values or {}).items()}

    def plain(self) -> dict[str, Any]:
        """Return all values as Python values, by key."""
        return {key: plain(value) for key, value in self.held.items()}

    def get(self, key: str) -> Tagged | None:
        return self.held.get(self._checked(key))

    def set(self, key: str, value: Tagged) -> None:
        self.held[self._checked(key)] = _fitting(value)

    def delete(self, key: str) -> None:
        self.held.pop(self._checked(key), None)

    def exists(self, key: str) -> bool:
        return self._checked(key) in self.held

    def get_many(self, keys: Sequence[str]) -> list[Tagged | None]:
        _check_batch(len(keys))
        return [self.get(key) for key in keys]

    def set_many(self, entries: Sequence[tuple[str, Tagged]]) -> None:
        _check_batch(len(entries), sum(_size(value) for _, value in entries))
        for key, value in entries:
            self._checked(key)
            _fitting(value)
        with self._lock:
            self.held.update(entries)

    def delete_many(self, keys: Sequence[str]) -> None:
        _check_batch(len(keys))
        for key in [self._checked(key) for key in keys]:
            self.held.pop(key, None)

    def increment(self, key: str, delta: int) -> int:
        if not -_S64 <= delta < _S64:
            raise OverflowError(f"a counter changes by an integer of 64 bits, not {delta}")
        with self._lock:
            case, before = self.held.get(self._checked(key), ("s64", 0))
            if case != "s64":
                raise NotACounterError
            if not -_S64 <= before + delta < _S64:
                raise OutOfRangeError
            self.held[key] = ("s64", before + delta)
            return int(before + delta)

    def compare_and_swap(self, key: str, expected: Tagged | None, replacement: Tagged) -> bool:
        with self._lock:
            if self.held.get(self._checked(key)) != expected:
                return False
            self.held[key] = _fitting(replacement)
            return True

    def list_keys(self, prefix: str, cursor: str | None) -> tuple[list[str], str | None]:
        found = sorted(key for key in self.held if key.startswith(prefix) and (cursor is None or key > cursor))
        return found[:_PAGE], found[_PAGE - 1] if len(found) > _PAGE else None

    def _checked(self, key: str) -> str:
        size = len(key.encode())
        if not 1 <= size <= self._key_limit:
            raise LimitExceededError(f"a key has 1 to {self._key_limit} bytes")
        if key.startswith(_RESERVED_KEYS) and self._key_limit == _KEY:  # a bucket can contain the values of sessions
            raise StoreError(_RESERVED_KEY)
        return key


class FakeSession(FakeValues):
    """The values of one session."""

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        super().__init__(_SESSION_KEY, values)

    def keys(self) -> list[str]:
        return sorted(self.held)


class FakeKv:
    """The buckets of a test, made by `fake_kv`."""

    def __init__(self) -> None:
        self._buckets: dict[str, FakeValues] = {}

    def open(self, name: str) -> FakeValues:
        """Open a bucket; see `wasmcp.guest.kv.raw.Store.open`."""
        if len(name.encode()) > _NAME:
            raise LimitExceededError(f"the name of a bucket has at most {_NAME} bytes")
        if name.startswith(_RESERVED):
            raise StoreError(_RESERVED_NAME)
        return self._buckets.setdefault(name, FakeValues())

    def bucket(self, name: str = "") -> Bucket:
        """Return a bucket, to fill or inspect it in a test."""
        return Bucket(name, self.open(name))


@contextmanager
def fake_kv() -> Iterator[FakeKv]:
    """Grant ``kv`` inside a ``with`` block, with buckets in memory that are empty at first.

    .. code-block:: python

        def test_remember():
            with fake_kv() as store:
                assert remember("milk", "two bottles") == 1
                assert store.bucket("notes")["milk"] == {"text": "two bottles"}
    """
    store = FakeKv()
    STORES.append(store)
    try:
        yield store
    finally:
        STORES.remove(store)


def _fitting(value: Tagged) -> Tagged:
    if _size(value) > _VALUE:
        raise LimitExceededError("a value has at most 2 MiB")
    return value


def _size(value: Tagged) -> int:
    """Return the size of a stored value in bytes, without the few bytes for its type."""
    case, held = value
    if case in ("string", "json"):
        return len(held.encode())
    return len(held) if case == "bytes" else 8


def _check_batch(count: int, size: int = 0) -> None:
    if count > _BATCH or size > _BATCH_BYTES:
        raise LimitExceededError("a batch has at most 1000 keys and 2 MiB")
