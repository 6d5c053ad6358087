"""Values of the key-value store of a server under test, to preset and inspect them.

The values are encoded as the framework does it: `framework/lib/typed.zig`; docs/reference/key-value-store.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wasmcp.guest.kv import Bucket
from wasmcp.guest.kv.values import NotACounterError, OutOfRangeError, Tagged

if TYPE_CHECKING:
    from wasmcp.host.stores.keyvalue import Store

_TAGS = {"string": 1, "json": 2, "u64": 3, "s64": 4, "bool": 5, "bytes": 6}
_CASES = {tag: case for case, tag in _TAGS.items()}
_COUNTER = re.compile(rb"0|-?[1-9][0-9]*")
_S64 = 1 << 63
_PAGE = 1000


class KeyValues:
    """The buckets of a server under test."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def bucket(self, name: str = "") -> Bucket:
        """Return a bucket, with the methods of `wasmcp.guest.kv`: a mapping of keys to values."""
        return Bucket(name, _StoredBucket(self._store, name))

    def values(self, name: str = "") -> dict[str, Any]:
        """Return all values of a bucket, by key."""
        return dict(self.bucket(name).items())


class _StoredBucket:
    """Bucket of a store of the host."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name

    def get(self, key: str) -> Tagged | None:
        return self.get_many([key])[0]

    def set(self, key: str, value: Tagged) -> None:
        self.set_many([(key, value)])

    def delete(self, key: str) -> None:
        self.delete_many([key])

    def exists(self, key: str) -> bool:
        return self.get(key) is not None

    def get_many(self, keys: Sequence[str]) -> list[Tagged | None]:
        found = self._store.get(self._name, keys)
        return [decoded(found[key]) if key in found else None for key in keys]

    def set_many(self, entries: Sequence[tuple[str, Tagged]]) -> None:
        self._store.put(self._name, {key: encoded(value) for key, value in entries})

    def delete_many(self, keys: Sequence[str]) -> None:
        self._store.delete(self._name, keys)

    def increment(self, key: str, delta: int) -> int:
        while True:
            before = self._store.get(self._name, [key]).get(key)
            case, value = ("s64", 0) if before is None else decoded(before)
            if case != "s64":
                raise NotACounterError
            if not -_S64 <= value + delta < _S64:
                raise OutOfRangeError
            if self._store.exchange(self._name, key, before, encoded(("s64", value + delta))):
                return int(value + delta)

    def compare_and_swap(self, key: str, expected: Tagged | None, replacement: Tagged) -> bool:
        before = None if expected is None else encoded(expected)
        return self._store.exchange(self._name, key, before, encoded(replacement))

    def list_keys(self, prefix: str, cursor: str | None) -> tuple[list[str], str | None]:
        found = self._store.keys(self._name, cursor, _PAGE + 1)
        page = found[:_PAGE]
        following = page[-1] if len(found) > _PAGE else None
        return [key for key in page if key.startswith(prefix)], following


def encoded(value: Tagged) -> bytes:
    """Encode a value."""
    case, held = value
    if case == "s64":
        return b"%d" % held
    tag = bytes((_TAGS[case],))
    if case == "u64":
        return tag + int(held).to_bytes(8, "little")
    if case == "bool":
        return tag + bytes((held,))
    return tag + (held if isinstance(held, bytes) else str(held).encode())


def decoded(data: bytes) -> Tagged:
    """Decode a stored value; bytes in no known form are `bytes`."""
    case, rest = _CASES.get(data[0] if data else 0), data[1:]
    if case in {"string", "json"}:
        try:
            return case, rest.decode()
        except UnicodeDecodeError:
            return "bytes", data
    if case in {"u64", "s64"} and len(rest) == 8:
        return case, int.from_bytes(rest, "little", signed=case == "s64")
    if case == "bool" and rest in {b"\0", b"\1"}:
        return case, rest == b"\1"
    if case == "bytes":
        return case, rest
    if case is None and _COUNTER.fullmatch(data) and -_S64 <= int(data) < _S64:
        return "s64", int(data)
    return "bytes", data
