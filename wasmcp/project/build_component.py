"""Framework components that commands call outside of servers, each through one interface of functions on values."""

from __future__ import annotations

from typing import Any

from wasmcp.package_data import framework_component


class BuildComponent:
    """Instance of one of `wasmcp.package_data.BUILD_COMPONENTS`.

    Args:
        name: Its name.
        interface: The interface that it exports.
    """

    def __init__(self, name: str, interface: str) -> None:
        import wasmtime
        from wasmtime.component import Linker

        from wasmcp.host.engine.compile_cache import load
        from wasmcp.host.engine.engine import engine

        self._name, self._interface = name, interface
        component = load(framework_component(name))
        self._store = wasmtime.Store(engine())
        self._store.set_epoch_deadline(1 << 32)
        self._instance = Linker(engine()).instantiate(self._store, component)

    def call(self, function: str, *values: Any) -> Any:
        """Call a function of its interface."""
        interface = self._instance.get_export_index(self._store, self._interface)
        index = self._instance.get_export_index(self._store, function, interface)
        found = self._instance.get_func(self._store, index) if index is not None else None
        if found is None:
            raise AssertionError(f"`{self._name}` does not export `{function}`")
        return found(self._store, *values)
