"""The handshake at every entry point: handshake revisions and 2026-07-28."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.entry_points import CALL, JSON, MODERN, Embedded, Response, Served, request, running
from support.server_processes import wasmtime_serve

HANDSHAKE = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]


@pytest.fixture(scope="module")
def embedded(zig_server: Path) -> Embedded:
    return Embedded(zig_server)


@pytest.fixture(scope="module")
def served(zig_server: Path) -> Iterator[Served]:
    with wasmtime_serve(zig_server) as port:
        yield Served(port)


def test_results(embedded: Embedded) -> None:
    result = json.loads(embedded.message(json.dumps(CALL))[0])["result"]
    assert result["structuredContent"] == {"result": 3}
    assert result["resultType"] == "complete"
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "zig-project"
    discovered = json.loads(embedded.message(json.dumps(request("server/discover")))[0])["result"]
    assert discovered["supportedVersions"] == [MODERN]
    assert "tools" in discovered["capabilities"]
    assert discovered["instructions"] == "Add."
    assert discovered["resultType"] == "complete"
    assert discovered["cacheScope"] == "public"
    assert discovered["_meta"]["io.modelcontextprotocol/serverInfo"]["version"] == "1.2.3"


@pytest.mark.parametrize("revision", [*HANDSHAKE, MODERN, "2099-01-01"])
def test_handshake(embedded: Embedded, served: Served, zig_server: Path, revision: str) -> None:
    agreed = revision if revision in HANDSHAKE else HANDSHAKE[-1]
    client = {"name": "t", "version": "0"}
    opening = [
        request("initialize", {"protocolVersion": revision, "capabilities": {}, "clientInfo": client}, meta=None),
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        request("ping", meta=None, id="p"),
        request("tools/list", meta=None),
        request("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}}, meta=None),
        request("nope", meta=None),
        request("server/discover", meta=None),
        CALL,
    ]
    state, answers = "", []
    for message in opening:
        line, state = embedded.message(json.dumps(message), state)
        answers.append(json.loads(line) if line else None)
        assert state == agreed
    first, nothing, pong, listed, called, unknown, modern_only, modern = answers
    assert first["result"]["protocolVersion"] == agreed
    assert first["result"]["serverInfo"]["name"] == "zig-project"
    assert "_meta" not in first["result"]
    assert "resultType" not in first["result"]
    assert nothing is None
    assert pong == {"jsonrpc": "2.0", "id": "p", "result": {}}
    assert {tool["name"] for tool in listed["result"]["tools"]} == {"add", "spin", "crash"}
    assert "ttlMs" not in listed["result"]
    assert called["result"]["content"][0]["text"] == "3"
    assert ("structuredContent" in called["result"]) is (agreed >= "2025-06-18")
    assert unknown["error"]["code"] == modern_only["error"]["code"] == -32601
    assert modern["result"]["resultType"] == "complete"

    with running(zig_server) as process:
        sent = "".join(json.dumps(message) + "\n" for message in opening)
        out, _ = process.communicate(sent.encode(), timeout=120)
    assert [json.loads(line) for line in out.decode().splitlines()] == [answer for answer in answers if answer]

    for entry_point in (embedded, served):
        for message, answer in zip(opening[:-1], answers, strict=False):
            later = {} if message["method"] == "initialize" else {"MCP-Protocol-Version": agreed}
            response: Response = entry_point.http("POST", "/mcp", JSON | later, json.dumps(message))
            if answer is None:
                assert (response.status, response.body) == (202, b"")
                continue
            assert response.message == answer
            assert response.status == 200
            assert "mcp-session-id" not in response.headers


def test_requests_before_initialize(embedded: Embedded) -> None:
    pong, state = embedded.message(json.dumps(request("ping", meta=None)))
    assert (json.loads(pong)["result"], state) == ({}, "")
    for message in (request("tools/list", meta=None), request("server/discover", meta=None)):
        answer, state = embedded.message(json.dumps(message))
        assert json.loads(answer)["error"]["code"] == -32602
        assert state == ""
    for silent in (
        "",
        "  ",
        '{"jsonrpc":"2.0","method":"notifications/initialized"}',
        '{"jsonrpc":"2.0","id":9,"result":{}}',
    ):
        assert embedded.message(silent, "2025-06-18") == ("", "2025-06-18")


def test_batches(embedded: Embedded, served: Served) -> None:
    """Only 2025-03-26 has batches."""
    batch = [
        request("ping", meta=None),
        {"jsonrpc": "2.0", "method": "notifications/x"},
        request("nope", meta=None, id=2),
    ]
    line, state = embedded.message(json.dumps(batch), "2025-03-26")
    answers = json.loads(line)
    assert state == "2025-03-26"
    assert answers[0] == {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert (answers[1]["id"], answers[1]["error"]["code"]) == (2, -32601)
    assert len(answers) == 2
    for entry_point in (embedded, served):
        for version in ({}, {"MCP-Protocol-Version": "2025-03-26"}):
            response = entry_point.http("POST", "/mcp", JSON | version, json.dumps(batch))
            assert (response.status, response.message) == (200, answers)
        assert entry_point.http("POST", "/mcp", JSON, json.dumps(batch[1:2])).status == 202
        refused = entry_point.http("POST", "/mcp", JSON | {"MCP-Protocol-Version": "2025-06-18"}, json.dumps(batch))
        assert (refused.status, refused.message["error"]["code"]) == (400, -32600)
    assert json.loads(embedded.message(json.dumps(batch), "2025-11-25")[0])["error"]["code"] == -32600
