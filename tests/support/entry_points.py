"""Drivers of the three entry points of a composed server, without `wasmcp.host`."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import wasmtime
from wasmtime.component import Component, Linker

from support.server_processes import wasmcp_serve, wasmtime_serve
from support.server_processes import wasmtime as wasmtime_command

MODERN = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}
JSON = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


def request(method: str, params: dict[str, Any] | None = None, *, meta: Any = META, id: Any = 1) -> dict[str, Any]:  # noqa: A002  # the protocol's name
    """A request of 2026-07-28; `meta=None`: of an older revision."""
    given = dict(params or {})
    if meta is not None:
        given["_meta"] = meta
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": given}


CALL = request("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}})


def text_of(message: Any) -> str:
    """Return a message as bytes to send; a text is not changed."""
    return message if isinstance(message, str) else json.dumps(message)


def mirrored(message: Any) -> dict[str, str]:
    """Return the headers that a correct client of 2026-07-28 sends with a message; none without a revision."""
    params = message.get("params") if isinstance(message, dict) else None
    meta = params.get("_meta") if isinstance(params, dict) else None
    version = meta.get("io.modelcontextprotocol/protocolVersion") if isinstance(meta, dict) else None
    headers = dict(JSON)
    if isinstance(version, str):
        headers |= {"MCP-Protocol-Version": version, "Mcp-Method": message["method"]}
        if "name" in params:
            headers["Mcp-Name"] = params["name"]
        elif message["method"] == "resources/read" and "uri" in params:
            headers["Mcp-Name"] = params["uri"]
    return headers


@dataclass(frozen=True)
class Response:
    """HTTP response; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> Any:
        """The JSON-RPC message in the body."""
        return json.loads(self.body)


class Embedded:
    """The `exchange` export, called in this process."""

    def __init__(
        self, server: Path, *, memory: int | None = None, prepare: Callable[[Linker], Any] | None = None
    ) -> None:
        engine = wasmtime.Engine()
        self.store = wasmtime.Store(engine)
        if memory is not None:
            self.store.set_limits(memory_size=memory)
        self.written = b""
        """What was written to standard output: the events of requests in progress."""
        wasi = wasmtime.WasiConfig()
        wasi.stdin_file = os.devnull  # a reader that waits for ours would outlive the interpreter, and panic
        wasi.stdout_custom = self._write
        wasi.inherit_stderr()
        self.store.set_wasi(wasi)
        self.store.set_wasi_http()
        linker = Linker(engine)
        linker.add_wasip2()
        linker.add_wasi_http()
        self._prepared = None if prepare is None else prepare(linker)
        instance = linker.instantiate(self.store, Component.from_file(engine, str(server)))
        exchange = instance.get_export_index(self.store, "wasmcp:embedding/exchange@0.1.0")
        self._http = self._function(instance, exchange, "http")
        self._message = self._function(instance, exchange, "message")

    def _write(self, data: bytes) -> int:
        self.written += data
        return len(data)

    def events(self) -> list[tuple[str, Any]]:
        """Return the events since the last call as kind and text; all have this entry point's token."""
        lines, self.written = self.written.decode().splitlines(), b""
        parts = [line.split(" ", 2) for line in lines]
        assert {number for number, _, _ in parts} <= {"7"}
        return [(kind, json.loads(text)) for _, kind, text in parts]

    def _function(self, instance: Any, interface: Any, name: str) -> Any:
        return instance.get_func(self.store, instance.get_export_index(self.store, name, interface))

    def http(self, method: str, target: str, headers: dict[str, str], body: str) -> Response:
        """One HTTP request."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        answer = self._http(self.store, 7, method, target, lines, body)
        self._http.post_return(self.store)
        fields = dict(line.split(": ", 1) for line in answer.headers.split("\r\n") if line)
        return Response(answer.status, {name.lower(): value for name, value in fields.items()}, answer.body.encode())

    def message(self, line: str, state: str = "") -> tuple[str, str]:
        """One line."""
        answer = self._message(self.store, 7, line, state)
        self._message.post_return(self.store)
        return tuple(answer)


class Served:
    """Stock `wasmtime serve` on a port."""

    def __init__(self, port: int) -> None:
        self.port = port

    def http(self, method: str, target: str, headers: dict[str, str], body: str | bytes) -> Response:
        """One HTTP request on a connection of its own."""
        data = body.encode() if isinstance(body, str) else body
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, target, data, headers)
            # A server may refuse before it has read all.
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return Response(response.status, fields, response.read())


HTTP_ENTRY_POINTS = ("embedded", "wasmcp serve", "wasmtime serve")


@contextlib.contextmanager
def http_entry_point(name: str, server: Path) -> Iterator[Embedded | Served]:
    """Open one of `HTTP_ENTRY_POINTS` of a server."""
    if name == "embedded":
        yield Embedded(server)
    else:
        with (wasmcp_serve if name == "wasmcp serve" else wasmtime_serve)(server) as port:
            yield Served(port)


def command(server: Path) -> list[str]:
    """Stock `wasmtime run` of a server: the stdio transport for runtimes without support of MCP."""
    return [wasmtime_command(), "run", "-Shttp", str(server)]


def answers_of(server: Path, *messages: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the responses of such a process to requests."""
    sent = "".join(text_of(message) + "\n" for message in messages)
    with running(server) as process:
        out, _ = process.communicate(sent.encode(), timeout=120)
    return [json.loads(line) for line in out.decode().splitlines()]


@contextlib.contextmanager
def running(server: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Such a process with pipes."""
    with subprocess.Popen(command(server), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()
