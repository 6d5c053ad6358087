"""Exchange of a connection: one HTTP/1.1 request and its response, as the application receives and sends them.

Source: RFC 9110, RFC 9112; ASGI 3.0, "HTTP & WebSocket protocol".
"""

from __future__ import annotations

import logging
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from wasmcp.host.transports.http_body import WHOLE_BODY

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine, Generator

    from wasmcp.host.transports.request_head import RequestHead

REASONS = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
"""First lines of responses by status."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_WITHOUT_BODY = frozenset((204, 304))
_LOGGER = logging.getLogger("wasmcp.host.http")


class Connection(Protocol):
    """The connection of an exchange.

    Attributes:
        loop: Its event loop.
        transport: Its transport.
        drained: Done when the client has read enough; None if it reads.
    """

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    drained: asyncio.Future[None] | None

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """Header fields of each response."""

    @property
    def default_lines(self) -> bytes:
        """The same as field lines."""

    def scope_of(self, head: RequestHead) -> dict[str, Any]:
        """Return the scope of a request (ASGI)."""

    def resume_reading(self) -> None:
        """Read more from the client."""

    def refuse(self, status: int, text: bytes) -> None:
        """Write a response with a text, and end the connection."""

    def response_complete(self, exchange: Exchange) -> None:
        """Continue after the end of a response."""


class _Steps:
    """The rest of a coroutine that was started without a task. It waits for what the coroutine waited for."""

    def __init__(self, coroutine: Coroutine[Any, Any, None], waits_for: Any) -> None:
        self._coroutine = coroutine
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, None]:
        waits_for = self._waits_for
        while True:
            thrown: BaseException | None = None
            try:
                yield waits_for
            except BaseException as error:  # noqa: BLE001 - the coroutine handles it, as a cancellation
                thrown = error
            try:
                waits_for = self._coroutine.send(None) if thrown is None else self._coroutine.throw(thrown)
            except StopIteration:
                return


async def rest_of(coroutine: Coroutine[Any, Any, None], waits_for: Any) -> None:
    """Run the rest of a coroutine that was started without a task.

    Args:
        coroutine: The coroutine.
        waits_for: The object that its first step waits for.
    """
    await _Steps(coroutine, waits_for)


class Exchange:
    """One request and its response.

    Attributes:
        head: The head of the request.
        body: The parts of the request's body that the application has not read.
        buffered: Their number of bytes.
        started: True if the application runs.
        disconnected: True if the client cannot get the response.
        keep_alive: True if the connection can be used again.
        more_body: True if the rest of the request's body has not arrived.
        is_first_step: True while the application runs without a task, until it waits for the first time.
        response_started: True if the application has started the response.
        response_complete: True if the response was written.
    """

    # Values of most requests, which are not set for each.
    buffered = 0
    more_body = True
    started = False
    disconnected = False
    is_first_step = False
    response_started = False
    response_complete = False
    _changed: asyncio.Future[None] | None = None
    _is_delivered = False  # True if the application has the end of the body
    _head: list[bytes] | None = None
    _length: int | None = None  # bytes of the response's body that are still to come
    _is_chunked = False
    _has_body = True

    def __init__(self, connection: Connection, head: RequestHead) -> None:
        self.head = head
        self.body: list[bytes] = []
        self.keep_alive = head.keep_alive
        self._connection = connection
        self._expects = head.expects  # True if the client waits for `100 Continue`

    def wake(self) -> None:
        """Continue a `receive` that waits."""
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    async def run(self, app: Any, whole: bytes | None = None) -> None:
        """Run the application; an error is a response with status 500 if none was started, else it ends the connection.

        Args:
            app: The ASGI application.
            whole: The body, if it has arrived as a whole.
        """
        try:
            scope = self._connection.scope_of(self.head)
            if whole is not None:
                scope[WHOLE_BODY] = whole
            await app(scope, self.receive, self.send)
        except Exception as error:  # noqa: BLE001 - logged
            self.failed(error)
        except BaseException:
            self._fail()
            raise
        else:
            if not (self.response_complete or self.disconnected):
                _LOGGER.error("the application has not completed its response")
                self._fail()

    def failed(self, error: Exception) -> None:
        """Log an error of the application, and end the exchange."""
        _LOGGER.error("the application failed", exc_info=error)
        self._fail()

    def _fail(self) -> None:
        if self.disconnected or self.response_complete:
            return
        if self.response_started and self._head is None:
            self._connection.transport.close()
            return
        self._head = None
        self.response_started = self.response_complete = True
        self._connection.refuse(500, b"Internal Server Error")

    async def receive(self) -> dict[str, Any]:
        """Return the next event of the request: a part of its body, or the client's disconnection (ASGI)."""
        connection = self._connection
        if self._expects and not self.response_started and not self.disconnected:
            self._expects = False
            connection.transport.write(_CONTINUE)
        while not (self.disconnected or self.response_complete or self.body or self._is_last()):
            connection.resume_reading()
            self._changed = connection.loop.create_future()
            await self._changed
            self._changed = None
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        data = b"".join(self.body)
        self.body.clear()
        self.buffered = 0
        self._is_delivered = not self.more_body
        if self.more_body:
            connection.resume_reading()
        return {"type": "http.request", "body": data, "more_body": self.more_body}

    def _is_last(self) -> bool:
        """Return True if the end of the body has arrived and was not delivered yet."""
        return not self.more_body and not self._is_delivered

    async def send(self, message: dict[str, Any]) -> None:
        """Send an event of the response (ASGI).

        Raises:
            RuntimeError: The event does not fit to the state of the response, or has an invalid header field.
        """
        connection = self._connection
        if connection.drained is not None and not self.disconnected:
            await connection.drained
        if self.disconnected:
            return
        kind = message["type"]
        if not self.response_started and kind == "http.response.start":
            self._head = self._encode_head(message["status"], message.get("headers", ()))
            self.response_started = True
            self._expects = False
            if not self.is_first_step:  # after it the head is written anyway
                connection.loop.call_soon(self.flush)
            return
        if not self.response_started or self.response_complete or kind != "http.response.body":
            raise RuntimeError(f"`{kind}` does not fit to the state of the response")
        self._write(message.get("body", b""), last=not message.get("more_body", False))

    def flush(self) -> None:
        """Write the head of the response, if it was not written with the first part of the body."""
        if self._head is not None and not self.disconnected:
            self._connection.transport.write(b"".join(self._head))
            self._head = None

    @property
    def can_respond(self) -> bool:
        """True if a whole response can be written at once: none was started, and the client reads."""
        return not (self.response_started or self.disconnected or self._connection.drained is not None)

    def respond(self, status: int, lines: bytes, body: bytes, *, closes: bool = False) -> None:
        """Send a whole response: as two calls of `send`, without their objects. `can_respond` must be true.

        Args:
            status: The status.
            lines: The header fields as field lines, without `Content-Length`.
            body: The body.
            closes: End the connection after it.
        """
        connection = self._connection
        whole = (
            None
            if self.head.method == "HEAD"
            else whole_response(status, lines, body, connection.default_lines, closes=closes or not self.keep_alive)
        )
        if whole is None:
            fields = [*field_pairs(lines), (b"content-length", b"%d" % len(body))]
            self._head = self._encode_head(status, [*fields, (b"connection", b"close")] if closes else fields)
            self.response_started = True
            self._expects = False
            self._write(body, last=True)
            return
        self.response_started = self.response_complete = True
        self._expects = False
        if closes:
            self.keep_alive = False
        connection.transport.write(whole)
        self.wake()
        connection.response_complete(self)

    def _encode_head(self, status: int, headers: Any) -> list[bytes]:
        head = [REASONS.get(status) or b"HTTP/1.1 %d \r\n" % status]
        for field in (*self._connection.default_headers, *headers):
            short = len(field[0]) + len(field[1]) <= _KEPT
            line, length, closes = (_field_line if short else _field_line.__wrapped__)(*field)
            head.append(line)
            if length is not None:
                self._length = length
            elif closes:
                self.keep_alive = False
        self._has_body = status >= 200 and status not in _WITHOUT_BODY and self.head.method != "HEAD"
        if self._has_body and self._length is None:
            self._is_chunked = self.head.version == "1.1"
            if self._is_chunked:
                head.append(b"transfer-encoding: chunked\r\n")
            else:
                self.keep_alive = False
        if not self.keep_alive:
            head.append(b"connection: close\r\n")
        head.append(b"\r\n")
        return head

    def _write(self, body: bytes, *, last: bool) -> None:
        if self._has_body and self._length is not None:
            self._length -= len(body)
            if self._length < 0 or (last and self._length):
                raise RuntimeError("the body of the response is not as long as its `Content-Length`")
        parts = self._head or []
        self._head = None
        if not self._has_body:
            body = b""
        if self._is_chunked:
            parts += [b"%x\r\n" % len(body), body, b"\r\n"] if body else []
            parts += [b"0\r\n\r\n"] if last else []
        elif body:
            parts.append(body)
        if parts:
            self._connection.transport.write(parts[0] if len(parts) == 1 else b"".join(parts))
        if last:
            self.response_complete = True
            self.wake()
            self._connection.response_complete(self)


