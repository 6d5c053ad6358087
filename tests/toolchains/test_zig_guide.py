"""The guides' own code: compiled, and doing what the pages say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.python_component import GuestComponent
from support.zig_tools import build, call, result_is_error, structured, text_of, unwrapped

from wasmcp.compose import ComponentSpec, ServerMetadata, compose_server
from wasmcp.errors import RequestError
from wasmcp.host import open_server
from wasmcp.project.catalogue_recording import boot
from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.zig import ZigToolchain, user_cache

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
HEAD = 'const std = @import("std");\nconst mcp = @import("wasmcp");\n'


def blocks(page: str) -> list[str]:
    return re.findall(r"^```zig\n(.*?)^```", (GUIDES / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)


def test_the_guides_tools(tmp_path: Path) -> None:
    guest = GuestComponent(build(tmp_path, blocks("zig-tools.md")[0]))
    assert structured(call(guest, "add", {"a": 1, "b": 2})) == {"result": 3}
    by_zero = call(guest, "divide", {"a": 1, "b": 0})
    assert result_is_error(by_zero)
    assert text_of(by_zero) == "DivisionByZero"
    divide = unwrapped(guest.list_tools()).items[1]
    assert divide.title == "Division"
    properties = json.loads(getattr(divide, "input-schema"))["properties"]
    assert properties["b"] == {"type": "number", "description": "The divisor; not 0."}


def test_the_guides_snippets(tmp_path: Path) -> None:
    _, files, chart, book, greet, count, remember = blocks("zig-tools.md")
    (tmp_path / "zig").mkdir()
    (tmp_path / "zig" / "chart.png").write_bytes(b"\x89PNG")
    tools = "".join(f'mcp.tool("{name}", "", {name}), ' for name in ("chart", "book", "greet", "count", "remember"))
    source = f"{HEAD}\npub const tools = .{{ {tools} }};\n{chart}\n{book}\n{greet}\n{count}\n{remember}"
    (tmp_path / "zig" / "notes.zig").write_text(blocks("zig-resources.md")[0], "utf-8")
    (tmp_path / "zig" / "prompts.zig").write_text(HEAD + "pub const completions = .{};\n", "utf-8")
    (tmp_path / "zig" / "tools.zig").write_text(source, "utf-8")
    listing = tmp_path / "zig" / "main.zig"
    listing.write_text(files, "utf-8")
    component = ComponentSource("main", listing, tmp_path)
    ZigToolchain().build(component, tmp_path / "main.wasm", cache=user_cache(), progress=lambda _: None)
    data = (tmp_path / "main.wasm").read_bytes()
    spec = ComponentSpec("main", data, boot("main", data), grants=frozenset({"kv"}))
    with open_server(compose_server([spec], ServerMetadata("main", "1")).data, instances=1) as server:
        assert [tool.name for tool in server.list_tools()] == ["chart", "book", "greet", "count", "remember"]
        assert len(server.call_tool("chart").raw["content"]) == 3
        assert [server.call_tool("count").structured_content for _ in range(2)] == [{"result": 1}, {"result": 2}]
        assert server.call_tool("remember", {"key": "a", "text": "b"}).text == "remembered"
        denied = server.call_tool("remember", {"key": "wasmcp.a", "text": "b"})
        assert "the operation of the store failed: " in denied.text


def test_the_guides_task(tmp_path: Path) -> None:
    (code,) = blocks("tasks.md")
    function, declared = code.split("// ")
    path = build(tmp_path, f"{HEAD}pub const tools = .{{{declared}}};\n{function}")
    spec = ComponentSpec("tasks", path, boot("tasks", path.read_bytes()))
    with open_server(compose_server([spec], ServerMetadata("tasks", "1")).data, instances=1) as server:
        (listed,) = server.list_tools()
        assert listed.raw["_meta"] == {
            "wasmcp/task": {"mode": "steps", "ttlMs": 600_000, "pollIntervalMs": 1000, "required": False}
        }
        assert server.start_task("index", {"pages": 3}).result().text == "3 pages"


def test_the_guides_resources_and_prompts(tmp_path: Path) -> None:
    source, conversation = blocks("zig-resources.md")
    review = (
        'mcp.prompt("review", "", review),\n};\n\nfn review(args: struct { code: []const u8 }) ![]const mcp.Message {\n'
    )
    review += f"const code = args.code;\n{conversation}}}\n"
    listed = 'mcp.prompt("summary", "Have a note summarised.", summary),\n'
    assert listed in source
    path = build(tmp_path, source.replace(f"{listed}}};\n", f"{listed}{review}"))
    spec = ComponentSpec("notes", path, boot("notes", path.read_bytes()))
    with open_server(compose_server([spec], ServerMetadata("notes", "1")).data, instances=1) as server:
        assert [resource.uri for resource in server.list_resources()] == ["notes://index"]
        assert server.read_resource("notes://note/tea").text == "Buy tea."
        with pytest.raises(RequestError, match="not found"):
            server.read_resource("notes://note/gin")
        words = "Summarise the note tea in at most 20 words."
        assert server.get_prompt("summary", {"name": "tea"}).text == words
        first, second = server.get_prompt("review", {"code": "x"}).raw["messages"]
        assert first["content"]["text"] == "Review this code."
        assert second["content"]["resource"]["text"] == "x"
        assert server.complete({"type": "ref/prompt", "name": "summary"}, "name", "m").values == ["milk"]
