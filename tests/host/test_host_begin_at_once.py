"""Requests that begin at once, without the objects of ASGI, get the same bytes as any other request."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.http_listening import Listening, rest
from support.waiting import wait_until

from wasmcp.host import Limits, Server, open_server
from wasmcp.host.transports.asgi import App
from wasmcp.host.transports.asgi_middleware import Endpoint
from wasmcp.host.transports.asgi_response import AsgiResponse
from wasmcp.host.transports.request_head import RecentHeads, RequestHead

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
JSON = {"content-type": "application/json", "accept": "application/json, text/event-stream", "host": "localhost"}
LATEST = {**JSON, "mcp-protocol-version": "2026-07-28"}
HANDSHAKE = {**JSON, "mcp-protocol-version": "2025-11-25"}


Begun = tuple[int, bytes, bytes] | AsgiResponse | None


class Both(NamedTuple):
    """A server behind two listeners: requests of the first begin at once, those of the second do not."""

    at_once: Listening[Any]
    asgi: Listening[Any]
    server: Server
    apps: tuple[App, App]
    begun: list[Begun]

    @property
    def pairs(self) -> tuple[tuple[Listening[Any], App], ...]:
        """The listeners, each with its application."""
        return (self.at_once, self.apps[0]), (self.asgi, self.apps[1])


def noting(app: App, begun: list[Begun]) -> App:
    """Return an application that notes what its requests begin with."""
    begin = app.begin_at_once

    def noted(head: RequestHead, data: bytes, client: tuple[str, int] | None) -> Begun:
        begun.append(begin(head, data, client))
        return begun[-1]

    app.begin_at_once = noted  # type: ignore[method-assign]
    return app


class OnlyAsgi:
    """Application whose requests do not begin at once."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)


@pytest.fixture(scope="module")
def both(zig_server: Path) -> Iterator[Both]:
    limits = Limits(timeout=1, request=20_000)
    with open_server(zig_server, limits=limits) as server:
        begun: list[Begun] = []
        apps = noting(App(server), begun), App(server)  # an application belongs to one event loop
        at_once, asgi = (Endpoint(app, lambda: None) for app in apps)
        found = Both(Listening(at_once), Listening(OnlyAsgi(asgi)), server, apps, begun)
        warm(found)
        yield found
        found.at_once.close()
        found.asgi.close()


def warm(both: Both) -> None:
    """Call a tool until its calls run on the thread of the event loop."""
    for _ in range(100):
        with both.at_once.connect(called("add", a=1, b=2)) as connection:
            read(connection)
        if both.server.pool.inline_policy.allows_inline():
            return
    pytest.fail("no call has run on the thread of the event loop")


def head(fields: dict[str, str], *, method: str = "POST", path: str = "/mcp") -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}".encode()


def request(fields: dict[str, str], body: bytes, *, method: str = "POST", path: str = "/mcp") -> bytes:
    return head(fields, method=method, path=path) + b"content-length: %d\r\n\r\n%b" % (len(body), body)


def message(method: str, identifier: object = 1, **params: Any) -> bytes:
    sent = {"jsonrpc": "2.0", "id": identifier, "method": method, "params": {**params, "_meta": META}}
    return json.dumps(sent, separators=(",", ":")).encode()


def older(method: str, identifier: object = 1, **params: Any) -> bytes:
    """Return a request of a handshake revision."""
    return json.dumps({"jsonrpc": "2.0", "id": identifier, "method": method, "params": params}).encode()


def called(name: str, **arguments: Any) -> bytes:
    fields = {**LATEST, "mcp-method": "tools/call", "mcp-name": name}
    return request(fields, message("tools/call", name=name, arguments=arguments))


def last(sent: bytes) -> bytes:
    """Return a request after which the connection ends."""
    return sent.replace(b"\r\n", b"\r\nconnection: close\r\n", 1)


