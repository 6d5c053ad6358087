"""`wasmcp list`, `call`, `read` and `prompt`, with servers of this project and of others."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.fastmcp_originals import fastmcp_python
from support.npm_packages import installed, node
from support.server_processes import WASMCP, free_port, served
from support.waiting import wait_until
from support.zig_servers import asker

from wasmcp.client.connection import Callbacks, Client
from wasmcp.client.http import HttpTransport

SDK = [sys.executable, str(Path(__file__).parents[1] / "support" / "sdk_server.py")]
EVERYTHING = "@modelcontextprotocol/server-everything@2026.8.31"
ERAS = ("2026-07-28", "2025-11-25")


def run(*arguments: str, code: int = 0, text: str = "", env: dict[str, str] | None = None) -> Any:
    done = subprocess.run(
        [*WASMCP, *arguments],
        check=False,
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **(env or {})},
    )
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done


@pytest.fixture(scope="module")
def sdk_url() -> Iterator[str]:
    """The URL of the server of the official SDK."""
    port = free_port()
    process = subprocess.Popen([*SDK, str(port)], stderr=subprocess.PIPE, text=True)
    lines: list[str] = []
    assert process.stderr is not None
    reader = threading.Thread(target=lambda: lines.extend(iter(process.stderr.readline, "")), daemon=True)
    reader.start()
    try:
        wait_until(lambda: any("running on" in line for line in lines), lambda: str(lines))
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.wait()
        reader.join(10)


def test_lists_of_a_file(zig_server: Path) -> None:
    shown = run("list", str(zig_server)).stdout
    assert "MCP 2026-07-28" in shown
    assert "  add(a: number, b: number)\n      Add two numbers.\n" in shown


@pytest.mark.parametrize("era", ERAS)
def test_json_of_lists_of_a_file(zig_server: Path, era: str) -> None:
    found = json.loads(run("list", str(zig_server), "--json", "--protocol", era).stdout)
    assert found["protocol"] == era
    assert [tool["name"] for tool in found["tools"]] == ["add", "spin", "crash"]


def test_exit_codes_of_a_call(zig_server: Path) -> None:
    server = str(zig_server)
    assert run("call", server, "add", "a=1", "b=2").stdout == "3\n"
    refused = run("call", server, "add", "a=one", code=2)
    assert "`a` must be a number, not `one`" in refused.stderr
    assert "Traceback" not in refused.stderr
    trapped = run("call", server, "crash", code=4)
    assert "JSON-RPC error -32603" in trapped.stderr
    assert "component `calc`: wasm `unreachable`" in trapped.stderr
    late = run("call", server, "spin", "--timeout", "0.5", code=5)
    assert "within 0.5 s: give a longer `--timeout`" in late.stderr  # of the call, or the list before it
    assert "`ad` is not in the list of the server: did you mean `add`?" in run("call", server, "ad", code=4).stderr


def test_arguments_from_a_file_and_from_standard_input(zig_server: Path, tmp_path: Path) -> None:
    (tmp_path / "given.json").write_text('{"a": 1, "b": 2}')
    server = str(zig_server)
    assert run("call", server, "add", "-a", f"@{tmp_path / 'given.json'}", "b=5").stdout == "6\n"
    assert run("call", server, "add", "-a", "-", text='{"a": 20, "b": 2}').stdout == "22\n"
    assert "cannot be read" in run("call", server, "add", "-a", "@/no/such/file", code=2).stderr


def test_server_over_http_in_both_eras(zig_server: Path) -> None:
    with served(str(zig_server), "--port", "0") as process:
        url = next(line.split(" at ")[1].strip() for line in process.lines if "serving " in line)
        for era in ERAS:
            assert run("call", url, "add", "a=1", "b=2", "--protocol", era).stdout == "3\n"
        assert run("call", url.removesuffix("/mcp"), "add", "a=1", "b=2").stdout == "3\n"
        assert "HTTP 404" in run("list", f"{url}nothing", code=5).stderr


@pytest.mark.parametrize("era", ERAS)
def test_official_sdk_over_stdio(era: str) -> None:
    done = run("call", "work", "steps=2", "--protocol", era, "--", *SDK)
    assert done.stdout == "done\\x1b[0m\n"
    assert "progress 1/2: step\\x1b[31m 0\n" in done.stderr
    assert "info: logged 1\n" in done.stderr


@pytest.mark.parametrize("era", ERAS)
def test_official_sdk_over_http(era: str, sdk_url: str) -> None:
    given = [sdk_url, "--protocol", era]
    done = run("call", *given, "work", "steps=1")
    assert done.stdout == "done\\x1b[0m\n"
    assert "info: logged 0\n" in done.stderr
    failed = run("call", *given, "fail", "--json", code=3)
    assert json.loads(failed.stdout)["isError"] is True
    assert run("read", *given, "notes://first").stdout == "a note\n"
    assert run("prompt", *given, "greet", "name=you").stdout == "user: Hello you\n"


@pytest.mark.parametrize(("action", "text"), [("accept", "accept red 5"), ("decline", "decline")])
def test_elicitation_over_http_is_answered(action: str, text: str, sdk_url: str) -> None:
    callbacks = Callbacks(elicit=lambda _: {"action": action, "content": {"color": "red", "count": 5}})
    with Client(sdk_url, HttpTransport(sdk_url, {}, 60), callbacks, revision="2025-11-25") as client:
        assert client.request("tools/call", {"name": "prefer", "arguments": {}})["content"][0]["text"] == text


def test_installed_package_is_served(zig_server: Path, tmp_path: Path) -> None:
    shipped = tmp_path / "calculating" / "_wasmcp" / "default.wasm"
    shipped.parent.mkdir(parents=True)
    (tmp_path / "calculating" / "__init__.py").write_text("raise RuntimeError('a server is not imported')")
    shipped.write_bytes(zig_server.read_bytes())
    assert run("call", "calculating", "add", "a=1", "b=2", env={"PYTHONPATH": str(tmp_path)}).stdout == "3\n"


def test_distribution_runs_its_console_script(tmp_path: Path) -> None:
    script = tmp_path / "official-server"
    script.write_text(f"#!/bin/sh\nexec {SDK[0]} {SDK[1]}\n")
    script.chmod(0o755)
    metadata = tmp_path / "official_things-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: official-things\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[console_scripts]\nofficial-server = official:main\n")
    env = {"PYTHONPATH": str(tmp_path), "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    assert run("call", "official-things", "add", "a=1", "b=2", env=env).stdout == "3\n"
    assert run("call", "official-server", "add", "a=2", "b=2", env=env).stdout == "4\n"


def test_elicitation_without_a_terminal_is_refused() -> None:
    done = run("call", "prefer", "--protocol", "2025-11-25", "--", *SDK, code=4)
    assert "this client does not have `elicitation/create`" in done.stderr


def test_fastmcp_over_stdio(tmp_path: Path) -> None:
    script = tmp_path / "server.py"
    script.write_text(
        "from fastmcp import FastMCP\nmcp = FastMCP('fast')\n"
        "@mcp.tool\ndef tags(tags: list[str], kind: str | None = None) -> dict:\n    return {'tags': tags}\nmcp.run()\n"
    )
    command = [str(fastmcp_python()), str(script)]
    assert json.loads(run("call", "tags", "tags=a", "tags=b", "--", *command).stdout) == {"tags": ["a", "b"]}


def test_everything_server_of_npm_over_stdio(tmp_path: Path) -> None:
    command = [
        node(),
        str(installed(EVERYTHING) / "node_modules" / EVERYTHING.rpartition("@")[0] / "dist" / "index.js"),
    ]
    listed = json.loads(run("list", "--json", "--", *command).stdout)
    assert listed["protocol"] == "2025-11-25"
    assert {"tools", "resources", "templates", "prompts"} == {
        kind for kind in ("tools", "resources", "templates", "prompts") if listed[kind]
    }
    assert "is 3.5" in run("call", "get-sum", "a=1", "b=2.5", "--", *command).stdout
    uri = "demo://resource/dynamic/blob/1"
    written = run("read", uri, "--output", str(tmp_path / "blob"), "--", *command).stdout
    assert "blob: " in written
    assert (tmp_path / "blob").read_bytes().startswith(b"Resource 1")


@pytest.mark.parametrize(("keys", "answered"), [(["", "many", "5", "a"], "accept  5"), (["\x04"], "cancel")])
def test_form_on_the_terminal(keys: list[str], answered: str) -> None:
    assert typed("prefer", "--protocol", "2025-11-25", "--", *SDK, keys=keys) == f"{answered}\n"


def test_required_input_of_the_latest_revision_on_the_terminal(tmp_path: Path) -> None:
    assert "Ada" in typed(str(asker(tmp_path)), "greet", keys=["Ada", "a"])


def typed(*arguments: str, keys: list[str]) -> str:
    """Return the output of a call on a terminal, on which lines are typed."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*WASMCP, "call", *arguments], stdin=slave, stderr=slave, stdout=subprocess.PIPE, text=True
    )
    os.close(slave)
    try:
        for key in keys:
            wait_for_prompt(master)
            os.write(master, key.encode() if key == "\x04" else f"{key}\n".encode())
        assert process.stdout is not None
        shown = process.stdout.read()
        assert process.wait(60) == 0
        return shown
    finally:
        process.kill()
        process.wait()
        os.close(master)


