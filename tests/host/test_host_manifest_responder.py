"""Manifest responder: responses equal to the server's, and no response to other messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wasmcp.host import open_server
from wasmcp.host.bindings.messages import StdioRequest
from wasmcp.host.mcp import manifest_responder
from wasmcp.host.mcp.manifest_responder import ManifestResponder
from wasmcp.revision_views import in_form

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
}
TOOL = {
    "name": "t",
    "title": "T",
    "description": "d",
    "inputSchema": {"type": "object"},
    "outputSchema": {"type": "object"},
    "annotations": {"readOnlyHint": True},
    "icons": [{"src": "data:,"}],
    "_meta": {"a": 1},
    "later": 1,
}
ENTRY = {
    "file": "s.wasm",
    "digest": "sha256:00",
    "metadata": {
        "name": "n",
        "version": "1",
        "title": "N",
        "description": "d",
        "websiteUrl": "https://example.com",
        "instructions": "Say please.",
    },
    "capabilities": {"tools": {}, "completions": {}, "extensions": {"x/y": {}}},
    "catalogue": {"tools": [TOOL, {**TOOL, "name": "u", "outputSchema": {"type": "string"}}]},
}
REVISIONS = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]


def message(method: str, params: dict[str, Any] | None = None, identifier: object = 1) -> bytes:
    body: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    if identifier is not None:
        body["id"] = identifier
    if params is not None:
        body["params"] = params
    return json.dumps(body).encode()


CONVERSATION = [
    message("server/discover", {"_meta": META}),
    message("tools/list", {"_meta": META}, "é"),
    message("ping"),
    *(
        message("initialize", {"protocolVersion": version, "capabilities": {}})
        for version in [*REVISIONS, "1999-01-01"]
    ),
]


def test_lists_of_a_server_with_access_rules_wait_for_the_server() -> None:
    responder = ManifestResponder({**ENTRY, "access": {"paths": {"/mcp": {"allow": [], "deny": []}}}})
    assert responder.answer(message("tools/list", {"_meta": META}), b"") is None
    assert responder.answer(message("tools/list"), b"2025-06-18") is None
    assert responder.answer(message("server/discover", {"_meta": META}), b"") is not None
    assert ManifestResponder(ENTRY).answer(message("tools/list", {"_meta": META}), b"") is not None


@pytest.mark.parametrize("line", CONVERSATION)
@pytest.mark.parametrize("state", [b"", b"2025-06-18"])
def test_response_equals_the_servers(zig_server: Path, line: bytes, state: bytes) -> None:
    manifest = json.loads(zig_server.with_name("manifest.json").read_text("utf-8"))
    answered = ManifestResponder(manifest["servers"]["default"]).answer(line, state)
    assert answered is not None
    with open_server(zig_server) as server:
        answer, after = server._run(StdioRequest(line, state), None, None)
    assert json.loads(answered[0]) == json.loads(answer)
    assert answered[1] == after


@pytest.mark.parametrize("revision", REVISIONS)
def test_lists_of_handshake_revisions_equal_the_servers(zig_server: Path, revision: str) -> None:
    manifest = json.loads(zig_server.with_name("manifest.json").read_text("utf-8"))
    answered = ManifestResponder(manifest["servers"]["default"]).answer(message("tools/list"), revision.encode())
    assert answered is not None
    with open_server(zig_server) as server:
        answer, _ = server._run(StdioRequest(message("tools/list"), revision.encode()), None, None)
    assert json.loads(answered[0]) == json.loads(answer)


OFFERS = {
    "tools": [TOOL],
    "prompts": [{"name": "p", "title": "P", "arguments": [{"name": "a", "title": "A"}]}],
    "templates": [{"uriTemplate": "x:{y}", "name": "t", "icons": []}],
    "cache": {"prompts": {"ttlMs": 7, "cacheScope": "private"}},
}


@pytest.mark.parametrize(
    ("method", "kind", "member"),
    [
        ("tools/list", "tools", "tools"),
        ("prompts/list", "prompts", "prompts"),
        ("resources/list", "resources", "resources"),
        ("resources/templates/list", "templates", "resourceTemplates"),
    ],
)
def test_lists_equal_the_composed_ones(method: str, kind: str, member: str) -> None:
    entry = {**ENTRY, "capabilities": {"tools": {}, "prompts": {}, "resources": {}}, "catalogue": OFFERS}
    items: list[dict[str, Any]] = OFFERS.get(kind, [])  # type: ignore[assignment]
    for revision in REVISIONS:
        answered = ManifestResponder(entry).answer(message(method), revision.encode())
        assert answered is not None
        assert json.loads(answered[0])["result"] == {member: [in_form(kind, item, revision) for item in items]}
    answered = ManifestResponder(entry).answer(message(method, {"_meta": META}), b"")
    assert answered is not None
    result = json.loads(answered[0])["result"]
    assert result[member] == items
    assert (result["ttlMs"], result["cacheScope"]) == ((7, "private") if kind == "prompts" else (300_000, "public"))
    # The server rejects methods without a capability.
    assert ManifestResponder({**entry, "capabilities": {}}).answer(message(method, {"_meta": META}), b"") is None


def test_handshake_revisions_get_only_known_members() -> None:
    line = message("initialize", {"protocolVersion": "2024-11-05"})
    answer, state = ManifestResponder(ENTRY).answer(line, b"") or (b"", b"")
    assert state == b"2024-11-05"
    assert json.loads(answer)["result"] == {
        "protocolVersion": "2024-11-05",
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "n", "version": "1"},
        "instructions": "Say please.",
    }


def test_initialized_notification_gets_no_response() -> None:
    line = message("notifications/initialized", identifier=None)
    assert ManifestResponder(ENTRY).answer(line, b"2025-06-18") == (b"", b"2025-06-18")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b'"x"',
        b"[" * 30_000,
        b'{"id":1,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1,"method":7}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}',
        b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":true,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":null,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1,"result":{}}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":7}}',
        message("tools/list"),
        message("tools/call", {"_meta": META, "name": "t"}),
        message("tools/list", {"_meta": META, "cursor": "x"}),
        message("ping", {"_meta": META}),
        message("initialize", {"_meta": META, "protocolVersion": "2025-06-18"}),
        message("initialize", {}),
        message("initialize", {"protocolVersion": 7}),
        message("notifications/other", identifier=None),
        message("server/discover", {"_meta": {**META, "io.modelcontextprotocol/protocolVersion": "1999-01-01"}}),
        message("server/discover", {"_meta": {**META, "io.modelcontextprotocol/clientCapabilities": 7}}),
        message("server/discover", {"_meta": {**META, "io.modelcontextprotocol/clientInfo": 7}}),
        message("server/discover", {"_meta": {**META, "io.modelcontextprotocol/logLevel": "loud"}}),
        b" " * 70_000 + message("ping"),
    ],
)
def test_other_messages_wait_for_the_server(line: bytes) -> None:
    assert ManifestResponder(ENTRY).answer(line, b"") is None


def test_dynamic_lists_wait_for_the_server() -> None:
    assert ManifestResponder({**ENTRY, "catalogue": None}).answer(message("tools/list", {"_meta": META}), b"") is None


def test_manifest_entry_is_found_next_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "s.wasm"
    manifest = tmp_path / "manifest.json"
    assert ManifestResponder.of_server(path, "sha256:00") is None
    manifest.write_text(json.dumps({"format": manifest_responder.FORMAT, "servers": {"default": ENTRY}}))
    assert ManifestResponder.of_server(path, "sha256:00") is not None
    assert ManifestResponder.of_server(path, "sha256:01") is None
    assert ManifestResponder.of_server(tmp_path / "other.wasm", "sha256:00") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"format":1}',
        '{"format":2,"servers":{}}',
        '{"format":1,"servers":{"a":7}}',
        '{"format":1,"servers":[]}',
        '{"format":1,"servers":{"a":{"file":"s.wasm","digest":"sha256:00"}}}',
    ],
)
def test_malformed_manifest_is_ignored(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    assert ManifestResponder.of_server(tmp_path / "s.wasm", "sha256:00") is None
