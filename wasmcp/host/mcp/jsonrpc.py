"""JSON-RPC messages at the border of the host: encoding, cancellation and error responses.

A WIT `string` must be valid UTF-8. Input that is not, or is too large, is rejected here with the same error messages as
in the transport (framework/transport, `protocol.zig`), so that a client gets the same response through every entry
point. Error responses contain no details of this machine.

Specification: basic/patterns/cancellation; 2025-11-25, basic/utilities/cancellation.
"""

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
from wasmcp.host.bindings.messages import CANCELLED
from wasmcp.host.engine import logs
from wasmcp.protocol import CODES

if TYPE_CHECKING:
    from collections.abc import Callable


NOT_UTF8 = b'{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error: the message is not UTF-8"}}'
NOT_JSON = b"\xef\xbf\xbd"  # replaces a body that is not UTF-8, and is not JSON either


def too_large(limit: int) -> bytes:
    """Return the error response for a line that is longer than the limit."""
    text = '{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid request: the message is larger than %d bytes"}}'
    return (text % limit).encode()


def encode(text: str | bytes) -> bytes | None:
    """Return the text in UTF-8, or None if it cannot be encoded.

    wasmtime aborts the process on an invalid string, so all input must pass through this function.
    """
    if isinstance(text, str):
        try:
            return text.encode()
        except UnicodeEncodeError:  # a lone surrogate
            return None
    if text.isascii():
        return text
    try:
        text.decode()
    except UnicodeDecodeError:
        return None
    return text


def field_lines(pairs: list[tuple[bytes, bytes]]) -> bytes:
    """Return header fields as field lines (RFC 9112, section 5).

    Non-ASCII bytes are decoded as ISO 8859-1, the historical encoding of field values (RFC 9110, section 5.5).
    """
    lines = b"".join([name + b": " + value + b"\r\n" for name, value in pairs])
    return lines if lines.isascii() else lines.decode("latin-1").encode()


INTERNAL_ERROR = CODES["internal_error"]
INVALID_PARAMS = CODES["invalid_params"]


_LONG = 4096  # minimum bytes of a message whose quotes are looked at before it is searched as a whole
_QUOTES = 256  # maximum number of quotes that are looked at


def has_ends(message: bytes, ends: tuple[bytes, ...]) -> bool:
    """Return True if a message contains one of these texts, each of which ends with a quote.

    Most long messages consist of a few long strings: a search for quotes takes a hundredth of the time.
    """
    if len(message) > _LONG:
        quote = message.find(b'"')
        for _ in range(_QUOTES):
            if quote < 0:
                return False
            if message.endswith(ends, 0, quote + 1):
                return True
            quote = message.find(b'"', quote + 1)
    for end in ends:  # noqa: SIM110 - faster than a generator
        if end in message:
            return True
    return False


def may_cancel(message: bytes) -> bool:
    """Return True if a message can be a cancellation: a cheap check before `cancelled_ids`."""
    return has_ends(message, (b'cancelled"',))  # the slash may be escaped


def cancelled_ids(message: bytes) -> list[str | int]:
    """Return the ids of the requests that a client's message cancels; a batch can have several."""
    if not may_cancel(message):
        return []
    import json  # lazy: few sessions need it

    try:
        parsed = json.loads(message)
    except (ValueError, RecursionError):
        return []
    found = [_cancelled_id(each) for each in (parsed if isinstance(parsed, list) else [parsed])]
    return [each for each in found if each is not None]


def _cancelled_id(message: object) -> str | int | None:
    if not isinstance(message, dict) or message.get("method") != CANCELLED or "id" in message:
        return None
    params = message.get("params")
    found = params.get("requestId") if isinstance(params, dict) else None
    return found if isinstance(found, (str, int)) and not isinstance(found, bool) else None


def same_id(one: object, other: object) -> bool:
    """Compare request ids by type and value: `1`, `"1"` and `true` are distinct."""
    return one is not None and type(one) is type(other) and one == other


def request_id(message: bytes) -> str | int | None:
    """Return the id of a JSON-RPC request; None for a notification or invalid input."""
    import json  # lazy, as below: a stdio server needs it only for errors

    with suppress(ValueError, RecursionError):
        parsed = json.loads(message)
        if isinstance(parsed, dict) and "method" in parsed:
            found = parsed.get("id")
            if isinstance(found, (str, int)) and not isinstance(found, bool):
                return found
    return None


def internal_error_response(message: bytes, error: Exception) -> bytes | None:
    """Return the response to a request that failed with `error`; None if the message is not a request."""
    identifier = request_id(message)
    if identifier is None:
        return None
    import json

    body = {"jsonrpc": "2.0", "id": identifier, "error": {"code": INTERNAL_ERROR, "message": _public(error)}}
    return json.dumps(body, separators=(",", ":")).encode()


def error_response(message: bytes, code: int, text: str) -> bytes:
    """Return an error response to a message, with its id if it has one."""
    import json

    identifier = request_id(message)
    body: dict[str, object] = {"jsonrpc": "2.0", "error": {"code": code, "message": text}}
    if identifier is not None:
        body["id"] = identifier
    return json.dumps(body, separators=(",", ":")).encode()


def replace_with_errors(
    message: bytes, answer: bytes, refused: Callable[[dict[str, Any]], bool], code: int, text: str
) -> bytes:
    """Replace the responses to the requests that this host refuses by error responses.

    Args:
        message: A request, or a batch of messages.
        answer: The server's response; a batch for a batch.
        refused: Returns True for a refused request.
        code: The code of the errors.
        text: The message of the errors.
    """
    import json

    sent, answered = json.loads(message), json.loads(answer)
    ids = [each.get("id") for each in (sent if isinstance(sent, list) else [sent]) if refused(each)]
    wrong = {"code": code, "message": text}
    answers = [
        {"jsonrpc": "2.0", "id": each["id"], "error": wrong}
        if "result" in each and any(same_id(each.get("id"), one) for one in ids)
        else each
        for each in (answered if isinstance(answered, list) else [answered])
    ]
    result = answers if isinstance(answered, list) else answers[0]
    return json.dumps(result, ensure_ascii=False, separators=(",", ":")).encode()


def report(error: Exception) -> None:
    """Log the details of an error for the operator, without blocking."""
    # The guest's own standard error has been logged already.
    words = error.summary() if isinstance(error, GuestTrapError) else str(error)
    logs.log(logs.REQUESTS, logs.ERROR, f"{type(error).__name__}: {words}", error=error)


def _public(error: Exception) -> str:
    if isinstance(error, GuestCancelledError):
        return "Internal error: the request was cancelled"
    if isinstance(error, ClientStalledError):
        return "Internal error: the request was cancelled, because its client did not read its messages"
    if isinstance(error, GuestTimeoutError):
        return f"Internal error: the request took longer than {error.limit:g} s"
    if isinstance(error, GuestOutOfMemoryError):
        return "Internal error: the request exceeded the memory limit"
    if isinstance(error, ResponseTooLargeError):
        return f"Internal error: the answer is larger than {error.limit} bytes"
    return "Internal error: the server failed to answer"