def wait_for_prompt(master: int) -> None:
    """Read what the process writes to the terminal until it waits for a line."""
    shown = ""
    while not shown.endswith(("): ", "[c] cancel: ")):
        shown += os.read(master, 4096).decode()


@pytest.mark.parametrize("era", ERAS)
def test_interrupted_call_is_cancelled(era: str, tmp_path: Path) -> None:
    marker = tmp_path / "cancelled"
    command = [*WASMCP, "call", "wait", f"path={marker}", "--protocol", era, "--", *SDK]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        assert "progress 1: waiting" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert marker.exists()
    finally:
        process.kill()
        process.wait()


def test_tokens_and_header_fields_come_from_the_environment() -> None:
    from http.server import BaseHTTPRequestHandler, HTTPServer

    seen: list[dict[str, str]] = []
    denial = b'{"error":"invalid_token","error_description":"the token has expired"}'

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(dict(self.headers))
            self.send_response(403 if self.path == "/denied" else 401)
            self.send_header("WWW-Authenticate", "Bearer realm=\x1b[31m")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(denial)))
            self.end_headers()
            self.wfile.write(denial)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/mcp"
    try:
        done = run(
            "list", url, "--token", "MY_TOKEN", "--header", "X-Key: ${KEY}", code=5, env={"MY_TOKEN": "t", "KEY": "k"}
        )
        assert seen[0]["Authorization"] == "Bearer t"
        assert seen[0]["X-Key"] == "k"
        assert "refuses the request without valid authorization: HTTP 401 Unauthorized (Bearer realm=" in done.stderr
        assert "Give a token by `--token VARIABLE`" in done.stderr
        assert "\x1b" not in done.stderr
        assert len(seen) == 1
        denied = run("list", url.replace("/mcp", "/denied"), "--token", "MY_TOKEN", code=5, env={"MY_TOKEN": "t"})
        assert "does not permit the request: HTTP 403 Forbidden" in denied.stderr
        assert "Give a token that permits it by `--token VARIABLE`" in denied.stderr
    finally:
        server.shutdown()
        server.server_close()
    unset = run("list", url, "--token", "UNSET_VARIABLE", code=2)
    assert "`UNSET_VARIABLE` is not set" in unset.stderr
    given = run("list", url, "--token", "eyJhbGciOiJFUzI1NiJ9.e30.c2VjcmV0", code=2)
    assert "--token must be the name of an environment variable" in given.stderr
    assert "eyJ" not in given.stderr


