"""Responses from the manifest before a server is loaded: `initialize`, `server/discover`, `ping` and lists.

The responses equal those of the transport and of composed servers (framework/transport, `lifecycle.zig`;
`wasmcp.compose`); tests compare both. All other messages wait for the server.

Over HTTP a response is sent only where no setting and no header field could change it: for a request exactly as
2026-07-28 has it, to a server whose manifest has `fixedLists`. All other requests wait for the server, which decides
about them.

Specification: MCP 2026-07-28, basic/transports/streamable-http; basic, "_meta".
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasmcp.environment import BOUND_TO
from wasmcp.host.configuration.settings import MAX_BODY, SESSION_TTL, SESSIONS, STATE_KEYS
from wasmcp.protocol import CAPABILITY_SINCE, HANDSHAKE, IMPLEMENTATION_SINCE, LATEST, LISTS, META
from wasmcp.revision_views import from_json_text, in_form, to_json_text

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

FORMAT = 1
_LONGEST_LINE = 65536
_MOST_CAPABILITIES = 8192
_DISCOVER_TTL = 3_600_000
_LIST_CACHE = {"ttlMs": 300_000, "cacheScope": "public"}
_LISTS = {one.method: one for one in LISTS}


class ManifestResponder:
    """Responder to messages of the stdio transport, from one server's entry of a manifest.

    Attributes:
        capabilities: The `ServerCapabilities` of the server.
        has_fixed_lists: True if the manifest states that each list is the same in each request.
    """

    def __init__(self, entry: dict[str, Any]) -> None:
        metadata = dict(entry["metadata"])
        self._instructions: str | None = metadata.pop("instructions", None)
        self._implementation = metadata
        self.capabilities: dict[str, Any] = entry["capabilities"]
        # Access rules decide what a list shows: the server itself applies them.
        self._catalogue: dict[str, Any] | None = None if "access" in entry else entry.get("catalogue")
        self.has_fixed_lists = entry.get("fixedLists") is True and self._catalogue is not None

    @classmethod
    def of_file(cls, path: str | os.PathLike[str]) -> ManifestResponder | None:
        """Return a responder for a composed server, or None if the manifest next to it does not describe it.

        Raises:
            ArtifactError: The file cannot be read, or is not a component.
        """
        from wasmcp.host.engine.compile_cache import cached_digest, read_component

        digest = cached_digest(path)
        if digest is None:
            from hashlib import sha256

            digest = f"sha256:{sha256(read_component(path)).hexdigest()}"
        return cls.of_server(path, digest)

    @classmethod
    def of_server(cls, path: str | os.PathLike[str], digest: str) -> ManifestResponder | None:
        """Return a responder for the entry of a server in the manifest next to its file, or None.

        Args:
            path: The composed server.
            digest: Its SHA-256 as `sha256:HEX`; entries with another digest are ignored.
        """
        try:
            document = from_json_text(Path(path).with_name("manifest.json").read_text("utf-8"))
            if document["format"] != FORMAT:
                return None
            for entry in document["servers"].values():
                if entry["file"] == Path(path).name and entry["digest"] == digest:
                    return cls(entry)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return None

    def answer(self, line: bytes, state: bytes) -> tuple[bytes, bytes] | None:
        """Respond to a line as `exchange.message` would.

        Returns:
            The response (empty for none) and the new state; None if the line has to wait for the server.
        """
        if len(line) > _LONGEST_LINE:
            return None
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            return None
        if (
            not isinstance(message, dict)
            or message.get("jsonrpc") != "2.0"
            or not isinstance(message.get("method"), str)
        ):
            return None
        method, params = message["method"], message.get("params", {})
        if not isinstance(params, dict):
            return None
        if "id" not in message:
            return (b"", state) if method == "notifications/initialized" else None
        request_id = message["id"]
        if isinstance(request_id, bool) or not isinstance(request_id, (int, str)):
            return None
        meta = params.get("_meta", {})
        if not isinstance(meta, dict):
            return None
        if f"{META}protocolVersion" in meta:
            result = self._modern(method, params, meta)
        else:
            result, state = self._older(method, params, state)
        if result is None:
            return None
        answer = {"jsonrpc": "2.0", "id": request_id, "result": result}
        return to_json_text(answer).encode(), state

    def _modern(self, method: str, params: dict[str, Any], meta: dict[str, Any]) -> dict[str, Any] | None:
        if meta[f"{META}protocolVersion"] != LATEST:
            return None
        if not isinstance(meta.get(f"{META}clientCapabilities"), dict):
            return None
        if not isinstance(meta.get(f"{META}clientInfo", {}), dict) or f"{META}logLevel" in meta:
            return None
        about = {f"{META}serverInfo": self._implementation}
        if method == "server/discover":
            return {
                "resultType": "complete",
                "supportedVersions": [LATEST],
                "capabilities": self.capabilities,
                **self._instructions_member(),
                "ttlMs": _DISCOVER_TTL,
                "cacheScope": "public",
                "_meta": about,
            }
        items = self._list(method, params, LATEST)
        if items is None or self._catalogue is None:
            return None
        hint = self._catalogue.get("cache", {}).get(_LISTS[method].kind, _LIST_CACHE)
        return {**items, **hint, "resultType": "complete", "_meta": about}

    def _list(self, method: str, params: dict[str, Any], revision: str) -> dict[str, Any] | None:
        """Return a whole list in the form of a revision; None if the manifest does not have it."""
        if method not in _LISTS or self._catalogue is None or "cursor" in params:
            return None
        kind, _, capability, member, _ = _LISTS[method]
        if capability not in self.capabilities:
            return None
        return {member: [in_form(kind, item, revision) for item in self._catalogue.get(kind, [])]}

    def _older(self, method: str, params: dict[str, Any], state: bytes) -> tuple[dict[str, Any] | None, bytes]:
        if method == "ping":
            return {}, state
        if method == "initialize":
            requested = params.get("protocolVersion")
            if not isinstance(requested, str):
                return None, state
            agreed = requested if requested in HANDSHAKE else HANDSHAKE[-1]
            result = {
                "protocolVersion": agreed,
                "capabilities": _only(self.capabilities, CAPABILITY_SINCE, HANDSHAKE[0], agreed),
                "serverInfo": _only(self._implementation, IMPLEMENTATION_SINCE, HANDSHAKE[-1], agreed),
                **self._instructions_member(),
            }
            return result, _state(agreed, params.get("capabilities"))
        agreed = state.decode().partition(" ")[0]
        return self._list(method, params, agreed) if agreed in HANDSHAKE else None, state

    def _instructions_member(self) -> dict[str, str]:
        return {} if self._instructions is None else {"instructions": self._instructions}


def _state(agreed: str, able: object) -> bytes:
    """Return the state of a session that begins (framework/transport, `Session.zig`)."""
    if isinstance(able, dict) and able:
        text = json.dumps(able, ensure_ascii=False, separators=(",", ":"))
        if len(text.encode("utf-8", "replace")) <= _MOST_CAPABILITIES:
            return f"{agreed} - {text}".encode("utf-8", "replace")
    return agreed.encode()


def _only(value: dict[str, Any], since: dict[str, str], otherwise: str, revision: str) -> dict[str, Any]:
    """Keep the members that a revision defines; revisions compare as text."""
    return {name: member for name, member in value.items() if since.get(name, otherwise) <= revision}


LONGEST_BODY = 16384
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
    """Responder to requests of 2026-07-28 over HTTP before the server is open.

    Attributes:
        longest: Maximum bytes of the body of a request that is answered.
    """

    def __init__(self, responder: ManifestResponder, longest: int) -> None:
        self._responder = responder
        self.longest = longest

    @classmethod
    def of(
        cls, responder: ManifestResponder | None, settings: Mapping[str, str], longest: int = LONGEST_BODY
    ) -> EarlyLists | None:
        """Return the responder of a server; None if any request could get another response from the server.

        Args:
            responder: The responder for the server's manifest; None without one.
            settings: The settings of the operator: authorization, hosts and origins are decisions of the server.
            longest: Maximum bytes of the body of a request to the server, which refuses longer ones.
        """
        if responder is None or not responder.has_fixed_lists or not _WITHOUT_EFFECT.issuperset(settings):
            return None
        return cls(responder, min(longest, LONGEST_BODY))

    def answer(self, method: str, target: bytes, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> bytes | None:
        """Return the body of the response, which has status 200 and JSON; None if the request has to wait.

        Args:
            method: The HTTP method.
            target: The path with the query, inside the server.
            headers: The header fields, names in lower case.
            body: The whole body.
        """
        if method != "POST" or target != b"/mcp" or len(body) > self.longest or b"\\" in body:
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
