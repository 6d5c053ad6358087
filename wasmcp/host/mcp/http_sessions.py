"""HTTP sessions of clients of handshake revisions, and the requests in them.

The host stores the guest's opaque state of each session under an identifier that cannot be guessed. Host and guest
exchange the state in the HTTP field `wasmcp-session`, which clients can neither send nor see (framework/transport,
`sessions.zig`).
Specification: 2025-11-25, basic/transports, "Session Management", "Listening for Messages from the Server".
"""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections import OrderedDict
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Any

from wasmcp.errors import StoreRequestError
from wasmcp.host.bindings.messages import Attach, Subscribe, Watch
from wasmcp.host.engine.limits import Budget, HttpLimits
from wasmcp.host.mcp.jsonrpc import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    cancelled_ids,
    error_response,
    field_lines,
    replace_with_errors,
    request_id,
    same_id,
)
from wasmcp.host.mcp.session_states import EndedSessions, Session
from wasmcp.host.scheduling.call import BATCHES, Sender

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from wasmcp.host.bindings.messages import Event
    from wasmcp.host.mcp.subscriptions import Hub
    from wasmcp.host.scheduling.call import Call, PendingInputs


_ATTEMPTS = 16  # maximum number of sessions that are ended for a new one
_QUIET = 60.0  # minimum seconds without use of a session that can be ended for a new one


class Sessions:
    """All sessions of one server."""

    def __init__(
        self,
        hub: Hub,
        limits: HttpLimits | None = None,
        *,
        on_end: Callable[[str], None] | None = None,
        ended: EndedSessions | None = None,
    ) -> None:
        """Create an empty table of sessions.

        Args:
            hub: The source of change notifications.
            limits: The limits of number, size and lifetime.
            on_end: Called with the identifier of each session that has ended.
            ended: The ended sessions with sealed ids; None without such ids, or if they cannot be ended.
        """
        self.ended = ended
        self._limits = limits or HttpLimits()
        self._budget = Budget(self._limits.sessions_bytes)
        # Subscriptions and waiting messages cannot use the whole budget, so that new sessions are possible.
        self._variable = Budget(self._limits.sessions_bytes // 4 * 3, self._budget)
        self._hub = hub
        self._on_end = on_end
        # Each session is in one of these. The first two are in the order of the last use.
        self._fresh: OrderedDict[bytes, Session] = OrderedDict()
        self._idle: OrderedDict[bytes, Session] = OrderedDict()
        self._busy: dict[bytes, Session] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._fresh) + len(self._idle) + len(self._busy)

    @property
    def held(self) -> int:
        """The bytes that all sessions hold."""
        return self._budget.used

    def begin_request(
        self, fields: Iterable[tuple[bytes, bytes]], target: bytes = b"", *, has_ended: bool | None = None
    ) -> SessionRequest:
        """Begin a request with these header fields; see `begin`.

        Args:
            fields: The header fields.
            target: The path with its query.
            has_ended: The result of `has_ended`, if it was called.

        Raises:
            StoreRequestError: The store of the ended sessions cannot be used.
        """
        return self.begin_of(SessionHead.of(fields, target), has_ended=has_ended)

    def begin_of(self, head: SessionHead, *, has_ended: bool | None = None) -> SessionRequest:
        """Begin a request with this head. Its session counts as used when the server has accepted it.

        Args:
            head: The head of the request.
            has_ended: The result of `has_ended`, if it was called.

        Raises:
            StoreRequestError: The store of the ended sessions cannot be used.
        """
        identifier = head.identifier
        session = None if identifier is None else self._find(identifier)
        if self.ended is None or identifier is None:
            return SessionRequest(self, head, session)
        over = self.has_ended(head.kept) if has_ended is None else has_ended
        return SessionRequest(self, head, session, has_ended=over)

    def has_ended(self, fields: Iterable[tuple[bytes, bytes]]) -> bool:
        """Return True if the fields name a session with a sealed id that has ended.

        Raises:
            StoreRequestError: The store of the ended sessions cannot be used.
        """
        if self.ended is None:
            return False
        return any(value.strip() in self.ended for name, value in fields if name.lower() == ID)

    def _find(self, identifier: bytes) -> Session | None:
        for place in (self._idle, self._busy, self._fresh):
            session = place.get(identifier)
            if session is not None:
                return session
        return None

    def place(self, identifier: bytes, session: Session, *, used: bool = False) -> None:
        """Update the group of a session after a change.

        Args:
            identifier: The identifier of the session.
            session: The session.
            used: True if the session is used now.
        """
        with self._lock:
            before = next((at for at in (self._busy, self._idle, self._fresh) if identifier in at), None)
            if before is None:
                return
            if used:
                session.used = monotonic()
                session.fresh = False
            after = self._busy if session.busy else self._fresh if session.fresh else self._idle
            del before[identifier]
            after[identifier] = session

    def begin(self, identifier: bytes, state: bytes, greeting: Mapping[str, Any] | None) -> bool:
        """Begin a session. Return False if the limits do not allow it."""
        self.expire()
        base, budget = Budget(self._budget.most, self._budget), Budget(self._limits.session_bytes, self._variable)
        session = Session(base, budget, greeting, self._limits.session_streams)
        for _ in range(_ATTEMPTS):
            with self._lock:
                if len(self) < self._limits.sessions and session.keep(state):
                    self._fresh[identifier] = session
                    break
            if not self._make_room():
                return False
        else:
            return False
        if session.listener is not None:
            self._hub.add(session.listener)
        return True

    def _make_room(self) -> bool:
        """End a session to make room for a new one. Return False if none can be ended.

        A random one of the sessions that were not used since they began is ended first: a client that begins many
        sessions then mostly ends its own.
        """
        with self._lock:
            if self._fresh:
                identifier = next(islice(self._fresh, secrets.randbelow(len(self._fresh)), None))
                session = self._fresh.pop(identifier)
            else:
                identifier = next(iter(self._idle), b"")
                if not identifier or monotonic() - self._idle[identifier].used < _QUIET:
                    return False
                session = self._idle.pop(identifier)
        self._drop(identifier, session)
        return True

    def end(self, identifier: bytes) -> None:
        """End a session."""
        with self._lock:
            found = [place.pop(identifier) for place in (self._fresh, self._idle, self._busy) if identifier in place]
        for session in found:
            self._drop(identifier, session)

    def expire(self) -> None:
        """End the sessions that were unused for too long. Called by a timer, and before a session begins."""
        now = monotonic()
        over = []
        with self._lock:
            for place, most in ((self._fresh, self._limits.session_begun), (self._idle, self._limits.session_idle)):
                while place:
                    identifier, session = next(iter(place.items()))
                    if now - session.used < most:
                        break
                    del place[identifier]
                    over.append((identifier, session))
        for identifier, session in over:
            self._drop(identifier, session)

    def _drop(self, identifier: bytes, session: Session) -> None:
        if session.listener is not None:
            self._hub.remove(session.listener)
        session.end()
        if self._on_end is not None:
            self._on_end(identifier.decode())

    def is_alive(self, identifier: str) -> bool:
        """Return True if a session has not ended. The method takes no lock."""
        return self._find(identifier.encode()) is not None


