"""Connection to a server in this process: whole messages, exchanged through `wasmcp:embedding/exchange`."""

from __future__ import annotations

import threading
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from wasmcp.errors import HostError
from wasmcp.host.bindings.messages import Chunk, Event, Head, HttpRequest, InputCancelled, Message, StdioRequest
from wasmcp.host.configuration.declared import REUSES
from wasmcp.host.engine import logs
from wasmcp.host.mcp import jsonrpc
from wasmcp.host.mcp.jsonrpc import cancelled_ids, request_id, same_id
from wasmcp.host.mcp.subscriptions import LIST_CHANGED, StdioSubscriptions
from wasmcp.host.scheduling.call import BATCHES, Call
from wasmcp.host.scheduling.interruption import current_scope
from wasmcp.host.scheduling.pool import Pool

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping

    from wasmcp.host.bindings.messages import Request
    from wasmcp.host.client.types import HttpResponse
    from wasmcp.host.engine.stdio_pipes import StderrLog
    from wasmcp.host.mcp.http_sessions import SessionRequest, Sessions
    from wasmcp.host.mcp.session_states import EndedSessions
    from wasmcp.host.mcp.subscriptions import Hub
    from wasmcp.host.mcp.tasks import TaskRunner
    from wasmcp.host.scheduling.instance import Program
    from wasmcp.host.stores.keyvalue import SessionValues

_MOST_DRAINING = 3  # maximum number of older versions of a server with requests in progress


