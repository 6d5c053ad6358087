"""Everything that a Zig file can offer and use, composed and called: `capabilities.zig`."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.web_server import web_server

from wasmcp.compose import ComponentSpec, ServerMetadata, compose_server
from wasmcp.errors import RequestError, ToolchainError
from wasmcp.host import Server, open_server
from wasmcp.project.catalogue_recording import boot
from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.zig import ZigToolchain, user_cache
from wasmcp.toolchains.zig.toolchain import listed

SOURCE = Path(__file__).parent / "capabilities.zig"
ABLE = {"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}}
GRANTS = frozenset({"http", "kv", "sessions", "env"})


def build(folder: Path, text: str) -> Path:
    source = folder / "capabilities.zig"
    source.write_text(text, "utf-8")
    output = folder / "offers.wasm"
    component = ComponentSource("offers", source, folder)
    ZigToolchain().build(component, output, cache=user_cache(), progress=lambda _: None)
    return output


@pytest.fixture(scope="module")
def component(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return build(tmp_path_factory.mktemp("zig"), SOURCE.read_text("utf-8")).read_bytes()


def composed(component: bytes, grants: frozenset[str]) -> bytes:
    spec = ComponentSpec(
        "offers", component, catalogue=boot("offers", component), grants=grants, config={"greeting": "Servus"}
    )
    return compose_server([spec], ServerMetadata("offers", "1")).data


@pytest.fixture(scope="module")
def server(component: bytes) -> Iterator[Server]:
    data = composed(component, GRANTS)
    with open_server(data, instances=1, env={"ZIG_TEST": "there"}, settings={"WASMCP_STATE_KEYS": "k" * 40}) as running:
        yield running


def structured(server: Server, name: str, **arguments: Any) -> Any:
    result = server.call_tool(name, arguments)
    assert not result.is_error, (result, server.stderr)
    return result.structured_content


def test_lists(server: Server) -> None:
    assert {tool.name for tool in server.list_tools()} >= {"add", "book", "fetch"}
    index, logo = server.list_resources()
    assert (index.uri, index.title, index.mime_type) == ("notes://index", "Index", "application/json")
    assert (logo.name, logo.mime_type) == ("logo", "image/png")
    assert logo.raw["_meta"] == {"wasmcp/tags": ["picture"], "wasmcp/scopes": ["pictures:read"]}
    note, page = server.list_resource_templates()
    assert (note.uri_template, note.mime_type) == ("notes://note/{name}", "text/plain")
    assert page.uri_template == "notes://page/{number}/of/{+path}"
    review, hello = server.list_prompts()
    scopes = {"wasmcp/scopes": ["code:read", "code:write"]}
    assert (review.title, review.raw["_meta"]) == ("Review", {"wasmcp/tags": ["code"], "kept": True, **scopes})
    arguments = [(a["name"], a.get("description"), a.get("required", False)) for a in review.raw["arguments"]]
    assert arguments == [("code", "What to review.", True), ("language", None, False), ("depth", None, False)]
    assert not hello.raw.get("arguments")


def test_resources(server: Server) -> None:
    result = server.request("resources/read", {"uri": "notes://index"})
    assert json.loads(result["contents"][0]["text"]) == ["mail", "milk", "tea"]
    assert (result["ttlMs"], result["cacheScope"]) == (1000, "public")
    (logo,) = server.request("resources/read", {"uri": "notes://logo"})["contents"]
    assert (logo["blob"], logo["mimeType"]) == ("iVBOR/8=", "image/png")


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("notes://note/tea", "About tea."),
        ("notes://note/t%65a", "About tea."),
        ("notes://page/3/of/a/b%20c", '{"number":3,"path":"a/b c"}'),
        ("notes://page/1/of/%+1", '{"number":1,"path":"%+1"}'),
    ],
)
def test_templates(server: Server, uri: str, text: str) -> None:
    assert server.read_resource(uri).text == text


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("notes://note/gin", "Resource not found"),
        ("notes://note/", "not found"),
        ("notes://note/tea/more", "not found"),
        ("notes://note/%ff", "not found"),
        ("notes://note/%4", "not found"),
        ("notes://page/1/of/%ED%A0%80", "not found"),
        ("notes://page/1/of/a/%2e%2e/b", "not found"),
        ("notes://page/many/of/a", "not found"),
        ("notes://page/-1/of/a", "not found"),
    ],
)
def test_unknown_resources(server: Server, uri: str, words: str) -> None:
    with pytest.raises(RequestError, match=words) as caught:
        server.read_resource(uri)
    assert caught.value.code == -32602


def test_a_resource_that_fails(server: Server) -> None:
    with pytest.raises(RequestError, match="page 0 does not exist") as caught:
        server.read_resource("notes://page/0/of/a")
    assert caught.value.code == -32603


def test_prompts(server: Server) -> None:
    result = server.get_prompt("review", {"code": "x = 1", "depth": "3"})
    first, second = result.raw["messages"]
    assert first == {"role": "user", "content": {"type": "text", "text": "Review this unknown code, depth 3: x = 1"}}
    assert (second["role"], second["content"]["text"]) == ("assistant", "Let me see.")
    assert server.get_prompt("hello").text == "Hello!"
    # A field of a form that was left empty.
    first, _ = server.get_prompt("review", {"code": "", "depth": "", "language": ""}).raw["messages"]
    assert (
        first["content"]["text"]
        == server.get_prompt("review", {"code": "", "language": ""}).raw["messages"][0]["content"]["text"]
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "code: required, but missing"),
        ({"code": "x", "depth": "deep"}, "depth: expected integer, got string"),
        ({"code": "x", "depth": "1_0"}, "depth: expected integer, got string"),
        ({"code": "x", "depth": " 1"}, "depth: expected integer, got string"),
        ({"code": "x", "depth": "+1"}, "depth: expected integer, got string"),
        ({"code": "x", "depth": "01"}, "depth: expected integer, got string"),
        (
            {"depth": "a", "size": "1"},
            "depth: expected integer, got string; size: unexpected.*; code: required",
        ),
        ({"code": "x", "size": "1"}, "size: unexpected; expected only code, language, depth"),
    ],
)
def test_arguments_of_prompts_that_do_not_fit(server: Server, arguments: dict[str, str], words: str) -> None:
    with pytest.raises(RequestError, match=words) as caught:
        server.get_prompt("review", arguments)
    assert caught.value.code == -32602


def test_completions(server: Server) -> None:
    prompt = {"type": "ref/prompt", "name": "review"}
    assert server.complete(prompt, "language", "p").values == ["Python", "PHP"]
    assert server.complete(prompt, "code", "p").values == []
    template = {"type": "ref/resource", "uri": "notes://note/{name}"}
    assert server.complete(template, "name", "mi").values == ["milk"]
    with pytest.raises(RequestError):
        server.complete({"type": "ref/prompt", "name": "nobody"}, "x", "")


def test_content(server: Server) -> None:
    kinds = [block["type"] for block in server.call_tool("picture").raw["content"]]
    assert kinds == ["text", "image", "resource_link", "resource"]


def ask(server: Server, name: str, answers: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    """Call a tool, answering by method, until it is done."""
    params: dict[str, Any] = {"name": name, "arguments": arguments, "_meta": {}}
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = ABLE
    asked = []
    while (result := server.request("tools/call", params))["resultType"] == "input_required":
        ((key, wanted),) = result["inputRequests"].items()
        asked.append(wanted)
        params["inputResponses"] = {key: answers[wanted["method"]]}
        if "requestState" in result:
            params["requestState"] = result["requestState"]
        assert len(asked) < 5
    return {"asked": asked, "text": result["content"][0]["text"]}


def test_requests_to_the_client(server: Server) -> None:
    form = {"action": "accept", "content": {"row": "back", "count": 3}}
    thanks = {"role": "assistant", "content": {"type": "text", "text": "Thanks!"}, "model": "m"}
    done = ask(server, "book", {"elicitation/create": form, "sampling/createMessage": thanks}, show="Hamlet")
    assert done["text"] == "Thanks! 3 seats, back, ticket 7"
    form_asked, sampled = (wanted["params"] for wanted in done["asked"])
    assert form_asked["message"] == "Seats for Hamlet?"
    assert form_asked["requestedSchema"] == {
        "type": "object",
        "properties": {
            "count": {"type": "integer", "minimum": 0, "maximum": 255, "description": "How many.", "default": 2},
            "row": {"type": "string", "enum": ["front", "back"]},
            "note": {"type": "string"},
        },
        "required": ["row"],
    }
    assert (sampled["maxTokens"], sampled["temperature"]) == (20, 0.5)
    assert sampled["messages"] == [{"role": "user", "content": {"type": "text", "text": "Say thanks."}}]


def test_declined_and_invalid_elicitation_results(server: Server) -> None:
    assert ask(server, "book", {"elicitation/create": {"action": "decline"}}, show="Hamlet")["text"] == "nothing booked"
    bad = {"action": "accept", "content": {"row": "middle"}}
    with pytest.raises(RequestError, match=r"the input response `elicitation-1-\w+` does not fit: row: ") as caught:
        ask(server, "book", {"elicitation/create": bad}, show="Hamlet")
    assert caught.value.code == -32602


def test_roots_and_url_elicitation(server: Server) -> None:
    folders = {"roots": [{"uri": "file:///a", "name": "A"}, {"uri": "file:///b"}]}
    assert ask(server, "folders", {"roots/list": folders})["text"] == "file:///a=A;file:///b=;"
    assert ask(server, "sign", {"elicitation/create": {"action": "accept"}})["text"] == "signed"


def test_requests_before_the_first_try_are_sent_together(server: Server) -> None:
    params: dict[str, Any] = {"name": "both", "_meta": {"io.modelcontextprotocol/clientCapabilities": ABLE}}
    asked = server.request("tools/call", params)
    methods = {key: request["method"] for key, request in asked["inputRequests"].items()}
    assert sorted(methods.values()) == ["elicitation/create", "roots/list"]
    answers: dict[str, Any] = {
        "elicitation/create": {"action": "accept"},
        "roots/list": {"roots": [{"uri": "file:///a"}]},
    }
    params["inputResponses"] = {key: answers[method] for key, method in methods.items()}
    if "requestState" in asked:
        params["requestState"] = asked["requestState"]
    assert server.request("tools/call", params)["content"][0]["text"] == "true 1"


def test_http(server: Server) -> None:
    with web_server() as url:
        answer = structured(server, "fetch", url=f"{url}/?a=1#part")
        method, path, headers, _, _ = json.loads(answer["body"])
        assert (answer["status"], method, path, headers) == (200, "GET", "/?a=1", {"x-from": ["zig"]})
        body = "é" * 10_000
        assert structured(server, "fetch", url=f"{url}/echo", body=body)["body"] == body
        assert server.call_tool("fetch", {"url": f"{url}/never", "timeout": 50}).text == "Timeout"
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        # It never reads; what is sent is more than the buffers between hold.
        arguments = {"url": f"http://127.0.0.1:{deaf.getsockname()[1]}", "body": "x" * (3 << 20), "timeout": 300}
        assert server.call_tool("fetch", arguments).text == "Timeout"
    assert server.call_tool("fetch", {"url": "ftp://example.com"}).text == "BadUrl"
    assert server.call_tool("fetch", {"url": url}).text == "ConnectionRefused"


def test_key_value_store_keeps_values(server: Server) -> None:
    assert structured(server, "visits") == {"count": 1, "last": None}
    assert structured(server, "visits") == {"count": 2, "last": {"at": "now", "times": 1}}


def test_session_keeps_values(component: bytes) -> None:
    with open_server(composed(component, GRANTS), instances=1) as server:
        assert server.call_tool("remember", {"word": "a"}).text == "NoSession"
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        server.send(json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello}))
        before = []
        for word in ("a", "b"):
            call = {"name": "remember", "arguments": {"word": word}}
            answer = server.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}))
            before.append(json.loads(answer or "{}")["result"]["structuredContent"]["result"])
        assert before == [None, "a"]


def test_configuration_and_environment(server: Server) -> None:
    assert structured(server, "settings") == {"greeting": "Servus", "home": "there"}


def test_missing_grants(component: bytes) -> None:
    with open_server(composed(component, frozenset()), instances=1, env={"ZIG_TEST": "there"}) as server:
        assert server.call_tool("fetch", {"url": "http://127.0.0.1:9"}).text == "Denied"
        assert server.call_tool("visits").text == "AccessDenied"
        assert structured(server, "settings") == {"greeting": "Servus", "home": None}


def test_unused_imports_are_omitted(tmp_path: Path) -> None:
    text = 'const mcp = @import("wasmcp");\npub const prompts = .{mcp.prompt("a", "", a)};\n'
    path = build(tmp_path, text + 'fn a() []const u8 {\n    return "b";\n}\n')
    assert path.stat().st_size < 60_000
    server = compose_server([ComponentSpec("a", path, boot("a", path.read_bytes()))], ServerMetadata("a", "1"))
    with open_server(server.data, instances=1) as running:
        assert running.get_prompt("a").text == "b"
    for family in (b"wasi:http/outgoing-handler", b"key-value", b"wasi:cli/environment", b"resources@"):
        assert family not in path.read_bytes()


def test_declared_capabilities() -> None:
    text = """\
