"""`notifications/cancelled`: what a client takes back, and what of ours it need not answer any more.

Specification: basic/patterns/cancellation; 2025-11-25, basic/utilities/cancellation.
"""

from __future__ import annotations

_METHOD = "notifications/cancelled"


def taken_back(message: bytes) -> list[str | int]:
    """Return the ids of the requests that a message of a client takes back; a batch may hold several."""
    if b"cancelled" not in message:  # the slash may be escaped
        return []
    import json  # here: few conversations need it, and all wait for the start

    try:
        parsed = json.loads(message)
    except (ValueError, RecursionError):
        return []
    wanted = [_wanted(each) for each in (parsed if isinstance(parsed, list) else [parsed])]
    return [each for each in wanted if each is not None]


def _wanted(message: object) -> str | int | None:
    if not isinstance(message, dict) or message.get("method") != _METHOD or "id" in message:
        return None
    params = message.get("params")
    found = params.get("requestId") if isinstance(params, dict) else None
    return found if isinstance(found, (str, int)) and not isinstance(found, bool) else None


def same(one: object, other: object) -> bool:
    """Compare request ids: 1 and "1" are two, and so are 1 and true."""
    return one is not None and type(one) is type(other) and one == other


def withdrawal(asked_id: str) -> str:
    """Return the message that tells a client that nobody waits for its answer to this request of ours any more."""
    import json

    return json.dumps({"jsonrpc": "2.0", "method": _METHOD, "params": {"requestId": asked_id}}, separators=(",", ":"))
