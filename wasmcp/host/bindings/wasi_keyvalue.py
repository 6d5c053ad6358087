"""Implementation of `wasi:keyvalue` for the components of a server: both drafts, over one store.

Source: wasi:keyvalue 0.2.0-draft and 0.2.0-draft2.
"""

from __future__ import annotations

import ctypes
import itertools
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from wasmtime import StoreContext
from wasmtime.component import OptionType, ResourceAny

from wasmcp.errors import StoreRequestError
from wasmcp.host.bindings import _capi, component_values, effects
from wasmcp.host.stores.keyvalue import (
    PAGE,
    SessionValues,
    check_entries,
    check_key,
    increment,
    open_store,
)

if TYPE_CHECKING:
    from wasmtime import Engine
    from wasmtime.component import Linker

    from wasmcp.host.bindings.component_values import Writer
    from wasmcp.host.stores.keyvalue import Store
    from wasmcp.host.stores.redis_store import OnState

BATCH = "wasi:keyvalue/batch@0.2.0-draft2"
_BUCKET_LIMIT = 1024  # bytes of a name
BUCKETS = 10_000
"""Maximum number of open buckets."""
HANDLES = 10_000
"""Maximum number of open handles of an instance."""
ATTEMPT_BYTES = 16 << 20
"""Maximum bytes of the values that the open `cas` handles of an instance keep."""
ALL_ATTEMPT_BYTES = 64 << 20
"""Maximum bytes of the values that the open `cas` handles of all instances of a server keep."""
# Resource type numbers, unique within this host.
_KINDS = {"draft": (0x6B76_0001, 0), "draft2": (0x6B76_0002, 0x6B76_0003)}


class Provided:
    """`wasi:keyvalue` imports of one server. Keep it alive as long as the server.

    Attributes:
        sessions: The store with the values of sessions in front of it.
    """

    def __init__(
        self,
        linker: Linker,
        url: str,
        imports: Mapping[str, Any],
        engine: Engine,
        *,
        values: SessionValues | None = None,
        session_seconds: int | None = None,
        on_state: OnState | None = None,
    ) -> None:
        """Open the store and define the imports.

        Args:
            linker: The linker in which the imports are defined.
            url: The store; see `open_store`.
            imports: The types of the server's imports, by name.
            engine: The engine that the types belong to.
            values: An open store to use instead, of another version of the server.
            session_seconds: The lifetime of the values of sessions in the store; None to keep them in memory.
            on_state: Called when the store cannot be reached, and when it can again; see `open_store`.

        Raises:
            HostError: The URL is invalid, or the store cannot be opened.
        """
        self.sessions = values or SessionValues(open_store(url, on_state), seconds=session_seconds)
        # `get-many` has two forms under one version: options of pairs and, in Spin, pairs with options.
        batch = imports.get(BATCH)
        get_many = None if batch is None else batch.ty.exports(engine).get("get-many")
        by_key = get_many is not None and not isinstance(get_many.ty.result.ok.element, OptionType)
        buckets = Buckets(self.sessions.check)
        self.sessions.on_end = buckets.forget
        self._handles = Handles()
        self._callbacks = define(linker, self.sessions, buckets, self._handles, by_key=by_key)

    def ended(self, store: Any) -> None:
        """Free the open handles of an instance; `store` is the context of its store, which is about to be closed."""
        self._handles.ended(_address(store))

    def close(self) -> None:
        """Close the store."""
        self.sessions.close()


class Buckets:
    """Names of open buckets, and the numbers that stand for them in components."""

    def __init__(self, admit: Callable[[str], None] | None = None) -> None:
        """Create an empty table; `admit` raises `StoreRequestError` for names that must not be opened."""
        self._admit = admit
        self._names: dict[int, str] = {}
        self._numbers: dict[str, int] = {}
        self._counter = itertools.count(1)
        self._lock = threading.Lock()

    def number(self, name: str) -> int:
        """Return the number of a name.

        Raises:
            StoreRequestError: Too many buckets are open, or this one must not be opened.
        """
        if self._admit is not None:
            self._admit(name)
        with self._lock:
            number = self._numbers.get(name)
            if number is None:
                if len(self._names) == BUCKETS:
                    raise StoreRequestError(f"more than {BUCKETS} buckets")
                number = self._numbers[name] = next(self._counter)
                self._names[number] = name
        return number

    def name(self, number: int) -> str:
        """Return the name with a number.

        Raises:
            StoreRequestError: The bucket belonged to a session that has ended.
        """
        name = self._names.get(number)
        if name is None:
            raise StoreRequestError("the bucket does not exist any more: its session has ended")
        return name

    def forget(self, name: str) -> None:
        """Remove the bucket of a session that has ended."""
        with self._lock:
            self._names.pop(self._numbers.pop(name, 0), None)


