"""Tools that fail: each failure is a clear error, and the server continues."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.projects import project_files, write_project
from support.server_processes import WASMCP

from wasmcp.errors import GuestOutOfMemoryError, GuestTimeoutError
from wasmcp.host import Limits, Server, open_server
from wasmcp.host.engine.engine import engine
from wasmcp.project import ensure_built

pytestmark = pytest.mark.slow

FILES = project_files(
    "misbehaving",
    {
        "src/misbehaving/tools.py": '''\
import os
import socket
import sys
from datetime import datetime

from wasmcp.guest import tool


@tool
def loop() -> int:
    """Never end."""
    n = 0
    while True:
        n += 1


@tool
def allocate() -> int:
    """Take all the memory there is."""
    held = []
    while True:
        held.append(bytearray(1 << 20))


@tool
def shout(text: str) -> str:
    """Print to standard output."""
    print(text)
    sys.stdout.flush()
    return "done"


@tool
def fail() -> str:
    """Raise something that is not a ToolError."""
    raise ValueError("the password is hunter2")


@tool
def leave() -> str:
    """Ask the interpreter to exit."""
    sys.exit(3)


@tool
def recurse(depth: int) -> int:
    """Recurse too deep."""
    return recurse(depth + 1)


@tool
def read_stdin() -> str:
    """Read what belongs to the protocol."""
    return input()


@tool
def secrets() -> list[str]:
    """Read the environment."""
    return sorted(os.environ)


@tool
def files() -> list[str]:
    """Read the disk."""
    return os.listdir("/")


@tool
def connect() -> str:
    """Open a socket."""
    socket.create_connection(("127.0.0.1", 80), timeout=1)
    return "connected"


@tool
def lazy(day: str) -> str:
    """Use modules that Python imports late."""
    import csv

    stamp = datetime.strptime(day, "%Y-%m-%d")
    row = next(csv.reader(["é,2"]))
    return f"{stamp.year} {row[0].encode('cp1252').hex()}"
''',
    },
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensure_built(write_project(tmp_path_factory.mktemp("misbehaving"), FILES))


@pytest.fixture
def server(path: Path) -> Iterator[Server]:
    with open_server(path, limits=Limits(timeout=1, memory=256 << 20), env={"TOKEN": "s3cret"}) as server:
        yield server


def goes_on(server: Server) -> None:
    assert server.call_tool("lazy", {"day": "2026-07-28"}).structured_content == {"result": "2026 e9"}


def test_endless_loop_is_interrupted(server: Server) -> None:
    with pytest.raises(GuestTimeoutError) as caught:
        server.call_tool("loop", {})
    assert caught.value.component == "tools"
    assert caught.value.summary().startswith("component `tools`: the request took longer than 1 s")
    goes_on(server)


def test_endless_allocation_is_stopped(server: Server) -> None:
    # CPython may see the refusal as a MemoryError before the guest traps: then it is a masked tool error.
    with contextlib.suppress(GuestOutOfMemoryError, GuestTimeoutError):
        assert server.call_tool("allocate", {}).is_error
    goes_on(server)


def test_output_of_a_tool_goes_to_standard_error(server: Server) -> None:
    assert server.call_tool("shout", {"text": "hello from inside"}).structured_content == {"result": "done"}
    assert "hello from inside" in server.stderr
    goes_on(server)


def test_exception_of_a_tool_is_masked(server: Server) -> None:
    result = server.call_tool("fail", {})
    assert result.is_error
    assert "hunter2" not in json.dumps(result.raw)
    assert "hunter2" in server.stderr
    goes_on(server)


@pytest.mark.parametrize("name", ["leave", "read_stdin", "files", "connect"])
def test_denied_operation_is_a_tool_error(server: Server, name: str) -> None:
    assert server.call_tool(name, {}).is_error
    goes_on(server)


def test_endless_recursion_is_an_error(server: Server) -> None:
    assert server.call_tool("recurse", {"depth": 0}).is_error
    goes_on(server)


def test_endless_recursion_of_quickly_compiled_code_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WASMCP_QUICK", raising=False)
    with open_server(path, quick=True) as server:
        assert server.pool.program.engine is engine(quick=True)
        assert server.call_tool("recurse", {"depth": 0}).is_error
        assert "RecursionError" in server.stderr
        goes_on(server)


def test_environment_of_the_server_is_hidden_from_components(server: Server) -> None:
    assert "TOKEN" not in server.call_tool("secrets", {}).structured_content["result"]


def test_only_mcp_on_standard_output(path: Path) -> None:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    lines = [
        {"name": "shout", "arguments": {"text": "noise"}},
        {"name": "fail", "arguments": {}},
        {"name": "loop", "arguments": {}},
        {"name": "lazy", "arguments": {"day": "2026-07-28"}},
    ]
    text = "".join(
        json.dumps({"jsonrpc": "2.0", "id": n, "method": "tools/call", "params": {**params, "_meta": meta}}) + "\n"
        for n, params in enumerate(lines)
    )
    done = subprocess.run(
        [*WASMCP, "run", str(path), "--timeout", "2"],
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    answers = {answer["id"]: answer for answer in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 0, done.stderr
    assert answers[0]["result"]["structuredContent"] == {"result": "done"}
    assert answers[1]["result"]["isError"]
    assert answers[2]["error"]["code"] == -32603
    assert answers[3]["result"]["structuredContent"] == {"result": "2026 e9"}
    assert "noise" in done.stderr
    assert "Traceback" not in done.stdout
