"""The guide to a first server, followed command by command: from nothing to a published package."""

from __future__ import annotations

import http.client
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from support.python_packages import package_index
from support.server_processes import free_port, listening

GUIDE = Path(__file__).parent.parent.parent / "docs" / "guides" / "first-server.md"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

LIST = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/list",
    "params": {
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        }
    },
}
TOOLS = ["count", "shorten", "initials", "calc_divide", "calc_extremes"]


def blocks() -> list[tuple[str, str]]:
    """The fenced blocks of the guide in their order: language and text."""
    parts = GUIDE.read_text("utf-8").split("```")[1::2]
    return [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts]


class Reader:
    """Simulated reader who types the commands of the guide."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self.folder = home
        self.environment = {**environment, "HOME": str(home)}
        self.ran: list[str] = []

    def type(self, line: str, given: str = "") -> str:
        """Run one command as a shell would, and remember what it changes for those after it."""
        self.ran.append(line)
        program, *arguments = shlex.split(line)
        if program == "cd":
            self.folder /= arguments[0]
            return ""
        if program == ".":
            scripts = (self.folder / arguments[0]).parent
            self.environment["PATH"] = f"{scripts}{os.pathsep}{self.environment['PATH']}"
            return ""
        command = ["sh", "-c", line]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, input=given, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    def serve(self, line: str) -> list[str]:
        """Run a command that serves over HTTP, ask it for its tools, and end it."""
        self.ran.append(line)
        program, *arguments = shlex.split(line)
        scripts = self.environment["PATH"].split(os.pathsep)[0]
        port = free_port()
        with listening([f"{scripts}/{program}", *arguments, "--port", str(port)], port, cwd=self.folder):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
            headers = {
                "Content-Type": "application/json",
                "Accept": "application/json, text/event-stream",
                "MCP-Protocol-Version": "2026-07-28",
                "Mcp-Method": "tools/list",
            }
            connection.request("POST", "/mcp", json.dumps(LIST), headers)
            return names(connection.getresponse().read().decode())


def names(answer: str) -> list[str]:
    """The names of the tools in an answer."""
    return [tool["name"] for tool in json.loads(answer)["result"]["tools"]]


def test_every_step_works(tmp_path: Path, with_our_wheel: dict[str, str]) -> None:
    home = tmp_path / "home"
    home.mkdir()
    cache = subprocess.run([sys.executable, "-m", "pip", "cache", "dir"], capture_output=True, text=True, check=True)
    elsewhere = "/tmp/try"  # noqa: S108 - the directory in the guide, which is replaced
    with package_index(tmp_path / "index") as index:
        # Where a person has the account of TestPyPI.
        account = f"[testpypi]\nrepository = {index}/legacy/\nusername = __token__\npassword = none\n"
        (home / ".pypirc").write_text(account)
        reader = Reader(home, {**with_our_wheel, "PIP_CACHE_DIR": cache.stdout.strip(), "PIP_NO_COMPILE": "1"})
        python = Path(sys.executable).resolve().parent
        reader.environment["PATH"] = f"{python}{os.pathsep}{reader.environment['PATH']}"
        for language, text in blocks():
            if language == "sh":
                for line in text.splitlines():
                    typed = line.replace("https://test.pypi.org", index).replace(elsewhere, str(tmp_path / "try"))
                    if line.startswith("wasmcp serve "):
                        assert reader.serve(typed) == TOOLS
                    elif line.endswith("my-server") and " " not in line:
                        assert names(reader.type(typed, given=json.dumps(LIST) + "\n")) == TOOLS
                    else:
                        said = reader.type(typed)
                        assert "inspect" not in line or all(tool in said for tool in TOOLS)
            elif language == "toml":
                assert text in (reader.folder / "pyproject.toml").read_text()
            elif language == "python":
                comment, _, code = text.partition("\n")
                file = reader.folder / comment.removeprefix("# at the end of ")
                file.write_text(file.read_text() + code)
        uploaded = sorted(path.name for path in (tmp_path / "index").iterdir())
    assert uploaded == ["my_server-0.1.0-py3-none-any.whl", "my_server-0.1.0.tar.gz"]
    assert len(reader.ran) == 23
