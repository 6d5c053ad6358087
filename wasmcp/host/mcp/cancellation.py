"""Cancellation: `notifications/cancelled` in both directions, and scopes for callers in this process.

Specification: basic/patterns/cancellation; 2025-11-25, basic/utilities/cancellation.
"""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextvars import Token
    from types import TracebackType

    from wasmcp.host.scheduling.call import Call

_METHOD = "notifications/cancelled"


def cancelled_ids(message: bytes) -> list[str | int]:
    """Return the ids of the requests that a client's message cancels; a batch can have several."""
    if b"cancelled" not in message:  # the slash may be escaped
        return []
    import json  # lazy: few sessions need it

    try:
        parsed = json.loads(message)
    except (ValueError, RecursionError):
        return []
    found = [_cancelled_id(each) for each in (parsed if isinstance(parsed, list) else [parsed])]
    return [each for each in found if each is not None]


def _cancelled_id(message: object) -> str | int | None:
    if not isinstance(message, dict) or message.get("method") != _METHOD or "id" in message:
        return None
    params = message.get("params")
    found = params.get("requestId") if isinstance(params, dict) else None
    return found if isinstance(found, (str, int)) and not isinstance(found, bool) else None


def same_id(one: object, other: object) -> bool:
    """Compare request ids by type and value: `1`, `"1"` and `true` are distinct."""
    return one is not None and type(one) is type(other) and one == other


def cancelled_notification(request_id: str) -> str:
    """Return the `notifications/cancelled` for a server-to-client request."""
    import json

    return json.dumps({"jsonrpc": "2.0", "method": _METHOD, "params": {"requestId": request_id}}, separators=(",", ":"))


class CancelScope:
    """Scope of calls into servers that another thread can cancel.

    Calls that start within the ``with`` block belong to the scope, including those of threads that run in a copy of its
    context (`contextvars`). A scope can be used once.
    """

    def __init__(self) -> None:
        self._calls: set[Call] = set()
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

    def add(self, call: Call) -> None:
        """Add a call before it is submitted."""
        with self._lock:
            self._calls.add(call)
            cancelled = self._cancelled
        if cancelled:
            call.cancel()

    def discard(self, call: Call) -> None:
        """Remove a call that has ended."""
        with self._lock:
            self._calls.discard(call)


_SCOPE: ContextVar[CancelScope | None] = ContextVar("wasmcp_cancel_scope", default=None)


def current_scope() -> CancelScope | None:
    """Return the innermost scope of this context."""
    return _SCOPE.get()
