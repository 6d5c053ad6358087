"""One HTTP request in its session."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from wasmcp.host.bindings.messages import Attach, Subscribe, Watch
from wasmcp.host.mcp.cancellation import cancelled_ids, same_id
from wasmcp.host.mcp.error_responses import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    error_response,
    replace_with_errors,
    request_id,
)
from wasmcp.host.scheduling.pending_input import BATCHES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wasmcp.host.bindings.messages import Event
    from wasmcp.host.mcp.http_sessions import Session, Sessions
    from wasmcp.host.scheduling.call import Call, Sender
    from wasmcp.host.scheduling.pending_input import PendingInputs

FIELD = b"wasmcp-session"
ID = b"mcp-session-id"
_END = b"end"
_STATE = 65536  # maximum bytes of one session's state
# Header fields that the server checks before it reads the body.
_ADMISSION_FIELDS = {b"host", b"origin", b"authorization", b"content-type"}
_NO_ROOM = "Internal error: the server has as many sessions as it may; try again later"
_NO_URI = "Invalid params: the session has no room for one more subscription"


def admission_fields(fields: Iterable[tuple[bytes, bytes]], target: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Return the parts of a request's head that the server checks before it reads the body, sorted."""
    return ((b"", target), *sorted((n.lower(), value.strip()) for n, value in fields if n.lower() in _ADMISSION_FIELDS))


class SessionRequest:
    """One HTTP request in its session.

    Attributes:
        fields: The header fields for the guest.
        attached: True if the response stays open as a stream of the session.
        sender: The sender of the request.
    """

    def __init__(
        self,
        sessions: Sessions,
        fields: list[tuple[bytes, bytes]],
        fresh: bytes,
        sender: Sender,
        session: Session | None,
    ) -> None:
        self.fields = fields
        self.attached = False
        self.sender = sender
        self._sessions = sessions
        self._fresh = fresh
        self._id = sender.session
        self._session = session
        self._greeting: dict[str, Any] | None = None
        self._again = False
        self._refused: set[str] = set()

    def event(self, event: Event) -> dict[str, Any] | None:
        """Process an event of the request. Return the value of a `subscribe` that opens a stream, or None."""
        if isinstance(event, Attach):
            self.attached = self._session is not None
        elif isinstance(event, Watch):
            value = json.loads(event.text)
            if self._session is not None and not self._session.watch(value.get("key", value["uri"]), on=value["on"]):
                self._refused.add(value["uri"])
        elif isinstance(event, Subscribe):
            opened: dict[str, Any] = json.loads(event.text)
            if opened["id"] is not None:
                return opened
            self._greeting = opened
        return None

    @property
    def batches(self) -> bool:
        """True if the client's revision has batches."""
        return self._session is None or self._session.state.startswith(BATCHES)

    def began(self, call: Call, body: bytes) -> None:
        """Add the call to the session, for later messages that answer or cancel it."""
        call.sender = self.sender
        if self._session is not None and self._id is not None:
            with self._session.lock:
                self._session.calls[call] = body
            self._sessions.place(self._id, self._session)

    def ended(self, call: Call) -> None:
        """Remove the call. It counts as a use of the session unless the server has refused the request."""
        if self._session is not None and self._id is not None:
            with self._session.lock:
                self._session.calls.pop(call, None)
            refused = call.error is None and call.result is not None and call.result[0] in {403, 404}
            self._sessions.place(self._id, self._session, used=not refused)

    def receive(self, body: bytes, pending_inputs: PendingInputs) -> bool:
        """Process responses and cancellations for calls of the session, before the server gets the message.

        Both are urgent: all instances can be busy with the calls to cancel. The server has not checked the head of this
        request yet (Host, Origin). So the message applies only to calls with the same head, which the server has
        accepted; `conclude` applies it to the others.

        Returns:
            True if the message consisted only of responses to server-to-client requests.
        """
        if self._session is None:
            return False
        with self._session.lock:
            self._again = any(call.sender != self.sender for call in self._session.calls)
        return self._receive(body, pending_inputs, admitted=False)

    def _receive(self, body: bytes, pending_inputs: PendingInputs, *, admitted: bool) -> bool:
        if pending_inputs.answer(body, batches=self.batches, sender=self.sender, admitted=admitted):
            return True
        for cancelled_id in cancelled_ids(body):
            self._cancel(cancelled_id, admitted=admitted)
        return False

    def _cancel(self, cancelled_id: str | int, *, admitted: bool) -> None:
        if self._session is None:
            return
        with self._session.lock:
            running = list(self._session.calls.items())
        for call, sent in running:
            if self.sender.can_access(call.sender, admitted=admitted) and same_id(request_id(sent), cancelled_id):
                call.cancel()

    def conclude(
        self, status: int, lines: bytes, body: bytes, request: bytes, pending_inputs: PendingInputs
    ) -> tuple[int, bytes, bytes]:
        """Store the session state in the server's response.

        Args:
            status: The status of the response; 0 if its head was sent before.
            lines: The header fields of the response.
            body: The body of the response.
            request: The body of the request.
            pending_inputs: The pending inputs of the server.

        Returns:
            The response for the client: without the state, and with error responses where a limit is exceeded.
        """
        if self._again and status in {200, 202}:
            self._receive(request, pending_inputs, admitted=True)
        if FIELD in lines:
            kept = []
            for line in lines.split(b"\r\n"):
                name, _, value = line.partition(b": ")
                if name != FIELD:
                    kept.append(line)
                elif not self._keep(value):
                    answer = error_response(request, INTERNAL_ERROR, _NO_ROOM)
                    return 503, b"content-type: application/json\r\nretry-after: 10\r\n", answer
            lines = b"\r\n".join(kept)
        if self._refused:
            body = replace_with_errors(request, body, self._is_refused, INVALID_PARAMS, _NO_URI)
        return status, lines, body

    def _is_refused(self, message: dict[str, Any]) -> bool:
        params = message.get("params")
        return (
            message.get("method") == "resources/subscribe"
            and isinstance(params, dict)
            and params.get("uri") in self._refused
        )

    def _keep(self, state: bytes) -> bool:
        """Store a state, begin or end the session. Return False if a limit is exceeded."""
        if len(state) > _STATE:
            return False
        if state == _END:
            if self._id is not None:
                self._sessions.end(self._id)
            return True
        if self._greeting is not None or self._session is None:
            return self._sessions.begin(self._fresh, state, self._greeting)
        return self._session.keep(state)

    @property
    def can_open(self) -> bool:
        """True if the session can have one more stream."""
        return self._session is not None and self._session.can_open

    def open(self, stream: Callable[[bytes | None], None]) -> list[bytes]:
        """Open a stream of the session, and return the messages that waited for it."""
        if self._session is None or self._id is None:
            return []
        waiting = self._session.open(stream)
        self._sessions.place(self._id, self._session)
        return waiting

    def close(self, stream: Callable[[bytes | None], None]) -> None:
        """Close a stream of the session."""
        if self._session is not None and self._id is not None:
            self._session.close(stream)
            self._sessions.place(self._id, self._session, used=True)
