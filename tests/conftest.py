"""What all tests share: one cache between runs, and servers built once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

pytest_plugins = ["pytester", "hosting"]

ROOT = Path(__file__).parent.parent

# Between runs, and apart from the user's own: compiled components are what makes tests fast.
os.environ.setdefault("WASMCP_CACHE_DIR", str(ROOT / ".cache" / "tests"))

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


@pytest.fixture(scope="session")
def zig_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of one Zig component with the tools `add`, `spin` and `crash`."""
    return write_project(tmp_path_factory.mktemp("zig-project"), ZIG_PROJECT)


@pytest.fixture(scope="session")
def zig_server(zig_project: Path) -> Path:
    """That project's composed server."""
    from wasmcp.project import ensure_built

    return ensure_built(zig_project)


@pytest.fixture(scope="session")
def example_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example project, so that a test may build in it. Slow: it has a Python component."""
    copy = tmp_path_factory.mktemp("example") / "project"
    ignored = shutil.ignore_patterns("_wasmcp", "dist", "__pycache__", ".pytest_cache")
    return Path(shutil.copytree(ROOT / "example-project", copy, ignore=ignored))


@pytest.fixture(scope="session")
def example_server(example_project: Path) -> Path:
    """The example project's composed server. Slow."""
    from wasmcp.project import ensure_built

    return ensure_built(example_project)
