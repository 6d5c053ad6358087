"""Components with one mistake each, built without the toolchain that would prevent it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

# Read now: the tests take a cache of their own each, but zig would compile its standard library for each of them.
ZIG_CACHE = Path(os.environ["WASMCP_CACHE_DIR"], "toolchains", "zig", "zig")

SOURCE = """\
const bindings = @import("bindings");
const tools = bindings.tools;

pub const exports = struct {
    pub const tools = struct {
        pub fn listTools(request: bindings.messages.Request, cursor: ?[]const u8) !bindings.abi.Result(Page, Error) {
            _ = request;
            _ = cursor;
            BODY
        }
        pub fn callTool(request: bindings.messages.Request, name: []const u8) !bindings.abi.Result(?Outcome, Error) {
            _ = request;
            _ = name;
            return .{ .ok = null };
        }
    };
};

const Page = tools.Page;
const Outcome = tools.Outcome;
const Error = bindings.types.Error;
"""

Handmade = Callable[[str], Path]


@pytest.fixture(scope="session")
def handmade(tmp_path_factory: pytest.TempPathFactory) -> Handmade:
    """Return a function that makes a component with a given body of `list-tools`."""
    from wasmcp.package_data import wit_directory
    from wasmcp.toolchains.zig import build_component

    made: dict[str, Path] = {}

    def make(body: str) -> Path:
        if body not in made:
            folder = tmp_path_factory.mktemp("handmade")
            (folder / "component.zig").write_text(SOURCE.replace("BODY", body))
            made[body] = folder / "component.wasm"
            build_component(folder / "component.zig", wit_directory(), "tools-component", made[body], cache=ZIG_CACHE)
        return made[body]

    return make


PASSING_ON = """\
const bindings = @import("bindings");

pub const exports = struct {
    pub const server_handler = struct {
        pub fn handle(request: bindings.messages.Request) ?bindings.messages.Reply {
            return bindings.server_handler.handle(request);
        }
    };
};
"""


@pytest.fixture(scope="session")
def passing_on(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a middleware that passes everything on."""
    from wasmcp.package_data import wit_directory
    from wasmcp.toolchains.zig import build_component

    folder = tmp_path_factory.mktemp("middleware")
    (folder / "component.zig").write_text(PASSING_ON)
    build_component(folder / "component.zig", wit_directory(), "middleware", folder / "component.wasm", cache=ZIG_CACHE)
    return folder / "component.wasm"
