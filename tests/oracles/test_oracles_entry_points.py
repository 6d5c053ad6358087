"""Every message of every method is valid in its revision, at every entry point, in every revision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from oracles import cases
from oracles.clients import MODERN, NAMES, RevisionClient, client_at, initialize, request
from oracles.messages import REVISIONS, check

pytestmark = pytest.mark.slow


def checked(
    client: RevisionClient, method: str, params: dict[str, Any], revision: str
) -> tuple[dict[str, Any], list[str]]:
    """Send a request, and check all messages against the revision; return the answer, and the kinds of the others."""
    sent = request(method, params, revision)
    *events, answer = client.send(sent)
    kinds = [check(event, revision) for event in events]
    kinds.append(check(answer, revision, method))
    assert kinds[-1] in ("result", "error"), answer
    assert answer["id"] == sent["id"]
    return answer, kinds[:-1]


@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("name", NAMES)
def test_messages(name: str, revision: str, everything: tuple[Path, Path]) -> None:
    with client_at(name, revision, *everything) as client:
        if revision != MODERN:
            answer, _ = checked(client, "initialize", initialize(revision), revision)
            assert answer["result"]["protocolVersion"] == revision
        several = cases.ANSWERED + (cases.MODERN if revision == MODERN else cases.OLDER)
        for method, params in several:
            answer, events = checked(client, method, params, revision)
            assert "result" in answer, (method, params, answer)
            assert "request" not in events
            if params.get("name") == "test_tool_with_progress":
                assert events == ["notification"] * 3
            if params.get("name") in cases.ASKING:
                assert answer["result"]["resultType"] == "input_required"
        for method, params, code in cases.REFUSED:
            answer, _ = checked(client, method, params, revision)
            assert answer["error"]["code"] == code, (method, params, answer)
        answer, _ = checked(client, "resources/read", {"uri": "test://nope"}, revision)
        # -32002 until 2025-11-25; 2026-07-28 retired it.
        assert answer["error"]["code"] == (-32602 if revision == MODERN else -32002)
        assert answer["error"]["data"]["uri"] == "test://nope"


@pytest.mark.parametrize("name", NAMES)
def test_methods_of_other_revisions(name: str, everything: tuple[Path, Path]) -> None:
    """Methods that 2026-07-28 removed are not found in it, nor are its own in the others."""
    with client_at(name, MODERN, *everything) as client:
        for method in ("ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "initialize"):
            answer, _ = checked(client, method, {}, MODERN)
            assert answer["error"]["code"] == -32601, method
    with client_at(name, "2025-11-25", *everything) as client:
        checked(client, "initialize", initialize("2025-11-25"), "2025-11-25")
        for method in ("server/discover", "subscriptions/listen"):
            answer, _ = checked(client, method, {}, "2025-11-25")
            assert answer["error"]["code"] == -32601, method


@pytest.mark.parametrize("name", ["exchange message", "exchange http"])
def test_subscription_streams(name: str, everything: tuple[Path, Path]) -> None:
    """Check the first message of a subscription stream, and over HTTP the last; tests/end_to_end has real clients."""
    wanted = {"notifications": {"toolsListChanged": True, "resourceSubscriptions": ["test://watched-resource"]}}
    with client_at(name, MODERN, *everything) as client:
        sent = request("subscriptions/listen", wanted, MODERN)
        acknowledged, *end = client.send(sent)
    assert check(acknowledged, MODERN) == "notification"
    assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
    assert acknowledged["params"]["notifications"] == wanted["notifications"]
    assert acknowledged["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"] == sent["id"]
    assert [check(message, MODERN, "subscriptions/listen") for message in end] in ([], ["result"])
