"""Interruption of calls: scopes that another thread can cancel, and deferral of signal handlers inside wasmtime.

Python runs signal handlers on the main thread, at the next instruction of Python code, and the default handler of
SIGINT raises KeyboardInterrupt there. If that instruction belongs to a callback from native code, ctypes drops the
exception, and the native code gets an undefined result. So the handlers are deferred while callbacks can happen, and
run right after.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import sys
import threading
from contextvars import ContextVar
from threading import get_ident, main_thread
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from contextvars import Token
    from types import CodeType, FrameType, TracebackType


class Cancellable(Protocol):
    """Something that another thread can cancel."""

    def cancel(self) -> None:
        """Cancel it; it can have ended already."""


class CancelScope:
    """Scope of calls into servers that another thread can cancel.

    Calls that start within the ``with`` block belong to the scope, including those of threads that run in a copy of its
    context (`contextvars`). A scope can be used once.
    """

    def __init__(self) -> None:
        self._calls: set[Cancellable] = set()
        self._cancelled = False
        self._lock = threading.Lock()
        self._token: Token[CancelScope | None] | None = None

    def __enter__(self) -> CancelScope:  # noqa: PYI034 - the class is not meant for subclasses
        self._token = _SCOPE.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            _SCOPE.reset(self._token)
            self._token = None

    def cancel(self) -> None:
        """Cancel the calls that run or wait in this scope, and later ones. They raise `GuestCancelledError`.

        Code that checks `Context.cancelled` can still end with a result; other code is stopped.
        """
        with self._lock:
            self._cancelled = True
            calls = list(self._calls)
        for call in calls:
            call.cancel()

    def add(self, call: Cancellable) -> None:
        """Add a call before it is submitted, or a request before it is sent."""
        with self._lock:
            self._calls.add(call)
            cancelled = self._cancelled
        if cancelled:
            call.cancel()

    def discard(self, call: Cancellable) -> None:
        """Remove a call that has ended."""
        with self._lock:
            self._calls.discard(call)


_SCOPE: ContextVar[CancelScope | None] = ContextVar("wasmcp_cancel_scope", default=None)


def current_scope() -> CancelScope | None:
    """Return the innermost scope of this context."""
    return _SCOPE.get()


# Signals whose handlers are usually written in Python. `_signal` has the functions of `signal` without the conversion
# to enumerations, which would take longer than a short call.
_NUMBERS = tuple(
    getattr(_signal, name)
    for name in ("SIGTERM", "SIGHUP", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGVTALRM", "SIGPROF", "SIGQUIT", "SIGINT")
    if hasattr(_signal, name)
)
_interruptible: set[CodeType] = set()


def interruptible(function: Any) -> Any:
    """Mark a function that signal handlers can interrupt although they are deferred: it runs a caller's code."""
    _interruptible.add(function.__code__)
    return function


_handlers_that_note: list[Any] = []


def only_notes(number: int) -> None:
    """Declare that the handler of a signal only notes it, as those of event loops do: it is not deferred.

    Args:
        number: The signal, whose handler is installed.
    """
    handler = _signal.getsignal(number)
    if handler not in _handlers_that_note:
        _handlers_that_note.append(handler)
        _undeferred.clear()


def keep_handlers() -> None:
    """Declare that until `defer_all` no handlers are installed but those that only note their signals.

    Then they need not be looked at before each call. The declaration has no effect if a handler has to be deferred now.
    """
    if not is_deferral_needed():
        _kept.append(True)


def defer_all() -> None:
    """Withdraw all declarations of `only_notes` and `keep_handlers`."""
    _kept.clear()
    _handlers_that_note.clear()
    _undeferred.clear()


_kept: list[bool] = []
_undeferred: list[tuple[Any, ...]] = []  # the handlers of `_NUMBERS` that were last found to need no deferral, if any


def is_deferral_needed() -> bool:
    """Return True if the current thread has handlers to defer; False in a fifth of the time of `DeferredSignals`."""
    if _kept or get_ident() != main_thread().ident:
        return False
    handlers = tuple(map(_signal.getsignal, _NUMBERS))
    if handlers in _undeferred:
        return False
    if any(callable(handler) and handler not in _handlers_that_note for handler in handlers):
        return True
    _undeferred[:] = [handlers]
    return False


class DeferredSignals:
    """A context that defers signal handlers to its end. It has no effect on threads other than the main thread."""

    __slots__ = ("_active", "_handlers", "_noted", "_owner", "_replacement")

    def __init__(self) -> None:
        self._active = False
        self._handlers: dict[int, Any] = {}
        self._noted: list[int] = []
        self._owner: FrameType | None = None
        self._replacement: Any = None

    def __enter__(self) -> None:
        if get_ident() != main_thread().ident:
            return
        self._owner = sys._getframe(1)  # noqa: SLF001 - handlers are not deferred for the frames above it
        self._active = True
        get, put = _signal.getsignal, _signal.signal
        try:
            for number in _NUMBERS:
                handler = get(number)
                if callable(handler) and handler not in _handlers_that_note:
                    self._handlers[number] = handler
                    if self._replacement is None:  # a cycle of references, which is needless without handlers
                        self._replacement = self._take
                    put(number, self._replacement)
        except BaseException:  # from a handler that is not replaced yet
            self.__exit__()
            raise

    def __exit__(self, *_raised: object) -> None:
        self._owner = None
        if not self._handlers:
            return
        self._active = False  # a replacement that stays, because a handler raises below, calls the handler
        try:
            for number, handler in self._handlers.items():
                if _signal.getsignal(number) is self._replacement:
                    _signal.signal(number, handler)
        finally:
            self._replacement = None
            self._run_noted()

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self._active and not self._is_interruptible(frame):
            self._noted.append(number)
        else:
            self._handlers[number](number, frame)

    def _is_interruptible(self, frame: FrameType | None) -> bool:
        while frame is not None and frame is not self._owner:
            if frame.f_code in _interruptible:
                return True
            frame = frame.f_back
        return False

    def _run_noted(self) -> None:
        while self._noted:
            number = self._noted.pop(0)
            try:
                self._handlers[number](number, sys._getframe())  # noqa: SLF001 - handlers are given the frame
            finally:
                if self._noted:
                    self._run_noted()
