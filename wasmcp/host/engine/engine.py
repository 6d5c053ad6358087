"""Engine: one configuration for all components that this host compiles and runs, their stacks, and deadlines of calls.

Deep recursion has to end in the guest: CPython raises `RecursionError` when 1 MB of its own stack, in the memory of the
instance, is in use. Compiled code uses the stack of the thread at the same time, up to twice as much. Below the limit
the engine traps; beyond the end of the thread's stack the process would crash. So guest code runs only on threads with
room for the limit.

One thread interrupts guest code at its deadline, and sleeps until the next one. An epoch belongs to the engine, a
deadline to a call. So the epoch advances only when the deadline of a call has passed. Each running store then calls its
callback, which interrupts that call and lets the others continue.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import weakref
from functools import lru_cache, partial
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from wasmcp.host.bindings import effects

if TYPE_CHECKING:
    from collections.abc import Callable

    from wasmtime import Engine, Store
    from wasmtime.component import Linker


GUEST_STACK = 4 << 20
"""Limit of the stack that guest code uses, in bytes: `RecursionError` of CPython needs 2 MB."""

QUICK = "WASMCP_QUICK"
"""The environment variable with which all servers are compiled in less time, to slower code."""

_WINCH = frozenset({"x86_64"})
"""Processors of which wasmtime supports code of its compiler Winch as fully as that of Cranelift.

Source: wasmtime, "Tiers of Support", Compiler Support.
"""

_LOCK = threading.Lock()


@lru_cache(maxsize=1)
def wasmtime_version() -> str:
    """Return the version of the wasmtime package: compiled code can only be loaded by the version that compiled it."""
    # Reading one directory name takes a tenth of the time of importlib.metadata, and finding wasmtime a hundredth of
    # that of importing it.
    import re
    from importlib.util import find_spec
    from pathlib import Path

    spec = find_spec("wasmtime")
    for package in (spec and spec.submodule_search_locations) or ():
        for entry in Path(package).parent.glob("wasmtime-*.dist-info"):
            if found := re.fullmatch(r"wasmtime-(.+)\.dist-info", entry.name):
                return found[1]
    from importlib.metadata import version

    return version("wasmtime")


def config_key(*, quick: bool = False, fuel: bool = False) -> str:
    """Return the name of the engine's configuration, for the compile cache."""
    compiler = _compiler(quick=quick)
    return "sync-effects" + (f"-{compiler}" if compiler else "") + ("-fuel" if fuel else "")


def _compiler(*, quick: bool) -> str:
    """Return the name of the compiler: empty for Cranelift, `quick` without its optimisations, `baseline` for Winch."""
    if is_always_quick():
        return "quick"
    return ("baseline" if machine() in _WINCH else "quick") if quick else ""


def refuses_some(*, quick: bool) -> bool:
    """Return True if the compiler does not support all features of WebAssembly, so that another one is to be tried."""
    return _compiler(quick=quick) == "baseline"


def machine() -> str:
    """Return the name of the processor's architecture, or of the system where it has no such name."""
    return os.uname().machine if hasattr(os, "uname") else sys.platform


def is_always_quick() -> bool:
    """Return True if ``WASMCP_QUICK`` is set: all servers are compiled as with `quick` of `engine`."""
    return os.environ.get(QUICK, "").lower() in {"1", "true"}


def engine(*, quick: bool = False, fuel: bool = False) -> Engine:
    """Return the process's engine.

    Args:
        quick: Compile in a fraction of the time to slower code, for components that are booted once, or until better
            code is ready: with Winch where wasmtime supports it, which refuses components with tail calls, exceptions
            or garbage collection; otherwise with Cranelift, without optimisations. ``WASMCP_QUICK`` sets it for all,
            always with Cranelift.
        fuel: Compile to code that counts its instructions, and is slower.
    """
    with _LOCK:
        return _engine(_compiler(quick=quick), fuel)


@lru_cache(maxsize=6)
def _engine(compiler: str, fuel: bool) -> Engine:
    from wasmtime import Config, Engine

    from wasmcp.host.bindings import _capi

    config = Config()
    config.epoch_interruption = True
    _capi.set_async_stack_size(config, GUEST_STACK)  # not in use, but the limit of the next one
    config.max_wasm_stack = GUEST_STACK
    _capi.disable_concurrency(config)  # composition refuses asynchronous components
    config.consume_fuel = fuel
    if compiler == "baseline":
        _capi.use_winch(config)
    elif compiler == "quick":
        config.cranelift_opt_level = "none"
        config.cranelift_flag_set("regalloc_algorithm", "single_pass")
    made = Engine(config)
    _capi.keep(made)
    return made


def linker(of: Engine) -> Linker:
    """Return a linker with wasmtime's implementation of all imports of servers, and the hook of `effects`.

    The imports are WASI 0.2 with `wasi:http`.
    """
    from wasmtime.component import Linker

    made = Linker(of)
    made.add_wasip2()
    made.add_wasi_http()
    effects.define(made)
    effects.define_trace_context(made)
    return made


_HOST_STACK = 1 << 20  # for the host below the guest, and for its functions that the guest calls
_NEEDED_STACK = GUEST_STACK + _HOST_STACK
_THREAD_STACK = 2 * GUEST_STACK
_STACK_LOCK = threading.Lock()


class _Current(threading.local):
    """Facts about the current thread.

    Attributes:
        is_sufficient: Result of `has_sufficient_stack`; None before its first call.
    """

    is_sufficient: bool | None = None


