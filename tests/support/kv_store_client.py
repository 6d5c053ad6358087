"""The framework's `kv-store` over a store of the host, called from Python."""

from __future__ import annotations

from typing import Any

import wasmtime
from wasmtime.component import Component, Linker, Variant

from wasmcp.host.bindings.wasi_keyvalue import Buckets, define
from wasmcp.host.stores.keyvalue import Store
from wasmcp.package_data import framework_component

KINDS = ("kv-store", "kv-store-draft")
_PACKAGE = "wasmcp:mcp-v20260728/"


class FailedError(Exception):
    """Error that a function returned: its case and its text."""

    def __init__(self, case: str, words: str | None) -> None:
        self.case, self.words = case, words
        super().__init__(case, words)


def compiled(engine: wasmtime.Engine, name: str) -> Component:
    """Compile a component of the framework."""
    return Component.from_file(engine, str(framework_component(name)))


class KvStore:
    """One instance."""

    def __init__(
        self, engine: wasmtime.Engine, component: Component, store: Store, buckets: Buckets | None = None
    ) -> None:
        linker = Linker(engine)
        linker.add_wasip2()
        self._kept = define(linker, store, buckets)
        self._store = wasmtime.Store(engine)
        self._store.set_wasi(wasmtime.WasiConfig())
        self._instance = linker.instantiate(self._store, component)

    def call(self, interface: str, name: str, *arguments: Any) -> Any:
        """Call a function and return its result; errors are raised."""
        index = self._instance.get_export_index(self._store, f"{_PACKAGE}{interface}@0.1.0")
        assert index is not None
        found = self._instance.get_export_index(self._store, name, index)
        assert found is not None
        function = self._instance.get_func(self._store, found)
        assert function is not None
        result = function(self._store, *arguments)
        function.post_return(self._store)
        return _passed(result)

    def open(self, name: str = "") -> Bucket:
        """Open a bucket."""
        return Bucket(self, self.call("key-value", "open", name))

    def session(self, session: str, owner: str) -> Bucket:
        """Open that of a session."""
        return Bucket(self, self.call("session-buckets", "open", session, owner))


def _passed(result: Any) -> Any:
    """Take a result apart. wasmtime leaves `ok` and `err` away where it can tell them by their types."""
    if not isinstance(result, Variant):
        return result
    if result.tag == "ok":
        return result.payload
    problem: Any = result.payload if result.tag == "err" else result
    raise FailedError(problem.tag, problem.payload)


class Bucket:
    """An open one. Values are `(case, payload)`."""

    def __init__(self, of: KvStore, handle: Any) -> None:
        self._of, self._handle = of, handle

    def __call__(self, name: str, *arguments: Any) -> Any:
        """Call a method."""
        return self._of.call("key-value", f"[method]bucket.{name}", self._handle, *arguments)

    def close(self) -> None:
        """Drop it."""
        self._handle.drop(self._of._store)

    def get(self, key: str) -> tuple[str, Any] | None:
        """Return the present value."""
        return plain(self("get", key))

    def set(self, key: str, case: str, payload: Any) -> None:
        """Set a value."""
        self("set", key, Variant(case, payload))

    def get_many(self, *keys: str) -> list[tuple[str, Any] | None]:
        """Return the present value."""
        return [plain(one) for one in self("get-many", list(keys))]

    def swap(self, key: str, expected: tuple[str, Any] | None, *replacement: Any) -> bool:
        """Compare and swap."""
        done: bool = self("compare-and-swap", key, expected and Variant(*expected), Variant(*replacement))
        return done

    def keys(self, prefix: str = "") -> list[str]:
        """All keys."""
        found, cursor = [], None
        while True:
            page = self("list-keys", prefix, cursor)
            found += page.keys
            cursor = page.next
            if cursor is None:
                return found


def plain(value: Any) -> tuple[str, Any] | None:
    """A value as a tuple."""
    return None if value is None else (value.tag, value.payload)
