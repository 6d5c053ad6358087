"""One server of components in several languages: one merged list, each call at its owner."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from mcp import Client, StdioServerParameters
from support.projects import write_project
from support.rust_prerequisites import MISSING
from support.server_processes import WASMCP, wasmtime_serve

from wasmcp.host import open_server
from wasmcp.project import ensure_built

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# A further language is a further line: the file of its component, with tools `LANGUAGE_add` and `LANGUAGE_fail`.
SOURCES = {
    "python": (
        "tools.py",
        """\
from wasmcp.guest import ToolError, resource, tool


@tool
def python_add(a: int, b: int) -> int:
    \"\"\"Add two numbers.\"\"\"
    return a + b


@tool
def python_fail(why: str) -> str:
    \"\"\"Fail.\"\"\"
    raise ToolError(why)


@resource("http://PYTHON.example/caf\u00e9 one")
def python_page() -> str:
    return "python"


@resource("python://host")
def python_host() -> str:
    return "python"
""",
    ),
    "rust": (
        "tools.rs",
        """\
use wasmcp_guest::{component, resource, tool, Component, Context, Failure};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Numbers {
    a: i64,
    b: i64,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Why {
    why: String,
}

fn fail(args: Why) -> Result<String, Failure> {
    Err(Failure::new(args.why))
}

component!(|| Component::new()
    .tool(tool("rust_add", "Add two numbers.", |args: Numbers| args.a + args.b))
    .tool(tool("rust_fail", "Fail.", fail))
    .resource(resource("http://RUST.example/caf\u00e9 one", "page", |_: &Context| "rust"))
    .resource(resource("rust://host", "host", |_: &Context| "rust")));
""",
    ),
    "typescript": (
        "tools.ts",
        """\
import { resource, tool, ToolError } from "wasmcp";

tool("typescript_add", "Add two numbers.", async ({ a, b }: { a: number; b: number }) => a + b);
tool("typescript_fail", "Fail.", ({ why }: { why: string }): string => {
  throw new ToolError(why);
});
resource("http://TYPESCRIPT.example/caf\u00e9 one", "Page.", () => "typescript");
resource("typescript://host", "Host.", () => "typescript");
""",
    ),
    "zig": (
        "tools.zig",
        """\
const mcp = @import("wasmcp");

pub const tools = .{
    mcp.tool("zig_add", "Add two numbers.", add),
    mcp.tool("zig_fail", "Fail.", fail),
};

pub const resources = .{
    mcp.resource("http://ZIG.example/caf\u00e9 one", "page", "", page),
    mcp.resource("zig://host", "host", "", page),
};

fn page() []const u8 {
    return "zig";
}

fn add(args: struct { a: i64, b: i64 }) i64 {
    return args.a + args.b;
}

fn fail(args: struct { why: []const u8 }, context: mcp.Context) !void {
    return context.fail("{s}", .{args.why});
}
""",
    ),
}

if MISSING:  # Rust; test_rust_tools.py reports it
    del SOURCES["rust"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tables = "".join(
        f'[tool.wasmcp.components.{language}]\nsource = "{language}/{name}"\n\n'
        for language, (name, _) in SOURCES.items()
    )
    names = ", ".join(f'"{language}"' for language in SOURCES)
    files = {
        "pyproject.toml": f'[project]\nname = "polyglot"\nversion = "1"\n\n{tables}'
        f"[tool.wasmcp.servers.default]\ncomponents = [{names}]\n",
        "src/polyglot/__init__.py": "",
    }
    for language, (name, text) in SOURCES.items():
        files[f"{language}/{name}"] = text
    path = ensure_built(write_project(tmp_path_factory.mktemp("polyglot"), files))
    with open_server(path):  # compiled here, not while a client waits
        return path


async def check_server(target: StdioServerParameters | str) -> None:
    async with Client(target, read_timeout_seconds=240) as client:
        listed = (await client.list_tools()).tools
        assert [tool.name for tool in listed] == [
            f"{language}_{name}" for language in SOURCES for name in ("add", "fail")
        ]
        for language in SOURCES:
            added = await client.call_tool(f"{language}_add", {"a": 1, "b": 2})
            assert added.structured_content == {"result": 3}
            failed = await client.call_tool(f"{language}_fail", {"why": "because"})
            assert failed.is_error
            assert failed.content[0].text == "because"
            wrong = await client.call_tool(f"{language}_add", {"a": "x", "b": 2})
            assert wrong.is_error
            assert "a: " in wrong.content[0].text
        resources = (await client.list_resources()).resources
        assert len(resources) == 2 * len(SOURCES)
        for number, listed_resource in enumerate(resources):
            (contents,) = (await client.read_resource(listed_resource.uri)).contents
            assert contents.text == [*SOURCES][number // 2]


def test_over_lines(server: Path) -> None:
    command, *arguments = [*WASMCP, "run", str(server)]
    anyio.run(check_server, StdioServerParameters(command=command, args=arguments))


def test_under_the_stock_runtime(server: Path) -> None:
    with wasmtime_serve(server) as port:
        anyio.run(check_server, f"http://127.0.0.1:{port}/mcp")
