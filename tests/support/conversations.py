"""Exchange of messages with a server at any of its entry points, as real clients do it."""

from __future__ import annotations

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