def read(connection: socket.socket) -> bytes:
    """Read one response with a `Content-Length`, or one that ends with a chunk of length 0."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        assert part, data
        data += part
    start, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", start)
    while not body.endswith(b"0\r\n\r\n") if length is None else len(body) < int(length[1]):
        part = connection.recv(65536)
        assert part, data
        body += part
    return start + b"\r\n\r\n" + body


def plain(response: bytes) -> bytes:
    """Return a response without its date and the identifier of its session, which differ between two."""
    return re.sub(rb"\r\n(date|mcp-session-id): [^\r]*", rb"\r\n\1: -", response)


ADD = called("add", a=3, b=2)
INITIALIZE = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    }
).encode()
NOTIFICATION = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'

REQUESTS = {
    "call": ADD,
    "call with other white space": ADD.replace(b": ", b":\t ").replace(b"content-type", b"Content-TYPE"),
    "list": request({**LATEST, "mcp-method": "tools/list"}, message("tools/list")),
    "identifier that is a string": request({**LATEST, "mcp-method": "tools/list"}, message("tools/list", "é")),
    "invalid arguments": called("add", a="x"),
    "unknown tool": called("missing"),
    "unknown method": request({**LATEST, "mcp-method": "nothing"}, message("nothing")),
    "name that differs from the body": ADD.replace(b"mcp-name: add", b"mcp-name: subtract"),
    "no JSON": request(LATEST, b"{"),
    "no UTF-8": request(LATEST, b'{"\xff"}'),
    "no body": request(LATEST, b""),
    "notification": request({**LATEST, "mcp-method": "notifications/cancelled"}, NOTIFICATION),
    "field that is not ASCII": request({**LATEST, "x-name": "é"}, message("tools/list")),
    "field of the host": ADD.replace(b"\r\n", b"\r\nwasmcp-session: x 2025-11-25\r\n", 1),
    "handshake": request(HANDSHAKE, INITIALIZE),
    "handshake notification": request(HANDSHAKE, NOTIFICATION),
    "request without a session": request(HANDSHAKE, message("tools/list")),
    "request in a session that does not exist": request({**HANDSHAKE, "mcp-session-id": "x"}, message("tools/list")),
    "wrong content type": ADD.replace(b"application/json\r\n", b"text/plain\r\n", 1),
    "wrong accept": ADD.replace(b"application/json, text", b"image/png, text"),
    "foreign host": ADD.replace(b"host: localhost", b"host: example.com"),
    "foreign origin": ADD.replace(b"\r\n", b"\r\norigin: https://example.com\r\n", 1),
    "other path": request(LATEST, message("tools/list"), path="/other"),
    "path below the endpoint": request(LATEST, message("tools/list"), path="/mcp/below"),
    "query": request({**LATEST, "mcp-method": "tools/list"}, message("tools/list"), path="/mcp?a=b"),
    "absolute target": ADD.replace(b"POST /mcp", b"POST http://localhost/mcp"),
    "health": request(LATEST, b"", method="GET", path="/healthz"),
    "no session to end": request(HANDSHAKE, b"", method="DELETE"),
    "body above the limit": request(LATEST, b" " * 20_001),
    "chunked": head(LATEST) + b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n\r\n",
    "upgrade": ADD.replace(b"\r\n", b"\r\nconnection: upgrade\r\nupgrade: h2c\r\n", 1),
    "expectation": ADD.replace(b"\r\n", b"\r\nexpect: 100-continue\r\n", 1),
    "call that is stopped": called("spin"),
    "call that traps": called("crash"),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_responses_are_the_same(both: Both, name: str) -> None:
    sent = REQUESTS[name]
    found = []
    for listening in (both.at_once, both.asgi):
        responses = []
        with listening.connect() as connection:
            for _ in range(3):  # the head is known from the second one on
                connection.sendall(sent)
                responses.append(plain(read(connection)))
                if b"connection: close" in responses[-1]:
                    break
        found.append(responses)
    assert found[0] == found[1]
    assert found[0][0].startswith(b"HTTP/1.1 ")
    assert [app.bodies.used for app in both.apps] == [0, 0]


def test_calls_end_at_once(both: Both) -> None:
    warm(both)
    both.begun.clear()
    with both.at_once.connect(ADD) as connection:
        assert b'"result":5' in read(connection)
    assert len(both.begun) == 1
    assert isinstance(both.begun[0], tuple)
    assert both.begun[0][0] == 200


PATHS = {
    ("/mcp", ""): [("/mcp", True), ("/mcp/below", False), ("/mcp?a=b", True)],
    ("/", ""): [("/", True), ("/mcp", False)],
    ("/a/b", ""): [("/a/b", True), ("/a/b?c=d", True), ("/a", False), ("/mcp", False), ("/a/b/below", False)],
    ("/mcp", "/proxy"): [("/proxy/mcp", True), ("/mcp", True), ("/proxy", False), ("/proxy/proxy/mcp", False)],
    ("/proxy/mcp", "/proxy"): [("/proxy/proxy/mcp", True), ("/proxy/mcp", False)],
}


@pytest.mark.parametrize(("path", "root_path"), PATHS)
def test_endpoints_at_other_paths(both: Both, path: str, root_path: str) -> None:
    """A request to the endpoint begins at once at any path; others get the same response as without."""
    apps = noting(App(both.server), both.begun), App(both.server)
    at_once, asgi = (Endpoint(app, lambda: None, path=path, root_path=root_path) for app in apps)
    listenings = (Listening(at_once, has_lifespan=False), Listening(OnlyAsgi(asgi), has_lifespan=False))
    try:
        for target, begins in PATHS[path, root_path]:
            sent = ADD.replace(b"POST /mcp", b"POST " + target.encode())
            both.begun.clear()
            found = []
            for listening in listenings:
                with listening.connect() as connection:
                    for _ in range(3):
                        connection.sendall(sent)
                        found.append(plain(read(connection)))
            assert found[:3] == found[3:], target
            assert len(both.begun) == (3 if begins else 0), target
            assert (b'"result":5' in found[0]) == begins or b"below" in sent, target
    finally:
        for listening in listenings:
            listening.close()


def test_session(both: Both) -> None:
    """A client of a handshake revision: its session begins, is used and ends."""
    before = len(both.server.sessions)
    found = []
    for listening in (both.at_once, both.asgi):
        responses = []
        with listening.connect(request(HANDSHAKE, INITIALIZE)) as connection:
            opened = read(connection)
            identifier = re.search(rb"mcp-session-id: (\w+)", opened)
            assert identifier is not None, opened
            fields = {**HANDSHAKE, "mcp-session-id": identifier[1].decode()}
            texts = [older("ping", number) for number in range(3)]
            texts += [older("tools/call", name="add", arguments={"a": number, "b": 1}) for number in range(3)]
            for body in (NOTIFICATION, *texts):
                connection.sendall(request(fields, body))
                responses.append(plain(read(connection)))
            connection.sendall(request(fields, b"", method="DELETE"))
            responses.append(plain(read(connection)))
            connection.sendall(request(fields, older("ping")))
            responses.append(plain(read(connection)))
        found.append([plain(opened), *responses])
    assert found[0] == found[1]
    statuses = [int(response.split()[1]) for response in found[0]]
    assert statuses == [200, 202, 200, 200, 200, 200, 200, 200, statuses[-2], 404]
    assert len(both.server.sessions) == before


def test_stream_of_notifications(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """The response of `subscriptions/listen` stays open; without a place it is refused."""
    fields = {**LATEST, "mcp-method": "subscriptions/listen"}
    sent = request(fields, message("subscriptions/listen", notifications={"toolsListChanged": True}))
    heads, refusals = [], []
    for listening, app in both.pairs:
        with listening.connect(sent) as connection:
            heads.append(plain(connection.recv(65536)).partition(b"\r\n\r\n")[0])
            wait_until(lambda app=app: app.streams.used == 1)  # type: ignore[misc]
        wait_until(lambda app=app: app.streams.used == 0)  # type: ignore[misc]
        with monkeypatch.context() as patch, listening.connect() as connection:
            patch.setattr(app.streams, "most", 0)
            connection.sendall(sent)
            refusals.append(plain(read(connection)))
    assert heads[0] == heads[1]
    assert b"text/event-stream" in heads[0]
    assert refusals[0] == refusals[1]
    assert refusals[0].startswith(b"HTTP/1.1 503 ")


def test_pipelined_requests(both: Both) -> None:
    sent = [ADD, called("add", a=1, b=1), request(LATEST, b"{"), called("spin"), ADD]
    found = [
        plain(listening.ask(b"".join(sent) + last(called("add", a=7, b=7)))) for listening in (both.at_once, both.asgi)
    ]
    assert found[0] == found[1]
    assert found[0].count(b"HTTP/1.1 ") == 6
    assert b'"result":14' in found[0].rpartition(b"HTTP/1.1 ")[2]


def test_pieces_behind_a_known_head(both: Both) -> None:
    """A request whose head is known, but whose end has not arrived, is parsed as any other."""
    with both.at_once.connect() as connection:
        connection.sendall(ADD)
        whole = plain(read(connection))
        for at in (1, ADD.index(b"\r\n\r\n") + 4, len(ADD) - 1):
            connection.sendall(ADD[:at])
            time.sleep(0.02)
            connection.sendall(ADD[at:])
            assert plain(read(connection)) == whole
        connection.sendall(ADD + ADD[:-10])
        assert plain(read(connection)) == whole
        connection.sendall(ADD[-10:] + b"\r\n" + last(ADD))
        assert rest(connection).count(b'"result":5') == 2


def test_requests_above_the_limit_wait_for_no_place(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a place or budget, a request gets the same refusal."""
    for is_number in (True, False):
        with monkeypatch.context() as patch:
            for app in both.apps:
                if is_number:
                    patch.setattr(app, "requests", 500)
                else:
                    patch.setattr(app.bodies, "most", 10)
            found = [plain(listening.ask(ADD)) for listening in (both.at_once, both.asgi)]
        assert found[0] == found[1]
        assert found[0].startswith(b"HTTP/1.1 503 ")