class Attempt(NamedTuple):
    """Bucket, key and value of a `cas` handle, and the instance that owns it."""

    bucket: str
    key: str
    current: bytes | None
    owner: int


class Handles:
    """Open handles of all instances, within limits. The address of its store identifies an instance.

    Without limits, a component that never drops handles would fill the host's memory: a `cas` handle keeps a value of
    up to 2 MiB.
    """

    def __init__(
        self,
        each: int = HANDLES,
        each_bytes: int = ATTEMPT_BYTES,
        most_bytes: int = ALL_ATTEMPT_BYTES,
    ) -> None:
        self._each = each
        self._each_bytes = each_bytes
        self._most_bytes = most_bytes
        self._open: dict[int, int] = {}
        self._bytes: dict[int, int] = {}
        self._attempts: dict[int, Attempt] = {}
        self._counter = itertools.count(1)
        self._lock = threading.Lock()

    def opened(self, owner: int) -> None:
        """Count a new handle.

        Raises:
            StoreRequestError: The instance has too many handles.
        """
        with self._lock:
            self._count(owner)

    def dropped(self, owner: int) -> None:
        """Stop counting a handle that was dropped."""
        with self._lock:
            self._uncount(owner)

    def attempt(self, number: int) -> Attempt:
        """Return the state of a `cas` handle.

        Raises:
            StoreRequestError: The handle was used by `swap`, or its instance has ended.
        """
        found = self._attempts.get(number)
        if found is None:
            raise StoreRequestError("the `cas` handle is used up")
        return found

    def add_attempt(self, attempt: Attempt) -> int:
        """Keep the state of a new `cas` handle and return its number.

        Raises:
            StoreRequestError: The instance has too many handles, or their values are too large.
        """
        size = _weight(attempt)
        with self._lock:
            if self._bytes.get(attempt.owner, 0) + size > self._each_bytes:
                raise StoreRequestError(
                    f"open `cas` handles with values of more than {self._each_bytes >> 20} MiB: drop some"
                )
            if sum(self._bytes.values()) + size > self._most_bytes:
                raise StoreRequestError(
                    f"open `cas` handles of all instances keep more than {self._most_bytes >> 20} MiB"
                )
            self._count(attempt.owner)
            self._bytes[attempt.owner] = self._bytes.get(attempt.owner, 0) + size
            number = next(self._counter)
            self._attempts[number] = attempt
        return number

    def end_attempt(self, number: int) -> Attempt | None:
        """Remove the state of a `cas` handle and return it, or None if it does not exist."""
        with self._lock:
            attempt = self._attempts.pop(number, None)
            if attempt is not None:
                self._bytes[attempt.owner] = self._bytes.get(attempt.owner, 0) - _weight(attempt)
            return attempt

    def ended(self, owner: int) -> None:
        """Remove all handles of an instance."""
        with self._lock:
            self._open.pop(owner, None)
            if self._bytes.pop(owner, None) is not None:
                for number in [number for number, one in self._attempts.items() if one.owner == owner]:
                    del self._attempts[number]

    def _count(self, owner: int) -> None:
        opened = self._open.get(owner, 0)
        if opened >= self._each:
            raise StoreRequestError(f"more than {self._each} open handles: drop some")
        self._open[owner] = opened + 1

    def _uncount(self, owner: int) -> None:
        if owner in self._open:
            self._open[owner] -= 1


def _weight(attempt: Attempt) -> int:
    """Estimate the memory that a `cas` handle takes, in bytes."""
    return 500 + len(attempt.key) + len(attempt.current or b"")


def define(
    linker: Linker,
    store: Store,
    buckets: Buckets | None = None,
    handles: Handles | None = None,
    *,
    by_key: bool = False,
) -> list[Any]:
    """Define both drafts in a linker.

    Args:
        linker: The linker in which they are defined.
        store: The store of the values.
        buckets: The names of open buckets.
        handles: The handles of all instances.
        by_key: Have `get-many` of the second draft return each key with an optional value.

    Returns:
        Callbacks that must stay alive as long as anything that is made with the linker.
    """
    callbacks: list[Any] = []
    buckets, handles = buckets or Buckets(), handles or Handles()
    for draft in _KINDS:
        _Draft(draft, store, buckets, handles, callbacks, by_key=by_key).define(linker)
    return callbacks