class Connection:
    """Connection to a running server; the base of `wasmcp.host.client.server.Server`."""

    def __init__(
        self,
        program: Program,
        stderr: StderrLog,
        hub: Hub,
        *,
        instances: int | None = None,
        reuse: str = REUSES[0],
        on_wire: Callable[[str, str], None] | None = None,
        tasks: TaskRunner | None = None,
    ) -> None:
        self.limits = program.limits
        self.hub = hub
        self._keyvalue = program.keyvalue
        self._instances = instances
        self._reuse = reuse
        self.pool = Pool(program, instances, reuse=reuse)
        self._tasks = tasks
        if self._tasks is not None:
            self._tasks.use(partial(Pool, program, reuse=reuse))
        self.rebuild: (
            Callable[[str | os.PathLike[str] | bytes, Mapping[str, str] | None, SessionValues | None], Program] | None
        ) = None
        self._stderr = stderr
        self._on_wire = on_wire
        self._state = b""
        self._subscriptions = StdioSubscriptions(self.hub, self._notified)
        self._on_notification: Callable[[str], None] | None = None
        self._running: set[Call] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._draining: dict[Pool, threading.Thread] = {}  # of older versions, with requests in progress

    def boot(self) -> None:
        """Boot one instance and drop it, so that errors of the server or its settings are found early.

        Raises:
            InvalidSettingError: The server refuses a setting.
            ArtifactError: The component is not a server, or imports interfaces that this host does not provide.
            GuestTrapError: The server's start function trapped.
        """
        self.pool.boot()

    def close(self) -> None:
        """Stop the server: cancel running calls, end all streams, drop all instances."""
        self.hub.close()
        with self._lock:
            self._closed = True
            pools = [*self._draining, self.pool]
        if self._tasks is not None:
            self._tasks.close()
        for pool in pools:
            pool.close()
        self._stderr.close()
        if self._keyvalue is not None:
            self._keyvalue.close()

    def reload(self, source: str | os.PathLike[str] | bytes, *, development: Mapping[str, str] | None = None) -> None:
        """Replace the server by another version of it, with the same options. Call it on any thread but the event loop.

        New requests reach the new version as soon as it has booted. Requests in progress end in the old one, which is
        then freed. A reload waits while three old versions still have requests. Sessions, streams, the key-value store
        and the keys of request state are kept. Subscribers are notified that the lists have changed.

        Args:
            source: The composed server, a file or its bytes.
            development: For a development build, its modules; see `wasmcp.host.open_server`.

        Raises:
            ArtifactError: The file cannot be read, or is not a server; the old version is kept, for all errors.
            HostError: The connection was closed, or was not opened by `open_server`.
            InvalidSettingError: The new version refuses a setting.
            GuestTrapError: The start function of the new version trapped.
        """
        if self.rebuild is None:
            raise HostError("this connection cannot load another version of its server")
        with self._lock:
            draining = list(self._draining.values())
        for thread in draining[: len(draining) - _MOST_DRAINING + 1]:
            thread.join()  # until the limit of a request at most
        values = None if self._keyvalue is None else self._keyvalue.sessions
        self._replace(self.rebuild(source, development, values))
        for method in LIST_CHANGED:
            self.hub.changed(f'{{"method":"{method}"}}')

    def optimise(self, source: str | os.PathLike[str]) -> None:
        """Compile the server better, on a thread with a low priority, and replace the code when it is ready.

        Args:
            source: The file of the server. If another version is loaded meanwhile, that version stays.
        """
        threading.Thread(target=self._optimise, args=(source, self.pool), name="wasmcp-optimise", daemon=True).start()

    def _optimise(self, source: str | os.PathLike[str], pool: Pool) -> None:
        if self.rebuild is None:
            return
        values = None if self._keyvalue is None else self._keyvalue.sessions
        try:
            self._replace(self.rebuild(source, None, values), instead_of=pool)
        except HostError as error:  # the server was closed, or the file was replaced by another: the code stays
            logs.log(logs.ENGINE, logs.INFO, f"the code of the quick start stays in use: {error}", path=source)

    def _replace(self, program: Program, *, instead_of: Pool | None = None) -> None:
        """Use a program from now on.

        Args:
            program: The program.
            instead_of: The pool that must be in use; otherwise the program is dropped.
        """
        pool = Pool(program, self._instances, self.pool.pending_inputs, reuse=self._reuse)
        is_used = False
        try:
            pool.boot()
            with self._lock:
                is_used = not self._closed and (instead_of is None or self.pool is instead_of)
                if is_used:
                    self._use(pool)
        finally:
            if not is_used:
                program.close()
                if program.keyvalue is not None and self._keyvalue is None:
                    program.keyvalue.close()
        if not is_used and instead_of is None:
            raise HostError("the server is closed")

    def _use(self, pool: Pool) -> None:
        """Submit calls to another pool, and drain the one before. The lock must be held."""
        old, self.pool = self.pool, pool
        if self._tasks is not None:
            self._tasks.use(partial(Pool, pool.program, reuse=self._reuse))
        pool.pending_inputs.continue_with(pool.submit)
        provided = pool.program.keyvalue
        if self._keyvalue is None and provided is not None:
            self._keyvalue = provided
            provided.sessions.is_alive = self.sessions.is_alive
        thread = threading.Thread(target=self._drain, args=(old, pool), name="wasmcp-drain", daemon=True)
        self._draining[old] = thread
        thread.start()

    def _drain(self, pool: Pool, successor: Pool) -> None:
        pool.drain(successor)
        with self._lock:
            del self._draining[pool]

    @cached_property
    def sessions(self) -> Sessions:
        """HTTP sessions of clients of handshake revisions."""
        from wasmcp.host.mcp.http_sessions import Sessions

        def ended(session: str) -> None:
            if self._keyvalue is not None:
                self._keyvalue.sessions.end(session)

        sessions = Sessions(self.hub, self.limits.http, on_end=ended, ended=self._ended_sessions())
        if self._keyvalue is not None:
            self._keyvalue.sessions.is_alive = sessions.is_alive
        return sessions

    def _ended_sessions(self) -> EndedSessions | None:
        """Return the list of ended sessions with sealed ids; None if ids are not sealed."""
        from wasmcp.host.configuration.settings import sealed_seconds

        seconds = sealed_seconds(dict(self.pool.program.settings))
        if seconds is None:
            return None
        from wasmcp.host.mcp.session_states import EndedSessions

        values = None if self._keyvalue is None else self._keyvalue.sessions
        return EndedSessions(seconds, values if values is not None and values.shared_store is not None else None)

    def on_notification(self, take: Callable[[str], None] | None) -> None:
        """Set the callback for the messages of `subscriptions/listen` streams.

        To open a stream, send the request; its response is the acknowledgement. To close it, send
        `notifications/cancelled` for the request.

        Args:
            take: Called with each message as JSON text, on threads of the host; None for no callback.
        """
        self._on_notification = take

    def _notified(self, message: bytes) -> None:
        written = message.decode()
        self._wire("<-", written)
        take = self._on_notification
        if take is not None:
            take(written)

    @property
    def imports(self) -> frozenset[str]:
        """The names of the server's imports."""
        return self.pool.program.imports

    @property
    def runs_tasks(self) -> bool:
        """True if tools of the server can run as tasks; False before the first boot."""
        return self._tasks is not None and self._tasks.has_begun

    @property
    def authorization(self) -> Mapping[str, str]:
        """The settings of authorization in effect, of its author and operator; empty before the first boot."""
        issuers = self.pool.program.issuers
        return {} if issuers is None else issuers.settings

    @property
    def stderr(self) -> str:
        """The last 64 KiB that the server's code has written to standard error."""
        return self._stderr.text()

    @property
    def state(self) -> str:
        """The server's opaque state of its stdio client; the empty string before the first line."""
        return self._state.decode("utf-8", "replace")

    def send(
        self, line: str | bytes, *, on_event: Callable[[str], None] | None = None, timeout: float | None = None
    ) -> str | None:
        """Send one line, as the client of a stdio server does, and return the response or None.

        Args:
            line: A JSON-RPC message, or malformed input, without the line feed.
            on_event: Called with each notification that precedes the response, on a thread of the host.
            timeout: Seconds, instead of `Limits.timeout`.

        Raises:
            GuestTrapError: The server's code trapped, timed out, or exhausted its memory.
            ResponseTooLargeError: The response is above the limit.
        """
        self._wire("->", line)
        data = jsonrpc.encode(line)
        if data is None:
            answer = jsonrpc.NOT_UTF8
        elif len(data) > self.limits.request:
            answer = jsonrpc.too_large(self.limits.request)
        elif self.pool.pending_inputs.answer(data, batches=self._state.startswith(BATCHES)):
            answer = b""
        elif self._handle_cancellation(data):
            return None
        else:
            answer, self._state = self._run(StdioRequest(data, self._state), on_event, timeout)
        if not answer:
            return None
        written = answer.decode()
        self._wire("<-", written)
        return written

    def _handle_cancellation(self, line: bytes) -> bool:
        """Act on `notifications/cancelled`. Return False if no running request matches."""
        found = False
        for cancelled_id in cancelled_ids(line):
            with self._lock:
                # Only stdio requests belong to this client.
                running = [(call, call.request) for call in self._running if isinstance(call.request, StdioRequest)]
            hit = next((call for call, request in running if same_id(request_id(request.line), cancelled_id)), None)
            if hit is not None:
                hit.cancel()
            found = hit is not None or self._subscriptions.cancel(cancelled_id) or found
        return found

    def http(
        self,
        method: str,
        target: str = "/mcp",
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: str | bytes = b"",
        *,
        on_chunk: Callable[[str], None] | None = None,
        timeout: float | None = None,
    ) -> HttpResponse:
        """Send one HTTP request and wait for the whole response.

        Args:
            method: The method.
            target: The path, with the query.
            headers: The header fields.
            body: The body.
            on_chunk: Called with each chunk of a streamed body when it arrives, on a thread of the host.
            timeout: Seconds, instead of `Limits.timeout`.

        Raises:
            GuestTrapError: The server's code trapped, timed out, or exhausted its memory.
            ResponseTooLargeError: The body is above the limit.
        """
        import json  # lazy, like the result types: a stdio server does not need them to start

        from wasmcp.host.client.types import HttpResponse, parse_field_lines

        pairs = list(headers.items() if hasattr(headers, "items") else headers)
        head: dict[str, Any] = {}
        chunks: list[str] = []
        opened: list[dict[str, Any] | None] = []
        failures: list[Exception] = []

        def take(chunk: str) -> None:
            chunks.append(chunk)
            if on_chunk is not None and not failures:
                try:
                    on_chunk(chunk)
                except Exception as error:  # noqa: BLE001 - raised below, on the caller's thread
                    failures.append(error)

        def on_event(_call: Call, event: Event) -> None:
            if isinstance(event, Head):
                head.update(json.loads(event.text))
            elif isinstance(event, Chunk):
                take(json.loads(event.text))
            elif isinstance(event, InputCancelled):
                take(f"data: {event.text}\n\n")
            else:
                opened.append(session_request.event(event))

        self._wire("->", body)
        session_request = self.sessions.begin_request(
            [(name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in pairs],
            target.encode("utf-8", "replace"),
        )
        encoded = jsonrpc.encode(body)
        if method == "POST" and encoded is not None and session_request.receive(encoded, self.pool.pending_inputs):
            return HttpResponse(202, [], "")
        request, is_text = http_request(
            method.encode("ascii", "replace"),
            target.encode("utf-8", "replace"),
            session_request.lines,
            encoded,
            size=len(body),
            limit=self.limits.request,
        )
        status, fields, content = self._call(request, on_event, timeout, session_request)
        status, fields, content = session_request.conclude(
            status, fields, content, encoded or b"", self.pool.pending_inputs
        )
        if not is_text and status == 400:
            content = jsonrpc.NOT_UTF8
        last = content.decode()
        if status == 0:
            if last:
                take(last)
            if failures:
                raise failures[0]
            whole = "".join(chunks)
            self._wire("<-", whole)
            return HttpResponse(head["status"], [(name, value) for name, value in head["headers"]], whole, chunks)
        # A stream of notifications ends at once, because this method returns only whole responses.
        for value in filter(None, opened):
            last += f"data: {value['end']}\n\n"
        self._wire("<-", last)
        return HttpResponse(status, parse_field_lines(fields.decode()), last)

    def _run(
        self, request: StdioRequest, on_event: Callable[[str], None] | None, timeout: float | None
    ) -> tuple[bytes, bytes]:
        failures: list[Exception] = []
        ticket = object()

        def take(_call: Call, event: Event) -> None:
            if not isinstance(event, Message | InputCancelled):
                self._subscriptions.event(ticket, event)
            elif not failures:
                try:
                    self._wire("<-", event.text)
                    if on_event is not None:
                        on_event(event.text)
                except Exception as error:  # noqa: BLE001 - raised below, on the caller's thread
                    failures.append(error)

        answered = False
        try:
            answer: tuple[bytes, bytes] = self._call(request, take, timeout)
            answered = True
        finally:
            self._subscriptions.answered(ticket, sent=answered)
        if failures:
            raise failures[0]
        return answer

    def _call(
        self,
        request: Request,
        on_event: Callable[[Call, Event], None],
        timeout: float | None,
        session_request: SessionRequest | None = None,
    ) -> Any:
        waiter = threading.Lock()
        waiter.acquire()
        limit = self.limits.timeout if timeout is None else timeout
        call = Call(request, limit, lambda _call: waiter.release(), on_event, self.pool.pending_inputs)
        if session_request is not None and isinstance(request, HttpRequest):
            session_request.began(call, request.body)
        scope = current_scope()
        with self._lock:
            self._running.add(call)
        if scope is not None:
            scope.add(call)
        try:
            self.pool.submit(call)
            waiter.acquire()
        except BaseException:  # Ctrl-C, or the time limit of pytest-timeout
            call.cancel()
            raise
        finally:
            with self._lock:
                self._running.discard(call)
            if scope is not None:
                scope.discard(call)
            if session_request is not None:
                session_request.ended(call)
        if call.error is not None:
            raise call.error
        return call.result

    def cancel(self) -> None:
        """Cancel every request that runs or waits; the threads that wait for one get `GuestCancelledError`.

        Code that checks `Context.cancelled` can still end with a result; other code is stopped.
        """
        with self._lock:
            running = list(self._running)
        for call in running:
            call.cancel()

    def _wire(self, direction: str, text: str | bytes) -> None:
        if self._on_wire is not None:
            self._on_wire(direction, text if isinstance(text, str) else text.decode("utf-8", "backslashreplace"))


def http_request(
    method: bytes, target: bytes, lines: bytes, body: bytes | None, *, size: int, limit: int
) -> tuple[HttpRequest, bool]:
    """Return the arguments of `exchange.http`, and whether the client's body is valid UTF-8.

    A body that cannot be passed on is replaced, so that the transport rejects it as it would the original: a body that
    is too large by an empty one with the original `Content-Length`, one that is not UTF-8 (None for `body`) by a text
    that is not JSON either.
    """
    if size > limit:
        lines += b"content-length: %d\r\n" % size
        body = b""
    request = HttpRequest(
        jsonrpc.encode(method) or b"?",
        jsonrpc.encode(target) or b"?",
        lines,
        jsonrpc.NOT_JSON if body is None else body,
    )
    return request, body is not None
