"""Components that were built for `wasmcp:mcp-v20251125`, a contract of the upstream project."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.compose_inputs import METADATA, MIDDLEWARE, WIT, spec, validate
from wasmtime import wat2wasm

from wasmcp.cli.group import commands
from wasmcp.component.canonical_abi import Case
from wasmcp.component.constant_component import constants
from wasmcp.component.decode import decode
from wasmcp.component.encode import encode
from wasmcp.component.graph import Graph
from wasmcp.component.types import Func, Instance
from wasmcp.compose import Catalogue, ComponentSpec, compose_server
from wasmcp.compose.upstream_adapters import adapted
from wasmcp.errors import InvalidComponentError, RequestError
from wasmcp.host import open_server
from wasmcp.package_data import framework_component

THEIRS = "wasmcp:mcp-v20251125/tools@0.1.1"
ICON = {
    "src": "https://example.com/i.png",
    "mime-type": "image/png",
    "sizes": ["any"],
    "theme": Case("some", Case("dark")),
}
HINTS = {"audience": [Case("assistant")], "last-modified": "2026-01-01T00:00:00Z", "priority": 0.5}
OPTIONS = {
    "meta": '{"a":1}',
    "annotations": {
        "title": None,
        "read-only-hint": True,
        "destructive-hint": False,
        "idempotent-hint": None,
        "open-world-hint": None,
    },
    "description": "Does it.",
    "output-schema": None,
    "title": "It",
    "icons": [ICON],
}
LISTED = {
    "meta": None,
    "next-cursor": None,
    "tools": [
        {"name": "full", "input-schema": '{"type":"object"}', "options": OPTIONS},
        {"name": "bare", "input-schema": '{"type":"object"}', "options": None},
    ],
}
BARE: dict[str, Any] = {"annotations": None, "meta": None}


def text(value: str, options: Mapping[str, Any] | None = None) -> Case:
    return Case("text", {"text": Case("text", value), "options": options})


CONTENT = [
    text("hello", {"annotations": HINTS, "meta": None}),
    Case("image", {"data": Case("blob", b"\0\1"), "mime-type": "image/png", "options": BARE}),
    Case("audio", {"data": Case("blob", b""), "mime-type": "audio/wav", "options": None}),
    Case("resource-link", {"uri": "file:///a", "name": "a", "options": None}),
    Case(
        "embedded-resource",
        {
            "resource": Case("blob", {"uri": "file:///b", "blob": Case("blob", b"b"), "options": None}),
            "options": None,
        },
    ),
]
RESULT = {"meta": None, "content": CONTENT, "is-error": True, "structured-content": "[1]"}


def component(called: Case) -> bytes:
    """Return a component with upstream's `tools`; each call returns `called`."""
    adapter = decode(framework_component("capabilities-of-20251125").read_bytes(), "adapter")
    contract = adapter.imports[THEIRS]
    assert isinstance(contract, Instance)

    def answers(_interface: str, name: str, _func: Func) -> Any:
        return Case("ok", LISTED) if name == "list-tools" else called

    return constants({THEIRS: contract}, answers)


def served(called: Case) -> bytes:
    theirs = ComponentSpec("theirs", component(called), None, MIDDLEWARE, dynamic=True)
    return compose_server([theirs, spec("ours", "mine", "mine")], METADATA).data


def test_adapted_tools_are_listed_and_called_with_others() -> None:
    data = served(Case("ok", Case("some", RESULT)))
    validate(data, compiled=False)
    with open_server(data, instances=1, quick=True) as server:
        full, bare, mine = (tool.raw for tool in server.list_tools())
        assert full == {
            "name": "full",
            "title": "It",
            "description": "Does it.",
            "inputSchema": {"type": "object"},
            "annotations": {"readOnlyHint": True, "destructiveHint": False},
            "icons": [{"src": ICON["src"], "mimeType": "image/png", "sizes": ["any"], "theme": "dark"}],
            "_meta": {"a": 1},
        }
        assert bare == {"name": "bare", "inputSchema": {"type": "object"}}
        assert mine["name"] == "mine"
        result = server.call_tool("full")
    assert result.is_error
    assert result.structured_content == [1]
    annotations = {"audience": ["assistant"], "lastModified": "2026-01-01T00:00:00Z", "priority": 0.5}
    assert result.content == [
        {"type": "text", "text": "hello", "annotations": annotations},
        {"type": "image", "data": "AAE=", "mimeType": "image/png"},
        {"type": "audio", "data": "", "mimeType": "audio/wav"},
        {"type": "resource_link", "uri": "file:///a", "name": "a"},
        {"type": "resource", "resource": {"uri": "file:///b", "blob": "Yg=="}},
    ]


def test_unknown_tool_goes_downstream() -> None:
    with open_server(served(Case("ok", Case("none"))), instances=1, quick=True) as server:
        assert server.call_tool("mine").text == "mine"


