"""Stdio transport: one JSON-RPC message per line, several concurrent requests.

The server interprets the messages. The host keeps their order where it matters (a handshake comes before the requests
that depend on it), and processes cancellations at once.

Specification: basic/transports/stdio.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from functools import partial
from math import inf
from time import monotonic, sleep
from typing import TYPE_CHECKING

from wasmcp.errors import GuestCancelledError, HostError
from wasmcp.host.bindings.messages import InputCancelled, Message, StdioRequest
from wasmcp.host.engine.limits import Limits
from wasmcp.host.mcp import jsonrpc
from wasmcp.host.mcp.jsonrpc import (
    cancelled_ids,
    has_ends,
    internal_error_response,
    may_cancel,
    report,
    request_id,
    same_id,
)
from wasmcp.host.mcp.subscriptions import StdioSubscriptions
from wasmcp.host.scheduling.call import BATCHES, Call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wasmcp.host.bindings.messages import Event
    from wasmcp.host.client.connection import Connection
    from wasmcp.host.mcp.manifest_responder import ManifestResponder
    from wasmcp.host.operations.rate_limits import RateLimiter, RateLimits
    from wasmcp.host.operations.tracing import RequestTrace, Tracing

_CHUNK = 64 << 10  # bytes of a pipe, and of a read of it
_LARGE_CHUNK = 256 << 10  # the same once a message has needed several; larger ones do not stay in the caches of a core
_KEPT = 16 << 20  # bytes of freed memory that stay with the process after a large message
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # options of `mallopt` (malloc.h of glibc)
_CHANGING = (b'"initialize"', b'"logging/setLevel"')  # the methods that change the state
_IN_FLIGHT = 256  # maximum number of lines in progress; others wait unread


class StdioSession:
    """Session of one stdio client.

    Lines can arrive before the server is compiled: the manifest responder answers some of them, the others wait.
    """

    def __init__(
        self,
        write: Callable[[bytes], None],
        limits: Limits,
        responder: ManifestResponder | None = None,
        rates: RateLimits | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        """Begin a session.

        Args:
            write: Called with each message without its line feed, from several threads, one at a time.
            limits: The limits of the server.
            responder: The responder to messages until the server is ready.
            rates: The rate limits of the client; None for none.
            tracing: The traces of messages that the server processes; None for none.
        """
        self._tracing = tracing
        self._write = write
        self._limits = limits
        self._responder = responder
        self._limiter: RateLimiter | None = None
        if rates:
            from wasmcp.host.operations.rate_limits import RateLimiter

            self._limiter = RateLimiter(rates)
        self._server: Connection | None = None
        self._state = b""
        self._held: list[bytes] = []  # lines that wait for the server, or for a line that changes the state
        self._alone = False  # True while such a line is in progress
        self._releasing = False  # True while a thread submits lines that have waited
        self._calls: dict[Call, bytes] = {}
        self._subscriptions: StdioSubscriptions | None = None
        self._greeted = False  # True if the responder has answered an `initialize`
        self._changed = threading.Condition(threading.RLock())
        self._failed = False

    def line(self, line: bytes) -> None:
        """Process a line of the client, without its line feed."""
        if len(line) > self._limits.request:
            self._answer(jsonrpc.too_large(self._limits.request))
            return
        if jsonrpc.encode(line) is None:
            self._answer(jsonrpc.NOT_UTF8)
            return
        if not line.strip(b" \t\r"):
            return
        if self._limiter is not None and self._is_limited(line, self._limiter):
            return
        server = self._server
        if server is not None and server.pool.pending_inputs.answer(line, batches=self._state.startswith(BATCHES)):
            return
        if may_cancel(line) and self._cancel(line):
            return
        with self._changed:
            if self._has_to_wait():
                self._held.append(line)
                return
            server = self._server
            if server is None:
                self._without_server(line)
                return
            while len(self._calls) >= _IN_FLIGHT:
                self._changed.wait()
            call = self._begin(line, server)
        self._submit(call, server)

    def _has_to_wait(self) -> bool:
        """Return True if the next line must not overtake others."""
        if self._server is None:
            return any(_changes_state(held) for held in self._held)
        return self._alone or self._releasing or bool(self._held)

    def _is_limited(self, line: bytes, limiter: RateLimiter) -> bool:
        """Answer requests above a rate limit by an error. Notifications and responses are not limited."""
        from wasmcp.host.operations.rate_limits import refusal
        from wasmcp.host.operations.request_records import received

        requests = [message for message in received(line) if message.id is not None]
        limited = limiter.admit("stdio", requests) if requests else None
        if limited is None:
            return False
        self._answer(refusal(requests, limited, is_batch=line.lstrip()[:1] == b"[") or b"")
        return True

    def ready(self, server: Connection) -> None:
        """Set the server, and process the lines that waited for it."""
        with self._changed:
            self._server = server
            self._subscriptions = StdioSubscriptions(server.hub, self._answer)
            if self._greeted and self._responder:
                self._subscriptions.greet(self._responder.capabilities)
        self._release()

    def failed(self) -> None:
        """End the session, because the server cannot be opened."""
        with self._changed:
            self._failed = True
            self._changed.notify_all()

    def drain(self, *, shared: bool = False) -> None:
        """Wait until all requests are answered, except those that need input of the client.

        Args:
            shared: True if the server has other clients, whose requests go on.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._failed or not self._held)
            server = self._server
        if server is not None:
            if shared:
                with self._changed:
                    running = list(self._calls)
                server.pool.pending_inputs.abandon(running)
            else:
                server.pool.pending_inputs.close()
        with self._changed:
            self._changed.wait_for(lambda: self._failed or not (self._calls or self._held))
        if self._subscriptions is not None:
            self._subscriptions.close()

    def _without_server(self, line: bytes) -> None:
        answered = self._responder.answer(line, self._state) if self._responder else None
        if answered is None:
            self._held.append(line)
            return
        answer, state = answered
        trace = None if self._tracing is None else self._tracing.begin_line(line)
        self._greeted = self._greeted or state != self._state
        self._state = state
        self._answer(answer)
        if trace is not None:
            trace.end_line(answer)

    def _begin(self, line: bytes, server: Connection) -> Call:
        """Return the call of a line. The lock must be held, so that it has the state after the lines before it."""
        # Lines after a handshake are answered in the negotiated revision.
        alone = _changes_state(line)
        self._alone = alone
        trace = None if self._tracing is None else self._tracing.begin_line(line)
        request = StdioRequest(line if trace is None else trace.body(self._limits.request), self._state)
        done = partial(self._done, alone, request.state, trace)
        call = Call(request, self._limits.timeout, done, self._event, server.pool.pending_inputs)
        call.observer = trace
        self._calls[call] = line
        return call

    def _submit(self, call: Call, server: Connection) -> None:
        """Submit a call. The lock must not be held: an inline call runs here, and its events are written elsewhere."""
        try:
            server.pool.submit(call)
        except HostError as error:  # the server is closed
            call.finish(None, error)

    def _event(self, call: Call, event: Event) -> None:
        if isinstance(event, InputCancelled):
            self._answer(event.text.encode())
        elif isinstance(event, Message):
            if not call.cancelled:
                self._answer(event.text.encode())
        elif self._subscriptions is not None:
            self._subscriptions.event(call, event)

    def _done(self, alone: bool, before: bytes, trace: RequestTrace | None, call: Call) -> None:
        with self._changed:
            line = self._calls.pop(call)
            answer = b""
            if call.error is None:
                answer, state = call.result
                if state != before:
                    self._state = state
                # Specification: basic/patterns/cancellation: no further messages for a cancelled request.
                if not call.cancelled:
                    self._answer(answer)
            elif not (call.cancelled or isinstance(call.error, GuestCancelledError)):
                report(call.error)
                answer = internal_error_response(line, call.error) or b""
                self._answer(answer)
            if trace is not None:
                trace.end_line(answer)
            if self._subscriptions is not None:
                self._subscriptions.answered(call, sent=call.error is None and not call.cancelled)
            if alone:
                self._alone = False
            self._changed.notify_all()
        if alone:
            self._release()

    def _release(self) -> None:
        """Submit the lines that have waited, in their order: one thread at a time, which other lines do not overtake.

        The lock must not be held.
        """
        with self._changed:
            if self._releasing:
                return
            self._releasing = True
        while True:
            with self._changed:
                server = self._server
                if server is None or self._alone or not self._held:
                    self._releasing = False
                    self._changed.notify_all()
                    return
                call = self._begin(self._held.pop(0), server)
            self._submit(call, server)

    def _cancel(self, line: bytes) -> bool:
        """Act on `notifications/cancelled`. Return False if the line has other messages, or no request matches."""
        found = [self._cancel_one(cancelled_id) for cancelled_id in cancelled_ids(line)]
        return bool(found) and all(found) and not line.lstrip().startswith(b"[")

    def _cancel_one(self, cancelled_id: str | int) -> bool:
        with self._changed:
            for held in self._held:
                if same_id(request_id(held), cancelled_id):
                    self._held.remove(held)
                    self._changed.notify_all()
                    return True
            calls = list(self._calls.items())
        for call, running in calls:
            if same_id(request_id(running), cancelled_id):
                call.cancel()
                return True
        return self._subscriptions is not None and self._subscriptions.cancel(cancelled_id)

    def _answer(self, answer: bytes) -> None:
        if answer:
            with self._changed:
                self._write(answer)