_KEPT = 512  # maximum bytes of a field, or of several, whose lines are kept
_WHOLE = b"%b%b%bcontent-length: %d\r\n\r\n%b"
_CLOSING = b"%b%b%bcontent-length: %d\r\nconnection: close\r\n\r\n%b"


def whole_response(
    status: int, lines: bytes, body: bytes, default_lines: bytes, *, closes: bool = False
) -> bytes | None:
    """Return the bytes of a response with its body.

    Return None if it has no body, or if its fields are about the connection or the body.

    Args:
        status: The status.
        lines: The header fields as field lines, without `Content-Length`.
        body: The body.
        default_lines: The field lines of each response.
        closes: The connection ends after it.
    """
    plain = _plain_lines(lines) if len(lines) <= _KEPT else None
    if plain is None or status < 200 or status in _WITHOUT_BODY:
        return None
    reason = REASONS.get(status) or b"HTTP/1.1 %d \r\n" % status
    return (_CLOSING if closes else _WHOLE) % (reason, default_lines, plain, len(body), body)


def field_pairs(lines: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Return the header fields in field lines."""
    return (_field_pairs if len(lines) <= _KEPT else _field_pairs.__wrapped__)(lines)


@lru_cache(64)
def _field_pairs(lines: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Return the header fields in field lines. Most responses have the same."""
    fields = [line.partition(b":") for line in lines.split(b"\r\n") if line]
    return tuple((name, value.strip()) for name, _, value in fields)


@lru_cache(64)
def _plain_lines(lines: bytes) -> bytes | None:
    """Return field lines as they are sent; None if one is about the connection or the body.

    Raises:
        RuntimeError: A field has a line break or NUL.
    """
    found = [_field_line(*field) for field in _field_pairs(lines)]
    if any(length is not None or closes for _, length, closes in found):
        return None
    return b"".join([line for line, _, _ in found])


@lru_cache(128)
def _field_line(name: bytes, value: bytes) -> tuple[bytes, int | None, bool]:
    """Return the line of a header field, the length that it announces, and True if it ends the connection.

    Most responses have the same fields.

    Raises:
        RuntimeError: The field has a line break or NUL.
    """
    line = b"%b: %b\r\n" % (name, value)
    if line.count(b"\n") != 1 or line.count(b"\r") != 1 or b"\0" in line:
        raise RuntimeError(f"a header field has a line break or NUL: {name!r}")
    lower = name.lower()
    length = int(value) if lower == b"content-length" else None
    return line, length, lower == b"connection" and b"close" in value.lower()
