"""Protocols of the store that holds the values: the component's host, or a fake in a unit test."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Protocol

from wasmcp.guest.kv.errors import AccessDeniedError
from wasmcp.guest.kv.values import Tagged


class RawValues(Protocol):
    """Operations that the resource ``bucket`` and the interface ``sessions`` share; each can raise `StoreError`."""

    def get(self, key: str) -> Tagged | None: ...  # noqa: D102 - documented in the WIT
    def set(self, key: str, value: Tagged) -> None: ...  # noqa: D102
    def delete(self, key: str) -> None: ...  # noqa: D102
    def exists(self, key: str) -> bool: ...  # noqa: D102
    def increment(self, key: str, delta: int) -> int: ...  # noqa: D102
    def compare_and_swap(self, key: str, expected: Tagged | None, replacement: Tagged) -> bool: ...  # noqa: D102


class RawBucket(RawValues, Protocol):
    """The resource ``bucket`` of the interface ``key-value``."""

    def get_many(self, keys: Sequence[str]) -> list[Tagged | None]: ...  # noqa: D102 - documented in the WIT
    def set_many(self, entries: Sequence[tuple[str, Tagged]]) -> None: ...  # noqa: D102
    def delete_many(self, keys: Sequence[str]) -> None: ...  # noqa: D102
    def list_keys(self, prefix: str, cursor: str | None) -> tuple[list[str], str | None]: ...  # noqa: D102


class Store(Protocol):
    """The interface ``key-value``."""

    def open(self, name: str) -> RawBucket:
        """Open a bucket.

        Raises:
            StoreError: The bucket cannot be opened.
        """
        ...


class _Denied:
    """The store of a component without the grant ``kv``."""

    def open(self, name: str) -> Any:
        del name
        raise AccessDeniedError("kv")


def _default_store() -> Store:
    if sys.platform == "wasi":
        try:
            from wasmcp.guest.kv.wasi import open_bucket
        except ImportError:  # the component was built without the grant: it does not import the interface
            return _Denied()
        return open_bucket
    return _Denied()


STORES: list[Store] = [_default_store()]
"""The last store is used; unit tests add a fake."""
