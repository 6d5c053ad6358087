"""Trace context of the running call in its outgoing requests, as header fields of W3C Trace Context.

The compiled form of a server gets the fields when a component makes a request of `wasi:http`
(`wasmcp.component.import_hooks`). Fields that the component sets itself stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wasmcp.host.bindings.effects import CURRENT, TRACE_CONTEXT

if TYPE_CHECKING:
    from wasmtime.component import Linker


def fields() -> list[tuple[str, str]]:
    """Return the header fields for the requests of the call on this thread; none without traces."""
    observer = getattr(CURRENT.call, "observer", None)
    return [] if observer is None else list(observer.header_fields())


def define(linker: Linker) -> None:
    """Define the interface in a linker."""

    def read(_store: Any) -> list[tuple[str, str]]:
        return fields()

    interface, function = TRACE_CONTEXT
    with linker.root() as root, root.add_instance(interface) as instance:
        instance.add_func(function, read)
