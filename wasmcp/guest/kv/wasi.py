"""Implementation of the store by the interface ``key-value``. Only for components with the grant ``kv``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from wit_world.imports import key_value  # type: ignore[import-not-found]

from wasmcp.guest.kv.bindings import called, tagged_of, value_of
from wasmcp.guest.kv.values import Tagged


class _Opener:
    """The interface ``key-value``."""

    def open(self, name: str) -> _Bucket:
        """Open a bucket; see `Store.open`."""
        return _Bucket(name, called("kv", key_value.open, name, bucket=name))


class _Bucket:
    """A handle of a bucket."""

    def __init__(self, name: str, bucket: Any) -> None:
        self._name = name
        self._bucket = bucket

    def _call(self, function: Callable[..., Any], *arguments: Any, key: str | None = None) -> Any:
        return called("kv", function, *arguments, bucket=self._name, key=key)

    def get(self, key: str) -> Tagged | None:
        found = self._call(self._bucket.get, key, key=key)
        return None if found is None else tagged_of(found)

    def set(self, key: str, value: Tagged) -> None:
        self._call(self._bucket.set, key, value_of(value), key=key)

    def delete(self, key: str) -> None:
        self._call(self._bucket.delete, key, key=key)

    def exists(self, key: str) -> bool:
        return self._call(self._bucket.exists, key, key=key)  # type: ignore[no-any-return]

    def get_many(self, keys: Sequence[str]) -> list[Tagged | None]:
        found = self._call(self._bucket.get_many, list(keys))
        return [None if value is None else tagged_of(value) for value in found]

    def set_many(self, entries: Sequence[tuple[str, Tagged]]) -> None:
        self._call(self._bucket.set_many, [(key, value_of(value)) for key, value in entries])

    def delete_many(self, keys: Sequence[str]) -> None:
        self._call(self._bucket.delete_many, list(keys))

    def increment(self, key: str, delta: int) -> int:
        return self._call(self._bucket.increment, key, delta, key=key)  # type: ignore[no-any-return]

    def compare_and_swap(self, key: str, expected: Tagged | None, replacement: Tagged) -> bool:
        before = None if expected is None else value_of(expected)
        return self._call(  # type: ignore[no-any-return]
            self._bucket.compare_and_swap, key, before, value_of(replacement), key=key
        )

    def list_keys(self, prefix: str, cursor: str | None) -> tuple[list[str], str | None]:
        page = self._call(self._bucket.list_keys, prefix, cursor, key=prefix)
        return page.keys, page.next


open_bucket = _Opener()
