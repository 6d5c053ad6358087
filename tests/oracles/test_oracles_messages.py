"""Tests of the oracle: it rejects invalid messages."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from oracles.messages import UnknownMemberError, check, check_result

TOOL: dict[str, Any] = {"name": "t", "inputSchema": {"type": "object"}}


def listed(**more: Any) -> dict[str, Any]:
    return {"tools": [{**TOOL, **more}]}


@pytest.mark.parametrize(
    ("revision", "result"),
    [
        ("2025-06-18", listed(icons=[{"src": "https://example.com/a.png"}])),
        ("2025-03-26", listed(title="T")),
        ("2025-03-26", listed(outputSchema={"type": "object"})),
        ("2024-11-05", listed(annotations={"readOnlyHint": True})),
        ("2025-11-25", {**listed(), "resultType": "complete"}),
        ("2025-11-25", {**listed(), "ttlMs": 1, "cacheScope": "public"}),
    ],
)
def test_later_members(revision: str, result: dict[str, Any]) -> None:
    with pytest.raises(UnknownMemberError):
        check_result("tools/list", revision, result)


@pytest.mark.parametrize("revision", ["2024-11-05", "2025-11-25"])
def test_valid_results(revision: str) -> None:
    check_result("tools/list", revision, listed(description="d"))


def test_kinds_of_content() -> None:
    audio = {"content": [{"type": "audio", "data": "AA==", "mimeType": "audio/wav"}]}
    check_result("tools/call", "2025-03-26", audio)
    with pytest.raises(UnknownMemberError):
        check_result("tools/call", "2024-11-05", audio)


@pytest.mark.parametrize(
    "result",
    [
        {"tools": [TOOL]},
        {"tools": [TOOL], "resultType": "complete"},
        {"tools": [TOOL], "resultType": "complete", "ttlMs": 1, "cacheScope": "everybody"},
        {"tools": [{"name": "t"}], "resultType": "complete", "ttlMs": 1, "cacheScope": "public"},
    ],
)
def test_members_required_by_the_latest_revision(result: dict[str, Any]) -> None:
    with pytest.raises((ValidationError, KeyError)):
        check({"jsonrpc": "2.0", "id": 1, "result": result}, "2026-07-28", "tools/list")


@pytest.mark.parametrize("code", [-32002, -32042, -32050])
def test_retired_and_reserved_codes(code: int) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": "m"}}
    with pytest.raises(AssertionError):
        check(message, "2026-07-28")
    if code == -32002:
        assert check(message, "2025-11-25") == "error"


def test_requests_ended_with_the_handshake() -> None:
    message = {"jsonrpc": "2.0", "id": "a", "method": "roots/list"}
    assert check(message, "2025-11-25") == "request"
    with pytest.raises(KeyError):
        check(message, "2026-07-28")
