"""Suspended calls, which wait until a client of a handshake revision answers server-to-client requests.

A suspended call occupies no instance. It is kept here until all responses of the client have arrived, then it continues
on any instance. The server's request ids are random, so that only the client that got a request can answer it.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from wasmcp.errors import GuestCancelledError, HostError
from wasmcp.host.bindings.messages import InputCancelled
from wasmcp.host.mcp.cancellation import cancelled_notification

if TYPE_CHECKING:
    from collections.abc import Callable

    from wasmcp.host.bindings.messages import Ask
    from wasmcp.host.scheduling.call import Call, Sender

BATCHES = b"2025-03-26"
"""Prefix of the state of a client whose revision has batches."""

_MOST = 1024  # maximum number of suspended calls


class PendingInput:
    """Input that a call waits for.

    Attributes:
        continuation: The server's opaque state of the call, JSON.
        answers: The client's responses by request id, None for a missing one.
    """

    def __init__(self, call: Call, ids: list[str], continuation: str) -> None:
        self.call = call
        self.continuation = continuation
        self.answers: dict[str, Any] = dict.fromkeys(ids)
        self.timer: threading.Timer | None = None
        self.suspended = False

    @property
    def complete(self) -> bool:
        """True if all responses have arrived."""
        return all(answer is not None for answer in self.answers.values())

    def cancel_requests(self) -> None:
        """Send cancellations for the requests without a response."""
        for request_id, answer in self.answers.items():
            if answer is None and self.call.on_event is not None:
                self.call.on_event(InputCancelled(cancelled_notification(request_id)))


class PendingInputs:
    """Suspended calls of one server. The methods are thread-safe."""

    def __init__(self, submit: Callable[[Call], None], patience: float | None) -> None:
        """Create an empty table.

        Args:
            submit: Called with a call that continues.
            patience: Maximum seconds that a client can take; None for no limit.
        """
        self._submit = submit
        self._patience = patience
        self._by_id: dict[str, PendingInput] = {}
        self._by_call: dict[Call, PendingInput] = {}
        self._lock = threading.Lock()
        self._closed = False

    def __len__(self) -> int:
        return len(self._by_call)

    def add(self, call: Call, event: Ask) -> None:
        """Add the pending input of a call, before the client gets the requests."""
        value = json.loads(event.text)
        pending = PendingInput(call, value["ids"], json.dumps(value["continuation"]))
        with self._lock:
            self._by_call[call] = pending
            for request_id in pending.answers:
                self._by_id[request_id] = pending

    def suspend(self, call: Call) -> bool:
        """Suspend a call whose run has ended until it can continue. Return False if it has no pending input."""
        with self._lock:
            pending = self._by_call.get(call)
            if pending is None:
                return False
            error: HostError | None = None
            if self._closed or call.cancelled:
                error = GuestCancelledError()
            elif len(self._by_call) > _MOST:
                error = HostError(f"more than {_MOST} requests wait for input of their clients")
            if error is None and not pending.complete:
                pending.suspended = True
                if self._patience is not None:
                    pending.timer = threading.Timer(self._patience, self._expire, (pending,))
                    pending.timer.daemon = True
                    pending.timer.start()
                return True
            self._forget(pending)
        if error is not None:
            pending.cancel_requests()
            call.finish(None, error)
        else:
            self._resume(pending)
        return True

    def answer(
        self, message: bytes, *, batches: bool = True, sender: Sender | None = None, admitted: bool = False
    ) -> bool:
        """Process a client's message. Return False unless it consists only of responses to pending requests.

        Args:
            message: A JSON-RPC message.
            batches: Accept an array of messages.
            sender: The sender of a message over HTTP; it can only answer requests that were sent to it.
            admitted: True if the server has accepted the message already.
        """
        if not self._by_id:
            return False
        try:
            parsed = json.loads(message)
        except (ValueError, RecursionError):
            return False
        responses = parsed if batches and isinstance(parsed, list) else [parsed]
        taken = [self._take(response, sender, admitted=admitted) for response in responses]
        return bool(taken) and all(taken)

    def _take(self, response: Any, sender: Sender | None, *, admitted: bool) -> bool:
        if not isinstance(response, dict) or "method" in response or not isinstance(response.get("id"), str):
            return False
        with self._lock:
            pending = self._by_id.get(response["id"])
            if pending is None:
                return False
            recipient = pending.call.sender
            if not (recipient is None if sender is None else sender.can_access(recipient, admitted=admitted)):
                return False
            del self._by_id[response["id"]]
            pending.answers[response["id"]] = response
            if not (pending.complete and pending.suspended):
                return True
            self._forget(pending)
        self._resume(pending)
        return True

    def forget(self, call: Call) -> None:
        """Remove the pending input of a call that has ended."""
        with self._lock:
            pending = self._by_call.get(call)
            if pending is None:
                return
            self._forget(pending)
        pending.cancel_requests()

    def drop(self, call: Call) -> None:
        """Cancel a call if it is suspended."""
        with self._lock:
            pending = self._by_call.get(call)
            if pending is None or not pending.suspended:
                return
            self._forget(pending)
        pending.cancel_requests()
        call.finish(None, GuestCancelledError())

    def close(self) -> None:
        """Cancel all suspended calls, because no client is left."""
        with self._lock:
            self._closed = True
            waiting = [pending.call for pending in self._by_call.values() if pending.suspended]
        for call in waiting:
            self.drop(call)

    def _expire(self, pending: PendingInput) -> None:
        with self._lock:
            if self._by_call.get(pending.call) is not pending:
                return
            self._forget(pending)
        pending.cancel_requests()
        pending.call.finish(None, HostError(f"the client did not answer within {self._patience:g} s"))

    def _forget(self, pending: PendingInput) -> None:
        if pending.timer is not None:
            pending.timer.cancel()
        self._by_call.pop(pending.call, None)
        for request_id in pending.answers:
            self._by_id.pop(request_id, None)

    def _resume(self, pending: PendingInput) -> None:
        call = pending.call
        answers = json.dumps(list(pending.answers.values()), ensure_ascii=True, separators=(",", ":"))
        call.resumed = (pending.continuation.encode(), answers.encode())
        try:
            self._submit(call)
        except HostError as error:
            call.finish(None, error)
