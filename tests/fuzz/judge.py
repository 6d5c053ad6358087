"""Judgement of answers: whether an answer is valid, and matches its input."""

from __future__ import annotations

import json
from typing import Any

from mcp_types.methods import SERVER_RESULTS, parse_server_notification
from oracles.messages import check_result

STATUSES = {200, 202, 204, 400, 401, 403, 404, 405, 406, 413, 415}


class JudgementError(AssertionError):
    """Answer that no client can use."""


def _strict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError("duplicate key")
    return dict(pairs)


def sent(body: bytes) -> Any:
    """Parse a body strictly; return `...` if it is not valid."""

    def constant(name: str) -> Any:
        raise ValueError(name)

    try:
        text = body.decode()
        parsed = json.loads(text, object_pairs_hook=_strict, parse_constant=constant)
        json.dumps(parsed, ensure_ascii=False).encode()  # raises for lone surrogates
    except (ValueError, RecursionError):
        return ...
    return parsed


def _is_id(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))


def message(text: str, sent_message: Any) -> str:
    """Judge one JSON-RPC message from the server. Returns its kind: `result`, `error` or `notification`.

    Raises:
        JudgementError: The message is invalid, or answers something else.
    """
    if "\n" in text or "\r" in text:
        raise JudgementError("a message of several lines")
    answer = json.loads(text)
    text.encode()  # raises for lone surrogates
    if isinstance(answer, list):
        if not isinstance(sent_message, list) and sent_message is not ...:
            raise JudgementError("a batch answers a single message")
        kinds = {message(json.dumps(one), ...) for one in answer}
        if not answer or "notification" in kinds:
            raise JudgementError("a batch that is empty or has notifications")
        return "batch"
    if not isinstance(answer, dict) or answer.get("jsonrpc") != "2.0":
        raise JudgementError("not JSON-RPC 2.0")
    if "method" in answer:
        if not isinstance(answer["method"], str) or "id" in answer:
            raise JudgementError("not a notification")
        return "notification"
    if ("result" in answer) == ("error" in answer):
        raise JudgementError("neither result nor error, or both")
    request_id = sent_message.get("id", ...) if isinstance(sent_message, dict) else ...
    if answer.get("id") is not None and not _is_id(answer["id"]):
        raise JudgementError("an id of the wrong type")
    if sent_message is not ... and _is_id(request_id) and "id" in answer and answer["id"] != request_id:
        raise JudgementError("another request's id")
    if "result" in answer:
        if not isinstance(answer["result"], dict):
            raise JudgementError("a result that is not an object")
        if isinstance(sent_message, dict):
            if answer.get("id", ...) != request_id:
                raise JudgementError("a result without the request's id")
            _typed(sent_message, answer["result"])
        return "result"
    error = answer["error"]
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        raise JudgementError("an error without message")
    if not isinstance(error.get("code"), int) or isinstance(error["code"], bool):
        raise JudgementError("an error without code")
    if error["code"] == -32603:
        raise JudgementError("an internal error")
    return "error"


def _typed(sent_message: dict[str, Any], result: dict[str, Any]) -> None:
    """Check a result against the revision that its members indicate; handshake revisions depend on the session."""
    method = sent_message["method"]
    modern = "resultType" in result
    revisions = ["2026-07-28"] if modern else ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]
    if all((method, revision) not in SERVER_RESULTS for revision in revisions):
        raise JudgementError(f"a result of {method}, which no such revision has")
    check_result(method, revisions[-1], result)


def line(body: bytes, answer: str | None) -> str:
    """Judge the answer to one line of the stdio transport."""
    sent_message = sent(body)
    if not answer:
        if is_request(sent_message):
            raise JudgementError("no answer to a request")
        return "silence"
    kind = message(answer, sent_message)
    if is_notification(sent_message):
        raise JudgementError("an answer to a notification")
    return kind


def event(text: str) -> None:
    """Judge a message before an answer."""
    if message(text, ...) != "notification":
        raise JudgementError("several answers to one line")
    notification = json.loads(text)
    parse_server_notification(notification["method"], "2026-07-28", notification.get("params"))


def is_request(sent_message: Any) -> bool:
    """Return whether the value is a JSON-RPC request."""
    return (
        isinstance(sent_message, dict)
        and sent_message.get("jsonrpc") == "2.0"
        and isinstance(sent_message.get("method"), str)
        and _is_id(sent_message.get("id"))
        and not {"result", "error"} & set(sent_message)
    )


def is_notification(sent_message: Any) -> bool:
    """Return whether the value is a JSON-RPC notification with valid params."""
    return (
        isinstance(sent_message, dict)
        and set(sent_message) <= {"jsonrpc", "method", "params"}
        and sent_message.get("jsonrpc") == "2.0"
        and isinstance(sent_message.get("method"), str)
        and isinstance(sent_message.get("params", {}), dict)
    )


def response(body: bytes, status: int, headers: dict[str, str], content: str) -> str:
    """Judge an HTTP response; header names in lower case."""
    if status not in STATUSES:
        raise JudgementError(f"status {status}")
    kind = headers.get("content-type", "").partition(";")[0]
    if status == 405 and "allow" not in headers:
        raise JudgementError("405 without Allow")
    if not content:
        if status == 200:
            raise JudgementError("200 without a body")
        return str(status)
    if kind == "application/json":
        outcome = message(content, sent(body))
        if outcome == "result" and status != 200:
            raise JudgementError(f"a result with status {status}")
    elif kind == "text/event-stream":
        events = [event for event in content.split("\n\n") if event.strip() and not event.startswith(":")]
        for event in events:
            data = "\n".join(part[5:].strip() for part in event.splitlines() if part.startswith("data:"))
            if data:
                message(data, sent(body))
    elif kind != "text/plain":
        raise JudgementError(f"content of type {kind!r}")
    return str(status)
