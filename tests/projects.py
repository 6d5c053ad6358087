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


def write_project(root: Path, files: dict[str, str]) -> Path:
    """Write a project's files under a folder."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root