RESERVED = b"wasmcp-"
"""Prefix of the fields between host and guest, which clients can neither send nor see."""
FIELD = b"wasmcp-session"
IDENTIFY = b"wasmcp-identify"
"""Field of a request: `with` requests the identity in the response, `only` nothing else."""
IDENTITY = b"wasmcp-identity"
"""Field of a response with the verified identity."""
ID = b"mcp-session-id"
_END = b"end"
_STATE = 65536  # maximum bytes of one session's state
# Header fields that the server checks before it reads the body.
_ADMISSION_FIELDS = {b"host", b"origin", b"authorization", b"content-type"}
_NO_ROOM = "Internal error: the server has as many sessions as it may; try again later"
_NOT_ENDED = "Internal error: the session cannot be ended at present; try again later, or let its id expire"
_NO_URI = "Invalid params: the session has no room for one more subscription"


class _Identifiers:
    """Unguessable identifiers, made in batches: most requests open no session, and a system call for each costs time.

    The methods are thread-safe. A process that is forked makes its own.
    """

    def __init__(self) -> None:
        self._made: list[bytes] = []
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._made.clear)

    def take(self) -> bytes:
        """Return an identifier of 128 bits, in hexadecimal digits."""
        while True:
            try:
                return self._made.pop()
            except IndexError:
                text = secrets.token_hex(16 * _BATCH).encode()
                self._made += [text[at : at + 32] for at in range(0, len(text), 32)]


_BATCH = 64
_IDENTIFIERS = _Identifiers()


