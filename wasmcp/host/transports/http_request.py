"""One HTTP request, and the session it is in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from wasmcp.host.mcp.cancellation import same, taken_back
from wasmcp.host.mcp.error_responses import INTERNAL_ERROR, INVALID_PARAMS, refusal, refuse_some, request_id
from wasmcp.host.scheduling.pending_input import BATCHES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wasmcp.host.mcp.http_sessions import Session, Sessions
    from wasmcp.host.scheduling.call import Call, Sender
    from wasmcp.host.scheduling.pending_input import Questions

FIELD = b"wasmcp-session"
ID = b"mcp-session-id"
_END = b"end"
_STATE = 65536  # bytes of one session's state
# What the server judges a request by before it reads the body.
_JUDGED = {b"host", b"origin", b"authorization", b"content-type"}
_NO_ROOM = "Internal error: the server has as many sessions as it may; try again later"
_NO_URI = "Invalid params: the session has no room for one more subscription"


def judged(fields: Iterable[tuple[bytes, bytes]], target: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Return the part of a request's head that the server judges it by, in one order."""
    return ((b"", target), *sorted((n.lower(), value.strip()) for n, value in fields if n.lower() in _JUDGED))


class Visit:
    """One request, and the session it is in.

    Attributes:
        fields: The header fields to hand to the guest.
        attached: Whether the response is to stay open as a stream of the session.
        sender: Who has sent it.
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

    def event(self, kind: str, json_text: str) -> dict[str, Any] | None:
        """Take a frame of the request. Returns what opens a stream of its own: the value of `subscribe`."""
        if kind == "attach":
            self.attached = self._session is not None
        elif kind == "watch":
            value = json.loads(json_text)
            if self._session is not None and not self._session.watch(value.get("key", value["uri"]), on=value["on"]):
                self._refused.add(value["uri"])
        elif kind == "subscribe":
            opened: dict[str, Any] = json.loads(json_text)
            if opened["id"] is not None:
                return opened
            self._greeting = opened
        return None

    @property
    def batches(self) -> bool:
        """Whether the client may send several messages in an array."""
        return self._session is None or self._session.state.startswith(BATCHES)

    def began(self, call: Call, body: bytes) -> None:
        """Keep the call of the request, for those that answer or cancel it."""
        call.sender = self.sender
        if self._session is not None and self._id is not None:
            with self._session.lock:
                self._session.calls[call] = body
            self._sessions.place(self._id, self._session)

    def ended(self, call: Call) -> None:
        """Forget it. The session was used, unless the server has refused the request."""
        if self._session is not None and self._id is not None:
            with self._session.lock:
                self._session.calls.pop(call, None)
            refused = call.error is None and call.result is not None and call.result[0] in {403, 404}
            self._sessions.place(self._id, self._session, used=not refused)

    def receive(self, body: bytes, questions: Questions) -> bool:
        """Act on answers and cancellations in a message for calls of the session, before the server sees it.

        Both are urgent: the instances may all be busy with what is to be cancelled. The server has not judged the head
        of this request yet (Host, Origin), so that it counts for calls with the same head only, which the server has
        taken; what is for others waits for `conclude`.

        Returns:
            Whether there were answers to questions, and nothing else.
        """
        if self._session is None:
            return False
        with self._session.lock:
            self._again = any(call.sender != self.sender for call in self._session.calls)
        return self._receive(body, questions, admitted=False)

    def _receive(self, body: bytes, questions: Questions, *, admitted: bool) -> bool:
        if questions.answer(body, batches=self.batches, sender=self.sender, admitted=admitted):
            return True
        for wanted in taken_back(body):
            self._cancel(wanted, admitted=admitted)
        return False

    def _cancel(self, wanted: str | int, *, admitted: bool) -> None:
        if self._session is None:
            return
        with self._session.lock:
            running = list(self._session.calls.items())
        for call, sent in running:
            if self.sender.may(call.sender, admitted=admitted) and same(request_id(sent), wanted):
                call.cancel()

    def conclude(
        self, status: int, lines: bytes, body: bytes, request: bytes, questions: Questions
    ) -> tuple[int, bytes, bytes]:
        """Keep what the server's response says to keep of the session.

        Args:
            status: Of the response; 0 when its head went out before.
            lines: Its header fields.
            body: Its body.
            request: The body of the request.
            questions: Of the server.

        Returns:
            The response for the client: without what is kept, and with errors for what there is no room for.
        """
        if self._again and status in {200, 202}:
            self._receive(request, questions, admitted=True)
        if FIELD in lines:
            kept = []
            for line in lines.split(b"\r\n"):
                name, _, value = line.partition(b": ")
                if name != FIELD:
                    kept.append(line)
                elif not self._keep(value):
                    answer = refusal(request, INTERNAL_ERROR, _NO_ROOM)
                    return 503, b"content-type: application/json\r\nretry-after: 10\r\n", answer
            lines = b"\r\n".join(kept)
        if self._refused:
            body = refuse_some(request, body, self._is_refused, INVALID_PARAMS, _NO_URI)
        return status, lines, body

    def _is_refused(self, message: dict[str, Any]) -> bool:
        params = message.get("params")
        return (
            message.get("method") == "resources/subscribe"
            and isinstance(params, dict)
            and params.get("uri") in self._refused
        )

    def _keep(self, state: bytes) -> bool:
        """Keep a state; False: it begins a session, and there is no room for one."""
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
    def may_open(self) -> bool:
        """Whether the session may have one more stream."""
        return self._session is not None and self._session.may_open

    def open(self, stream: Callable[[bytes | None], None]) -> list[bytes]:
        """Have the session's messages go to this stream. Returns those that wait."""
        if self._session is None or self._id is None:
            return []
        waiting = self._session.open(stream)
        self._sessions.place(self._id, self._session)
        return waiting

    def close(self, stream: Callable[[bytes | None], None]) -> None:
        """Have nothing more go to a stream."""
        if self._session is not None and self._id is not None:
            self._session.close(stream)
            self._sessions.place(self._id, self._session, used=True)
