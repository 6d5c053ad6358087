"""The ASGI application behind another HTTP server, uvicorn with its own parsers."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from support.waiting import wait_until

from wasmcp.errors import HostError
from wasmcp.host import open_server
from wasmcp.host.transports.asgi import App

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
FIELDS = {
    "content-type": "application/json",
    "accept": "application/json, text/event-stream",
    "mcp-protocol-version": "2026-07-28",
}


def post(port: int, method: str, name: str | None = None, **params: Any) -> http.client.HTTPResponse:
    """Send a request; the caller reads the response."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    named = {} if name is None else {"name": name}
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**named, **params, "_meta": META}}
    fields = {**FIELDS, "mcp-method": method, **({} if name is None else {"mcp-name": name})}
    connection.request("POST", "/mcp", json.dumps(message), fields)
    return connection.getresponse()


@pytest.mark.parametrize("parser", ["h11", "httptools"])
def test_requests_streams_and_lifespan(zig_server: Path, parser: Any) -> None:
    with open_server(zig_server) as opened, socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        app = App(opened)
        server = uvicorn.Server(uvicorn.Config(app, http=parser, ws="none", lifespan="on", log_level="critical"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        wait_until(lambda: server.started)
        called = post(port, "tools/call", "add", arguments={"a": 3, "b": 2})
        assert called.status == 200
        assert json.loads(called.read())["result"]["structuredContent"] == {"result": 5}
        stream = post(port, "subscriptions/listen", notifications={"toolsListChanged": True})
        assert stream.getheader("content-type") == "text/event-stream"
        assert b"notifications/subscriptions/acknowledged" in stream.readline()
        assert app.streams.used == 1
        stream.close()
        wait_until(lambda: app.streams.used == 0)
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()
        with pytest.raises(HostError, match="closed"):
            opened.call_tool("add", {"a": 1, "b": 2})
