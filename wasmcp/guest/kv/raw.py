"""Who keeps the values: the host of the component, or what a unit test puts in its place."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Protocol

from wasmcp.guest.kv.errors import AccessDeniedError
from wasmcp.guest.kv.values import Tagged


class RawValues(Protocol):
    """What the resource ``bucket`` and the interface ``sessions`` share; every function may raise a `StoreError`."""

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
            StoreError: It cannot be opened.
        """
        ...


class _Denied:
    """Keeps nothing."""

    def open(self, name: str) -> Any:
        del name
        raise AccessDeniedError("kv")


def _own() -> Store:
    if sys.platform == "wasi":
        try:
            from wasmcp.guest.kv.wasi import open_bucket
        except ImportError:  # the component was built without the grant: it does not import the interface
            return _Denied()
        return open_bucket
    return _Denied()


STORES: list[Store] = [_own()]
"""The last one keeps; unit tests add theirs."""
