"""HTTP/1.1 connection of `wasmcp serve`: parser, requests in order, responses, and the limits of the connection.

The parser is llhttp (httptools). A request whose head was received before, byte for byte, is not parsed again.

A request whose body has arrived runs at once, without a task of its own: if its call ends on this thread, the response
is written before the event loop does anything else. Otherwise it continues as a task. If the application has a method
`begin_at_once` (see `wasmcp.host.transports.asgi.App`), that is called first: most calls end in it.

Source: RFC 9110, RFC 9112; ASGI 3.0, "HTTP & WebSocket protocol". The listener is
`wasmcp.host.transports.listener.Listener`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, cast

import httptools

from wasmcp.host.transports.http_exchange import REASONS, Exchange, rest_of, whole_response
from wasmcp.host.transports.request_head import RecentHeads, RequestHead

if TYPE_CHECKING:
    from wasmcp.host.transports.connections import Connections, Handshake

_LARGEST_HEAD = 64 << 10
_READ_AHEAD = 64 << 10  # bytes of a body that are kept before the application reads them
_PIPELINED = 16  # maximum number of requests of one connection that wait for the response before them
_END_OF_TLS = 2.0  # seconds that an idle client gets to answer the end of TLS
_LENGTH_FIELDS = (b"content-length", b"transfer-encoding")


class HttpConnection(asyncio.Protocol):
    """Connection with limits.

    Attributes:
        since: The time at which the wait for the current request began, by the loop's clock.
        has_responded: True if a response was written.
        unread: The bytes in the write buffer while writing is paused, otherwise 0.
        read_at: The time at which the client last read data, while writing is paused.
        drained: The end of the pause, while writing is paused.
        handshake: The TLS handshake before it; None without TLS.
    """

    bounds: ClassVar[Connections]
    heads: ClassVar[RecentHeads]
    transport: asyncio.Transport
    handshake: Handshake | None = None

    @classmethod
    def bound_to(cls, bounds: Connections) -> type[HttpConnection]:
        """Return the class of the connections with these limits."""
        return type("HttpConnection", (cls,), {"bounds": bounds, "heads": RecentHeads()})

    def __init__(
        self,
        app: Any,
        state: Any,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Create a connection.

        Args:
            app: The ASGI application.
            state: Connections, tasks and header fields of each response; see `wasmcp.host.transports.listener.State`.
            loop: The event loop.
        """
        self.loop = loop
        self.since = self.loop.time()
        self.has_responded = False
        self.unread = 0
        self.read_at = 0.0
        self.drained: asyncio.Future[None] | None = None
        self._app = app
        self._begin = getattr(self._app, "begin_at_once", None)
        self._state = state
        self._seen = 0
        self._parser = httptools.HttpRequestParser(self)
        self._exchanges: deque[Exchange] = deque()  # the first one is in progress
        self._current: Exchange | None = None  # the one that the parser reads
        self._continues: Exchange | None = None  # the one whose body the next head belongs to
        self._is_reading = True
        self._is_closing = False  # True if nothing that arrives is read any more
        self._in_head = True
        self._is_between = True  # True if the parser has seen nothing behind the last request
        self._is_plain = True  # False if a request of the current data is for another protocol
        self._head_size = 0
        self._defaults: list[tuple[bytes, bytes]] = []
        self._default_lines = b""
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._headers_size = self._hosts = 0
        self._expects = False
        self._client: tuple[str, int] | None = None
        self._server: tuple[str, int | None] | None = None
        self._scheme = "http"

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """Header fields of each response, such as `date`."""
        fields: list[tuple[bytes, bytes]] = self._state.default_headers
        return fields

    @property
    def default_lines(self) -> bytes:
        """The same as field lines."""
        fields = self._state.default_headers  # another list each time that they change
        if fields is not self._defaults:
            self._defaults = fields
            self._default_lines = b"".join([b"%b: %b\r\n" % field for field in fields])
        return self._default_lines

    def scope_of(self, head: RequestHead) -> dict[str, Any]:
        """Return the scope of a request (ASGI)."""
        return head.scope(self._scheme, self._server, self._client)

    @property
    def is_closing(self) -> bool:
        """True if the connection ends as soon as the last response was written."""
        return self.transport.is_closing()

    def abort(self) -> None:
        """End the connection, and drop what the client has not read."""
        self.transport.abort()

    @property
    def waits_for_head(self) -> bool:
        """True if the client has not sent a whole head."""
        return not self._exchanges and self._in_head

    @property
    def waits_for_client(self) -> bool:
        """True if the client has not sent a whole request."""
        if not self._exchanges:
            return True
        first = self._exchanges[0]
        return first.more_body and not first.response_started

    # Events of the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Add the connection."""
        self.transport = cast("asyncio.Transport", transport)
        self._state.connections.add(self)
        self._client = _address(transport.get_extra_info("peername"))
        self._server = _address(transport.get_extra_info("sockname"))
        self._scheme = "https" if transport.get_extra_info("sslcontext") else "http"
        if self.handshake is not None:
            self.bounds.lost(self.handshake)
        self.bounds.made(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Remove the connection, and report the disconnection to the application."""
        self.bounds.lost(self)
        self.free()
        self._state.connections.discard(self)
        self._is_closing = True
        if self.drained is not None:
            self.drained.set_result(None)
            self.drained = None
        for exchange in self._exchanges:
            exchange.disconnected = True
            exchange.wake()

    def data_received(self, data: bytes) -> None:
        """Parse data, and start the request that it completes."""
        if self._is_closing:
            return
        is_first = self._is_between and not self._exchanges
        if is_first:
            known = self.heads.find(data)
            if known is not None:
                self._head_size = 0
                self._run_whole(*known)
                return
        if self._in_head:
            self._head_size += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserError as error:
            refused = error.__context__
            self._refuse_request(refused.status if isinstance(refused, _BadRequestError) else 400)
            return
        if self._in_head and self._head_size > _LARGEST_HEAD:
            self._refuse_request(431)
            return
        if len(self._exchanges) > 1:  # what arrives before the response in progress is kept, so that it is bounded
            self._pause_reading()
        elif is_first and self._is_between and self._is_plain and self._exchanges:
            exchange = self._exchanges[0]
            self.heads.keep(data, exchange.head, exchange.buffered)
        self._start()

    def _parse(self, data: bytes) -> None:
        """Parse data. A request for another protocol is answered as any other (RFC 9110, section 7.8)."""
        while True:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = self._after_upgrade(data[upgrade.args[0] :])
                if data:
                    continue
            return

    def _after_upgrade(self, data: bytes) -> bytes:
        """Begin to parse behind a head with `Upgrade`, where the parser stops. Return the data to parse.

        A new parser reads the body: its head has only the fields that determine the length.
        """
        exchange = self._exchanges[-1]
        self._is_plain = False
        if exchange.head.method == "CONNECT":
            self._is_closing = True
            exchange.keep_alive = False
            return b""
        self._parser = httptools.HttpRequestParser(self)
        length = [field for field in exchange.head.fields if field[0] in _LENGTH_FIELDS]
        if not length:
            return data
        self._continues = exchange
        exchange.more_body = True
        return b"POST / HTTP/1.1\r\n%b\r\n%b" % (b"".join(b"%b: %b\r\n" % field for field in length), data)

    def eof_received(self) -> None:
        """End the connection: nothing else follows."""

    def pause_writing(self) -> None:
        """Start to count unread bytes: the client reads slower than data is written."""
        self.drained = self.loop.create_future()
        self.read_at = self.loop.time()
        self._seen = self.transport.get_write_buffer_size()
        self._hold(self._seen)

    def resume_writing(self) -> None:
        """Stop counting unread bytes: the client has read enough."""
        if self.drained is not None:
            self.drained.set_result(None)
            self.drained = None
        self.free()

    def shutdown(self) -> None:
        """End the connection, after the response in progress."""
        if self._exchanges:
            for exchange in self._exchanges:
                exchange.keep_alive = False
        else:
            self.transport.close()
            if self.handshake is not None:
                self.loop.call_later(_END_OF_TLS, self.handshake.abort)

    # Events of the parser

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._in_head = True
        self._is_between = False
        self._is_plain = True
        self._url = b""
        self._headers = []
        self._headers_size = self._hosts = 0
        self._expects = False

    def on_url(self, url: bytes) -> None:
        """Add a part of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header field; trailer fields are dropped."""
        if not self._in_head:
            return
        name, value = name.lower(), value.strip(b" \t")
        self._headers.append((name, value))
        self._headers_size += len(name) + len(value)
        if name == b"host":
            self._hosts += 1
        elif name == b"expect" and value.lower() == b"100-continue":
            self._expects = True

    def on_headers_complete(self) -> None:
        """Create the exchange of a request whose head has arrived."""
        self._in_head = False
        if self._continues is not None:
            self._current, self._continues = self._continues, None
            return
        if len(self._url) + self._headers_size > _LARGEST_HEAD:
            raise _BadRequestError(431)
        self._head_size = 0
        version = self._parser.get_http_version()
        if self._hosts > 1 or (not self._hosts and version == "1.1"):  # RFC 9112, section 3.2
            raise _BadRequestError(400)
        if len(self._exchanges) >= _PIPELINED:
            raise _BadRequestError(503)
        raw_path, _, query = (self._url if self._url[:1] == b"/" else self._origin_form()).partition(b"?")
        if not raw_path.isascii():
            raise _BadRequestError(400)
        head = RequestHead(
            self._parser.get_method().decode("ascii"),
            raw_path,
            query,
            version,
            self._headers,
            keep_alive=self._parser.should_keep_alive(),
            expects=self._expects and version == "1.1",
        )
        self._current = Exchange(self, head)
        self._exchanges.append(self._current)

    def _origin_form(self) -> bytes:
        """Return a target that is not in origin form, in that form if it is a URI. RFC 9112, section 3.2.2.

        The authority of a URI replaces the value of `Host`, so that all that depends on it depends on the same name.
        """
        if self._parser.get_method() == b"CONNECT" or self._url == b"*":
            return self._url
        scheme, _, rest = self._url.partition(b"://")
        length = next((at for at, byte in enumerate(rest) if byte in b"/?#"), len(rest))
        authority, target = rest[:length], rest[length:]
        if scheme.lower() not in {b"http", b"https"} or not authority or b"@" in authority:
            raise _BadRequestError(400)  # RFC 9110, sections 4.2.1 and 4.2.4
        if scheme.lower() == b"https" and self._scheme != "https":
            raise _BadRequestError(421)  # RFC 9110, section 7.4
        self._headers = [*(field for field in self._headers if field[0] != b"host"), (b"host", authority)]
        if target[:1] == b"/":
            return target
        return b"*" if not target and self._parser.get_method() == b"OPTIONS" else b"/" + target

    def on_body(self, body: bytes) -> None:
        """Add a part of a request's body."""
        current = self._current
        if current is None or current.response_complete:
            return
        current.body.append(body)
        current.buffered += len(body)
        if current.buffered > _READ_AHEAD:
            self._pause_reading()
        current.wake()

    def on_message_complete(self) -> None:
        """Complete a request's body."""
        self._in_head = self._is_between = True
        if self._current is not None:
            self._current.more_body = False
            self._current.wake()
            self._current = None

    # Requests and responses

    def _start(self) -> None:
        """Run the first request, unless it is in progress."""
        if not self._exchanges or self._exchanges[0].started:
            return
        exchange = self._exchanges[0]
        exchange.started = True
        if exchange.more_body:
            self._keep(self.loop.create_task(exchange.run(self._app)))
            return
        self._run_whole(exchange.head, b"".join(exchange.body), exchange)

    def _run_whole(self, head: RequestHead, body: bytes, exchange: Exchange | None = None) -> None:
        """Run a request that has arrived as a whole.

        Args:
            head: Its head.
            body: Its body.
            exchange: The first exchange; None if no other request is in progress and the connection stays open.
        """
        app = self._app
        if self._begin is not None and self.drained is None and (exchange is None or exchange.can_respond):
            try:
                begun = self._begin(head, body, self._client)
                if type(begun) is tuple:
                    status, lines, text = begun
                    whole = whole_response(status, lines, text, self.default_lines) if exchange is None else None
                    if whole is None:
                        (exchange or self._exchange_of(head)).respond(status, lines, text)
                        return
                    self.transport.write(whole)
                    self.since = self.loop.time()
                    self.has_responded = True
                    self._state.total_requests += 1
                    return
            except Exception as error:  # noqa: BLE001 - logged
                (self._exchanges[0] if self._exchanges else self._exchange_of(head)).failed(error)
                return
            app = begun or app
        if exchange is None:
            exchange = self._exchange_of(head)
            if body:
                exchange.body.append(body)
                exchange.buffered = len(body)
        coroutine = exchange.run(app, body)
        exchange.is_first_step = True
        try:
            waits_for = coroutine.send(None)
        except StopIteration:
            return
        finally:
            exchange.is_first_step = False
        exchange.flush()
        self._keep(self.loop.create_task(rest_of(coroutine, waits_for)))

    def _exchange_of(self, head: RequestHead) -> Exchange:
        """Return a new exchange, the only one, of a request that has arrived as a whole."""
        exchange = Exchange(self, head)
        exchange.more_body = False
        exchange.started = True
        self._exchanges.append(exchange)
        return exchange

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

    def response_complete(self, exchange: Exchange) -> None:
        """End an exchange, and go on with the next request."""
        self.since = self.loop.time()
        self.has_responded = True
        self._state.total_requests += 1
        self._exchanges.popleft()
        if not exchange.keep_alive or exchange.more_body or (self._is_closing and not self._exchanges):
            self._is_closing = True
            self._exchanges.clear()
            self.transport.close()
            return
        if self._exchanges:
            self.loop.call_soon(self._start)
        if len(self._exchanges) < 2:
            self.resume_reading()

    def _pause_reading(self) -> None:
        if self._is_reading:
            self._is_reading = False
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read from the client again."""
        if not self._is_reading and not self._is_closing:
            self._is_reading = True
            self.transport.resume_reading()

    def _refuse_request(self, status: int) -> None:
        """Respond to a request that cannot be parsed, if it is the next one; then end the connection."""
        self._is_closing = True
        current, self._current = self._current, None
        if current is not None:  # its body is damaged
            if current is self._exchanges[0] and not current.response_started:
                current.disconnected = True
                current.wake()
                self._exchanges.clear()
            else:
                current.keep_alive = False
                return
        if self._exchanges:
            self._exchanges[-1].keep_alive = False
            self._start()
            return
        self.refuse(status, b"Invalid HTTP request received.")

    def refuse(self, status: int, text: bytes) -> None:
        """Write a response with a text, and end the connection."""
        self._is_closing = True
        fields = (b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\nconnection: close\r\n\r\n") % len(
            text
        )
        self.transport.write(REASONS[status] + fields + text)
        self.transport.close()

    # Limits

    def measure(self, now: float) -> None:
        """Update the number of unread bytes, and the time of the client's progress."""
        size = self.transport.get_write_buffer_size()
        if size <= self._seen - self.bounds.PROGRESS:
            self.read_at = now
            self._seen = size
        self._hold(size)

    def _hold(self, size: int) -> None:
        more, self.unread = size - self.unread, size
        if self.bounds.over(more):
            self.loop.call_soon(self.bounds.make_room)

    def free(self) -> None:
        """Set the number of unread bytes to 0."""
        self.bounds.over(-self.unread)
        self.unread = 0


class _BadRequestError(Exception):
    """Error of a request that is answered without the application.

    Attributes:
        status: The status of the response.
    """

    def __init__(self, status: int) -> None:
        self.status = status


def _address(value: Any) -> tuple[str, int] | None:
    """Return host and port of a socket's address; None for other sockets."""
    return (str(value[0]), int(value[1])) if isinstance(value, tuple) and len(value) >= 2 else None
