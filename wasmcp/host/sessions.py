"""Sessions over HTTP, for clients of the revisions that had them, and their streams.

What a session means is the guest's business: here is kept, under an identifier nobody can guess, what it says to keep.
Both speak in a field of HTTP that no client can send or see (`wasmcp-session`; framework/transport, `sessions.zig`).
Specification: 2025-11-25, basic/transports, "Session Management", "Listening for Messages from the Server".
"""

from __future__ import annotations

import json
import secrets
import threading
from collections import OrderedDict, deque
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

from wasmcp.host.call import Sender
from wasmcp.host.cancelling import same, taken_back
from wasmcp.host.failure import request_id
from wasmcp.host.questions import BATCHES
from wasmcp.host.subscriptions import Listener

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wasmcp.host.call import Call
    from wasmcp.host.questions import Questions
    from wasmcp.host.subscriptions import Hub

_FIELD = b"wasmcp-session"
_ID = b"mcp-session-id"
_END = b"end"
# What the server judges a request by before it reads the body.
_JUDGED = {b"host", b"origin", b"authorization", b"content-type"}
_STATE = 65536  # bytes of one session's state
_WAITING = 100  # messages for a client that has no stream open
MOST = 10_000
IDLE = 3600.0


class _Session:
    """What is known of one client."""

    def __init__(self) -> None:
        self.state = b""
        self.used = monotonic()
        self.listener: Listener | None = None
        self.waiting: deque[bytes] = deque(maxlen=_WAITING)
        self.streams: list[Callable[[bytes | None], None]] = []
        self.calls: dict[Call, bytes] = {}
        self.lock = threading.Lock()

    def send(self, message: bytes | None) -> None:
        """Send to one of the client's streams: it must not get the same message on two."""
        with self.lock:
            streams = list(self.streams)
            if message is not None and not streams:
                self.waiting.append(message)
        if message is None:
            for stream in streams:
                stream(None)
        elif streams:
            streams[-1](message)


