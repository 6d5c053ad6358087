"""Scopes of calls into servers, to cancel them from another thread."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextvars import Token
    from types import TracebackType


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
