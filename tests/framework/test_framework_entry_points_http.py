"""The HTTP side of the transport: paths, methods, headers, status codes, at both entry points for HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.entry_points import CALL, JSON, Embedded, Served, mirrored, request, text_of
from support.server_processes import wasmcp_serve, wasmtime_serve


@pytest.fixture(scope="module")
def embedded(zig_server: Path) -> Embedded:
    return Embedded(zig_server)


@pytest.fixture(scope="module")
def served(zig_server: Path) -> Iterator[Served]:
    with wasmtime_serve(zig_server) as port:
        yield Served(port)


@pytest.fixture(scope="module")
def own_served(zig_server: Path) -> Iterator[Served]:
    with wasmcp_serve(zig_server) as port:
        yield Served(port)


CALLED = mirrored(CALL)
OLD_LIST = request("tools/list", meta=None)


def changed(*dropped: str, **added: str) -> dict[str, str]:
    kept = {name: value for name, value in CALLED.items() if name not in dropped}
    return kept | {name.replace("_", "-"): value for name, value in added.items()}


# name -> (method, target, headers, message, status, code (None: a result; "": no JSON-RPC message))
POSTS: dict[str, tuple[str, str, dict[str, str], Any, int, int | str | None]] = {
    "below": ("POST", "/mcp/below?x=y", CALLED, CALL, 200, None),
    "other path": ("POST", "/", CALLED, CALL, 404, ""),
    "other name": ("POST", "/mcpx", CALLED, CALL, 404, ""),
    "get": ("GET", "/mcp", {"Accept": "text/event-stream"}, "", 405, ""),
    "delete": ("DELETE", "/mcp", CALLED, "", 405, ""),
    "put": ("PUT", "/mcp", CALLED, CALL, 405, ""),
    "local origin": ("POST", "/mcp", changed(Origin="http://localhost:6274"), CALL, 200, None),
    "evil origin": ("POST", "/mcp", changed(Origin="http://evil.example"), CALL, 403, ""),
    "rebound": ("POST", "/mcp", changed(Origin="http://evil.example:8080", Host="evil.example:8080"), CALL, 403, ""),
    "evil origin, GET": ("GET", "/mcp", {"Origin": "null"}, "", 403, ""),
    "no content type": ("POST", "/mcp", changed("Content-Type"), CALL, 415, ""),
    "text": ("POST", "/mcp", changed(Content_Type="text/plain"), CALL, 415, ""),
    "only html": ("POST", "/mcp", changed(Accept="text/html"), CALL, 406, ""),
    "only events": ("POST", "/mcp", changed(Accept="text/event-stream"), CALL, 406, ""),
    "only json": ("POST", "/mcp", changed(Accept="application/json"), CALL, 200, None),
    "anything": ("POST", "/mcp", changed(Accept="*/*"), CALL, 200, None),
    "no version": ("POST", "/mcp", changed("MCP-Protocol-Version"), CALL, 400, -32020),
    "old version": ("POST", "/mcp", changed(MCP_Protocol_Version="2025-11-25"), CALL, 400, -32020),
    "no method": ("POST", "/mcp", changed("Mcp-Method"), CALL, 400, -32020),
    "other method": ("POST", "/mcp", changed(Mcp_Method="tools/list"), CALL, 400, -32020),
    "method in capitals": ("POST", "/mcp", changed(Mcp_Method="Tools/Call"), CALL, 400, -32020),
    "no name": ("POST", "/mcp", changed("Mcp-Name"), CALL, 400, -32020),
    "other tool": ("POST", "/mcp", changed(Mcp_Name="crash"), CALL, 400, -32020),
    "encoded name": ("POST", "/mcp", changed(Mcp_Name="=?base64?YWRk?="), CALL, 200, None),
    "badly encoded name": ("POST", "/mcp", changed(Mcp_Name="=?base64?YWR?="), CALL, 400, -32020),
    "white space": ("POST", "/mcp", changed(Mcp_Name=" \t add "), CALL, 200, None),
    "names in capitals": ("POST", "/mcp", {name.upper(): value for name, value in CALLED.items()}, CALL, 200, None),
    "session and last event": ("POST", "/mcp", changed(Mcp_Session_Id="x", Last_Event_ID="3"), CALL, 200, None),
    "no _meta": ("POST", "/mcp", CALLED, request("tools/call", {"name": "add"}, meta=None), 400, -32602),
    "unknown version, no _meta": ("POST", "/mcp", changed(MCP_Protocol_Version="2099-01-01"), OLD_LIST, 400, -32022),
    "no header, no _meta": ("POST", "/mcp", JSON, OLD_LIST, 200, None),
    "unknown tool, older": ("POST", "/mcp", JSON, request("tools/call", {"name": "nope"}, meta=None), 200, -32602),
    "notification": ("POST", "/mcp", CALLED, {"jsonrpc": "2.0", "method": "notifications/x"}, 202, ""),
    "notification, unknown version": (
        "POST",
        "/mcp",
        changed(MCP_Protocol_Version="1"),
        {"jsonrpc": "2.0", "method": "notifications/x"},
        400,
        -32022,
    ),
    "response": ("POST", "/mcp", CALLED, {"jsonrpc": "2.0", "id": 1, "result": {}}, 400, -32600),
    "response, older": ("POST", "/mcp", JSON, {"jsonrpc": "2.0", "id": 1, "result": {}}, 202, ""),
    "empty": ("POST", "/mcp", JSON, "", 400, -32700),
}


@pytest.mark.parametrize("name", POSTS)
def test_http(name: str, embedded: Embedded, served: Served) -> None:
    method, target, headers, message, status, code = POSTS[name]
    responses = [entry_point.http(method, target, headers, text_of(message)) for entry_point in (embedded, served)]
    for response in responses:
        assert response.status == status, response.body
        if code == "":
            assert not response.body.startswith(b"{")
        else:
            assert response.message.get("error", {}).get("code") == code
            assert response.headers["content-type"] == "application/json"
        assert response.headers.get("allow") == ("POST" if status == 405 else None)
    assert responses[0].body == responses[1].body


# Where there are sessions, a client of a handshake revision needs one.
SESSIONS = {"no header, no _meta", "unknown tool, older", "response, older"}


@pytest.mark.parametrize("name", POSTS)
def test_http_with_sessions(name: str, own_served: Served) -> None:
    method, target, headers, message, status, code = POSTS[name]
    response = own_served.http(method, target, headers, text_of(message))
    assert response.status == (400 if name in SESSIONS else status), response.body
    if name in SESSIONS:
        assert response.message["error"]["code"] == -32600
    elif code != "":
        assert response.message.get("error", {}).get("code") == code


@pytest.mark.parametrize("entry", ["served", "own_served"])
def test_authority_of_a_target_counts_in_place_of_host(entry: str, request: pytest.FixtureRequest) -> None:
    """RFC 9112, section 3.2.2."""
    server = request.getfixturevalue(entry)
    for target, headers, status in (
        ("http://localhost/mcp", CALLED, 200),
        ("http://localhost:1/mcp/below?x=http://evil.example/", changed(Host="evil.example"), 200),
        ("http://evil.example/mcp", changed(Host="localhost"), 403),
        ("http://localhost.evil.example/mcp", CALLED, 403),
        ("http://localhost/mcpx", CALLED, 404),
        ("http://localhost@evil.example/mcp", CALLED, 403 if entry == "served" else 400),
    ):
        response = server.http("POST", target, headers, text_of(CALL))
        assert response.status == status, (target, response.body)
