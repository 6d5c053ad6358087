"""Exchange of messages with a server at any of its entry points, as real clients of each revision do it."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.entry_points import JSON, Served, mirrored, text_of
from support.server_processes import WASMCP, wasmcp_serve, wasmtime, wasmtime_serve
from wasmcp.host import open_server

EVERY_DOOR = ["in-process", "run", "serve", "stock run", "stock serve"]

Talk = Callable[[Any], Any]
"""Sends a message and returns the answer; None for what wants none."""


@contextmanager
def talking(door: str, server: Path) -> Iterator[Talk]:
    """Begin a conversation."""
    if door == "in-process":
        with open_server(server, instances=1) as opened:
            yield lambda message: json.loads(opened.send(text_of(message)) or "null")
    elif door.endswith("run"):
        stock = [wasmtime(), "run", "-Shttp", str(server)]
        with _lines(stock if door == "stock run" else [*WASMCP, "run", str(server)]) as talk:
            yield talk
    else:
        with (wasmtime_serve if door == "stock serve" else wasmcp_serve)(server) as port:
            yield _posting(Served(port))


@contextmanager
def _lines(command: list[str]) -> Iterator[Talk]:
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:

        def talk(message: Any) -> Any:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(text_of(message).encode() + b"\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline()) if _wants_answer(message) else None

        try:
            yield talk
        finally:
            process.kill()


def _wants_answer(message: Any) -> bool:
    if isinstance(message, list):
        return not message or any(map(_wants_answer, message))
    return not isinstance(message, dict) or "id" in message or "method" not in message


def _posting(served: Served) -> Talk:
    session: dict[str, str] = {}

    def talk(message: Any) -> Any:
        headers = mirrored(message) if isinstance(message, dict) else dict(JSON)
        response = served.http("POST", "/mcp", {**headers, **session}, text_of(message))
        assert response.status in {200, 202}, response.body
        if "mcp-session-id" in response.headers:
            session["Mcp-Session-Id"] = response.headers["mcp-session-id"]
        return response.message if response.body else None

    return talk


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


class Stream:
    """Response that stays open."""

    def __init__(self, port: int, method: str, headers: dict[str, str], message: Any = None) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self.connection.request(method, "/mcp", None if message is None else json.dumps(message), headers)
        self.response = self.connection.getresponse()

    def next(self) -> Any:
        """Return the next message; None at the end."""
        while line := self.response.readline():
            if line.startswith(b"data: "):
                return json.loads(line[6:])
        return None

    def close(self) -> None:
        self.connection.close()
