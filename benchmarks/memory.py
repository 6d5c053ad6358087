"""Resident memory of idle servers, before and after ten thousand connections, and with many open ones."""

from __future__ import annotations

import contextlib
import http.client
import socket
import time
from pathlib import Path

from benchmarks.measure import Row, Table
from benchmarks.processes import Measured, http_contenders, running
from benchmarks.stdio import add

CONNECTIONS = 10_000
OPEN = 500  # connections at a time
SETTLED = 3  # seconds


def _call(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": "add",
    }
    with contextlib.closing(connection):
        connection.request("POST", "/mcp", add(), headers)
        connection.getresponse().read()


def _connect(port: int) -> None:
    for _ in range(CONNECTIONS // OPEN):
        sockets = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(OPEN)]
        for one in sockets:
            one.close()


def _resident(server: Measured) -> float:
    time.sleep(SETTLED)
    return server.resident_bytes() / 1e6


def rows(zig: Path, python: Path) -> list[Row | Table]:
    """Measure our servers and the peers: after one call, and after the connections."""
    found = {}
    for contender in http_contenders(zig, python):
        if not contender.tools or "h11" in contender.name or "uvicorn" in contender.name:
            continue
        with running(contender) as server:
            _call(server.port)
            before = _resident(server)
            _connect(server.port)
            _call(server.port)
            found[contender.name] = (before, _resident(server))
    zig_before, zig_after = found["wasmcp serve, Zig"]
    return [
        Table(
            "HTTP: resident memory of an idle server",
            ("after one call", "after 10,000 connections"),
            ("MB", "MB"),
            found,
        ),
        Row("idle memory, Zig", zig_before, "MB", 40),
        Row("growth by 10,000 connections, Zig", zig_after - zig_before, "MB", 2),
    ]
