"""Requests to an instance, events that it sends during a call, and needs of its responses, as types.

An instance sends events as frames on its standard output, `TOKEN KIND JSON` (package `wasmcp:embedding`). Each kind of
frame has a class here; `text` is the JSON. The authorization component names what it needs, keys or the introspection
of a token, in a field of its response.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

CANCELLED = "notifications/cancelled"
"""Method of the notification that cancels a request."""


class StdioRequest(NamedTuple):
    """One line of the stdio transport, with the state of its client. Both are valid UTF-8."""

    line: bytes
    state: bytes


class HttpRequest(NamedTuple):
    """One HTTP request. All members are valid UTF-8."""

    method: bytes
    target: bytes
    headers: bytes
    body: bytes


class TaskRequest(NamedTuple):
    """One call of the interface `tasks` of an instance: a function, and its arguments after the token."""

    function: str
    arguments: tuple[bytes, ...]


Request = StdioRequest | HttpRequest | TaskRequest

NO_REQUEST = HttpRequest(b"", b"", b"", b"")
"""Replacement of the request of a call that has ended, to free its memory."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a call. `text` is JSON."""

    text: str


class Message(Event):
    """A JSON-RPC message for the client, before the response: stdio transport only."""

    __slots__ = ()


class Head(Event):
    """Status and header fields of a streamed HTTP response."""

    __slots__ = ()


class Chunk(Event):
    """A part of the body of a streamed HTTP response, as a JSON string."""

    __slots__ = ()


class Subscribe(Event):
    """Start of a stream of notifications after the response."""

    __slots__ = ()


class Watch(Event):
    """Subscription to a resource, or its end, for a client of a handshake revision."""

    __slots__ = ()


class Attach(Event):
    """Request to keep the HTTP response open as a stream of the session."""

    __slots__ = ()


class Changed(Event):
    """A change notification, not related to a call."""

    __slots__ = ()


class TaskEvent(Event):
    """A task that needs a run, or was cancelled; not related to a call."""

    __slots__ = ()


class Ask(Event):
    """Server-to-client requests whose responses the call needs: their ids, and the continuation of the call."""

    __slots__ = ()


class InputCancelled(Event):
    """A `notifications/cancelled` of the host for a server-to-client request that needs no response any more."""

    __slots__ = ()

    @classmethod
    def of(cls, request_id: str) -> InputCancelled:
        """Return the event for a request of the server. Specification: basic/patterns/cancellation."""
        message = {"jsonrpc": "2.0", "method": CANCELLED, "params": {"requestId": request_id}}
        return cls(json.dumps(message, separators=(",", ":")))


FRAMES: dict[bytes, type[Event]] = {
    b"message": Message,
    b"head": Head,
    b"chunk": Chunk,
    b"subscribe": Subscribe,
    b"watch": Watch,
    b"attach": Attach,
    b"changed": Changed,
    b"task": TaskEvent,
    b"ask": Ask,
}
"""The class of each kind of frame."""


LONGEST_METHOD = 100
"""Maximum number of characters of a method that `target_of` returns."""

LONGEST_NAME = 200
"""The same of the name or URI of a target."""

_PARSED = 4096  # maximum bytes of a message that is parsed; in a larger one the members are searched for
_METHOD = re.compile(rb'"method"\s*:\s*"([^"\\]{1,100})"')
_NAME = re.compile(rb'"(?:name|uri)"\s*:\s*"([^"\\]{1,200})"')


_read = json.JSONDecoder().raw_decode


def _value(message: bytes) -> Any:
    """Return the value at the beginning of a message, in a third of the time of `json.loads`."""
    try:
        return _read(message.decode())[0]
    except ValueError:  # for example whitespace before the value
        return json.loads(message)


def target_of(request: Request) -> tuple[str, str]:
    """Return the method, and the name or URI of the target, of a request; empty texts where they are not found."""
    if isinstance(request, TaskRequest):
        return f"tasks.{request.function}", ""
    message = request.line if isinstance(request, StdioRequest) else request.body
    if len(message) <= _PARSED:
        try:
            parsed = _value(message)
        except (ValueError, RecursionError):
            return "", ""
        if not isinstance(parsed, dict):
            return "", ""
        params = parsed.get("params")
        name = params.get("name", params.get("uri")) if isinstance(params, dict) else ""
        return str(parsed.get("method", ""))[:LONGEST_METHOD], str(name or "")[:LONGEST_NAME]
    found = [pattern.search(message, 0, _PARSED) for pattern in (_METHOD, _NAME)]
    method, name = (match[1].decode("utf-8", "replace") if match else "" for match in found)
    return method, name


_NEEDS = b"wasmcp-needs: "


class Need(NamedTuple):
    """Need of a response of the authorization component.

    Attributes:
        token: The token to introspect; None if other keys are needed.
        response: The response if there is nothing else, as status, header lines and body.
    """

    token: str | None
    response: tuple[int, bytes, bytes]

    @classmethod
    def of(cls, status: int, lines: bytes, body: bytes) -> Need | None:
        """Return the need of a response; None if it has none."""
        if status not in {401, 503} or _NEEDS not in lines:
            return None
        kept, token = [], None
        for line in lines.split(b"\r\n"):
            if line.startswith(_NEEDS):
                kind, _, value = line.removeprefix(_NEEDS).partition(b" ")
                token = value.decode("ascii", "replace") if kind == b"introspection" else None
            else:
                kept.append(line)
        return cls(token, (status, b"\r\n".join(kept), body))
