"""Responses from the manifest before a server is loaded: `initialize`, `server/discover`, `ping` and lists.

The responses equal those of the transport and of composed servers (framework/transport, `lifecycle.zig`;
`wasmcp.compose`); tests compare both. All other messages wait for the server.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasmcp.protocol import CAPABILITY_SINCE, HANDSHAKE, IMPLEMENTATION_SINCE, LATEST, LISTS, META
from wasmcp.revision_views import from_json_text, in_form, to_json_text

if TYPE_CHECKING:
    import os

FORMAT = 1
_LONGEST = 65536
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
        if len(line) > _LONGEST:
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
