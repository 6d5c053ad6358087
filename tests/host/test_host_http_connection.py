"""HTTP/1.1 of `wasmcp serve`, with real sockets and applications that use every part of the protocol."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.http_listening import Listening, lifespan, rest
from support.waiting import wait_until

from wasmcp.host.transports.http_body import WHOLE_BODY
from wasmcp.host.transports.http_exchange import _field_line

GET = b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST %b HTTP/1.1\r\nHost: a\r\n"


class Application:
    """ASGI application whose response depends on the path."""

    def __init__(self) -> None:
        self.scopes: list[dict[str, Any]] = []
        self.disconnected = threading.Event()
        self.cancelled = threading.Event()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        self.scopes.append(scope)
        await getattr(self, scope["path"].strip("/") or "echo")(scope, receive, send)

    @staticmethod
    async def _send(send: Any, body: bytes, *headers: tuple[bytes, bytes], status: int = 200) -> None:
        fields = [(b"content-length", b"%d" % len(body)), *headers]
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": body})

    async def echo(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            event = await receive()
            assert event["type"] == "http.request"
            body, more = body + event["body"], event["more_body"]
        assert scope.get(WHOLE_BODY, body) == body
        await self._send(send, body)

    async def wait(self, _scope: dict[str, Any], _receive: Any, send: Any) -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        await asyncio.wait_for(asyncio.sleep(0), 5)  # needs a task
        await self._send(send, b"waited")

    async def long_field(self, _scope: dict[str, Any], _receive: Any, send: Any) -> None:
        await self._send(send, b"long", (b"x-long", b"a" * 100_000))

    async def chunks(self, _scope: dict[str, Any], _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for part in (b"one", b"", b"two"):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"three"})

    async def head_first(self, _scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Send the head, and the body after the end of the request."""
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await receive()
        await asyncio.sleep(0.05)
        await send({"type": "http.response.body", "body": b"late"})

    async def until_disconnect(self, _scope: dict[str, Any], receive: Any, _send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.disconnected.set()

    async def after_response(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await self.echo(scope, receive, send)
        assert (await receive())["type"] == "http.disconnect"
        self.disconnected.set()

    async def never(self, _scope: dict[str, Any], _receive: Any, _send: Any) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    async def no_content(self, _scope: dict[str, Any], _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def closes(self, _scope: dict[str, Any], _receive: Any, send: Any) -> None:
        await self._send(send, b"bye", (b"connection", b"close"))

    async def unread(self, _scope: dict[str, Any], _receive: Any, send: Any) -> None:
        await self._send(send, b"no", status=413)

    async def fails(self, _scope: dict[str, Any], _receive: Any, _send: Any) -> None:
        raise ValueError("secret")

    async def fails_late(self, _scope: dict[str, Any], _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"part", "more_body": True})
        raise ValueError("secret")

    async def returns(self, _scope: dict[str, Any], _receive: Any, _send: Any) -> None:
        return

    async def injects(self, _scope: dict[str, Any], _receive: Any, send: Any) -> None:
        await self._send(send, b"", (b"x", b"a\r\nset-cookie: b"))

    async def too_long(self, _scope: dict[str, Any], _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
        await send({"type": "http.response.body", "body": b"12"})

    async def twice(self, _scope: dict[str, Any], _receive: Any, send: Any) -> None:
        await self._send(send, b"once")
        with pytest.raises(RuntimeError, match=r"http.response.body"):
            await send({"type": "http.response.body", "body": b"again"})


def bodies(data: bytes, number: int) -> list[tuple[int, bytes]]:
    """Return status and body of this number of responses, read by Python's own client."""

    class Sock:
        def __init__(self) -> None:
            self.file = __import__("io").BytesIO(data)

        def makefile(self, _mode: str) -> Any:
            return self.file

    sock, found = Sock(), []
    for _ in range(number):
        response = http.client.HTTPResponse(sock, method="GET")  # type: ignore[arg-type]
        sock.file.close = lambda: None  # type: ignore[method-assign]
        response.begin()
        found.append((response.status, response.read()))
    return found


@pytest.fixture(scope="module")
def server() -> Iterator[Listening[Application]]:
    listening = Listening(Application())
    yield listening
    listening.close()


def last(request: bytes) -> bytes:
    """Return a request after which the connection ends."""
    return request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)


def test_body_with_a_length(server: Listening[Application]) -> None:
    answer = server.ask(last(POST % b"/?a=b%20c") + b"Content-Length: 5\r\n\r\nhello")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\ndate: ")
    assert bodies(answer, 1) == [(200, b"hello")]
    scope = server.app.scopes[-1]
    assert scope[WHOLE_BODY] == b"hello"
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == ("/", b"/", b"a=b%20c")
    assert (scope["method"], scope["http_version"], scope["client"][0]) == ("POST", "1.1", "127.0.0.1")
    assert (b"content-length", b"5") in scope["headers"]


def test_body_in_pieces(server: Listening[Application]) -> None:
    with server.connect() as connection:
        for piece in (last(POST % b"/"), b"Content-", b"Length:  5 \r\n", b"\r\nhe", b"llo"):
            connection.sendall(piece)
            time.sleep(0.01)
        assert bodies(rest(connection), 1) == [(200, b"hello")]
    assert WHOLE_BODY not in server.app.scopes[-1]


def test_chunked_body_and_trailer(server: Listening[Application]) -> None:
    chunked = b"Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n"
    assert bodies(server.ask(last(POST % b"/") + chunked), 1) == [(200, b"abcde")]
    assert not any(name == b"trailer" for name, _ in server.app.scopes[-1]["headers"])


def test_large_body(server: Listening[Application]) -> None:
    body = bytes(range(256)) * 8192
    assert bodies(server.ask(last(POST % b"/") + b"Content-Length: %d\r\n\r\n" % len(body) + body), 1) == [(200, body)]


def test_pipelined_requests_are_answered_in_order(server: Listening[Application]) -> None:
    data = GET % b"/wait" + POST % b"/" + b"Content-Length: 1\r\n\r\nb" + GET % b"/wait" + last(GET % b"/")
    assert bodies(server.ask(data), 4) == [(200, b"waited"), (200, b"b"), (200, b"waited"), (200, b"")]


def test_too_many_pipelined_requests_end_the_connection(server: Listening[Application]) -> None:
    answer = server.ask(GET % b"/wait" * 40)
    assert answer.count(b"HTTP/1.1 200") <= 16
    with server.connect(last(GET % b"/")) as connection:
        assert rest(connection).startswith(b"HTTP/1.1 200")


def test_bodies_behind_a_request_in_progress_are_bounded() -> None:
    listening = Listening(Application())
    body = b"x" * 60_000
    request = POST % b"/" + b"Content-Length: %d\r\n\r\n" % len(body) + body
    with listening.connect(GET % b"/never") as connection:
        connection.settimeout(0.5)
        with suppress(TimeoutError):
            connection.sendall(request * 15)
        wait_until(lambda: len(listening.app.scopes) == 1)
        time.sleep(0.2)
        (kept,) = listening.listener.state.connections
        assert 0 < sum(exchange.buffered for exchange in kept._exchanges) <= 600_000
    listening.close()


def test_many_requests_on_one_connection(server: Listening[Application]) -> None:
    with server.connect() as connection:
        for number in range(50):
            text = b"%d" % number
            connection.sendall(POST % b"/" + b"Content-Length: %d\r\n\r\n" % len(text) + text)
            response = http.client.HTTPResponse(connection)
            response.begin()
            assert response.read() == text


def test_expectation_of_continue(server: Listening[Application]) -> None:
    with server.connect(last(POST % b"/") + b"Expect: 100-Continue\r\nContent-Length: 2\r\n\r\n") as connection:
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"ok")
        assert bodies(rest(connection), 1) == [(200, b"ok")]
    unread = server.ask(last(POST % b"/unread") + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert unread.startswith(b"HTTP/1.1 413")


def test_body_that_is_not_read_ends_the_connection(server: Listening[Application]) -> None:
    answer = server.ask(POST % b"/unread" + b"Content-Length: 100000\r\n\r\n" + b"x" * 10)
    assert bodies(answer, 1) == [(413, b"no")]


def test_chunked_response(server: Listening[Application]) -> None:
    answer = server.ask(last(GET % b"/chunks"))
    assert answer.endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n")
    assert bodies(answer, 1) == [(200, b"onetwothree")]


def test_long_fields_are_sent_and_not_kept(server: Listening[Application]) -> None:
    server.ask(last(GET % b"/wait"))
    kept = _field_line.cache_info().currsize
    answer = server.ask(last(GET % b"/long_field"))
    assert b"\r\nx-long: " + b"a" * 100_000 + b"\r\n" in answer
    assert answer.endswith(b"\r\n\r\nlong")
    assert _field_line.cache_info().currsize - kept <= 1  # of `content-length`


def test_response_to_http_1_0(server: Listening[Application]) -> None:
    answer = server.ask(b"GET /chunks HTTP/1.0\r\n\r\n")
    assert answer.endswith(b"connection: close\r\n\r\nonetwothree")
    assert b"chunked" not in answer


def test_response_to_head(server: Listening[Application]) -> None:
    answer = server.ask(b"HEAD /wait HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert b"content-length: 6\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_response_without_content(server: Listening[Application]) -> None:
    answer = server.ask(GET % b"/no_content" + last(GET % b"/"))
    assert answer.startswith(b"HTTP/1.1 204 No Content\r\n")
    assert b"chunked" not in answer
    assert bodies(answer, 2) == [(204, b""), (200, b"")]


def test_head_is_sent_before_the_body(server: Listening[Application]) -> None:
    with server.connect(last(GET % b"/head_first")) as connection:
        assert connection.recv(1000).endswith(b"\r\n\r\n")
        assert rest(connection) == b"late"


def test_application_ends_the_connection(server: Listening[Application]) -> None:
    assert bodies(server.ask(GET % b"/closes" + GET % b"/"), 1) == [(200, b"bye")]


def test_disconnection_is_reported(server: Listening[Application]) -> None:
    for path in (b"/until_disconnect", b"/after_response"):
        server.app.disconnected.clear()
        server.connect(GET % path).close()
        assert server.app.disconnected.wait(30), path


def test_errors_of_the_application(server: Listening[Application]) -> None:
    for path in (b"/fails", b"/returns", b"/injects", b"/too_long"):
        answer = server.ask(GET % path)
        assert bodies(answer, 1) == [(500, b"Internal Server Error")], path
        assert b"secret" not in answer
        assert b"set-cookie" not in answer
    assert server.ask(GET % b"/fails_late").endswith(b"4\r\npart\r\n")
    assert bodies(server.ask(last(GET % b"/twice")), 1) == [(200, b"once")]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n X: folded\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
            400,
        ),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000, 431),
        (b"GET /" + b"x" * 70_000, 431),
        (b"GET http://a/ HTTP/1.1\r\n\r\n", 400),
        (b"GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        (GET % b"http:///", 400),
        (GET % b"http://?x", 400),
        (GET % b"http://user@a/", 400),
        (GET % b"http://a@b@c/", 400),
        (GET % b"ftp://a/", 400),
        (GET % b"httpx://a/", 400),
        (GET % b"a:80/", 400),
        (GET % b"https://a/", 421),
    ],
)
def test_malformed_requests_are_refused(server: Listening[Application], data: bytes, status: int) -> None:
    before = len(server.app.scopes)
    answer = server.ask(data)
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:100]
    assert b"connection: close\r\n" in answer
    paths = [scope["path"] for scope in server.app.scopes[before:]]
    assert not paths or b"chunked" in data  # of a damaged chunk the application has seen the head