class Sessions:
    """All sessions of one server. Those nobody uses for an hour end, and beyond 10,000 those used longest ago."""

    def __init__(
        self, hub: Hub, *, most: int = MOST, idle: float = IDLE, on_end: Callable[[str], None] | None = None
    ) -> None:
        """Begin with none; `on_end` is called with each that is over."""
        self._hub = hub
        self._on_end = on_end
        self._most = most
        self._idle = idle
        self._known: OrderedDict[bytes, _Session] = OrderedDict()
        self._lock = threading.Lock()

    def visit(self, fields: Iterable[tuple[bytes, bytes]], target: bytes = b"") -> Visit:
        """Begin a request with these header fields. Its session counts as used when the server has taken it."""
        kept = [(name, value) for name, value in fields if name.lower() != _FIELD]
        named = [value.strip() for name, value in kept if name.lower() == _ID]
        now = monotonic()
        session = None
        with self._lock:
            self._forget(now)
            if len(named) == 1:
                session = self._known.get(named[0])
        fresh = secrets.token_hex(16).encode()
        value = fresh if session is None else fresh + b" " + session.state
        identifier = named[0] if session else None
        judged = sorted((name.lower(), value.strip()) for name, value in kept if name.lower() in _JUDGED)
        sender = Sender(identifier, ((b"", target), *judged))
        return Visit(self, [*kept, (_FIELD, value)], fresh, sender, session)

    def use(self, identifier: bytes, session: _Session) -> None:
        """Take note that a session is in use."""
        with self._lock:
            session.used = monotonic()
            if identifier in self._known:
                self._known.move_to_end(identifier)

    def begin(self, identifier: bytes, session: _Session) -> None:
        """Take a new session."""
        with self._lock:
            self._known[identifier] = session
            over = [self._known.popitem(last=False) for _ in range(len(self._known) - self._most)]
        if session.listener is not None:
            self._hub.add(session.listener)
        for old in over:
            self._drop(*old)

    def end(self, identifier: bytes) -> None:
        """End a session."""
        with self._lock:
            session = self._known.pop(identifier, None)
        if session is not None:
            self._drop(identifier, session)

    def _forget(self, now: float) -> None:
        """Drop those nobody uses; the order is that of their last use."""
        for _ in range(len(self._known)):
            identifier, session = next(iter(self._known.items()))
            if now - session.used < self._idle:
                return
            if session.streams or session.calls:  # in use all the time
                session.used = now
                self._known.move_to_end(identifier)
            else:
                del self._known[identifier]
                self._drop(identifier, session)

    def _drop(self, identifier: bytes, session: _Session) -> None:
        if session.listener is not None:
            self._hub.remove(session.listener)
        session.send(None)
        if self._on_end is not None:
            self._on_end(identifier.decode())

    def is_alive(self, identifier: str) -> bool:
        """Tell whether a session goes on; waits for nobody."""
        return identifier.encode() in self._known


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
        session: _Session | None,
    ) -> None:
        self.fields = fields
        self.attached = False
        self.sender = sender
        self._sessions = sessions
        self._fresh = fresh
        self._id = sender.session
        self._session = session
        self._again = False
        self._greeting: dict[str, Any] | None = None

    def event(self, kind: str, json_text: str) -> dict[str, Any] | None:
        """Take a frame of the request. Returns what opens a stream of its own: the value of `subscribe`."""
        if kind == "attach":
            self.attached = self._session is not None
        elif kind == "watch":
            value = json.loads(json_text)
            if self._session is not None and self._session.listener is not None:
                self._session.listener.watch(value["uri"], on=value["on"])
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
        if self._session is not None:
            with self._session.lock:
                self._session.calls[call] = body

    def ended(self, call: Call) -> None:
        """Forget it."""
        if self._session is not None:
            with self._session.lock:
                self._session.calls.pop(call, None)

    def receive(self, body: bytes, questions: Questions) -> bool:
        """Act on answers and cancellations in a message for calls of the session, before the server sees it.

        Both are urgent: the instances may all be busy with what is to be cancelled. The server has not judged the head
        of this request yet (Host, Origin), so that it counts for calls with the same head only, which the server has
        taken; what is for others waits for `taken`.

        Returns:
            Whether there were answers to questions, and nothing else.
        """
        if self._session is None:
            return False
        with self._session.lock:
            self._again = any(call.sender != self.sender for call in self._session.calls)
        return self._receive(body, questions, admitted=False)

    def taken(self, status: int, body: bytes, questions: Questions) -> None:
        """Take note of the status that the server answers the request with."""
        if self._session is None or self._id is None or status in {403, 404}:
            return
        self._sessions.use(self._id, self._session)
        if self._again and status in {200, 202}:
            self._receive(body, questions, admitted=True)

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

    def settle(self, lines: bytes) -> bytes:
        """Take out of the response's header lines what is to be kept, and keep it."""
        if _FIELD not in lines:
            return lines
        kept = []
        for line in lines.split(b"\r\n"):
            name, _, value = line.partition(b": ")
            if name == _FIELD:
                self._keep(value)
            elif line:
                kept.append(line + b"\r\n")
        return b"".join(kept)

    def _keep(self, state: bytes) -> None:
        if len(state) > _STATE:
            return
        if state == _END:
            if self._id is not None:
                self._sessions.end(self._id)
        elif self._greeting is not None or self._session is None:
            session = _Session()
            session.state = state
            if self._greeting is not None:
                session.listener = Listener(self._greeting, session.send)
            self._sessions.begin(self._fresh, session)
        else:
            self._session.state = state

    def open(self, stream: Callable[[bytes | None], None]) -> list[bytes]:
        """Have the session's messages go to this stream. Returns those that wait."""
        if self._session is None:
            return []
        with self._session.lock:
            self._session.streams.append(stream)
            waiting = list(self._session.waiting)
            self._session.waiting.clear()
        return waiting

    def close(self, stream: Callable[[bytes | None], None]) -> None:
        """Take a stream back."""
        if self._session is not None:
            self._session.used = monotonic()
            with self._session.lock, suppress(ValueError):
                self._session.streams.remove(stream)
