"""A bucket: values by key."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar, overload

from wasmcp.guest.json_types.coerce import loaded
from wasmcp.guest.kv.errors import StoreError
from wasmcp.guest.kv.raw import STORES, RawBucket, RawValues
from wasmcp.guest.kv.values import Tagged, plain, tagged

T = TypeVar("T")
D = TypeVar("D")

BATCH = 1000
"""How many keys go over at a time, where a function takes any number."""

_ATTEMPTS = 100


class _Absent:
    """What is not there."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()
"""For `Bucket.compare_and_swap`: there is no such key."""


class Values(ABC):
    """Values by key: what buckets and sessions have in common."""

    @property
    @abstractmethod
    def _raw(self) -> RawValues:
        """Who keeps them."""

    @overload
    def get(self, key: str) -> Any: ...
    @overload
    def get(self, key: str, default: D) -> Any | D: ...
    @overload
    def get(self, key: str, *, kind: type[T]) -> T | None: ...
    @overload
    def get(self, key: str, default: D, *, kind: type[T]) -> T | D: ...

    def get(self, key: str, default: Any = None, *, kind: Any = None) -> Any:
        """Return a value; the default when there is no such key.

        Args:
            key: The key.
            default: What to return when it is not there.
            kind: Any type that a parameter of a tool may have: the value is checked and converted to it.

        Raises:
            ValueError: The value does not fit `kind`.
        """
        found = self._raw.get(key)
        if found is None:
            return default
        return _converted(found, kind)

    def set(self, key: str, value: Any) -> None:
        """Set a value, be there one already or not.

        Raises:
            TypeError: It is not bytes, and has no JSON form.
        """
        self._raw.set(key, tagged(value))

    def delete(self, key: str) -> None:
        """Remove a value; a key that is not there is fine."""
        self._raw.delete(key)

    def __contains__(self, key: object) -> bool:
        """Tell whether there is a value."""
        return isinstance(key, str) and self._raw.exists(key)

    def __getitem__(self, key: str) -> Any:
        """Return a value.

        Raises:
            KeyError: There is none.
        """
        found = self._raw.get(key)
        if found is None:
            raise KeyError(key)
        return plain(found)

    def __setitem__(self, key: str, value: Any) -> None:
        """See `set`."""
        self.set(key, value)

    def __delitem__(self, key: str) -> None:
        """See `delete`: a key that is not there is fine."""
        self.delete(key)

    def increment(self, key: str, by: int = 1) -> int:
        """Add to a counter and return what it is then; one that is not there begins at 0. Nobody can come between.

        Raises:
            NotACounterError: What is there is not an integer of 64 bits.
            OutOfRangeError: It would not be one any more.
            UnsupportedOperationError: The store cannot count down.
        """
        return self._raw.increment(key, by)

    def compare_and_swap(self, key: str, expected: Any, replacement: Any) -> bool:
        """Set a value if what is there is what you expect. Nobody can come between.

        Args:
            key: The key.
            expected: The value that must be there, as it was set; `ABSENT`: there must be none.
            replacement: The value to set.

        Returns:
            Whether it was set.

        Raises:
            UnsupportedOperationError: The store cannot do this.
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
        """Set a value that is made of the one that is there, and return it. Nobody can come between.

        Args:
            key: The key.
            change: Gets the value that is there, and returns the new one. It is called again when somebody else was
                faster, so it must do nothing else.
            default: What it gets when there is no such key.
            kind: The type that the value which is there, and the one returned, are converted to: a dataclass, a date.

        Raises:
            StoreError: Others were faster a hundred times.
            UnsupportedOperationError: The store cannot do this.
            ValueError: The value that is there, or the new one, does not fit `kind`; nothing has changed.
        """
        for _ in range(_ATTEMPTS):
            before = self._raw.get(key)
            after = tagged(change(default if before is None else _converted(before, kind)))
            value = _converted(after, kind)
            if self._raw.compare_and_swap(key, before, after):
                return value
        raise StoreError(f"others changed `{key}` first, {_ATTEMPTS} times in a row")


def _converted(value: Tagged, kind: Any) -> Any:
    """Return the Python value of what is kept, as a type wants it; None: as JSON has it."""
    return plain(value) if kind is None else loaded(plain(value), kind)


class Bucket(Values):
    """Values by key: texts, bytes, booleans, integers, and whatever JSON can hold.

    Made by `open_bucket`. Every function raises `StoreError` when the store cannot do it.

    Attributes:
        name: The name that it was opened by.
    """

    def __init__(self, name: str, raw: RawBucket) -> None:
        self.name = name
        self._bucket = raw

    @property
    def _raw(self) -> RawBucket:
        return self._bucket

    def __iter__(self) -> Iterator[str]:
        """See `keys`."""
        return self.keys()

    @overload
    def get_many(self, keys: Iterable[str]) -> dict[str, Any]: ...

    @overload
    def get_many(self, keys: Iterable[str], *, kind: type[T]) -> dict[str, T]: ...

    def get_many(self, keys: Iterable[str], *, kind: Any = None) -> dict[str, Any]:
        """Return the values of those keys that are there; one call for up to 1000 of them.

        Args:
            keys: The keys.
            kind: The type that the values are converted to; see `get`.

        Raises:
            ValueError: A value does not fit `kind`.
        """
        wanted = list(keys)
        found: dict[str, Any] = {}
        for start in range(0, len(wanted), BATCH):
            part = wanted[start : start + BATCH]
            values = zip(part, self._raw.get_many(part), strict=True)
            found.update({key: _converted(value, kind) for key, value in values if value is not None})
        return found

    def set_many(self, values: Mapping[str, Any]) -> None:
        """Set up to 1000 values at once: all of them or, where the store can do so, none.

        Raises:
            LimitExceededError: They are too many, or too large together.
            TypeError: One is not bytes, and has no JSON form.
        """
        self._raw.set_many([(key, tagged(value)) for key, value in values.items()])

    def delete_many(self, keys: Iterable[str]) -> None:
        """Remove up to 1000 values at once; see `set_many`."""
        self._raw.delete_many(list(keys))

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Iterate over the keys that begin with `prefix`, in the store's own order, a page of them at a time.

        What changes meanwhile may be among them or not.
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
        """Iterate over the keys that begin with `prefix` and their values, a page of them at a time.

        Args:
            prefix: What the keys begin with.
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
        """Show the name."""
        return f"Bucket({self.name!r})"


def open_bucket(name: str = "") -> Bucket:
    """Open a bucket.

    Args:
        name: Any name; the default bucket, which every runtime has, is the empty one. `wasmtime serve` has no other.

    Raises:
        AccessDeniedError: The component has no grant ``kv``.
        NoSuchBucketError: Whoever runs the server has none of this name.
        LimitExceededError: The name has more than 512 bytes.
    """
    return Bucket(name, STORES[-1].open(name))
