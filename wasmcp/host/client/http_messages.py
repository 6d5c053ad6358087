"""Requests of MCP 2026-07-28 as HTTP requests: the fields that mirror the body, and the messages in a response.

Specification: basic/transports/streamable-http.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

from wasmcp.errors import AccessDeniedError, HostError
from wasmcp.protocol import CODES, META_KEYS, MIRRORED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wasmcp.host.client.types import HttpResponse

_PLAIN = re.compile(r"[!-~](?:[ -~\t]*[!-~])?")
_ENCODED = re.compile(r"=\?base64\?.*\?=")
_DEEPEST = 32
_PARAMETER = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def request_fields(message: Mapping[str, Any], token: str, schema: Any = None) -> list[tuple[str, str]]:
    """Return the header fields of a request.

    Args:
        message: The JSON-RPC request.
        token: The access token (RFC 6750, section 2.1).
        schema: For `tools/call`, the `inputSchema` of the tool, for parameters with `x-mcp-header`.
    """
    params = message["params"]
    fields = [
        ("host", "127.0.0.1"),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("authorization", f"Bearer {token}"),
        ("mcp-protocol-version", params["_meta"][META_KEYS["protocol_version"]]),
        ("mcp-method", message["method"]),
    ]
    named = params.get(MIRRORED.get(message["method"], ""))
    if isinstance(named, str):
        fields.append(("mcp-name", field_value(named)))
    return fields + parameter_fields(schema, params.get("arguments"))


def field_value(text: str) -> str:
    """Return a value for a header field, in base64 if it has other characters than visible ASCII."""
    if not text or (_PLAIN.fullmatch(text) and not _ENCODED.fullmatch(text)):
        return text
    return f"=?base64?{base64.b64encode(text.encode('utf-8', 'replace')).decode()}?="


def parameter_fields(schema: Any, arguments: Any, depth: int = 0) -> list[tuple[str, str]]:
    """Return the fields `Mcp-Param-*` for the arguments whose schema has `x-mcp-header`."""
    if not isinstance(schema, dict) or not isinstance(arguments, dict) or depth > _DEEPEST:
        return []
    properties = schema.get("properties")
    fields: list[tuple[str, str]] = []
    for name, member in properties.items() if isinstance(properties, dict) else ():
        value = arguments.get(name)
        if not isinstance(member, dict) or value is None:
            continue
        header = member.get("x-mcp-header")
        if isinstance(header, str) and isinstance(value, bool | str | int):
            text = str(value).lower() if isinstance(value, bool) else str(value)
            fields.append((f"mcp-param-{header}", field_value(text)))
        fields += parameter_fields(member, value, depth + 1)
    return fields


def is_mismatch(message: Mapping[str, Any]) -> bool:
    """Return True for the error response to a request whose header fields do not mirror its body."""
    error = message.get("error")
    return isinstance(error, dict) and error.get("code") == CODES["header_mismatch"]


class EventStream:
    """Messages of a response, read from its chunks as they arrive (WHATWG HTML, section 9.2).

    Args:
        on_event: Called with each message that is not the response.
    """

    def __init__(self, on_event: Callable[[dict[str, Any]], None] | None) -> None:
        self._on_event = on_event
        self._rest = ""
        self._response: dict[str, Any] | None = None

    def receive(self, chunk: str) -> None:
        """Read a chunk; a message can be in several."""
        *events, self._rest = (self._rest + chunk).split("\n\n")
        for event in events:
            data = "\n".join(line[5:].removeprefix(" ") for line in event.split("\n") if line.startswith("data:"))
            message = json.loads(data) if data else None
            if message is None:
                continue
            if "method" not in message:
                self._response = message
            elif self._on_event is not None:
                self._on_event(message)

    def response(self, response: HttpResponse) -> dict[str, Any]:
        """Return the JSON-RPC response of a whole HTTP response.

        Raises:
            AccessDeniedError: The server denied the request.
            HostError: The body has no JSON-RPC response.
        """
        challenge = response.header("www-authenticate")
        if challenge is not None:
            raise denial(response.status, challenge, response.body)
        if self._response is not None:
            return self._response
        try:
            found = json.loads(response.body)
        except ValueError:
            found = None
        if not isinstance(found, dict) or "jsonrpc" not in found:
            raise HostError(f"the server responded with HTTP status {response.status}: {response.body[:200]}")
        return found


def denial(status: int, challenge: str, body: str) -> AccessDeniedError:
    """Return the error of a response with a challenge (RFC 6750, section 3)."""
    parameters = dict(_PARAMETER.findall(challenge))
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    code = document.get("error") if isinstance(document, dict) else None
    description = document.get("error_description") if isinstance(document, dict) else None
    return AccessDeniedError(
        status,
        str(parameters.get("error") or code or ""),
        str(parameters.get("error_description") or description or ""),
        scopes=parameters.get("scope", "").split(),
        challenge=challenge,
    )
