"""Clients of handshake revisions, and their messages."""

from __future__ import annotations

import contextlib
import http.client
import json
from typing import Any

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}


def call(tool: str = "do", **arguments: Any) -> dict[str, Any]:
    """The request of an older client."""
    params = {"name": tool, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}


def text(answer: Any) -> str:
    """Return the text of a tool result."""
    found: str = answer["result"]["content"][0]["text"]
    return found


class OlderClient:
    """A client of 2025-11-25, with a connection for each request."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.session = ""
        status, headers, body = self.send("POST", INITIALIZE)
        assert status == 200, body
        self.capabilities = json.loads(body)["result"]["capabilities"]
        self.session = headers.get("mcp-session-id", "")

    def send(self, method: str, message: Any = None) -> tuple[int, dict[str, str], bytes]:
        """Send a request; return status, header fields and body."""
        headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        if self.session:
            headers |= {"mcp-session-id": self.session, "mcp-protocol-version": "2025-11-25"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        with contextlib.closing(connection):
            connection.request(method, "/mcp", None if message is None else json.dumps(message), headers)
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return response.status, fields, response.read()

    def __call__(self, **arguments: Any) -> str:
        """Call the tool; return its text."""
        status, _, body = self.send("POST", call(**arguments))
        assert status == 200, body
        return text(json.loads(body))
