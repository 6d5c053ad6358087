"""Buckets of the key-value store and values of sessions, with the store that holds them: the host, or a fake."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar, overload

from wasmcp.guest.json_types.annotations import loaded
from wasmcp.guest.kv.values import AccessDeniedError, StoreError, Tagged, plain, tagged


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


T = TypeVar("T")
D = TypeVar("D")

BATCH = 1000
"""Keys in one call of the host, for methods that take any number of keys."""

_ATTEMPTS = 100


class _Absent:
    """The type of `ABSENT`."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()
"""The expected value of `Bucket.compare_and_swap` for a key that does not exist."""


class Values(ABC):
    """Values by key: the operations that buckets and sessions share."""

    @property
    @abstractmethod
    def _raw(self) -> RawValues:
        """The implementation of the store."""

    @overload
    def get(self, key: str) -> Any: ...
    @overload
    def get(self, key: str, default: D) -> Any | D: ...
    @overload
    def get(self, key: str, *, kind: type[T]) -> T | None: ...
    @overload
    def get(self, key: str, default: D, *, kind: type[T]) -> T | D: ...

    def get(self, key: str, default: Any = None, *, kind: Any = None) -> Any:
        """Return the value of a key, or the default if the key does not exist.

        Args:
            key: The key.
            default: The value to return if the key does not exist.
            kind: The type of the value: any type that a parameter of a tool can have. The value is checked and
                converted to it.

        Raises:
            ValueError: The value does not fit `kind`.
        """
        found = self._raw.get(key)
        if found is None:
            return default
        return _converted(found, kind)

    def set(self, key: str, value: Any) -> None:
        """Set the value of a key, and replace an existing one.

        Raises:
            TypeError: The value is not bytes, and has no JSON form.
        """
        self._raw.set(key, tagged(value))

    def delete(self, key: str) -> None:
        """Delete a key; no effect if it does not exist."""
        self._raw.delete(key)

    def __contains__(self, key: object) -> bool:
        """Return True if the key exists."""
        return isinstance(key, str) and self._raw.exists(key)

    def __getitem__(self, key: str) -> Any:
        """Return the value of a key.

        Raises:
            KeyError: The key does not exist.
        """
        found = self._raw.get(key)
        if found is None:
            raise KeyError(key)
        return plain(found)

    def __setitem__(self, key: str, value: Any) -> None:
        """Set the value of a key; see `set`."""
        self.set(key, value)

    def __delitem__(self, key: str) -> None:
        """Delete a key; no effect if it does not exist."""
        self.delete(key)

    def increment(self, key: str, by: int = 1) -> int:
        """Add to a counter atomically, and return its new value. A key that does not exist counts as 0.

        Raises:
            NotACounterError: The value of the key is not an integer of 64 bits.
            OutOfRangeError: The new value would exceed 64 bits.
            UnsupportedOperationError: The store does not support negative steps.
        """
        return self._raw.increment(key, by)

    def compare_and_swap(self, key: str, expected: Any, replacement: Any) -> bool:
        """Set the value of a key atomically, if it has the expected value.

        Args:
            key: The key.
            expected: The value that the key must have, as it was set; `ABSENT` if the key must not exist.
            replacement: The value to set.

        Returns:
            True if the value was set.

        Raises:
            UnsupportedOperationError: The store does not support this operation.
        """
        before = None if expected is ABSENT else tagged(expected)
        return self._raw.compare_and_swap(key, before, tagged(replacement))

    @overload
    def update(self, key: str, change: Callable[[Any], Any], default: Any = None) -> Any: ...

    @overload
    def update(self, key: str, change: Callable[[T], T], default: T, *, kind: type[T]) -> T: ...

    @overload
    def update(self, key: str, change: Callable[[T | None], T], default: None = None, *, kind: type[T]) -> T: ...

    def update(self, key: str, change: Callable[[Any], Any], default: Any = None, *, kind: Any = None) -> Any:
        """Replace the value of a key by a function of it, atomically, and return the new value.

        Args:
            key: The key.
            change: A function that gets the current value and returns the new one. It is called again if another
                writer has changed the value in the meantime, so it must not have side effects.
            default: The argument of `change` if the key does not exist.
            kind: The type that the current and the new value are converted to: a dataclass, a date.

        Raises:
            StoreError: Other writers have changed the value in each of 100 attempts.
            UnsupportedOperationError: The store does not support this operation.
            ValueError: The current or the new value does not fit `kind`; nothing was changed.
        """
        for _ in range(_ATTEMPTS):
            before = self._raw.get(key)
            after = tagged(change(default if before is None else _converted(before, kind)))
            value = _converted(after, kind)
            if self._raw.compare_and_swap(key, before, after):
                return value
        raise StoreError(f"`{key}` was changed by other writers in each of {_ATTEMPTS} attempts")