class _Draft:
    """One version of the `wasi:keyvalue` package."""

    def __init__(
        self, draft: str, store: Store, buckets: Buckets, handles: Handles, callbacks: list[Any], *, by_key: bool
    ) -> None:
        self._add = partial(_add, callbacks)
        self._add_resource = partial(_add_resource, callbacks)
        self._version = f"0.2.0-{draft}"
        self._second = draft == "draft2"
        self._bucket_kind, self._attempt_kind = _KINDS[draft]
        self._by_key = self._second and by_key
        self._store = store
        self._buckets = buckets
        self._handles = handles

    def define(self, linker: Linker) -> None:
        bucket = "[method]bucket."
        with linker.root() as root:
            with root.add_instance(f"wasi:keyvalue/store@{self._version}") as store:
                self._add_resource(store, "bucket", self._bucket_kind, self._drop_bucket)
                self._add(store, "open", self._open, with_owner=True)
                self._add(store, bucket + "get", self._get)
                self._add(store, bucket + "set", self._set)
                self._add(store, bucket + "delete", self._delete)
                self._add(store, bucket + "exists", self._exists)
                self._add(store, bucket + "list-keys", self._list_keys)
            with root.add_instance(f"wasi:keyvalue/batch@{self._version}") as batch:
                self._add(batch, "get-many", self._get_many)
                self._add(batch, "set-many", self._set_many)
                self._add(batch, "delete-many", self._delete_many)
            with root.add_instance(f"wasi:keyvalue/atomics@{self._version}") as atomics:
                self._add(atomics, "increment", self._increment)
                if self._second:
                    self._add_resource(atomics, "cas", self._attempt_kind, self._forget)
                    self._add(atomics, "[static]cas.new", self._attempt, with_owner=True)
                    self._add(atomics, "[method]cas.current", self._current)
                    self._add(atomics, "swap", self._swap, failed=partial(component_values.case, "store-error"))

    def _open(self, owner: int, name: str) -> Writer:
        if len(name.encode()) > _BUCKET_LIMIT:
            raise StoreRequestError(f"a name of more than {_BUCKET_LIMIT} bytes")
        number = self._buckets.number(name)
        self._handles.opened(owner)
        return component_values.resource(number, self._bucket_kind)

    def _drop_bucket(self, owner: int, _number: int) -> None:
        self._handles.dropped(owner)

    def _name(self, number: int) -> str:
        return self._buckets.name(number)

    def _get(self, bucket: int, key: str) -> Writer:
        check_key(key)
        found = self._store.get(self._name(bucket), [key]).get(key)
        return component_values.option(_data(found))

    def _set(self, bucket: int, key: str, value: bytes) -> None:
        check_entries({key: value})
        self._store.put(self._name(bucket), {key: value})

    def _delete(self, bucket: int, key: str) -> None:
        check_key(key)
        self._store.delete(self._name(bucket), [key])

    def _exists(self, bucket: int, key: str) -> Writer:
        check_key(key)
        return component_values.boolean(key in self._store.get(self._name(bucket), [key]))

    def _list_keys(self, bucket: int, cursor: Any) -> Writer:
        # The first draft's cursor is the number of keys listed so far, the second's is the last key.
        after, skipped = (cursor, 0) if self._second else (None, cursor or 0)
        keys = self._store.keys(self._name(bucket), after, min(skipped, 1 << 62) + PAGE + 1)[skipped:]
        page, more = keys[:PAGE], len(keys) > PAGE
        following: Writer | None = None
        if more:
            following = (
                component_values.text(page[-1])
                if self._second
                else component_values.integer(skipped + PAGE, signed=False)
            )
        return component_values.record(
            keys=component_values.sequence([component_values.text(key) for key in page]),
            cursor=component_values.option(following),
        )

    def _get_many(self, bucket: int, keys: list[str] | bytes) -> Writer:
        names = list(keys) if isinstance(keys, list) else []
        for key in names:
            check_key(key)
        found = self._store.get(self._name(bucket), names)
        if self._by_key:
            return component_values.sequence(
                [
                    component_values.both(component_values.text(key), component_values.option(_data(found.get(key))))
                    for key in names
                ]
            )
        return component_values.sequence(
            [
                component_values.option(
                    component_values.both(component_values.text(key), component_values.data(found[key]))
                    if key in found
                    else None
                )
                for key in names
            ]
        )

    def _set_many(self, bucket: int, entries: list[tuple[str, bytes]] | bytes) -> None:
        given = dict(entries) if isinstance(entries, list) else {}
        check_entries(given)
        self._store.put(self._name(bucket), given)

    def _delete_many(self, bucket: int, keys: list[str] | bytes) -> None:
        names = list(keys) if isinstance(keys, list) else []
        for key in names:
            check_key(key)
        self._store.delete(self._name(bucket), names)

    def _increment(self, bucket: int, key: str, delta: int) -> Writer:
        after = increment(self._store, self._name(bucket), key, delta, signed=self._second)
        return component_values.integer(after, signed=self._second)

    def _attempt(self, owner: int, bucket: int, key: str) -> Writer:
        check_key(key)
        return self._new_attempt(owner, self._name(bucket), key)

    def _new_attempt(self, owner: int, name: str, key: str) -> Writer:
        current = self._store.get(name, [key]).get(key)
        return component_values.resource(
            self._handles.add_attempt(Attempt(name, key, current, owner)), self._attempt_kind
        )

    def _current(self, number: int) -> Writer:
        return component_values.option(_data(self._handles.attempt(number).current))

    def _swap(self, number: int, value: bytes) -> Writer | None:
        attempt = self._handles.attempt(number)
        self._forget(attempt.owner, number)  # `swap` consumes the handle
        check_entries({attempt.key: value})
        if self._store.exchange(attempt.bucket, attempt.key, attempt.current, value):
            return None
        raise _BucketError(
            component_values.case("cas-failed", self._new_attempt(attempt.owner, attempt.bucket, attempt.key))
        )

    def _forget(self, owner: int, number: int) -> None:
        if self._handles.end_attempt(number) is not None:
            self._handles.dropped(owner)


