"""Messages of clients of handshake revisions."""

from __future__ import annotations

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
