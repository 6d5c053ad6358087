"""Clients of any revision at each entry point: they send a request and return all messages of the server."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from support.server_processes import STATE_KEYS, WASMCP, wasmcp_serve, wasmtime, wasmtime_serve

from oracles.cases import CAPABILITIES
from wasmcp.host import Server, open_server

MODERN = "2026-07-28"
NAMES = ("exchange message", "exchange http", "wasmcp run", "wasmcp serve", "wasmtime run", "wasmtime serve")
Messages = list[dict[str, Any]]

_ids = itertools.count(1)


def request(method: str, params: dict[str, Any], revision: str) -> dict[str, Any]:
    """Return a request as a client of that revision sends it."""
    params = dict(params)
    if revision == MODERN:
        params["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": CAPABILITIES,
            "io.modelcontextprotocol/clientInfo": {"name": "oracle", "version": "1"},
            "io.modelcontextprotocol/logLevel": "info",
            **params.get("_meta", {}),
        }
    return {"jsonrpc": "2.0", "id": next(_ids), "method": method, "params": params}


def initialize(revision: str) -> dict[str, Any]:
    """Return the params of `initialize`."""
    return {
        "protocolVersion": revision,
        "capabilities": CAPABILITIES,
        "clientInfo": {"name": "oracle", "version": "1"},
    }


class RevisionClient(Protocol):
    """Client of one revision."""

    def send(self, message: dict[str, Any]) -> Messages:
        """Send a request; return the server's messages, the answer last."""
        ...


class InProcess:
    """Client on stdio, through the host."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def send(self, message: dict[str, Any]) -> Messages:
        """Send a line."""
        events: list[str] = []
        answer = self.server.send(json.dumps(message), on_event=events.append)
        return [json.loads(text) for text in [*events, answer or ""] if text]


class Http:
    """Client over HTTP, with a connection per request, or (`server`) through the host without one."""

    def __init__(self, revision: str, *, port: int = 0, server: Server | None = None) -> None:
        self.revision = revision
        self.port = port
        self.server = server
        self.session: str | None = None

    def send(self, message: dict[str, Any]) -> Messages:
        """Post a message, and check the status and headers of the answer."""
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        if message["method"] != "initialize" or self.revision == MODERN:
            headers["MCP-Protocol-Version"] = self.revision
        if self.revision == MODERN:
            headers["Mcp-Method"] = message["method"]
            name = message["params"].get("name", message["params"].get("uri"))
            if name is not None:
                headers["Mcp-Name"] = name
        if self.session is not None:
            headers["Mcp-Session-Id"] = self.session
        status, fields, body = self._post(json.dumps(message), headers)
        self.session = fields.get("mcp-session-id", self.session)
        if fields.get("content-type", "").startswith("text/event-stream"):
            assert status == 200
            assert fields["x-accel-buffering"] == "no"
            datas = [line[5:].strip() for line in body.splitlines() if line.startswith("data:")]
            return [json.loads(data) for data in datas if data]
        assert fields["content-type"] == "application/json", (status, fields, body)
        answer = json.loads(body)
        if self.revision == MODERN:
            code = answer.get("error", {}).get("code")
            assert status == {None: 200, -32601: 404, -32603: 200}.get(code, 400), (status, answer)
        return [answer]

    def _post(self, body: str, headers: dict[str, str]) -> tuple[int, dict[str, str], str]:
        if self.server is not None:
            answer = self.server.http("POST", "/mcp", headers, body)
            return answer.status, {name.lower(): value for name, value in answer.headers}, answer.body
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request("POST", "/mcp", body, headers)
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read().decode()


class Pipe:
    """Client on the stdio of a process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def send(self, message: dict[str, Any]) -> Messages:
        """Write a line, read lines until the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()
        messages: Messages = []
        while not messages or messages[-1].get("id") != message["id"] or "method" in messages[-1]:
            line = self.process.stdout.readline()
            assert line, "the process ended"
            messages.append(json.loads(line))
        return messages


@contextlib.contextmanager
def client_at(name: str, revision: str, server: Path, compiled: Path) -> Iterator[RevisionClient]:
    """Yield a client of a revision at an entry point; `compiled` is the server for the stock runtime."""
    if name == "exchange message":
        with open_server(server, instances=1) as opened:
            yield InProcess(opened)
    elif name == "exchange http":
        with open_server(server, instances=1) as opened:
            yield Http(revision, server=opened)
    elif name == "wasmcp serve":
        with wasmcp_serve(server) as port:
            yield Http(revision, port=port)
    elif name == "wasmtime serve":
        with wasmtime_serve(compiled, *STATE_KEYS, "--allow-precompiled") as port:
            yield Http(revision, port=port)
    else:
        stock = [wasmtime(), "run", "-Shttp", "-Skeyvalue", "--allow-precompiled", str(compiled)]
        command = [*WASMCP, "run", str(server)] if name == "wasmcp run" else stock
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            try:
                yield Pipe(process)
            finally:
                process.kill()
