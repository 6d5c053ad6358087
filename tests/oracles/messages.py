"""Validation of a server's messages against a revision.

`mcp_types` has the types, one set for all handshake revisions; `LATER` lists the revision in which each member was
introduced, so that members unknown to the client's revision are found (specification: the changelog of each revision).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mcp_types.methods import parse_server_notification, parse_server_request, validate_server_result

REVISIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28")

# Kind of object, then the first revision that has the member.
LATER: dict[str, dict[str, str]] = {
    "result": {
        "resultType": "2026-07-28",
        "ttlMs": "2026-07-28",
        "cacheScope": "2026-07-28",
        "inputRequests": "2026-07-28",
        "requestState": "2026-07-28",
        "structuredContent": "2025-06-18",
    },
    "tool": {
        "annotations": "2025-03-26",
        "title": "2025-06-18",
        "outputSchema": "2025-06-18",
        "_meta": "2025-06-18",
        "icons": "2025-11-25",
    },
    "resource": {"title": "2025-06-18", "_meta": "2025-06-18", "icons": "2025-11-25"},
    "template": {"title": "2025-06-18", "_meta": "2025-06-18", "icons": "2025-11-25"},
    "prompt": {"title": "2025-06-18", "_meta": "2025-06-18", "icons": "2025-11-25"},
    "argument": {"title": "2025-06-18"},
    "content": {"_meta": "2025-06-18", "icons": "2025-11-25"},
    "annotations": {"lastModified": "2025-06-18"},
    "contents": {"_meta": "2025-06-18"},
    "implementation": {
        "title": "2025-06-18",
        "icons": "2025-11-25",
        "description": "2025-11-25",
        "websiteUrl": "2025-11-25",
    },
    "capabilities": {"completions": "2025-03-26", "extensions": "2026-07-28"},
    "progress": {"message": "2025-03-26"},
}
CONTENT_SINCE = {"audio": "2025-03-26", "resource_link": "2025-06-18"}


class UnknownMemberError(AssertionError):
    """Member that the client's revision does not have."""


def parts(method: str, result: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the objects inside a result that have members, each with its kind."""
    yield "result", result
    lists = (("tools", "tool"), ("resources", "resource"), ("resourceTemplates", "template"), ("prompts", "prompt"))
    for member, kind in lists:
        for item in result.get(member, ()):
            yield kind, item
            if kind == "prompt":
                yield from (("argument", argument) for argument in item.get("arguments", ()))
            if kind in ("resource", "template") and "annotations" in item:
                yield "annotations", item["annotations"]
    blocks = [*result.get("content", ()), *(message["content"] for message in result.get("messages", ()))]
    for block in blocks:
        yield "content", block
        if "annotations" in block:
            yield "annotations", block["annotations"]
        if block["type"] == "resource":
            yield "contents", block["resource"]
    yield from (("contents", contents) for contents in result.get("contents", ()))
    if method == "initialize":
        yield "implementation", result["serverInfo"]
    if method in ("initialize", "server/discover"):
        yield "capabilities", result["capabilities"]


def check_result(method: str, revision: str, result: dict[str, Any]) -> None:
    """Check a result against its revision.

    Raises:
        KeyError: The revision does not have the method.
        pydantic.ValidationError: The result does not have the method's type.
        UnknownMemberError: A member, or a kind of content, was introduced in a later revision.
    """
    validate_server_result(method, revision, result)
    if revision == "2026-07-28" and result["resultType"] not in ("complete", "input_required"):
        raise UnknownMemberError(f"resultType {result['resultType']}")
    for kind, part in parts(method, result):
        for member, since in LATER[kind].items():
            if member in part and revision < since:
                raise UnknownMemberError(f"`{member}` of a {kind} in {method} is of {since}, the client of {revision}")
        if kind == "content" and revision < CONTENT_SINCE.get(part["type"], ""):
            raise UnknownMemberError(f"content of type {part['type']} in {method} for a client of {revision}")


def check(message: dict[str, Any], revision: str, method: str | None = None) -> str:
    """Check a message from a server against a revision; `method`: of the request that a result answers.

    Returns:
        `result`, `error`, `notification` or `request`.

    Raises:
        AssertionError: The message is not JSON-RPC, or has members that the revision does not have.
        KeyError: The revision does not have the method.
        pydantic.ValidationError: The message does not have the method's type.
    """
    assert message["jsonrpc"] == "2.0"
    if "method" in message:
        assert set(message) <= {"jsonrpc", "id", "method", "params"}
        if "id" in message:
            parse_server_request(message["method"], revision, message.get("params"))
            return "request"
        parse_server_notification(message["method"], revision, message.get("params"))
        if message["method"] == "notifications/progress" and "message" in message["params"]:
            assert revision >= LATER["progress"]["message"]
        return "notification"
    if "result" in message:
        assert set(message) == {"jsonrpc", "id", "result"}
        assert method is not None
        check_result(method, revision, message["result"])
        return "result"
    assert set(message) <= {"jsonrpc", "id", "error"}
    error = message["error"]
    assert set(error) <= {"code", "message", "data"}
    assert type(error["code"]) is int
    assert type(error["message"]) is str
    if revision == "2026-07-28":
        # Retired codes; and reserved codes can be used only as defined (specification: basic, "Error codes").
        assert error["code"] not in (-32002, -32042)
        assert not -32099 <= error["code"] <= -32023
        if error["code"] == -32022:
            assert set(error["data"]) == {"supported", "requested"}
        if error["code"] == -32021:
            assert isinstance(error["data"]["requiredCapabilities"], dict)
    return "error"