@pytest.mark.parametrize(
    ("target", "path", "query", "authority"),
    [
        (b"http://a.test:80/echo?x=http://c/", "/echo", b"x=http://c/", b"a.test:80"),
        (b"HTTP://A.test/echo", "/echo", b"", b"A.test"),
        (b"http://[::1]:80/echo", "/echo", b"", b"[::1]:80"),
        (b"http://a.test", "/", b"", b"a.test"),
        (b"http://a.test?x", "/", b"x", b"a.test"),
        (b"http://a.test//b/echo", "//b/echo", b"", b"a.test"),
        (b"/http://a.test/", "/http://a.test/", b"", b"a"),
        (b"//a.test/", "//a.test/", b"", b"a"),
    ],
)
def test_authority_of_a_target_replaces_the_host(
    server: Listening[Application], target: bytes, path: str, query: bytes, authority: bytes
) -> None:
    """RFC 9112, section 3.2.2."""
    server.ask(last(GET % target))
    scope = server.app.scopes[-1]
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    assert (scope["path"], scope["query_string"], hosts) == (path, query, [authority])
    assert scope["raw_path"] == path.encode()


def test_targets_of_the_server_itself(server: Listening[Application]) -> None:
    """RFC 9112, section 3.2.4."""
    for target in (b"*", b"http://a"):
        server.ask(last((GET % target).replace(b"GET", b"OPTIONS")))
        assert server.app.scopes[-1]["path"] == "*"
    server.ask(b"GET http://b/ HTTP/1.0\r\n\r\n")
    assert (b"host", b"b") in server.app.scopes[-1]["headers"]


