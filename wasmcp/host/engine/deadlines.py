"""Deadlines: one thread that interrupts guest code which has used up its time, and sleeps while nothing is due.

Epochs are the engine's, deadlines are a request's. So the epoch advances only when some call is due, every running
store then asks its own callback whether it is the one, and the others go on.
"""

from __future__ import annotations

import ctypes
import threading
import weakref
from functools import partial
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from wasmtime import Engine, Store


class Watched(Protocol):
    """What runs guest code under a deadline.

    Attributes:
        deadline: When the running call is to be interrupted, on the clock of `time.monotonic`; infinity when never.
        overdue: Called when an interrupted call is still running, stuck in the host where no interruption reaches it.
    """

    deadline: float

    def overdue(self) -> None:
        """Give up on the call."""


HOST_GRACE = 1.0  # seconds between the interruption and giving up on the thread
_FIRST_RETRY = 0.005
_LAST_RETRY = 0.25
_keys = iter(range(1, 1 << 62))
_watched: weakref.WeakValueDictionary[int, Watched] = weakref.WeakValueDictionary()


class Watchdog:
    """Interrupts what is due among the calls of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._calls: weakref.WeakSet[Watched] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._wakes_at = -inf
        self._thread: threading.Thread | None = None

    def watch(self, watched: Watched, store: Store) -> None:
        """Put a store under the deadlines of `watched`, for as long as both live."""
        key = next(_keys)
        _watched[key] = watched
        store.set_epoch_deadline(1)
        from wasmtime import _ffi as ffi

        ffi.wasmtime_store_epoch_deadline_callback(store.ptr(), _at_epoch(), key, _nothing())
        with self._lock:
            self._calls.add(watched)

    def began(self, watched: Watched, deadline: float) -> None:
        """Note that a call has begun, or that its deadline has moved."""
        watched.deadline = deadline
        # The order matters: the thread raises `_wakes_at` before it looks for deadlines, so one of both sees the other.
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
    """Decide whether a store that reached an epoch goes on. No exception may leave it: see `deferred_signals`."""
    watched = _watched.get(key or 0)
    if watched is not None and monotonic() < watched.deadline:
        delta[0] = 1
        kind[0] = 0  # go on
        return 0
    return _new_error() or 0


INTERRUPTED = "interrupted by the host"
_callbacks: list[Any] = []
_new_error: Callable[[], int | None] = int


def _at_epoch() -> Any:
    """Make the C callback once: its type comes from the binding, so that both always agree."""
    global _new_error  # noqa: PLW0603 - set once, with the callback
    if not _callbacks:
        from wasmtime import _ffi as ffi

        # Its result is an address, and it calls nothing that is written in Python.
        make = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_char_p)(("wasmtime_error_new", ffi.dll))
        _new_error = partial(make, INTERRUPTED.encode())
        kinds = ffi.dll.wasmtime_store_epoch_deadline_callback.argtypes
        _callbacks.extend((kinds[1](_interrupt), kinds[3](0)))
    return _callbacks[0]


def _nothing() -> Any:
    return _callbacks[1]
