"""Methods and targets of the JSON-RPC messages in a request, as far as limits and logs need them."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

_LONGEST = 200


class Received(NamedTuple):
    """A message of a client.

    Attributes:
        method: The JSON-RPC method; the empty string for a response or an invalid message.
        target: The name of a tool or prompt, or the URI of a resource; or the empty string.
        id: The id of a request; None for other messages.
        arguments: The arguments of a tool or prompt; or None.
        meta: The member `_meta` of the parameters; or None.
    """

    method: str = ""
    target: str = ""
    id: str | int | None = None
    arguments: Any = None
    meta: dict[str, Any] | None = None


def received(body: bytes) -> list[Received]:
    """Return the messages of a body, more than one for a batch; an empty list if it is not JSON.

    Of members with the same name the last one counts, as in the server.
    """
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return []
    return [_message(one) for one in (parsed if isinstance(parsed, list) else [parsed])]


def _message(value: Any) -> Received:
    if not isinstance(value, dict) or not isinstance(value.get("method"), str):
        return Received()
    params = value.get("params")
    target = arguments = meta = None
    if isinstance(params, dict):
        target = params.get("name", params.get("uri"))
        if target is None and isinstance(params.get("ref"), dict):
            target = params["ref"].get("name", params["ref"].get("uri"))
        arguments = params.get("arguments")
        meta = params.get("_meta")
    identifier = value.get("id")
    return Received(
        value["method"][:_LONGEST],
        target[:_LONGEST] if isinstance(target, str) else "",
        identifier if isinstance(identifier, str | int) and not isinstance(identifier, bool) else None,
        arguments,
        meta if isinstance(meta, dict) else None,
    )