// pub const prompts = 1;
const s = "pub const resources {";
const m =
    \\\\ pub const completions {
;
pub  const
    tools = .{};
const Inner = struct {
    pub const prompts = '{';
};
pub const exports_ = struct {};
"""
    assert list(listed(text)) == ["tools"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('pub const resources = .{mcp.resource("a:b", "a", "", f)};\nfn f() void {}', "`void` has no JSON form"),
        (
            'pub const resources = .{mcp.resource("b", "a", "", f)};\nfn f() bool { return true; }',
            "begin with a scheme",
        ),
        (
            'pub const resources = .{mcp.template("a:{b}", "a", "", f)};\nfn f() bool { return true; }',
            "has no field `b`",
        ),
        (
            (
                'pub const resources = .{mcp.template("a:{?b}", "a", "", f)};\n'
                "fn f(v: struct { b: []const u8 }) []const u8 { return v.b; }"
            ),
            "a URI can omit `b`: make it optional or give it a default",
        ),
        (
            (
                'pub const resources = .{mcp.template("a:{b*}", "a", "", f)};\n'
                "fn f(v: struct { b: []const u8 }) []const u8 { return v.b; }"
            ),
            "`b` is a slice if and only if the variable is `{b*}`",
        ),
        (
            'pub const prompts = .{mcp.prompt("a", "", f)};\nfn f(_: struct { a: []const u8 }) f32 { return 1; }',
            "error:",
        ),
        (
            'pub const prompts = .{mcp.prompt("a", "", f)};\nfn f(_: struct { a: []const bool }) bool { return true; }',
            "cannot be read from a text",
        ),
        (
            'pub const prompts = .{ mcp.prompt("a", "", f), mcp.prompt("a", "", f) };\nfn f() bool { return true; }',
            "two prompts have the name `a`",
        ),
        (
            'pub const completions = .{mcp.completion(.{ .prompt = "a" }, "a", f)};\nfn f() bool { return true; }',
            "takes an `mcp.Typed` first",
        ),
        (
            (
                'pub const tools = .{mcp.tool("a", "", f)};\n'
                'fn f(_: struct { a: u8, pub const descriptions = .{ .b = "x" }; }) void {}'
            ),
            "descriptions.b`: no such field",
        ),
        (
            (
                'pub const prompts = .{mcp.prompt("a", "", f)};\nfn f() []const u8 { return "a"; }\n'
                'pub const completions = .{mcp.completion(.{ .prompt = "b" }, "x", c)};\n'
                "fn c(_: mcp.Typed) []const []const u8 { return &.{}; }"
            ),
            "completion of `x`: prompt `b` does not exist",
        ),
        (
            (
                'pub const resources = .{mcp.template("a:{b}", "a", "", f)};\n'
                "fn f(v: struct { b: []const u8 }) []const u8 { return v.b; }\n"
                'pub const completions = .{mcp.completion(.{ .resource_template = "a:{b}" }, "c", c)};\n'
                "fn c(_: mcp.Typed) []const []const u8 { return &.{}; }"
            ),
            "completion of `c`: template `a:{b}` has no variable `c`",
        ),
        ("const nothing = 1;", "missing `pub const tools"),
    ],
)
def test_invalid_declarations_are_compile_errors(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ToolchainError) as caught:
        build(tmp_path, f'const mcp = @import("wasmcp");\n{text}\n')
    assert words in str(caught.value.output)
