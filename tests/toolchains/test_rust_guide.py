"""The Rust code of docs/guides/rust.md compiles, and works as documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.projects import project_files, write_project
from support.rust_crates import MISSING, cargo, guest_copy, write_crate

from wasmcp.host import open_server
from wasmcp.project import ensure_built

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(MISSING), reason=MISSING)]
GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "rust.md"
TABLES = """
[tool.wasmcp.components.calc]
source = "rust/calc.rs"

[tool.wasmcp.components.more]
source = "rust/more.rs"
grants = ["http"]

[tool.wasmcp.servers.default]
components = ["calc", "more"]
"""
# What the page leaves out.
TYPES = """\
use wasmcp_guest::{choices, component, prompt, resource, template, tool, Component, Context, Elicited, Failure, Json};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Trip {
    to: String,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Seat {
    row: u8,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Note {
    name: String,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct City {
    city: String,
}

#[derive(serde::Deserialize)]
struct Report {
    summary: String,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Review {
    code: String,
}
"""


def blocks() -> list[str]:
    """Return the code of the page: calculator, booking, seats, offers, weather, tests."""
    return re.findall(r"^```rust\n(.*?)^```", GUIDE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def test_the_guide(tmp_path: Path) -> None:
    calc, book, seats, offers, weather, _ = blocks()
    tools = 'Component::new().tool(tool("book", "Book.", book)).tool(tool("weather", "Report the weather.", weather))'
    more = TYPES + weather + book + seats + offers.replace("Component::new()", tools, 1)
    files = project_files("guide", {"rust/calc.rs": calc, "rust/more.rs": more}, TABLES)
    with open_server(ensure_built(write_project(tmp_path, files))) as server:
        assert server.call_tool("add", {"a": 1, "b": 2}).structured_content == {"result": 3}
        assert server.call_tool("divide", {"a": 1, "b": 0}).text == "a number cannot be divided by 0"
        params = {"name": "book", "arguments": {"to": "Oslo"}}
        meta: dict[str, object] = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}
        asked = server.request("tools/call", {**params, "_meta": meta})
        (key,) = asked["inputRequests"]
        more = {"inputResponses": {key: {"action": "accept", "content": {"row": 4}}}, "_meta": meta}
        booked = server.request("tools/call", {**params, **more})
        assert booked["structuredContent"] == {"result": "Oslo 4"}
        assert server.read_resource("notes://note/x").text == "the note x"


def test_the_tests_of_the_guide(tmp_path: Path) -> None:
    _, book, _, _, weather, tests = blocks()
    folder = write_crate(tmp_path / "guide", guest_copy(tmp_path), TYPES + weather + book + tests, "guide")
    assert "2 passed; 0 failed" in cargo(folder, "test", "--lib")
