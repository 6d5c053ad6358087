"""Throw-away projects for tests. Not in a conftest: several modules of that name hide each other."""

from __future__ import annotations

from pathlib import Path

ZIG_PROJECT = {
    "pyproject.toml": """\
[build-system]
requires = ["hatchling", "wasmcp[build]"]
build-backend = "hatchling.build"

[project]
name = "zig-project"
version = "1.2.3"
description = "A calculator"

[tool.hatch.build.targets.wheel]
packages = ["src/zig_project"]

[tool.hatch.build.hooks.wasmcp]

[tool.wasmcp.components.calc]
source = "zig/calc.zig"

[tool.wasmcp.servers.default]
components = ["calc"]
instructions = "Add."
""",
    "src/zig_project/__init__.py": "",
    "zig/calc.zig": """\
const mcp = @import("wasmcp");

pub const tools = .{
    mcp.tool("add", "Add two numbers.", add),
    mcp.tool("spin", "Never end.", spin),
    mcp.tool("crash", "Trap.", crash),
};

fn add(args: struct { a: f64, b: f64 }) f64 {
    return args.a + args.b;
}

var forever: u64 = 0;

fn spin(_: struct {}) u64 {
    const counter: *volatile u64 = &forever;
    while (true) counter.* +%= 1;
}

fn crash(_: struct {}) u64 {
    @trap();
}
""",
}


_HEAD = """\
[project]
name = "{name}"
version = "0.0.1"

[tool.hatch.build.targets.wheel]
packages = ["src/{name}"]
"""
_TABLES = """
[tool.wasmcp.components.tools]
source = "{source}"

[tool.wasmcp.servers.default]
components = ["tools"]
"""


def project_files(name: str, sources: dict[str, str], tables: str = "") -> dict[str, str]:
    """Return the files of a project: its sources, an import package, and a `pyproject.toml`.

    Args:
        name: Of the project and its import package.
        sources: Path -> text.
        tables: The tables `tool.wasmcp...`; when left out one server, of one component, of the first source.
    """
    tables = tables or _TABLES.format(source=next(iter(sources)))
    head = _HEAD.format(name=name)
    return {"pyproject.toml": f"{head}\n{tables.lstrip()}", f"src/{name}/__init__.py": "", **sources}


def write_project(root: Path, files: dict[str, str]) -> Path:
    """Write a project's files under a folder."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root