def whole(size: int, number: int) -> tuple[bytes, RequestHead]:
    name = b"%08d" % number
    field = (b"x", name + b"y" * size)
    return b"POST / HTTP/1.1\r\n%b: %b\r\n\r\n" % field, RequestHead("POST", b"/", b"", "1.1", [field])


def test_heads_are_kept_within_their_limit() -> None:
    heads = RecentHeads()
    kept = [whole(1000, number) for number in range(500)]
    for data, one in kept:
        heads.keep(data, one, 0)
        assert heads.find(data) == (one, b"")
    assert heads.size <= 128 << 10
    assert len(heads) == heads.size // len(kept[0][0])
    assert heads.find(kept[0][0]) is None
    data, one = whole(5000, 0)
    heads.keep(data, one, 0)
    assert heads.find(data) is None


@pytest.mark.parametrize(
    ("data", "fields", "keep_alive", "expects"),
    [
        (b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\nab", [(b"content-length", b"1")], True, False),
        (b"POST / HTTP/1.1\r\n\r\nab", [], True, False),
        (b"\r\n\r\nPOST / HTTP/1.1\r\ncontent-length: 2\r\n\r\nab", [(b"content-length", b"2")], True, False),
        (b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\nab", [(b"content-length", b"2")], False, False),
        (b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\nab", [(b"content-length", b"2")], True, True),
        (
            b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\nab",
            [(b"content-length", b"2"), (b"transfer-encoding", b"chunked")],
            True,
            False,
        ),
    ],
)
def test_heads_behind_which_other_bytes_can_follow_are_not_kept(
    data: bytes, fields: list[tuple[bytes, bytes]], keep_alive: bool, expects: bool
) -> None:
    heads = RecentHeads()
    heads.keep(data, RequestHead("POST", b"/", b"", "1.1", fields, keep_alive=keep_alive, expects=expects), 2)
    assert len(heads) == 0
