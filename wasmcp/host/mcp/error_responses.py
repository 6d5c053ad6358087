"""What a client is told when the server gave no answer: a JSON-RPC error, and nothing about this machine."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from wasmcp.errors import (
    ClientStalledError,
    GuestCancelledError,
    GuestOutOfMemoryError,
    GuestTimeoutError,
    GuestTrapError,
    ResponseTooLargeError,
)
from wasmcp.host.engine.standard_error import write_lines
from wasmcp.host.mcp.cancellation import same

if TYPE_CHECKING:
    from collections.abc import Callable

INTERNAL_ERROR = -32603  # JSON-RPC 2.0, section 5.1
INVALID_PARAMS = -32602


def request_id(message: bytes) -> str | int | None:
    """Read the id of a JSON-RPC request; None for a notification, or what is no message at all."""
    import json  # here, and below: a stdio server that does not fail never needs it

    with suppress(ValueError, RecursionError):
        parsed = json.loads(message)
        if isinstance(parsed, dict) and "method" in parsed:
            found = parsed.get("id")
            if isinstance(found, (str, int)) and not isinstance(found, bool):
                return found
    return None


def error_message(message: bytes, error: Exception) -> bytes | None:
    """Make the answer to a message that failed with `error`; None when it wants no answer."""
    asked = request_id(message)
    if asked is None:
        return None
    import json

    body = {"jsonrpc": "2.0", "id": asked, "error": {"code": INTERNAL_ERROR, "message": _public(error)}}
    return json.dumps(body, separators=(",", ":")).encode()


def refusal(message: bytes, code: int, text: str) -> bytes:
    """Make the error that refuses a request; without an id where the message has none."""
    import json

    asked = request_id(message)
    body: dict[str, object] = {"jsonrpc": "2.0", "error": {"code": code, "message": text}}
    if asked is not None:
        body["id"] = asked
    return json.dumps(body, separators=(",", ":")).encode()


def refuse_some(
    message: bytes, answer: bytes, refused: Callable[[dict[str, Any]], bool], code: int, text: str
) -> bytes:
    """Put errors in place of the answers to those requests that this host refuses.

    Args:
        message: A request, or a batch of messages.
        answer: What the server answered; a batch for a batch.
        refused: Tells whether a request is one of them.
        code: Of the errors.
        text: Their message.
    """
    import json

    sent, answered = json.loads(message), json.loads(answer)
    ids = [each.get("id") for each in (sent if isinstance(sent, list) else [sent]) if refused(each)]
    wrong = {"code": code, "message": text}
    answers = [
        {"jsonrpc": "2.0", "id": each["id"], "error": wrong}
        if "result" in each and any(same(each.get("id"), one) for one in ids)
        else each
        for each in (answered if isinstance(answered, list) else [answered])
    ]
    result = answers if isinstance(answered, list) else answers[0]
    return json.dumps(result, ensure_ascii=False, separators=(",", ":")).encode()


def report(error: Exception) -> None:
    """Tell the operator on standard error what the client is not told; never wait for a reader of it."""
    # What the guest wrote is there already: the process passes it on as it comes.
    words = error.summary() if isinstance(error, GuestTrapError) else str(error)
    write_lines(f"{type(error).__name__}: {words}")


def _public(error: Exception) -> str:
    if isinstance(error, GuestCancelledError):
        return "Internal error: the request was taken back"
    if isinstance(error, ClientStalledError):
        return "Internal error: the request was cancelled, because its client did not read what was sent"
    if isinstance(error, GuestTimeoutError):
        return f"Internal error: the request took longer than {error.limit:g} s"
    if isinstance(error, GuestOutOfMemoryError):
        return "Internal error: the request needed more memory than it may have"
    if isinstance(error, ResponseTooLargeError):
        return f"Internal error: the answer is larger than {error.limit} bytes"
    return "Internal error: the server failed to answer"