def test_errors() -> None:
    problem = {"code": -32602, "message": "needs `x`", "data": '{"x":1}'}
    data = served(Case("error", Case("invalid-params", problem)))
    with open_server(data, instances=1, quick=True) as server, pytest.raises(RequestError) as raised:
        server.call_tool("full")
    assert (raised.value.code, raised.value.message, raised.value.data) == (-32602, "needs `x`", {"x": 1})


def test_in_a_segment_with_its_catalogue() -> None:
    tools = Catalogue(({"name": "full", "inputSchema": {"type": "object"}},))
    theirs = ComponentSpec("theirs", component(Case("ok", Case("some", RESULT))), tools)
    server = compose_server([theirs], METADATA)
    assert [tool["name"] for tool in server.tools] == ["full"]
    assert all(name.startswith("wasi:") for name in server.imports)
    with open_server(server.data, instances=1, quick=True) as running:
        assert running.call_tool("full").is_error


def test_adapted_component_can_be_inspected(tmp_path: Path) -> None:
    (tmp_path / "theirs.wasm").write_bytes(component(Case("ok", Case("none"))))
    done = CliRunner().invoke(commands, ["inspect", str(tmp_path / "theirs.wasm")])
    assert done.exit_code == 0, done.output
    assert "tools:\n  full  Does it.\n  bare\n" in done.output
    assert "a component that offers `tools` of another tool's contract `wasmcp:mcp-v20251125`" in done.output


def test_current_contracts_are_not_adapted() -> None:
    ours = spec("ours", "x", "x").data
    assert isinstance(ours, bytes)
    info = decode(ours, "ours", export_types=True)
    assert adapted("ours", ours, info) == (ours, info)


def test_a_handler_of_the_contract_is_refused() -> None:
    handler = constants({"wasmcp:mcp-v20251125/server-handler@0.1.1": Instance({})}, lambda *_: None)
    with pytest.raises(
        InvalidComponentError, match="contract are not supported: build it against the world `middleware`"
    ):
        compose_server([ComponentSpec("handler", handler)], METADATA)


def test_contract_with_other_types_is_refused() -> None:
    other = constants({THEIRS: Instance({"list-tools": Func((), None)})}, lambda *_: None)
    with pytest.raises(InvalidComponentError) as caught:
        compose_server([ComponentSpec("other", other, None, MIDDLEWARE, dynamic=True)], METADATA)
    assert "is missing in this component" in str(caught.value) or "has other types" in str(caught.value)


@pytest.mark.parametrize(
    ("version", "wanted"),
    [
        ("wasmcp:mcp-v20250618@0.1.7", "0.1.8"),
        ("wasmcp:mcp-v20250618@0.1.3", "0.1.8"),
        ("wasmcp:mcp-v20251125@0.1.9", "0.1.1"),
    ],
)
def test_error_names_an_unsupported_contract_version(version: str, wanted: str) -> None:
    package, _, number = version.partition("@")
    data = constants({f"{package}/tools@{number}": Instance({"list-tools": Func((), None)})}, lambda *_: None)
    with pytest.raises(InvalidComponentError) as caught:
        compose_server([ComponentSpec("old", data, None, MIDDLEWARE, dynamic=True)], METADATA)
    message = str(caught.value)
    for words in (
        f"component `old`: it was built against `{version}`",
        "supports `wasmcp:mcp-v20251125@0.1.1` or `wasmcp:mcp-v20250618@0.1.8`",
        "`tools` has other types",
        "`wasmcp wit deps`",
    ):
        assert words in message
    assert "capabilities-of" not in message
    assert (caught.value.interface, caught.value.wanted, caught.value.found) == (f"{package}/tools", wanted, number)


def test_error_names_a_service_with_other_types() -> None:
    adapter = decode(framework_component("capabilities-of-20251125").read_bytes(), "adapter")
    contract = adapter.imports[THEIRS]
    assert isinstance(contract, Instance)
    tools = constants(
        {THEIRS: contract},
        lambda _interface, name, _func: Case("ok", LISTED) if name == "list-tools" else Case("ok", Case("none")),
    )
    graph = Graph()
    wanted = '(component (import "wasmcp:mcp-v20251125/server-io@0.1.7" (instance (export "send-message" (func)))))'
    graph.instantiate(graph.add("imports", bytes(wat2wasm(wanted))))
    node = graph.instantiate(graph.add("tools", tools))
    graph.export(THEIRS, node.export(THEIRS))
    data = encode(graph, define_types=False).to_bytes()
    with pytest.raises(
        InvalidComponentError, match=r"built against `wasmcp:mcp-v20251125@0\.1\.7`.*`server-io` has other types"
    ):
        compose_server([ComponentSpec("old", data, None, MIDDLEWARE, dynamic=True)], METADATA)