class SessionHead:
    """Head of an HTTP request, or of several with the same bytes, as sessions see it.

    Attributes:
        kept: The header fields for the guest, without that of the session.
        lines: The same as field lines, and then the beginning of the line of `FIELD`.
        identifier: The identifier of the session that the request names; None if it does not name exactly one.
        anonymous: The sender of a request without a session.
    """

    __slots__ = ("anonymous", "identifier", "kept", "lines")

    def __init__(self, kept: list[tuple[bytes, bytes]], identifier: bytes | None, anonymous: Sender) -> None:
        self.kept = kept
        self.lines = b"%b%b: " % (field_lines(kept), FIELD)
        self.identifier = identifier
        self.anonymous = anonymous

    @classmethod
    def of(cls, fields: Iterable[tuple[bytes, bytes]], target: bytes) -> SessionHead:
        """Return the head with these header fields.

        Args:
            fields: The header fields.
            target: The path with its query.
        """
        kept: list[tuple[bytes, bytes]] = []
        named: list[bytes] = []
        head: list[tuple[bytes, bytes]] = []
        for field in fields:
            name = field[0].lower()
            if name in _ADMISSION_FIELDS:
                head.append((name, field[1].strip()))
            elif name == ID:
                named.append(field[1].strip())
            elif name.startswith(RESERVED):
                continue
            kept.append(field)
        head.sort()
        return cls(kept, named[0] if len(named) == 1 else None, Sender(None, ((b"", target), *head)))


class SessionRequest:
    """One HTTP request in its session.

    Attributes:
        is_named: True if the request names a session.
        value: The value of the field `FIELD` for the guest.
        attached: True if the response stays open as a stream of the session.
        sender: The sender of the request.
        identity: The value of the field `IDENTITY` of the response; None without one.
    """

    attached = False
    identity: bytes | None = None
    _identifies = False
    _greeting: dict[str, Any] | None = None
    _again = False
    _id: bytes | None = None
    _sealed: bytes | None = None
    _refused: frozenset[str] = frozenset()

    def __init__(
        self, sessions: Sessions, head: SessionHead, session: Session | None, *, has_ended: bool | None = None
    ) -> None:
        """Create a request.

        Args:
            sessions: The sessions of the server.
            head: The head of the request.
            session: Its session; None for none.
            has_ended: True if it names a session with a sealed id that has ended; None if it names none.
        """
        self._sessions = sessions
        self._head = head
        self._session = session
        self.is_named = head.identifier is not None
        self._fresh = self.value = _IDENTIFIERS.take()
        if session is None:
            self.sender = head.anonymous
        else:
            self.sender = Sender(head.identifier, head.anonymous.head)
            self._id = head.identifier
            self.value += b" " + session.state
        if has_ended is not None:
            self._sealed = head.identifier
            self.value = self._fresh + (b" ended" if has_ended else b" open")

    @property
    def lines(self) -> bytes:
        """The header fields for the guest, as field lines."""
        added = self.value + b"\r\n"
        if self._identifies:
            added += b"%b: with\r\n" % IDENTIFY
        return self._head.lines + (added if added.isascii() else added.decode("latin-1").encode())

    def event(self, event: Event) -> dict[str, Any] | None:
        """Process an event of the request. Return the value of a `subscribe` that opens a stream, or None."""
        if isinstance(event, Attach):
            self.attached = self._session is not None
        elif isinstance(event, Watch):
            value = json.loads(event.text)
            if self._session is not None and not self._session.watch(value.get("key", value["uri"]), on=value["on"]):
                self._refused |= {value["uri"]}
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

    def can_block(self, lines: bytes) -> bool:
        """Return True if `conclude` waits for another machine with these header fields of the response."""
        ended = self._sessions.ended
        return ended is not None and ended.can_block and self._sealed is not None and FIELD in lines

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
        if FIELD in lines or IDENTITY in lines:
            kept = []
            for line in lines.split(b"\r\n"):
                name, _, value = line.partition(b": ")
                if name == IDENTITY:
                    self.identity = value
                elif name != FIELD:
                    kept.append(line)
                elif not self._keep(value):
                    answer = error_response(request, INTERNAL_ERROR, _NOT_ENDED if value == _END else _NO_ROOM)
                    return 503, b"content-type: application/json\r\nretry-after: 10\r\n", answer
            lines = b"\r\n".join(kept)
        if self._refused:
            body = replace_with_errors(request, body, self._is_refused, INVALID_PARAMS, _NO_URI)
        return status, lines, body

    def identify(self) -> None:
        """Request the identity that authorization finds."""
        self._identifies = True

    def of_stream(self, head: dict[str, Any]) -> tuple[int, list[list[str]]]:
        """Return status and header fields of a streamed response for the client."""
        name = IDENTITY.decode()
        fields = head["headers"]
        self.identity = next((value.encode() for key, value in fields if key == name), self.identity)
        return head["status"], [field for field in fields if field[0] != name]

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
            if self._sealed is not None and self._sessions.ended is not None:
                try:
                    return self._sessions.ended.add(self._sealed)
                except StoreRequestError:
                    return False
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
