"""From two components in two languages to servers composed of them by name, with nothing but the command line."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from support.projects import ZIG_PROJECT, write_project
from support.server_processes import WASMCP, wasmtime_serve

from wasmcp.host import open_server

pytestmark = pytest.mark.slow

PYTHON_PROJECT = {
    "pyproject.toml": """\
[project]
name = "greetings"
version = "1.0"

[tool.wasmcp.components.greet]
source = "greetings/greet.py"

[tool.wasmcp.servers.default]
components = ["greet"]
""",
    "greetings/__init__.py": "",
    "greetings/greet.py": '''\
"""Greetings."""

from wasmcp.guest import tool


@tool
def greet(name: str) -> str:
    """Greet a person."""
    return f"Hello, {name}!"
''',
}


class Shell:
    """Commands typed in one folder, by a user with a configuration of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "XDG_CONFIG_HOME": str(folder / "config")}

    def __call__(self, line: str, *, code: int = 0) -> str:
        """Type `wasmcp LINE`; return what it prints."""
        command = [*WASMCP, *line.split()]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        return done.stdout


def ask(port: int, method: str, **params: Any) -> Any:
    """Send one request to a server; return its result."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
    headers = {
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": method,
        **({"mcp-name": params["name"]} if "name" in params else {}),
    }
    url = f"http://127.0.0.1:{port}/mcp"
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers)) as answer:
        text = answer.read().decode()
    data = text if text.startswith("{") else next(line[5:] for line in text.splitlines() if line.startswith("data:"))
    return json.loads(data)["result"]


def offered(server: Path) -> list[str]:
    """The tools that a server has."""
    with open_server(server, instances=1, quick=True) as running:
        return [tool.name for tool in running.list_tools()]


def test_components_of_two_languages_from_a_registry(tmp_path: Path) -> None:
    write_project(tmp_path / "greetings", PYTHON_PROJECT)
    write_project(tmp_path / "calculator", ZIG_PROJECT)
    wasmcp = Shell(tmp_path)

    # Two components, each compiled in its own project.
    assert wasmcp("build --project greetings --components greetings/dist") == "greetings/dist/greet.wasm\n"
    assert wasmcp("build --project calculator --components calculator/dist") == "calculator/dist/calc.wasm\n"

    # Short names for them, and one for a name.
    wasmcp("registry component add greet greetings/dist/greet.wasm")
    wasmcp("registry component add math calculator/dist/calc.wasm")
    wasmcp("registry component add sums math")

    # One alone.
    wasmcp("compose server greet -o server.wasm")
    assert offered(tmp_path / "server.wasm") == ["greet"]

    # Both under stock `wasmtime serve`.
    printed = wasmcp("compose server greet sums --runtime wasmtime -o combined.wasm")
    assert "run it: wasmtime serve combined.wasm\n" in printed
    with wasmtime_serve(tmp_path / "combined.wasm") as port:
        assert [tool["name"] for tool in ask(port, "tools/list")["tools"]] == ["greet", "add", "spin", "crash"]
        called = ask(port, "tools/call", name="greet", arguments={"name": "Zig"})
        assert called["content"][0]["text"] == "Hello, Zig!"
        called = ask(port, "tools/call", name="add", arguments={"a": 1, "b": 2})
        assert called["structuredContent"] == {"result": 3}

    # A profile, another that inherits from it, and both rebuilt from their names.
    composed = tmp_path / "config/wasmcp/composed"
    wasmcp("registry profile add dev greet")
    wasmcp("registry profile add prod sums -o prod.wasm -b dev")
    assert "prod = all of dev, sums" in wasmcp("registry info --profiles")
    wasmcp("compose server dev")
    wasmcp("compose server prod")
    assert offered(composed / "dev.wasm") == ["greet"]
    assert offered(composed / "prod.wasm") == ["greet", "add", "spin", "crash"]
    before = (composed / "prod.wasm").read_bytes()
    wasmcp("compose server prod", code=1)
    wasmcp("compose server prod --force")
    assert (composed / "prod.wasm").read_bytes() == before
    wasmcp("compose server -p prod -o mine.wasm")
    assert offered(tmp_path / "mine.wasm") == ["greet", "add", "spin", "crash"]

    # A part of a server, composed beforehand.
    wasmcp("compose handler greet -o part.wasm")
    wasmcp("compose server part.wasm math --grant part=middleware -o whole.wasm")
    assert offered(tmp_path / "whole.wasm") == ["greet", "add", "spin", "crash"]