def _converted(value: Tagged, kind: Any) -> Any:
    """Return the Python value of a stored value, converted to a type; None for the plain JSON value."""
    return plain(value) if kind is None else loaded(plain(value), kind)


class Bucket(Values):
    """A named set of values by key: strings, bytes, booleans, integers, and any value that JSON can represent.

    Open one with `open_bucket`. Every method raises `StoreError` when the operation fails.

    Attributes:
        name: The name of the bucket.
    """

    def __init__(self, name: str, raw: RawBucket) -> None:
        self.name = name
        self._bucket = raw

    @property
    def _raw(self) -> RawBucket:
        return self._bucket

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys; see `keys`."""
        return self.keys()

    @overload
    def get_many(self, keys: Iterable[str]) -> dict[str, Any]: ...

    @overload
    def get_many(self, keys: Iterable[str], *, kind: type[T]) -> dict[str, T]: ...

    def get_many(self, keys: Iterable[str], *, kind: Any = None) -> dict[str, Any]:
        """Return the values of the keys that exist. Up to 1000 keys need one call of the host.

        Args:
            keys: The keys.
            kind: The type that the values are converted to; see `get`.

        Raises:
            ValueError: A value does not fit `kind`.
        """
        names = list(keys)
        found: dict[str, Any] = {}
        for start in range(0, len(names), BATCH):
            part = names[start : start + BATCH]
            values = zip(part, self._raw.get_many(part), strict=True)
            found.update({key: _converted(value, kind) for key, value in values if value is not None})
        return found

    def set_many(self, values: Mapping[str, Any]) -> None:
        """Set up to 1000 values at once; atomically, if the store supports that.

        Raises:
            LimitExceededError: There are too many values, or they are too large together.
            TypeError: A value is not bytes, and has no JSON form.
        """
        self._raw.set_many([(key, tagged(value)) for key, value in values.items()])

    def delete_many(self, keys: Iterable[str]) -> None:
        """Delete up to 1000 keys at once; see `set_many`."""
        self._raw.delete_many(list(keys))

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Iterate over the keys that begin with `prefix`, in the order of the store, page by page.

        Keys that are set or deleted during the iteration can be included or missing.
        """
        cursor: str | None = None
        while True:
            page, cursor = self._raw.list_keys(prefix, cursor)
            yield from page
            if cursor is None:
                return

    @overload
    def items(self, prefix: str = "") -> Iterator[tuple[str, Any]]: ...

    @overload
    def items(self, prefix: str = "", *, kind: type[T]) -> Iterator[tuple[str, T]]: ...

    def items(self, prefix: str = "", *, kind: Any = None) -> Iterator[tuple[str, Any]]:
        """Iterate over the keys that begin with `prefix` and their values, page by page.

        Args:
            prefix: The beginning of the keys.
            kind: The type that the values are converted to; see `get`.

        Raises:
            ValueError: A value does not fit `kind`.
        """
        cursor: str | None = None
        while True:
            page, cursor = self._raw.list_keys(prefix, cursor)
            yield from self.get_many(page, kind=kind).items()
            if cursor is None:
                return

    def __repr__(self) -> str:
        """Return the class and the name."""
        return f"Bucket({self.name!r})"


def open_bucket(name: str = "") -> Bucket:
    """Open a bucket.

    Args:
        name: The name of the bucket; the empty string for the default bucket, which every runtime has and which is
            the only bucket of `wasmtime serve`.

    Raises:
        AccessDeniedError: The component has no grant ``kv``.
        NoSuchBucketError: The operator's store has no bucket of this name.
        LimitExceededError: The name has more than 512 bytes.
    """
    return Bucket(name, STORES[-1].open(name))


class RawSession(RawValues, Protocol):
    """The interface ``sessions``, bound to one request."""

    def keys(self) -> list[str]: ...  # noqa: D102 - documented in the WIT


class Session(Values):
    """Key-value store of a component for one client's session: values are kept until the session ends.

    Each component has separate values, and so has each authenticated user. Get it from `Context.session`; it is valid
    as long as the context. Every method raises `StoreError` when the operation fails, and `NotGrantedError` without
    the grant ``sessions``.

    Args:
        request: A function that returns the request of the call, and raises `ExpiredContextError` after its end.
        raw: The values.
    """

    def __init__(self, request: Callable[[], Any], raw: RawSession) -> None:
        self._request = request
        self._values = raw

    @property
    def id(self) -> str:
        """The identifier of the session: for logs, do not send it to clients.

        Raises:
            ExpiredContextError: The call has ended.
        """
        return self._request().session() or ""

    @property
    def _raw(self) -> RawSession:
        self._request()  # raises after the end of the call
        return self._values

    def keys(self) -> list[str]:
        """Return all keys, in the order of the store."""
        return self._raw.keys()

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys, in the order of the store."""
        return iter(self.keys())
