"""Resources of granted components: exactly those that the host was given."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.projects import project_files, write_project

from wasmcp.host import Server, open_server
from wasmcp.project import ensure_built

pytestmark = pytest.mark.slow

FILES = project_files(
    "granted",
    {
        "src/granted/tools.py": '''\
import os

from wasmcp.guest import tool


@tool
def variables() -> dict[str, str]:
    """Read the environment."""
    return dict(os.environ)


@tool
def read(path: str) -> str:
    """Read a file."""
    with open(path) as file:
        return file.read()


@tool
def write(path: str, text: str) -> int:
    """Write a file."""
    with open(path, "w") as file:
        return file.write(text)

''',
    },
    """\
[tool.wasmcp.components.tools]
source = "src/granted/tools.py"
grants = ["env", "fs"]

[tool.wasmcp.servers.default]
components = ["tools"]

[tool.wasmcp.servers.default.env]
TOKEN = {}

[tool.wasmcp.servers.default.directories]
"/own" = { writable = true, default = "{data}/files" }
"/notes" = { env = "NOTES_DIR" }
""",
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensure_built(write_project(tmp_path_factory.mktemp("granted"), FILES))


@pytest.fixture
def result(path: Path) -> Callable[..., Any]:
    """Return a function that calls a tool of a server opened with options; it returns None for a tool error."""

    def result(name: str, arguments: dict[str, Any] | None = None, **options: Any) -> Any:
        with open_server(path, instances=1, **options) as server:
            got = server.call_tool(name, arguments or {})
            return None if got.is_error else got.structured_content

    return result


def test_no_grants_by_default(path: Path, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("secret")
    with open_server(path, instances=1) as server:
        assert isinstance(server, Server)
        assert server.call_tool("variables").structured_content == {}
        for name, arguments in (
            ("read", {"path": str(tmp_path / "x")}),
            ("write", {"path": str(tmp_path / "y"), "text": ""}),
        ):
            assert server.call_tool(name, arguments).is_error, name


def test_variables(result: Callable[..., Any]) -> None:
    assert result("variables", env={"A": "1", "B": "é=\n"}) == {"A": "1", "B": "é=\n"}


def test_directories(result: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "x").write_text("content")
    writable = {"directories": [(str(tmp_path), "/data", True)]}
    assert result("read", {"path": "/data/x"}, **writable) == {"result": "content"}
    assert result("write", {"path": "/data/y", "text": "new"}, **writable) == {"result": 3}
    assert (tmp_path / "y").read_text() == "new"
    assert result("read", {"path": "/data/../../etc/passwd"}, **writable) is None
    readable = {"directories": [(str(tmp_path), "/data", False)]}
    assert result("read", {"path": "/data/x"}, **readable) == {"result": "content"}
    assert result("write", {"path": "/data/x", "text": "changed"}, **readable) is None
    assert (tmp_path / "x").read_text() == "content"


def test_console_script_passes_the_declared_values(path: Path, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("content")
    requests: list[tuple[str, dict[str, Any]]] = [
        ("variables", {}),
        ("write", {"path": "/own/y", "text": "new"}),
        ("read", {"path": "/notes/x"}),
        ("write", {"path": "/notes/x", "text": "changed"}),
    ]
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
    lines = [
        {
            "jsonrpc": "2.0",
            "id": number,
            "method": "tools/call",
            "params": {"name": name, "arguments": arguments, "_meta": meta},
        }
        for number, (name, arguments) in enumerate(requests)
    ]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(path.parent.parent.parent), str(Path(__file__).parent.parent.parent)]),
        "WASMCP_DATA_DIR": str(tmp_path / "data"),
        "TOKEN": "t",
        "OTHER": "o",
        "NOTES_DIR": str(tmp_path),
    }
    script = "from wasmcp.host import run; run('granted', instances=1)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        input="".join(f"{json.dumps(line)}\n" for line in lines),
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=True,
    )
    answers = sorted(map(json.loads, done.stdout.splitlines()), key=lambda answer: answer["id"])
    assert answers[0]["result"]["structuredContent"] == {"TOKEN": "t"}
    assert (tmp_path / "data" / "granted" / "files" / "y").read_text() == "new"
    assert answers[2]["result"]["structuredContent"] == {"result": "content"}
    assert answers[3]["result"]["isError"]
    assert (tmp_path / "x").read_text() == "content"
