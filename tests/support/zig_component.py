"""A component in wasmtime, for tests."""

from __future__ import annotations

from collections.abc import Callable

import wasmtime
from wasmtime.component import Component, Linker


class Guest:
    """A component in wasmtime; imports are defined on `linker` before `start`."""

    def __init__(self, data: bytes) -> None:
        self.engine = wasmtime.Engine()
        self.component = Component(self.engine, data)
        self.linker = Linker(self.engine)
        self.store = wasmtime.Store(self.engine)

    def define(self, interface: str, functions: dict[str, Callable[..., object]]) -> None:
        with self.linker.root() as root, root.add_instance(interface) as instance:
            for name, function in functions.items():
                instance.add_func(name, function)

    def start(self) -> None:
        self.instance = self.linker.instantiate(self.store, self.component)

    def function(self, name: str, interface: str | None = None) -> wasmtime.component.Func:
        index = None
        if interface is not None:
            index = self.instance.get_export_index(self.store, interface)
            assert index is not None, interface
        found = self.instance.get_export_index(self.store, name, index)
        assert found is not None, name
        function = self.instance.get_func(self.store, found)
        assert function is not None
        return function

    def call(self, name: str, *args: object, interface: str | None = None) -> object:
        function = self.function(name, interface)
        result = function(self.store, *args)
        function.post_return(self.store)
        return result
