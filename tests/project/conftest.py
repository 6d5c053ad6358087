"""Components that are made for one mistake each, below the toolchain that would not let an author make it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

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
    """Make a component whose `list-tools` has a given body."""
    from wasmcp.resources import wit_directory
    from wasmcp.toolchains.zig import build_component

    made: dict[str, Path] = {}

    def make(body: str) -> Path:
        if body not in made:
            folder = tmp_path_factory.mktemp("handmade")
            (folder / "component.zig").write_text(SOURCE.replace("BODY", body))
            made[body] = folder / "component.wasm"
            build_component(folder / "component.zig", wit_directory(), "tools-component", made[body])
        return made[body]

    return make