def _data(found: bytes | None) -> Writer | None:
    return None if found is None else component_values.data(found)


class _BucketError(Exception):
    """An error of the interface, as a value to return."""

    def __init__(self, value: Writer) -> None:
        self.value = value
        super().__init__()


def _add(
    callbacks: list[Any],
    instance: Any,
    name: str,
    function: Callable[..., Writer | None],
    *,
    failed: Callable[[Writer], Writer] = lambda error: error,
    with_owner: bool = False,
) -> None:
    """Define a function that returns a result.

    Args:
        callbacks: The list of objects that must stay alive as long as the linker; the callback is added to it.
        instance: The instance of the linker that gets the function.
        name: The function's name.
        function: The implementation.
        failed: Converts an error of the store to the function's error.
        with_owner: Pass the address of the calling instance's store as the first argument.
    """

    def called(_data: Any, raw: Any, _type: Any, arguments: Any, count: int, results: Any, _results: int) -> int:
        if not effects.before():
            return _capi.error_address(effects.STOPPED)
        context = StoreContext(raw)
        try:
            given = [_address(raw)] if with_owner else []
            given += [read_argument(context, arguments[index]) for index in range(count)]
            try:
                written = component_values.result(function(*given), ok=True)
            except _BucketError as error:
                written = component_values.result(error.value, ok=False)
            except StoreRequestError as error:
                written = component_values.result(
                    failed(component_values.case("other", component_values.text(str(error)))), ok=False
                )
            written(raw, results[0])
        except Exception as error:  # noqa: BLE001 - C code is above this frame: the error becomes a trap
            return _capi.error_address(f"wasi:keyvalue {name}: {type(error).__name__}: {error}")
        finally:
            _capi.invalidate(context)
        return 0

    callbacks.append(_capi.define_function(instance, name, called))


def _add_resource(
    callbacks: list[Any], instance: Any, name: str, kind: int, dropped: Callable[[int, int], None]
) -> None:
    """Define a resource of this host; `dropped` is called with instance and number of each handle that is dropped."""

    def called(_data: Any, raw: Any, representation: int) -> int:
        dropped(_address(raw), representation)
        return 0

    callbacks.append(_capi.define_resource(instance, name, kind, called))


def _address(context: Any) -> int:
    return ctypes.cast(context, ctypes.c_void_p).value or 0


def read_argument(context: StoreContext, value: Any) -> Any:
    """Convert an argument and free it; a resource becomes its number."""
    found = component_values.read(value)
    if isinstance(found, ResourceAny):
        return found.to_host(context).rep  # consumes the handle: it need not be dropped
    component_values.release(value)
    return found