SOURCE = """
import json
from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import mcp, server_io, store

OPTIONS = mcp.ToolOptions(None, None, "Shout.", None, None, None)


def message(ctx, notification):
    server_io.send_message(ctx.client_stream, mcp.ServerMessage_Notification(notification), ctx.frame)


class Tools(exports.Tools):
    def list_tools(self, ctx, request):
        return mcp.ListToolsResult(None, None, [mcp.Tool("shout", '{"type": "object"}', OPTIONS)])

    def call_tool(self, ctx, request):
        if request.name != "shout":
            return None
        arguments = json.loads(request.arguments or "{}")
        if "text" not in arguments:
            raise Err(mcp.ErrorCode_InvalidParams(mcp.Error(-32602, "needs `text`", None)))
        log = mcp.LoggingMessageNotification("shouting", mcp.LogLevel.INFO, "up")
        message(ctx, mcp.ServerNotification_Log(log))
        shouts = store.open("").increment("shouts", 1)
        text = mcp.TextContent(mcp.TextData_Text(f"{arguments['text'].upper()} {shouts}"), None)
        return mcp.CallToolResult(None, [mcp.ContentBlock_Text(text)], None, None)


class Resources(exports.Resources):
    def list_resources(self, ctx, request):
        return mcp.ListResourcesResult(None, None, [mcp.McpResource("up:a", "a", None)])

    def read_resource(self, ctx, request):
        if request.uri != "up:a":
            return None
        contents = mcp.TextResourceContents(request.uri, mcp.TextData_Text("A"), None)
        return mcp.ReadResourceResult(None, [mcp.ResourceContents_Text(contents)])

    def list_resource_templates(self, ctx, request):
        return mcp.ListResourceTemplatesResult(None, None, [])


class Prompts(exports.Prompts):
    def list_prompts(self, ctx, request):
        return mcp.ListPromptsResult(None, None, [mcp.Prompt("loud", None)])

    def get_prompt(self, ctx, request):
        if request.name != "loud":
            return None
        text = mcp.TextContent(mcp.TextData_Text("LOUD"), None)
        return mcp.GetPromptResult(None, None, [mcp.PromptMessage(mcp.ContentBlock_Text(text), mcp.Role.USER)])
"""
WORLD = """package acme:up;
world up {
  import wasmcp:keyvalue/store@0.1.0;
  export wasmcp:mcp-v20251125/tools@0.1.1;
  export wasmcp:mcp-v20251125/resources@0.1.1;
  export wasmcp:mcp-v20251125/prompts@0.1.1;
}
"""


@pytest.mark.slow
def test_a_python_component(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(SOURCE)
    deps = tmp_path / "wit" / "deps"
    shutil.copytree(WIT / "deps", deps)
    shutil.copytree(WIT.parent / "framework/adapters/wit/deps", deps, dirs_exist_ok=True)
    (tmp_path / "wit" / "world.wit").write_text(WORLD)
    program = str(Path(sys.executable).with_name("componentize-py"))
    build = [program, "-d", "wit", "-w", "up", "componentize", "app", "-o", "up.wasm"]
    subprocess.run(build, cwd=tmp_path, check=True, capture_output=True)
    data = (tmp_path / "up.wasm").read_bytes()
    imports = decode(data).imports
    assert "wasi:io/streams@0.2.9" in imports
    assert {f"wasmcp:mcp-v20251125/{name}@0.1.1" for name in ("server-io", "server-auth", "server-handler")} < set(
        imports
    )
    up = ComponentSpec("up", data, None, frozenset({"kv"}) | MIDDLEWARE, dynamic=True)
    server = compose_server([up, spec("ours", "mine", "mine")], METADATA)
    assert all(name.startswith("wasi:") for name in server.imports)
    events: list[dict[str, Any]] = []
    meta = {"io.modelcontextprotocol/logLevel": "debug"}
    with open_server(server.data, instances=1, quick=True) as running:
        assert [tool.name for tool in running.list_tools()] == ["shout", "mine"]
        assert running.call_tool("shout", {"text": "hey"}, _meta=meta, on_event=events.append).text == "HEY 1"
        assert [event["params"]["data"] for event in events] == ["shouting"]
        assert running.call_tool("mine").text == "mine"
        with pytest.raises(RequestError, match="needs `text`"):
            running.call_tool("shout")
        with pytest.raises(RequestError, match="Unknown tool"):
            running.call_tool("whisper")
        assert [found["uri"] for found in running.request("resources/list")["resources"]] == ["up:a"]
        assert running.request("resources/read", {"uri": "up:a"})["contents"] == [{"uri": "up:a", "text": "A"}]
        assert [found["name"] for found in running.request("prompts/list")["prompts"]] == ["loud"]
        (message,) = running.request("prompts/get", {"name": "loud"})["messages"]
        assert message["content"]["text"] == "LOUD"
