"""Entry points: the same message gets the same answer at all three."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.conversations import Talk, talking
from support.entry_points import CALL, JSON, META, MODERN, Embedded, Served, mirrored, request, running, text_of
from support.server_processes import wasmcp_serve, wasmtime_serve

LIMIT = 4 * 1024 * 1024
VERSION_KEY = "io.modelcontextprotocol/protocolVersion"


@pytest.fixture(scope="module")
def embedded(zig_server: Path) -> Embedded:
    return Embedded(zig_server)


@pytest.fixture(scope="module")
def served(zig_server: Path) -> Iterator[Served]:
    with wasmtime_serve(zig_server) as port:
        yield Served(port)


def without(meta_key: str) -> dict[str, Any]:
    return {key: value for key, value in META.items() if not key.endswith(meta_key)}


# name -> (message, code (None: a result), HTTP status)
MESSAGES: dict[str, tuple[Any, int | None, int]] = {
    "call": (CALL, None, 200),
    "list": (request("tools/list"), None, 200),
    "discover": (request("server/discover", id="d"), None, 200),
    "malformed": ('{"jsonrpc": ', -32700, 400),
    "two values": ('{"jsonrpc": "2.0"} {}', -32700, 400),
    "not JSON": ("hello", -32700, 400),
    "byte order mark": ("\ufeff" + json.dumps(CALL), None, 200),
    "two byte order marks": ("\ufeff\ufeff" + json.dumps(CALL), -32700, 400),
    "lone surrogate": ('{"jsonrpc":"2.0","id":1,"method":"\\ud800"}', -32700, 400),
    "not an object": ("42", -32600, 400),
    "batch": ([CALL, CALL], -32600, 400),
    "empty batch": ([], -32600, 400),
    "no jsonrpc": ({"id": 1, "method": "tools/list"}, -32600, 400),
    "id null": (request("tools/list", id=None), -32600, 400),
    "id float": (request("tools/list", id=1.5), -32600, 400),
    "id list": (request("tools/list", id=[1]), -32600, 400),
    "method number": ({"jsonrpc": "2.0", "id": 1, "method": 3}, -32600, 400),
    "unknown method": (request("tools/destroy"), -32601, 404),
    "ping of today": (request("ping"), -32601, 404),
    "initialize of today": (request("initialize", {"protocolVersion": "2025-06-18"}), -32601, 404),
    "unknown tool": (request("tools/call", {"name": "nope", "arguments": {}}), -32602, 400),
    "tool without name": (request("tools/call", {"arguments": {}}), -32602, 400),
    "wrong version": (request("tools/list", meta=META | {VERSION_KEY: "1900-01-01"}), -32022, 400),
    "handshake version in _meta": (request("tools/list", meta=META | {VERSION_KEY: "2025-11-25"}), -32022, 400),
    "no capabilities": (request("tools/list", meta=without("clientCapabilities")), -32602, 400),
    "bad cursor": (request("tools/list", {"cursor": "nowhere"}), -32602, 400),
    "deep": ("[" * 100_000 + "]" * 100_000, None, 400),
    "deep arguments": (
        json.dumps(CALL).replace('{"a": 1, "b": 2}', '{"a": ' + "[" * 5000 + "]" * 5000 + "}"),
        None,
        400,
    ),
    # The edge cases of JSON; their results in tools are tested in tests/fuzz/test_fuzz_json.py.
    "id beyond 2^53": (request("tools/list", id=9007199254740993), None, 200),
    "argument beyond 2^53": (text_of(CALL).replace('"a": 1', '"a": 9007199254740993'), None, 200),
    "argument beyond all numbers": (text_of(CALL).replace('"a": 1', '"a": 1e400'), None, 200),
    "NUL": (text_of(CALL).replace('"a": 1', '"a": "\\u0000"'), None, 200),
    "raw control character": ('{"jsonrpc":"2.0","id":1,"method":"a\x01"}', -32700, 400),
    "duplicate keys": (text_of(CALL).replace('"id": 1', '"id": 7, "id": 1'), None, 200),
    "10 MB": (request("tools/call", {"name": "add", "arguments": {"a": "x" * 10_000_000}}), -32600, 413),
}
CODES = {"deep": {-32700, -32600}, "deep arguments": {-32700, -32600}}


def headers_of(message: Any) -> dict[str, str]:
    if isinstance(message, list):  # without a revision it would be a batch of 2025-03-26
        return JSON | {"MCP-Protocol-Version": MODERN}
    try:
        return mirrored(json.loads(text_of(message).removeprefix("\ufeff")))
    except (ValueError, RecursionError):
        return dict(JSON)


@pytest.fixture(scope="module")
def lines(zig_server: Path) -> dict[str, Any]:
    """Return the answers of `wasmtime run` to all messages, one line each."""
    sent = "".join(text_of(message) + "\n" for message, _, _ in MESSAGES.values())
    with running(zig_server) as process:
        out, _ = process.communicate(sent.encode(), timeout=120)
    assert process.returncode == 0
    answers = out.decode().splitlines()
    assert len(answers) == len(MESSAGES)
    return {name: json.loads(answer) for name, answer in zip(MESSAGES, answers, strict=True)}


@pytest.fixture(scope="module")
def own_lines(zig_server: Path) -> Iterator[Talk]:
    """Talk to `wasmcp run`."""
    with talking("run", zig_server) as talk:
        yield talk


@pytest.fixture(scope="module")
def own_served(zig_server: Path) -> Iterator[Served]:
    """Talk to `wasmcp serve`."""
    with wasmcp_serve(zig_server) as port:
        yield Served(port)


@pytest.mark.parametrize("name", MESSAGES)
def test_same_answer_from_wasmcp_commands(
    name: str, own_lines: Talk, own_served: Served, lines: dict[str, Any]
) -> None:
    message, _, status = MESSAGES[name]
    assert own_lines(message) == lines[name]
    response = own_served.http("POST", "/mcp", headers_of(message), text_of(message))
    assert (response.status, response.message) == (status, lines[name])


@pytest.mark.parametrize("name", MESSAGES)
def test_same_answer_at_every_entry_point(name: str, embedded: Embedded, served: Served, lines: dict[str, Any]) -> None:
    message, code, status = MESSAGES[name]
    text, headers = text_of(message), headers_of(message)

    line, state = embedded.message(text)
    answer = json.loads(line)
    assert "\n" not in line
    assert state == ""
    codes = CODES.get(name, {code})
    assert answer.get("error", {}).get("code") in codes
    assert answer["jsonrpc"] == "2.0"
    if isinstance(message, dict) and isinstance(message.get("id"), int | str) and name not in ("no jsonrpc", "10 MB"):
        assert answer["id"] == message["id"]

    assert lines[name] == answer
    embedded_response = embedded.http("POST", "/mcp", headers, text)
    served_response = served.http("POST", "/mcp", headers, text)
    for response in (embedded_response, served_response):
        assert response.message == answer
        assert response.status == status
        assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize("body", [b'{"jsonrpc":"2.0","id":1,"method":"\xff"}', b"\xc3", b"\xed\xa0\x80", b"\xc0\x80"])
def test_invalid_utf8(zig_server: Path, served: Served, body: bytes) -> None:
    response = served.http("POST", "/mcp", JSON, body)
    assert response.status == 400
    assert response.message["error"]["code"] == -32700
    assert "id" not in response.message
    with running(zig_server) as process:
        out, _ = process.communicate(body + b"\n" + json.dumps(CALL).encode() + b"\n", timeout=120)
    first, second = map(json.loads, out.decode().splitlines())
    assert first == response.message
    assert second["result"]["structuredContent"] == {"result": 3}


CALLED = mirrored(CALL)


def test_body_limit(embedded: Embedded, served: Served) -> None:
    """Accept a body of exactly 4 MiB, reject one more byte; with and without a declared length."""
    text = json.dumps(CALL)
    just, over = text + " " * (LIMIT - len(text)), text + " " * (LIMIT + 1 - len(text))
    for entry_point in (embedded, served):
        assert entry_point.http("POST", "/mcp", CALLED, just).status == 200
        refused = entry_point.http("POST", "/mcp", CALLED, over)
        assert refused.status == 413
        assert refused.message == json.loads(embedded.message(over)[0])
    assert json.loads(embedded.message(just)[0])["result"]["structuredContent"] == {"result": 3}
