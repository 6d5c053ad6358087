"""Messages between a client and its transport, and server-sent events."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, NamedTuple, Protocol, TypeAlias

from wasmcp.errors import WasmcpError

Message: TypeAlias = dict[str, Any]

MOST = 64 << 20
"""Maximum size of one message, in bytes."""


class Failure(NamedTuple):
    """Failure of one request, or of the connection.

    Attributes:
        request: The id of the request; None for the whole connection.
        error: The error to raise.
    """

    request: int | None
    error: WasmcpError


class Note(NamedTuple):
    """Remark about the connection for the user."""

    text: str


Inbox: TypeAlias = "SimpleQueue[Message | Failure | Note]"


class Transport(Protocol):
    """Transport of a client. What arrives is put into `inbox` by threads of the transport.

    Attributes:
        inbox: Messages of the server, and failures.
        is_http: True for HTTP, whose requests need header fields.
    """

    inbox: Inbox
    is_http: bool

    def send(self, message: Message, fields: dict[str, str]) -> None:
        """Send a message, with header fields for HTTP."""

    def adopt(self, revision: str) -> None:
        """Use a revision for all further messages; the empty string stands for none."""

    def forget(self, request: int) -> None:
        """Stop waiting for the response to a request."""

    def close(self) -> None:
        """Close the connection."""

    def diagnostics(self) -> list[str]:
        """Return the last lines that the server has written to standard error."""


@dataclass(frozen=True)
class Event:
    """Server-sent event (WHATWG HTML, section 9.2).

    Attributes:
        data: The data; the empty string for an event without data.
        id: The id that a client sends as `Last-Event-ID`.
        retry: Milliseconds until a reconnection; None if not given.
    """

    data: str
    id: str
    retry: int | None


def events(lines: Iterable[bytes]) -> Iterator[Event]:
    """Yield the events of a stream.

    Args:
        lines: Lines with their ends; CR, LF and CRLF end a line.
    """
    data: list[str] = []
    last, retry = "", None
    is_first = True
    for line in _split(lines):
        text = line.decode("utf-8", "replace")
        if is_first:
            text, is_first = text.removeprefix("\ufeff"), False
        if not text:
            if data or retry is not None or last:
                yield Event("\n".join(data), last, retry)
            data, retry = [], None
            continue
        name, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "id" and "\0" not in value:
            last = value
        elif name == "retry" and value.isascii() and value.isdigit() and len(value) < 10:
            retry = int(value)


def _split(lines: Iterable[bytes]) -> Iterator[bytes]:
    for line in lines:
        parts = line.removesuffix(b"\n").removesuffix(b"\r").split(b"\r")
        yield from parts


def parsed(text: bytes | str) -> Message | None:
    """Parse a JSON-RPC message; None if the text is not one."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    is_message = isinstance(found, dict) and ("method" in found or "result" in found or "error" in found)
    return found if is_message else None


def encoded(message: Message) -> bytes:
    """Return a message as one line of JSON, without its line feed."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
