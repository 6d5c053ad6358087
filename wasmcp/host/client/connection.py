"""A server in this process, driven through its `exchange` door: whole messages in, whole messages out."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

from wasmcp.host.mcp import encoding as text
from wasmcp.host.mcp.cancellation import current_scope, same, taken_back
from wasmcp.host.mcp.error_responses import request_id
from wasmcp.host.mcp.subscriptions import Connection
from wasmcp.host.scheduling.call import Call
from wasmcp.host.scheduling.pending_input import BATCHES
from wasmcp.host.scheduling.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from wasmcp.host.client.types import HttpResponse
    from wasmcp.host.engine.stdio_pipes import StderrLog
    from wasmcp.host.mcp.http_sessions import Sessions
    from wasmcp.host.scheduling.instance import Program
    from wasmcp.host.transports.http_request import Visit


class Exchange:
    """A running server, and whole messages to and from it; the base of `wasmcp.host.client.server.Server`."""

    def __init__(
        self,
        program: Program,
        stderr: StderrLog,
        *,
        instances: int | None = None,
        on_wire: Callable[[str, str], None] | None = None,
    ) -> None:
        self.limits = program.limits
        self.hub = program.hub
        self._keyvalue = program.keyvalue
        self.pool = Pool(program, instances)
        self._stderr = stderr
        self._on_wire = on_wire
        self._state = b""
        self._connection = Connection(self.hub, self._heard)
        self._on_heard: Callable[[str], None] | None = None
        self._running: set[Call] = set()
        self._lock = threading.Lock()

    def boot(self) -> None:
        """Boot one instance and drop it, to find out now what is wrong with the server or its settings.

        Raises:
            InvalidSettingError: It refuses a setting.
            ArtifactError: It is no server, or imports what this host does not have.
            GuestTrapError: Its start function trapped.
        """
        self.pool.boot()

    def close(self) -> None:
        """Stop the server: what still runs is cancelled, all streams end, all instances are dropped."""
        self.hub.close()
        self.pool.close()
        self._stderr.close()
        if self._keyvalue is not None:
            self._keyvalue.close()

    @cached_property
    def sessions(self) -> Sessions:
        """Those of older clients over HTTP."""
        from wasmcp.host.mcp.http_sessions import Sessions

        if self._keyvalue is None:
            return Sessions(self.hub, self.limits.http)
        values = self._keyvalue.sessions
        sessions = Sessions(self.hub, self.limits.http, on_end=values.end)
        values.is_alive = sessions.is_alive
        return sessions

    def on_notification(self, take: Callable[[str], None] | None) -> None:
        """Have what the streams of `subscriptions/listen` bring called with, as JSON text, on threads of the host.

        Such a stream is opened by sending the request, whose answer here is the acknowledgement, and closed by sending
        `notifications/cancelled` for it.
        """
        self._on_heard = take

    def _heard(self, message: bytes) -> None:
        written = message.decode()
        self._wire("<-", written)
        take = self._on_heard
        if take is not None:
            take(written)

    @property
    def imports(self) -> frozenset[str]:
        """The names of what the server imports."""
        return self.pool.program.imports

    @property
    def stderr(self) -> str:
        """What the server's code has written to stderr, the last 64 KiB of it."""
        return self._stderr.text()

    @property
    def state(self) -> str:
        """What the server knows about its stdio client, opaque; the empty string before the first line."""
        return self._state.decode("utf-8", "replace")

    def send(
        self, line: str | bytes, *, on_event: Callable[[str], None] | None = None, timeout: float | None = None
    ) -> str | None:
        """Send one line as the client of a stdio server would. Returns the answer, None when there is none.

        Args:
            line: A JSON-RPC message, or whatever a broken client sends, without its line feed.
            on_event: Called with each notification that precedes the answer, as it happens, on a thread of the host.
            timeout: Seconds, instead of the limit.

        Raises:
            GuestTrapError: The server's code trapped, or took too long, or too much.
            ResponseTooLargeError: The answer is above the limit.
        """
        self._wire("->", line)
        data = text.encode(line)
        if data is None:
            answer = text.NOT_UTF8
        elif len(data) > self.limits.request:
            answer = text.too_large(self.limits.request)
        elif self.pool.questions.answer(data, batches=self._state.startswith(BATCHES)):
            answer = b""
        elif self._take_back(data):
            return None
        else:
            answer, self._state = self._run((data, self._state), on_event, timeout)
        if not answer:
            return None
        written = answer.decode()
        self._wire("<-", written)
        return written

    def _take_back(self, line: bytes) -> bool:
        """Act on `notifications/cancelled`. False: there is nothing of the kind that runs here."""
        found = False
        for wanted in taken_back(line):
            with self._lock:
                # A line has its state with it; what came over HTTP is another client's.
                running = [call for call in self._running if len(call.request) == 2]
            hit = next((call for call in running if same(request_id(call.request[0]), wanted)), None)
            if hit is not None:
                hit.cancel()
            found = hit is not None or self._connection.cancel(wanted) or found
        return found

    def http(
        self,
        method: str,
        target: str = "/mcp",
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: str | bytes = b"",
        *,
        timeout: float | None = None,
    ) -> HttpResponse:
        """Send one HTTP request and wait for the whole response.

        Raises:
            GuestTrapError: The server's code trapped, or took too long, or too much.
            ResponseTooLargeError: The body is above the limit.
        """
        import json  # here, as `results`: a stdio server needs neither, and its start is waited for

        from wasmcp.host.client.types import HttpResponse, parse_field_lines

        pairs = list(headers.items() if hasattr(headers, "items") else headers)
        head: dict[str, Any] = {}
        chunks: list[str] = []
        opened: list[dict[str, Any] | None] = []

        def on_event(kind: str, json_text: str) -> None:
            if kind == "head":
                head.update(json.loads(json_text))
            elif kind == "chunk":
                chunks.append(json.loads(json_text))
            elif kind == "withdrawn":
                chunks.append(f"data: {json_text}\n\n")
            else:
                opened.append(visit.event(kind, json_text))

        self._wire("->", body)
        visit = self.sessions.visit(
            [(name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in pairs],
            target.encode("utf-8", "replace"),
        )
        encoded = text.encode(body)
        if method == "POST" and encoded is not None and visit.receive(encoded, self.pool.questions):
            return HttpResponse(202, [], "")
        request, is_text = http_request(
            method.encode("ascii", "replace"),
            target.encode("utf-8", "replace"),
            visit.fields,
            encoded,
            size=len(body),
            limit=self.limits.request,
        )
        status, fields, content = self._call(request, on_event, timeout, visit)
        status, fields, content = visit.conclude(status, fields, content, encoded or b"", self.pool.questions)
        if not is_text and status == 400:
            content = text.NOT_UTF8
        last = content.decode()
        if status == 0:
            if last:
                chunks.append(last)
            whole = "".join(chunks)
            self._wire("<-", whole)
            return HttpResponse(head["status"], [(name, value) for name, value in head["headers"]], whole, chunks)
        # A stream of notifications ends at once: whoever waits for the whole response could not read it.
        for value in filter(None, opened):
            last += f"data: {value['end']}\n\n"
        self._wire("<-", last)
        return HttpResponse(status, parse_field_lines(fields.decode()), last)

    def _run(
        self, request: tuple[bytes, bytes], on_event: Callable[[str], None] | None, timeout: float | None
    ) -> tuple[bytes, bytes]:
        failures: list[Exception] = []
        ticket = object()

        def event(kind: str, json_text: str) -> None:
            if kind not in {"message", "withdrawn"}:
                self._connection.event(ticket, kind, json_text)
            elif not failures:
                try:
                    self._wire("<-", json_text)
                    if on_event is not None:
                        on_event(json_text)
                except Exception as error:  # noqa: BLE001 - raised below, where the caller is
                    failures.append(error)

        answered = False
        try:
            answer: tuple[bytes, bytes] = self._call(request, event, timeout)
            answered = True
        finally:
            self._connection.answered(ticket, sent=answered)
        if failures:
            raise failures[0]
        return answer

    def _call(
        self,
        request: tuple[bytes, ...],
        on_event: Callable[[str, str], None],
        timeout: float | None,
        visit: Visit | None = None,
    ) -> Any:
        waiter = threading.Lock()
        waiter.acquire()
        limit = self.limits.timeout if timeout is None else timeout
        call = Call(request, limit, lambda _call: waiter.release(), on_event)
        if visit is not None:
            visit.began(call, request[-1])
        scope = current_scope()
        with self._lock:
            self._running.add(call)
        if scope is not None:
            scope.add(call)
        try:
            self.pool.submit(call)
            waiter.acquire()
        except BaseException:  # Ctrl-C, or pytest's own time limit
            call.cancel()
            raise
        finally:
            with self._lock:
                self._running.discard(call)
            if scope is not None:
                scope.discard(call)
            if visit is not None:
                visit.ended(call)
        if call.error is not None:
            raise call.error
        return call.result

    def cancel(self) -> None:
        """Take back every request that runs or waits, as a client would: who waits for one gets `GuestCancelledError`.

        Code that looks for it (`Context.cancelled`) may still end with a result; code that does not is stopped.
        """
        with self._lock:
            running = list(self._running)
        for call in running:
            call.cancel()

    def _wire(self, direction: str, text: str | bytes) -> None:
        if self._on_wire is not None:
            self._on_wire(direction, text if isinstance(text, str) else text.decode("utf-8", "backslashreplace"))


def http_request(
    method: bytes, target: bytes, fields: list[tuple[bytes, bytes]], body: bytes | None, *, size: int, limit: int
) -> tuple[tuple[bytes, bytes, bytes, bytes], bool]:
    """Make the arguments of `exchange.http`, and tell whether the body is what the client sent.

    The transport judges a body that cannot cross by what stands for it: one that is too large by its announced length
    alone, one that is not UTF-8 (`body` is None) by a text that is no JSON either.
    """
    if size > limit:
        fields = [*fields, (b"content-length", b"%d" % size)]
        body = b""
    head = (text.encode(method) or b"?", text.encode(target) or b"?", text.field_lines(fields))
    return (*head, text.NOT_JSON if body is None else body), body is not None