_CURRENT = _Current()


def start_thread(run: Callable[[], None], name: str) -> threading.Thread:
    """Start a daemon thread that has room for guest code."""
    thread = threading.Thread(target=run, name=name, daemon=True)
    with _STACK_LOCK:  # the size applies to all threads of the process that start meanwhile
        before = threading.stack_size(_THREAD_STACK)
        try:
            thread.start()
        finally:
            threading.stack_size(before)
    return thread


def has_sufficient_stack() -> bool:
    """Return whether the current thread has room for guest code; False if its size cannot be found out."""
    if _CURRENT.is_sufficient is None:
        _CURRENT.is_sufficient = _stack_size() >= _NEEDED_STACK
    return _CURRENT.is_sufficient


def _stack_size() -> int:
    """Return the size of the current thread's stack in bytes; 0 if unknown."""
    try:
        library = ctypes.CDLL(None)
        if sys.platform == "darwin":
            library.pthread_get_stacksize_np.restype = ctypes.c_size_t
            library.pthread_get_stacksize_np.argtypes = [ctypes.c_void_p]
            return int(library.pthread_get_stacksize_np(threading.get_ident()))
        return _stack_size_of_attributes(library)
    except (AttributeError, OSError, TypeError):
        return 0


def _stack_size_of_attributes(library: Any) -> int:
    """Return the size of the stack as ``pthread_getattr_np`` (glibc, musl) has it; 0 if it fails."""
    attributes = ctypes.create_string_buffer(256)  # `pthread_attr_t` has at most 64 bytes
    address, size = ctypes.c_void_p(), ctypes.c_size_t()
    if library.pthread_getattr_np(ctypes.c_void_p(threading.get_ident()), attributes):
        return 0
    failed = library.pthread_attr_getstack(attributes, ctypes.byref(address), ctypes.byref(size))
    library.pthread_attr_destroy(attributes)
    return 0 if failed else size.value


class Watched(Protocol):
    """An object that runs guest code under a deadline.

    Attributes:
        deadline: The deadline of the running call, on the clock of `time.monotonic`; infinity for none.
    """

    deadline: float

    def extend(self, now: float) -> bool:
        """Set a later deadline for a call that has reached its own. Return False to interrupt it.

        Args:
            now: The time.
        """

    def overdue(self) -> None:
        """Abandon an interrupted call that still runs, because it hangs in the host where it cannot be interrupted."""


HOST_GRACE = 1.0  # seconds between the interruption and abandoning the thread
_FIRST_RETRY = 0.005
_LAST_RETRY = 0.25
_keys = iter(range(1, 1 << 62))
_watched: weakref.WeakValueDictionary[int, Watched] = weakref.WeakValueDictionary()


class Watchdog:
    """Watchdog of the calls of one engine: interrupts them at their deadlines."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._calls: weakref.WeakSet[Watched] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._wakes_at = -inf
        self._thread: threading.Thread | None = None

    def watch(self, watched: Watched, store: Store) -> None:
        """Apply the deadlines of `watched` to a store, as long as both exist."""
        key = next(_keys)
        _watched[key] = watched
        store.set_epoch_deadline(1)
        from wasmcp.host.bindings import _capi  # lazy: imports wasmtime

        _capi.set_epoch_callback(store, _at_epoch(), key)
        with self._lock:
            self._calls.add(watched)

    def began(self, watched: Watched, deadline: float) -> None:
        """Set the deadline of a call that begins, or change it."""
        watched.deadline = deadline
        # The order matters: the thread raises `_wakes_at` before it reads deadlines, so that no deadline is missed.
        if deadline < self._wakes_at or self._thread is None:
            self._start()
            self._wake.set()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._wakes_at = inf
                self._thread = threading.Thread(target=self._run, name="wasmcp-watchdog", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        retry = _FIRST_RETRY
        while True:
            self._wakes_at = inf
            self._wake.clear()
            now = monotonic()
            with self._lock:
                calls = list(self._calls)
            earliest = min((call.deadline for call in calls), default=inf)
            if earliest > now:
                retry = _FIRST_RETRY
                self._wakes_at = earliest
                self._wake.wait(None if earliest == inf else earliest - now)
                continue
            self._engine.increment_epoch()
            for call in calls:
                if call.deadline + HOST_GRACE < now:
                    call.overdue()
            del calls
            self._wake.wait(retry)
            retry = min(retry * 2, _LAST_RETRY)


def _interrupt(_context: Any, key: int | None, delta: Any, kind: Any) -> int:
    """Continue or interrupt a store that reached an epoch.

    It must not raise an exception: see `wasmcp.host.scheduling.interruption`.
    """
    watched = _watched.get(key or 0)
    now = monotonic()
    if watched is not None and (now < watched.deadline or watched.extend(now)):
        delta[0] = 1
        kind[0] = 0  # continue
        return 0
    return _new_error() or 0


INTERRUPTED = "interrupted by the host"
_callbacks: list[tuple[Any, Any]] = []
_new_error: Callable[[], int | None] = int


def _at_epoch() -> tuple[Any, Any]:
    """Return the C callback, created once."""
    global _new_error  # noqa: PLW0603 - set once, with the callback
    if not _callbacks:
        from wasmcp.host.bindings import _capi

        _new_error = partial(_capi.error_constructor(), INTERRUPTED.encode())
        _callbacks.append(_capi.epoch_callback(_interrupt))
    return _callbacks[0]
