"""Project whose server has a component in each language, with tools `LANGUAGE_add` and `LANGUAGE_fail`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from support.projects import write_project
from support.rust_crates import MISSING
from wasmcp.project import ensure_built

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


def polyglot_server(folder: Path, languages: Sequence[str] = tuple(SOURCES)) -> Path:
    """Build and compose the server of these languages; slow unless its components are in the cache."""
    sources = {language: SOURCES[language] for language in languages}
    tables = "".join(
        f'[tool.wasmcp.components.{language}]\nsource = "{language}/{name}"\n\n'
        for language, (name, _) in sources.items()
    )
    names = ", ".join(f'"{language}"' for language in sources)
    files = {
        "pyproject.toml": f'[project]\nname = "polyglot"\nversion = "1"\n\n{tables}'
        f"[tool.wasmcp.servers.default]\ncomponents = [{names}]\n",
        "src/polyglot/__init__.py": "",
    }
    for language, (name, text) in sources.items():
        files[f"{language}/{name}"] = text
    return ensure_built(write_project(folder, files))
