"""Backtraces of traps, with the names of components and functions, in the languages of components."""

from __future__ import annotations

import http.client
import json
import re
from pathlib import Path

import pytest
from support.projects import project_files, write_project
from support.rust_crates import MISSING
from support.server_processes import served

from wasmcp.component.custom_sections import core_modules
from wasmcp.errors import GuestTimeoutError, GuestTrapError
from wasmcp.host import Limits, open_server
from wasmcp.project import ensure_built

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
ZIG = """\
const mcp = @import("wasmcp");

pub const tools = .{mcp.tool("descend", "Trap.", descend)};

var zero: u32 = 0;

noinline fn reachTheBottom(depth: u32) u32 {
    const bottom: *volatile u32 = &zero;
    if (bottom.* == 0 and depth > 2) @trap();
    return reachTheBottom(depth + 1) + 1;
}

fn descend(_: struct {}) u32 {
    return reachTheBottom(0);
}
"""
RUST = """\
use schemars::JsonSchema;
use serde::Deserialize;
use wasmcp_guest::{tool, Component};

#[derive(Deserialize, JsonSchema)]
struct Nothing {}

#[inline(never)]
fn reach_the_bottom(depth: u32) -> u32 {
    if std::hint::black_box(depth) > 2 {
        std::process::abort();
    }
    reach_the_bottom(depth + 1) + 1
}

fn descend(_: Nothing) -> u32 {
    reach_the_bottom(0)
}

pub fn component() -> Component {
    Component::new().tool(tool("descend", "Trap.", descend))
}

wasmcp_guest::component!(component);
"""
PYTHON = """\
from wasmcp.guest import tool


@tool
def spin() -> int:
    \"\"\"Never end.\"\"\"
    while True:
        pass
"""
TYPESCRIPT = """\
import { tool } from "wasmcp";

/** Never end. */
export const spin = tool({}, ({}: {}): number => {
  for (let turns = 0; ; turns += 1) if (turns < 0) return turns;
});
"""


def frames(server: Path, tool: str) -> list[str]:
    """Return the frames of the trap of a tool, each with its component and function."""
    with open_server(server, limits=Limits(timeout=1.0)) as opened, pytest.raises(GuestTrapError) as caught:
        opened.call_tool(tool, {})
    assert caught.value.component == "tools"
    assert isinstance(caught.value, GuestTimeoutError) == (tool == "spin")
    return [line.partition(" - ")[2] for line in caught.value.backtrace.splitlines()]


def project(folder: Path, path: str, text: str, names: str = "") -> Path:
    """Write a project of one component."""
    files = project_files("deep", {path: text})
    files["pyproject.toml"] = files["pyproject.toml"].replace("[tool.wasmcp.servers", f"{names}\n[tool.wasmcp.servers")
    return write_project(folder, files)


def kept(server: Path) -> list[bytes]:
    """Return the name sections in a server, without those of the outermost component."""
    modules = core_modules(server.read_bytes())
    return [names for module in modules if "name" in module.sections and (names := module.names())]


def test_functions_of_zig_have_their_names(tmp_path: Path) -> None:
    server = ensure_built(project(tmp_path, "zig/tools.zig", ZIG))
    found = frames(server, "descend")
    assert found[0] == "tools: tools.reachTheBottom"
    assert not kept(server)


def test_names_are_in_the_server_on_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Check a machine without the build's cache."""
    plain = ensure_built(project(tmp_path / "plain", "zig/tools.zig", ZIG))
    named = ensure_built(project(tmp_path / "named", "zig/tools.zig", ZIG, "names = true"))
    assert kept(named)
    assert not kept(plain)
    assert plain.stat().st_size < named.stat().st_size
    monkeypatch.setenv("WASMCP_CACHE_DIR", str(tmp_path / "empty"))
    assert "tools: <wasm function " in frames(plain, "descend")[0]
    assert "reachTheBottom" in frames(named, "descend")[0]


def test_the_log_of_a_server_has_the_names(tmp_path: Path) -> None:
    server = ensure_built(project(tmp_path, "zig/tools.zig", ZIG))
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "descend", "_meta": META}}
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": META["io.modelcontextprotocol/protocolVersion"],
        "Mcp-Method": "tools/call",
        "Mcp-Name": "descend",
    }
    with served(str(server), "-v", "--port", "0") as process:
        port = next(int(found[1]) for line in process.lines if (found := re.search(r"127\.0\.0\.1:(\d+)", line)))
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", "/mcp", json.dumps(call), headers)
        answer = connection.getresponse().read()
        process.wait_for("tools: tools.reachTheBottom")
    assert b"reachTheBottom" not in answer
    assert b"failed to answer" in answer


@pytest.mark.slow
@pytest.mark.skipif(bool(MISSING), reason=MISSING)
def test_functions_of_rust_have_their_names(tmp_path: Path) -> None:
    server = ensure_built(project(tmp_path, "rust/tools.rs", RUST))
    found = frames(server, "descend")
    assert any(re.search(r"tools: .*reach_the_bottom$", frame) for frame in found), found
    assert not kept(server)


@pytest.mark.slow
def test_functions_of_the_python_interpreter_have_their_names(tmp_path: Path) -> None:
    server = ensure_built(project(tmp_path, "src/deep/tools.py", PYTHON))
    found = frames(server, "spin")
    assert any(frame == "tools: _PyEval_EvalFrameDefault" for frame in found), found
    assert not kept(server)


@pytest.mark.slow
def test_functions_of_typescript_have_their_names(tmp_path: Path) -> None:
    server = ensure_built(project(tmp_path, "src/deep/tools.ts", TYPESCRIPT))
    found = frames(server, "spin")
    assert found[0].startswith("tools: ")  # the engine comes without names, but for what it exports
    assert "tools: wit_dylib_export_call" in found
    assert not kept(server)
