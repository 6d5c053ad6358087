"""Responses over HTTP from the manifest while a server is being compiled: `server/discover` and lists of 2026-07-28.

A response is sent only where no setting and no header field could change it: for a request exactly as the
specification has it, to a server whose manifest has `fixedLists`. All other requests wait for the server, which
decides about them. The bytes of the responses are those of the server; tests compare both.

Specification: MCP 2026-07-28, basic/transports/streamable-http; basic, "_meta".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from wasmcp.environment import BOUND_TO
from wasmcp.host.configuration.settings import MAX_BODY, SESSION_TTL, SESSIONS, STATE_KEYS
from wasmcp.protocol import LATEST, LISTS, META

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wasmcp.host.mcp.manifest_responder import ManifestResponder

LONGEST = 16384
"""Maximum bytes of the body of a request that is answered from the manifest."""

_METHODS = frozenset({"server/discover", *(one.method for one in LISTS)})
_WITHOUT_EFFECT = frozenset({BOUND_TO, MAX_BODY, SESSIONS, SESSION_TTL, STATE_KEYS, "WASMCP_STATE_TTL"})
_LOCAL = frozenset({"127.0.0.1", "localhost", "[::1]"})
_MIRRORED = (b"host", b"content-type", b"accept", b"mcp-protocol-version", b"mcp-method")
_IGNORED = frozenset({b"content-length", b"user-agent", b"connection", b"accept-encoding", b"accept-language"})
_TRACE = frozenset({b"traceparent", b"tracestate", b"baggage"})
_PROXIES = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-real-ip", b"via"})
_META_OBJECTS = (f"{META}clientCapabilities", f"{META}clientInfo")
_META_MEMBERS = frozenset({f"{META}protocolVersion", *_META_OBJECTS, *(name.decode() for name in _TRACE)})


class EarlyLists:
    """Responder to requests of 2026-07-28 before the server is open."""

    def __init__(self, responder: ManifestResponder, longest: int) -> None:
        self._responder = responder
        self._longest = longest

    @classmethod
    def of(
        cls, responder: ManifestResponder | None, settings: Mapping[str, str], longest: int = LONGEST
    ) -> EarlyLists | None:
        """Return the responder of a server; None if any request could get another response from the server.

        Args:
            responder: The responder for the server's manifest; None without one.
            settings: The settings of the operator: authorization, hosts and origins are decisions of the server.
            longest: Maximum bytes of the body of a request to the server, which refuses longer ones.
        """
        if responder is None or not responder.has_fixed_lists or not _WITHOUT_EFFECT.issuperset(settings):
            return None
        return cls(responder, min(longest, LONGEST))

    def answer(self, method: str, target: bytes, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> bytes | None:
        """Return the body of the response, which has status 200 and JSON; None if the request has to wait.

        Args:
            method: The HTTP method.
            target: The path with the query, inside the server.
            headers: The header fields, names in lower case.
            body: The whole body.
        """
        if method != "POST" or target != b"/mcp" or len(body) > self._longest or b"\\" in body:
            return None
        mirrored = _mirrored(headers)
        if mirrored is None or mirrored[b"content-type"].lower() != b"application/json":
            return None
        accepted = {part.strip(b" \t").lower() for part in mirrored[b"accept"].split(b",")}
        if not accepted >= {b"application/json", b"text/event-stream"} or b";" in mirrored[b"accept"]:
            return None
        if mirrored[b"mcp-protocol-version"] != LATEST.encode() or not _is_local(mirrored[b"host"]):
            return None
        message = _read(body)
        if message is None or message["method"].encode() != mirrored[b"mcp-method"]:
            return None
        answered = self._responder.answer(body, b"")
        # A lone surrogate has every character of the answer escaped, and only those of its own list in the server.
        return None if answered is None or b"\\ud" in answered[0] else answered[0]


def _mirrored(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes] | None:
    """Return the fields that requests must have; None if one is absent or repeated, or another one has a meaning."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _MIRRORED:
            if name in found:
                return None
            found[name] = value
        elif name not in _IGNORED and name not in _TRACE and name not in _PROXIES:
            return None
    return found if len(found) == len(_MIRRORED) else None


def _is_local(host: bytes) -> bool:
    """Return True if a `Host` is a loopback name or address, with or without a port: those are always allowed."""
    text = host.decode("latin-1").lower()
    name, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon and name != text:
        name, port = text, "0"
    return name in _LOCAL and (not colon or (port.isascii() and port.isdigit() and len(port) <= 5))


def _read(body: bytes) -> dict[str, Any] | None:
    """Parse a request for a list. None if it is another message, or if readers could read it differently."""
    try:
        message = json.loads(body.decode(), object_pairs_hook=_unique, parse_int=_plain, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or message.keys() != {"jsonrpc", "id", "method", "params"}:
        return None
    params = message["params"]
    if message["method"] not in _METHODS or not isinstance(params, dict) or params.keys() != {"_meta"}:
        return None
    meta = params["_meta"]
    if not isinstance(meta, dict) or not _META_MEMBERS.issuperset(meta):
        return None
    if not all(isinstance(meta.get(name, {}), dict) for name in _META_OBJECTS):
        return None
    if not all(isinstance(value, str) for name, value in meta.items() if name not in _META_OBJECTS):
        return None
    identifier = message["id"]
    is_text = isinstance(identifier, str) and identifier.isascii() and identifier.isprintable()
    return message if is_text or type(identifier) is int else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is repeated")
    return found


def _plain(digits: str) -> int:
    if len(digits) > 15 or digits.startswith("-"):
        raise ValueError("a number that not every reader keeps")
    return int(digits)


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
