"""Implementation of the interfaces through which a development build gets its modules, and facts about them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from wasmcp.wasi import FUNCTION, INTERFACE, interfaces_of

if TYPE_CHECKING:
    from wasmtime.component import Linker


def define(linker: Linker, modules: Mapping[str, str]) -> None:
    """Define the interfaces in a linker.

    Args:
        linker: The linker of the server.
        modules: The modules by the component's name, as the text of a JSON object; and for each further interface, by
            its name, an object with the values of its functions. They are read at each call.
    """

    def read(_store: Any, component: str) -> str:
        return modules.get(component, "{}")

    def constant(interface: str, function: str) -> Callable[[Any], str | bool]:
        def value(_store: Any) -> str | bool:
            found: str | bool = json.loads(modules[interface])[function]
            return found

        return value

    with linker.root() as root:
        with root.add_instance(INTERFACE) as instance:
            instance.add_func(FUNCTION, read)
        for interface in interfaces_of(modules):
            with root.add_instance(interface) as instance:
                for function in json.loads(modules[interface]):
                    instance.add_func(function, constant(interface, function))