def test_malformed_request_after_another(server: Listening[Application]) -> None:
    answer = server.ask(GET % b"/wait" + b"nonsense\r\n\r\n")
    assert bodies(answer, 1) == [(200, b"waited")]
    assert b"connection: close\r\n" in answer


def test_upgrades_are_ignored(server: Listening[Application]) -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nok"
    answer = server.ask(POST % b"/" + upgrade)
    assert bodies(answer, 1) == [(200, b"ok")]
    connect = server.ask(b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n\x16\x03\x01")
    assert connect.startswith(b"HTTP/1.1 500")  # the test's application has no such path


def test_white_space_of_values_is_removed(server: Listening[Application]) -> None:
    server.ask(last(GET % b"/").replace(b"Host: a", b"Host:\t a \t\r\nX:"))
    headers = server.app.scopes[-1]["headers"]
    assert (b"host", b"a") in headers
    assert (b"x", b"") in headers


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_split_of_the_input_gives_the_same_responses(server: Listening[Application], data: st.DataObject) -> None:
    whole = (
        POST % b"/"
        + b"Content-Length: 3\r\n\r\nabc"
        + GET % b"/chunks"
        + POST % b"/"
        + b"Transfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n"
        + last(GET % b"/wait")
    )
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=4)))
    with server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
            connection.sendall(whole[begin:end])
        assert bodies(rest(connection), 4) == [(200, b"abc"), (200, b"onetwothree"), (200, b"de"), (200, b"waited")]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=st.binary(max_size=60), at=st.integers(0, 40))
def test_any_input_ends_with_a_response_or_the_connection(server: Listening[Application], junk: bytes, at: int) -> None:
    request = last(GET % b"/")
    with server.connect() as connection:
        with suppress(ConnectionError):
            connection.sendall(request[:at] + junk + request[at:])
            connection.shutdown(socket.SHUT_WR)
        answer = rest(connection)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
    assert bodies(server.ask(request), 1) == [(200, b"")]


def test_requests_in_progress_end_at_shutdown() -> None:
    listening = Listening(Application())
    idle, busy = listening.connect(), listening.connect(GET % b"/wait")
    wait_until(lambda: len(listening.app.scopes) == 1)
    listening.close()
    with idle, busy:
        assert rest(idle) == b""
        assert bodies(rest(busy), 1) == [(200, b"waited")]


def test_requests_that_do_not_end_are_cancelled_at_shutdown() -> None:
    listening = Listening(Application())
    with listening.connect(GET % b"/never"):
        wait_until(lambda: len(listening.app.scopes) == 1)
        listening.close()
        assert listening.app.cancelled.wait(30)
