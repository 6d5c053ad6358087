"""The proxy that adds a token: what it forwards, and that the server behind it is protected."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.entry_points import Served, mirrored, request

from conformance.authorized import authorized, proxy

CALL = request("tools/list")


def test_a_protected_server_is_used_through_the_proxy(zig_server: Path) -> None:
    with authorized(zig_server) as port:
        response = Served(port).http("POST", "/mcp", mirrored(CALL), json.dumps(CALL))
        assert response.status == 200
        assert {tool["name"] for tool in response.message["result"]["tools"]} == {"add", "spin", "crash"}
        refused = mirrored(CALL) | {"Origin": "https://evil.test"}
        assert Served(port).http("POST", "/mcp", refused, json.dumps(CALL)).status == 403


@pytest.fixture
def peer() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_bytes_are_passed_on_as_they_arrive_with_one_token(peer: socket.socket) -> None:
    heads: list[bytes] = []

    def answer() -> None:
        connection, _ = peer.accept()
        with connection:
            data = b""
            while not data.endswith(b"body"):
                data += connection.recv(4096)
            heads.append(data)
            connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
            connection.recv(1)  # until the client has closed

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    with proxy(peer.getsockname()[1], "abc") as port:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        with contextlib.closing(client):
            client.request("POST", "/mcp", b"body", {"Connection": "keep-alive", "Host": "127.0.0.1:1"})
            assert client.getresponse().read(3) == b"one"  # the stream goes on
        thread.join()
    head = heads[0].lower()
    assert head.count(b"connection: ") == head.count(b"connection: close") == 1
    assert head.count(b"authorization: bearer abc") == 1
    assert b"host: 127.0.0.1:1\r\n" in head
