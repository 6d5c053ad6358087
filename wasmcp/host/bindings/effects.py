"""Hook before the imports through which a call waits or acts: `wasi:io/poll`, outgoing HTTP and key-value stores.

A call on the thread of an event loop must not wait there. As long as it has only computed it can be stopped, and run
again on another thread. So the host compiles servers with a hook before the functions of WASI that wait or act
(`wasmcp.component.import_hooks`); the functions of its own key-value stores call it directly. The hook notes the
effect, and stops a call that runs inline.

Another hook gives new requests of `wasi:http` the trace context of the running call, as header fields of W3C Trace
Context. Fields that the component sets itself stay.
"""

from __future__ import annotations

from threading import get_ident
from typing import TYPE_CHECKING, Any, Protocol

from wasmcp.errors import ComponentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wasmtime.component import Linker


class Running(Protocol):
    """A running call.

    Attributes:
        had_effects: True if it has waited, or acted through an import.
        is_inline: True if it runs inline, where it must not wait.
    """

    had_effects: bool
    is_inline: bool


RUNNING: dict[int, Running] = {}
"""The call that runs on each thread, by the identifier of the thread. `threading.local` would take twice as long."""

INTERFACE = "wasmcp:host/effects"
"""Interface of the hook, which only the compiled form of a server imports."""

STOPPED = "an inline call was stopped before it waited or acted"

_FUNCTION = "before"
_ENTRY_POINT = "wasmcp:embedding/exchange@"
_HOOKED = {
    "wasi:io/poll": ("poll", "[method]pollable.block"),
    "wasi:http/outgoing-handler": ("handle",),
}
TRACE_CONTEXT = ("wasmcp:host/trace-context", "fields")
"""Interface and function of the header fields of requests; see `trace_context`."""

OURS = frozenset({INTERFACE, TRACE_CONTEXT[0]})
"""Interfaces that only the compiled form of a server imports."""

_WITHOUT_EFFECT = (
    TRACE_CONTEXT[0],
    "wasi:cli/environment@",
    "wasi:cli/stderr@",
    "wasi:cli/stdin@",  # the frames of the embedding host, read without blocking
    "wasi:cli/stdout@",
    "wasi:clocks/wall-clock@",
    "wasi:http/types@",
    "wasi:io/error@",
    "wasi:io/streams@",
    "wasi:random/",
)
_STOPPABLE = (
    "wasi:clocks/monotonic-clock@",  # its pollables are waited for through `wasi:io/poll`
    "wasi:filesystem/",  # no file exists without directories
    "wasi:http/outgoing-handler@",
    "wasi:io/poll@",
    "wasi:keyvalue/",
)


def can_wait(imports: Iterable[str]) -> bool:
    """Return True if code with these imports can block in the host, for example on a clock or a socket."""
    return not all(name.startswith(_WITHOUT_EFFECT) for name in imports)


def can_stop(imports: Iterable[str], *, directories: bool) -> bool:
    """Return True if a call of code with these imports can be stopped before its first effect.

    Args:
        imports: The imports of the server, with `INTERFACE` if it has the hook.
        directories: The server has directories.
    """
    names = set(imports)
    if not can_wait(names - {INTERFACE}):
        return True
    known = (*_WITHOUT_EFFECT, *_STOPPABLE, INTERFACE)
    return INTERFACE in names and not directories and all(name.startswith(known) for name in names)


def with_hook(data: bytes) -> bytes:
    """Return a server with the hook before its imports; other components, and servers that cannot wait, unchanged."""
    from wasmcp.component import import_hooks
    from wasmcp.component.decode import decode

    try:
        info = decode(data)
    except ComponentError:
        return data  # the error is that of the compilation
    hooked = _hooked(info.imports)
    if not hooked or not any(name.startswith(_ENTRY_POINT) for name in info.exports):
        return data
    try:
        return import_hooks.with_hook(data, info, hooked, (INTERFACE, _FUNCTION), TRACE_CONTEXT)
    except (TypeError, LookupError):  # an import that is not an interface of WASI: its calls never run inline
        return data


def offset(size: int, imports: Iterable[str]) -> int:
    """Return the number of bytes by which the hook shifts the offsets in backtraces of a server.

    Args:
        size: The size of the server in bytes.
        imports: The imports of its compiled form.
    """
    if INTERFACE not in imports:
        return 0
    from wasmcp.component import import_hooks

    return import_hooks.offset(size)


def _hooked(imports: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {name: _HOOKED[name.partition("@")[0]] for name in imports if name.partition("@")[0] in _HOOKED}


def before() -> bool:
    """Note that the call of this thread is about to wait or act. Return False if it has to be stopped instead."""
    call = RUNNING.get(get_ident())
    if call is None:
        return True
    call.had_effects = True
    return not call.is_inline


_callbacks: list[Any] = []


def define(linker: Linker) -> None:
    """Define the hook in a linker."""
    from wasmcp.host.bindings import _capi  # lazy: imports wasmtime

    if not _callbacks:

        def called(*_arguments: Any) -> int:
            return 0 if before() else _capi.error_address(STOPPED)

        _callbacks.append(_capi.function_callback(called))
    with linker.root() as root, root.add_instance(INTERFACE) as instance:
        _capi.define_function(instance, _FUNCTION, _callbacks[0])


def trace_fields() -> list[tuple[str, str]]:
    """Return the header fields for the requests of the call on this thread; none without traces."""
    observer = getattr(RUNNING.get(get_ident()), "observer", None)
    return [] if observer is None else list(observer.header_fields())


def define_trace_context(linker: Linker) -> None:
    """Define the interface in a linker."""

    def read(_store: Any) -> list[tuple[str, str]]:
        return trace_fields()

    interface, function = TRACE_CONTEXT
    with linker.root() as root, root.add_instance(interface) as instance:
        instance.add_func(function, read)