def test_redirects_are_not_followed() -> None:
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(307)
            self.send_header("Location", "http://127.0.0.1:9/stolen")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        done = run("list", f"http://127.0.0.1:{server.server_port}/mcp", code=5)
        assert "redirects to `http://127.0.0.1:9/stolen`" in done.stderr
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    "arguments",
    [
        ["list"],
        ["list", "--"],
        ["list", "x.wasm", "--token", "PATH"],
        ["list", "http://127.0.0.1:9/", "--dir", "."],
        ["list", "http://127.0.0.1:9/", "--header", "no colon"],
        ["list", "--timeout", "0", "--", "true"],
        ["list", "--env", "A=1", "http://127.0.0.1:9/"],
        ["call", "x.wasm"],
    ],
)
def test_wrong_usage(arguments: list[str]) -> None:
    assert "Traceback" not in run(*arguments, code=2).stderr


def test_targets_that_do_not_exist() -> None:
    assert "does not exist" in run("list", "/no/such/server.wasm", code=5).stderr
    assert "neither a file" in run("list", "no-such-thing", code=5).stderr
    assert "cannot be reached" in run("list", "http://127.0.0.1:9/mcp", code=5).stderr
    assert "exit code 1" in run("list", "--", sys.executable, "-c", "raise SystemExit(1)", code=5).stderr