def _changes_state(line: bytes) -> bool:
    return has_ends(line, _CHANGING)


def read_lines(descriptor: int, limit: int, take: Callable[[bytes], None]) -> None:
    """Read lines until the end of the input. A line above the limit is cut, but stays longer than the limit."""
    parts: list[bytes] = []
    size, chunk = 0, _CHUNK
    with _interruptible(descriptor) as wait:
        while True:
            try:
                wait()
                data = os.read(descriptor, chunk)
            except InterruptedError:
                continue
            if not data:
                break
            begin = 0
            while (end := data.find(b"\n", begin)) >= 0:
                if size <= limit:
                    parts.append(data[begin:end])
                take(_without_return(b"".join(parts)))
                parts, size, begin = [], 0, end + 1
            if size <= limit:
                parts.append(data[begin:])
            size += len(data) - begin
            if len(data) == chunk < _LARGE_CHUNK and not begin:
                chunk = _LARGE_CHUNK
                _enlarge_pipe(descriptor)
    if size:
        take(_without_return(b"".join(parts)))


def _enlarge_pipe(descriptor: int) -> None:
    """Let a pipe hold more of a large message: each part costs a switch between the processes.

    Nothing happens if the descriptor is of something else, or the system does not allow it.
    """
    if sys.platform == "linux":
        import fcntl  # lazy: most sessions have no large message

        with suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _LARGE_CHUNK)
        _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Have glibc keep freed memory for the next large message: each one would cause thousands of page faults."""
    import ctypes  # lazy, as above

    with suppress(AttributeError, OSError):  # another libc
        set_option = ctypes.CDLL(None).mallopt
        for option in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD):
            set_option(option, _KEPT)


@contextmanager
def _interruptible(descriptor: int) -> Iterator[Callable[[], object]]:
    """Provide a function that waits for input and runs the handler of any signal that arrives.

    A signal between the last Python instruction and the system call would otherwise be handled only when input comes:
    Python notes it, and the call blocks. A byte in a pipe for each signal ends the wait.
    """
    if threading.current_thread() is not threading.main_thread():
        yield _no_wait
        return
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    poll.register(reading, select.POLLIN)

    def wait() -> None:
        while True:
            ready = [number for number, _ in poll.poll()]
            if reading in ready:
                os.read(reading, 4096)
            if descriptor in ready:
                return

    try:
        yield wait
    finally:
        signal.set_wakeup_fd(before)
        os.close(reading)
        os.close(writing)


def _no_wait() -> None:
    pass


def _without_return(line: bytes) -> bytes:
    return line[:-1] if line.endswith(b"\r") else line


class Output:
    """The standard output of a stdio server: writes one message as a line.

    Attributes:
        waiting_since: The time, of `time.monotonic`, since which the client has read nothing of a message; infinite
            while nothing is being written.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._is_large = False  # True if the pipe was enlarged
        self.waiting_since = inf

    def __call__(self, message: bytes) -> None:
        """Write a message.

        Raises:
            BrokenPipeError: The client has closed its end.
        """
        if len(message) >= _CHUNK and not self._is_large:
            self._is_large = True
            _enlarge_pipe(self._descriptor)
        data: bytes | memoryview = message
        self.waiting_since = monotonic()
        while (written := os.writev(self._descriptor, (data, b"\n"))) <= len(data):
            data = memoryview(data)[written:]
            self.waiting_since = monotonic()
        self.waiting_since = inf

    def end_if_unread(self, patience: float, on_end: Callable[[], object]) -> None:
        """Call a function, on a thread, when the client reads nothing for so many seconds. For after its last line."""

        def watch() -> None:
            while (waited := monotonic() - self.waiting_since) < patience:
                sleep(min(1.0, patience - max(waited, 0.0)))
            on_end()

        threading.Thread(target=watch, name="wasmcp-stdout", daemon=True).start()


def private_stdout() -> Output:
    """Reserve standard output for MCP: other output of this process goes to standard error from now on."""
    kept = os.dup(1)
    os.dup2(2, 1)
    return Output(kept)


def quiet(write: Callable[[bytes], None], on_closed: Callable[[], None]) -> Callable[[bytes], None]:
    """Wrap a writer so that a closed pipe calls `on_closed` instead of raising an error on a background thread."""

    def guarded(message: bytes) -> None:
        try:
            write(message)
        except OSError:
            with suppress(Exception):
                on_closed()

    return guarded
