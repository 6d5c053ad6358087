"""Implementation of the interface through which the components of a development build get their modules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wasmcp.development_builds import FUNCTION, INTERFACE

if TYPE_CHECKING:
    from wasmtime.component import Linker


def define(linker: Linker, modules: Mapping[str, str]) -> None:
    """Define the interface in a linker.

    Args:
        linker: The linker of the server.
        modules: The modules by the component's name, as the text of a JSON object.
    """

    def read(_store: Any, component: str) -> str:
        return modules.get(component, "{}")

    with linker.root() as root, root.add_instance(INTERFACE) as instance:
        instance.add_func(FUNCTION, read)
