"""A server of a Rust component: built, composed, started, called; and errors for invalid sources."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.conversations import INITIALIZE
from support.projects import project_files, write_project
from support.rust_crates import MISSING

from wasmcp.component.custom_sections import core_modules
from wasmcp.errors import RequestError, ToolchainError
from wasmcp.host import Server, open_server
from wasmcp.host.engine.backtraces import names_of
from wasmcp.project import ensure_built
from wasmcp.storage import Cache
from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.rust import TARGET, RustToolchain

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(MISSING), reason=MISSING)]

TABLES = """
[tool.wasmcp.components.tools]
source = "rust/main.rs"
grants = ["kv", "sessions"]
config = { greeting = "good day" }

[tool.wasmcp.servers.default]
components = ["tools"]
"""
SOURCE = """\
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wasmcp_guest::{
    choices, component, config, http, kv, prompt, resource, template, tool, Component, Content, Context, Elicited,
    Failure, Json, Level, Message, ToolResult,
};

mod numbers;

#[derive(Deserialize, JsonSchema)]
struct Text {
    /// What to look at.
    text: String,
}

#[derive(Serialize, JsonSchema)]
struct Count {
    words: usize,
    lines: usize,
}

#[derive(Deserialize, JsonSchema)]
struct Name {
    name: String,
}

#[derive(Deserialize, JsonSchema)]
enum Style {
    Short,
    Full,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Title {
    name: String,
    style: Option<Style>,
}

#[derive(Deserialize, JsonSchema)]
struct Review {
    /// The code to look at.
    code: String,
    language: Option<String>,
    style: Option<Style>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Place {
    #[schemars(range(min = -90, max = 90))]
    latitude: f64,
    name: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
enum Means {
    Foot,
    Train { class: u8 },
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Tree {
    #[schemars(length(min = 1, max = 5))]
    label: String,
    children: Vec<Tree>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Journey {
    from: Place,
    to: Place,
    means: Means,
    stops: Vec<Place>,
    tree: Option<Tree>,
    count: u8,
}

#[derive(Deserialize, JsonSchema)]
struct File {
    folder: String,
    path: String,
}

#[derive(Deserialize)]
struct Configured {
    greeting: String,
}

fn count(args: Text) -> Count {
    Count { words: args.text.split_whitespace().count(), lines: args.text.lines().count() }
}

fn journey(args: Journey) -> u8 {
    args.count
}

fn masked(args: Text) -> Result<i64, Failure> {
    Ok(args.text.parse::<i64>()?)
}

fn greet(args: Name, context: &Context) -> Result<String, Failure> {
    let number = context.once("number", || 7)?;
    let title = match context.elicit::<Title>("Which title?")? {
        Elicited::Accepted(answer) => answer.name,
        Elicited::Declined => "Dear".into(),
        Elicited::Cancelled => return Err(Failure::new("then not")),
    };
    Ok(format!("{} {title} {} {number}", config::baked_in::<Configured>()?.greeting, args.name))
}

fn both(_: Name, context: &Context) -> Result<String, Failure> {
    let (title, roots) = (context.elicit::<Title>("Which title?"), context.roots());
    let name = match title? {
        Elicited::Accepted(answer) => answer.name,
        Elicited::Declined | Elicited::Cancelled => "nothing".into(),
    };
    Ok(format!("{name} {}", roots?["roots"][0]["uri"]))
}

fn steps(_: Name, context: &Context) -> ToolResult {
    context.progress(1.0, Some(2.0), Some("half"));
    context.log(Level::Warning, "nearly");
    ToolResult::new()
        .content("a text")
        .content(Content::image(vec![1, 2, 3], "image/png"))
        .structured(serde_json::json!([context.request_id()]))
}

fn remember(args: Text, context: &Context) -> Result<String, Failure> {
    let bucket = kv::open("")?;
    bucket.set("text", &args.text)?;
    let kept = bucket.get_value("text")?;
    Ok(format!("{kept:?} {}", context.session().is_some()))
}

fn fetch(args: Text) -> String {
    let responses = http::send_all([http::get(&args.text), http::get("ftp://x/")]);
    let names = responses.into_iter().map(|response| response.map_or_else(|error| error.name(), |_| "sent"));
    names.collect::<Vec<_>>().join(" ")
}

fn note(args: Name, _: &Context) -> Result<String, Failure> {
    match args.name.as_str() {
        "a" | "b b" => Ok(format!("note {}", args.name)),
        other => Err(Failure::not_found(&format!("notes://note/{other}"))),
    }
}

fn panics(args: Text) -> String {
    args.text[1000..].to_owned()
}

fn overflow(args: Text) -> u8 {
    args.text.bytes().fold(0, |sum: u8, byte| sum + byte)
}

component!(|| Component::new()
    .with(numbers::component())
    .tool(
        tool("count", "Count words and lines.", count)
            .title("Count")
            .read_only()
            .tags(["words"])
            .scopes(["words:count"]),
    )
    .tool(tool("journey", "Travel.", journey))
    .tool(tool("masked", "Fail in other words.", masked))
    .tool(tool("greet", "Greet by title.", greet))
    .tool(tool("both", "Send two requests.", both))
    .tool(tool("steps", "Tell progress.", steps))
    .tool(tool("remember", "Keep a text.", remember))
    .tool(tool("fetch", "Fetch.", fetch))
    .tool(tool("nothing", "No arguments.", || "x"))
    .tool(tool("panics", "Trap.", panics))
    .tool(tool("overflow", "Trap.", overflow))
    .resource(
        resource("notes://index", "index", |_: &Context| Json(["a", "b b"]))
            .mime_type("application/json")
            .tags(["notes"])
            .scopes(["notes:read"])
    )
    .template(
        template("notes://note/{name}", "note", note)
            .complete("name", |_, _, _| choices(["a", "b b"]))
    )
    .template(template("files://{folder}/{+path}.md", "file", |args: File, _: &Context| {
        format!("{} {}", args.folder, args.path)
    }))
    .prompt(
        prompt("review", "Review code.", |args: Review, _: &Context| {
            let style = if args.style.is_some() { " in style" } else { "" };
            let question = format!("Review {}{style}", args.code);
            vec![Message::user(question), Message::assistant(args.language.unwrap_or_default())]
        })
        .tags(["code"])
        .scopes(["code:read", "code:write"])
        .complete("language", |typed, filled, _| vec![format!("{typed}{}", filled.len())])
    ));
"""
NUMBERS = """\
use wasmcp_guest::{tool, Component, Failure};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Two {
    /// The first number.
    dividend: f64,
    divisor: f64,
}

fn divide(args: Two) -> Result<f64, Failure> {
    if args.divisor == 0.0 {
        return Err(Failure::new("a number cannot be divided by 0"));
    }
    Ok(args.dividend / args.divisor)
}

pub fn component() -> Component {
    Component::new().tool(tool("divide", "Divide two numbers.", divide))
}
"""
FILES = project_files("rusty", {"rust/main.rs": SOURCE, "rust/numbers.rs": NUMBERS}, TABLES)
ASKING: dict[str, Any] = {"_meta": {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}}}}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensure_built(write_project(tmp_path_factory.mktemp("rusty"), FILES))


@pytest.fixture(scope="module")
def server(path: Path) -> Iterator[Server]:
    with open_server(path) as server:
        yield server


def test_tags_and_scopes_are_sent_in_meta(server: Server) -> None:
    found = {
        item["name"]: (item["_meta"]["wasmcp/tags"], item["_meta"]["wasmcp/scopes"])
        for kind in ("tools", "resources", "prompts")
        for item in server.request(f"{kind}/list")[kind]
        if "_meta" in item
    }
    assert found == {
        "count": (["words"], ["words:count"]),
        "index": (["notes"], ["notes:read"]),
        "review": (["code"], ["code:read", "code:write"]),
    }


def test_schemas(server: Server) -> None:
    tools = {tool.name: tool for tool in server.list_tools()}
    assert list(tools)[:2] == ["divide", "count"]
    divide = tools["divide"].input_schema
    assert divide["required"] == ["dividend", "divisor"]
    assert divide["properties"]["dividend"]["description"] == "The first number."
    assert tools["count"].output_schema is not None
    assert set(tools["count"].output_schema["properties"]) == {"words", "lines"}
    assert tools["count"].title == "Count"


def test_results(server: Server) -> None:
    counted = server.call_tool("count", {"text": "a b\nc"})
    assert counted.structured_content == {"words": 3, "lines": 2}
    assert counted.text == '{"words":3,"lines":2}'  # in the order of the fields
    assert server.call_tool("divide", {"dividend": 3, "divisor": 2}).structured_content == {"result": 1.5}
    assert server.call_tool("nothing").structured_content == {"result": "x"}


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("divide", {"dividend": 1, "divisor": 0}, "a number cannot be divided by 0"),
        (
            "divide",
            {"dividend": "x", "divisor": 0},
            "Invalid arguments for tool divide: dividend: expected number, got string",
        ),
        ("divide", {"dividend": 1}, "Invalid arguments for tool divide: divisor: required, but missing"),
        (
            "divide",
            {},
            "Invalid arguments for tool divide: dividend: required, but missing; divisor: required, but missing",
        ),
        ("nothing", {"x": 1}, "Invalid arguments for tool nothing: x: unexpected; expected nothing"),
        ("masked", {"text": "secret"}, "Error executing tool masked"),
    ],
)
def test_failures(server: Server, name: str, arguments: dict[str, Any], text: str) -> None:
    result = server.call_tool(name, arguments)
    assert result.is_error
    assert result.content[0]["text"] == text


JOURNEY = {"from": {"latitude": 1}, "to": {"latitude": 2, "name": "x"}, "means": "Foot", "stops": [], "count": 3}


def test_types_used_twice_are_written_out(server: Server) -> None:
    schema = next(tool for tool in server.list_tools() if tool.name == "journey").input_schema
    place = schema["properties"]["from"]
    assert place["properties"]["latitude"] == {"type": "number", "format": "double", "minimum": -90, "maximum": 90}
    assert schema["properties"]["to"] == schema["properties"]["stops"]["items"] == place
    # What contains itself can only be referred to.
    assert set(schema["$defs"]) == {"Tree"}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({}, None),
        (
            {"means": {"Train": {"class": 1}}, "tree": {"label": "a", "children": [{"label": "b", "children": []}]}},
            None,
        ),
        (
            {
                "from": {"latitude": "x", "more": 1, "name": 2},
                "stops": [{"latitude": 1}, 3, {}],
                "count": 1.5,
                "extra": 1,
            },
            (
                "from.latitude: expected number, got string; from.more: unexpected; expected only latitude, name; "
                "from.name: expected string or null, got integer; stops[1]: expected object, got integer; "
                "stops[2].latitude: required, but missing; count: expected integer, got 1.5; extra: unexpected"
            ),
        ),
        ({"from": {"latitude": 91}}, "from.latitude: expected at most 90, got 91"),
        ({"count": 256}, "count: expected at most 255, got 256"),
        ({"means": {"Train": {"class": "first"}}}, "means.Train.class: expected integer, got string"),
        ({"means": "Boat"}, 'means: expected one of "Foot", got "Boat"'),
        (
            {"tree": {"label": "a", "children": [{"label": "too long", "children": []}, {"label": "", "children": 1}]}},
            (
                "tree.children[0].label: expected at most 5 characters, got 8; tree.children[1].label: expected at "
                "least 1 characters, got 0; tree.children[1].children: expected array, got integer"
            ),
        ),
    ],
)
def test_all_invalid_arguments_are_named(server: Server, change: dict[str, Any], problem: str | None) -> None:
    result = server.call_tool("journey", {**JOURNEY, **change})
    if problem is None:
        assert result.structured_content == {"result": 3}
    else:
        assert result.text == f"Invalid arguments for tool journey: {problem}"


def test_problems_are_named_up_to_a_bound(server: Server) -> None:
    words = server.call_tool("journey", {**JOURNEY, **{"x" * 1000 + str(n): n for n in range(1000)}}).text
    assert words.count(": unexpected") == 20
    assert words.endswith("; and more")
    assert len(words) < 3000


def test_masked_errors_are_logged_to_stderr(server: Server) -> None:
    server.call_tool("masked", {"text": "secret"})
    assert "the tool `masked` failed: invalid digit found in string" in server.stderr


@pytest.mark.parametrize("name", ["panics", "overflow"])
def test_server_continues_after_a_panic(server: Server, name: str) -> None:
    with pytest.raises(Exception, match="unreachable"):
        server.call_tool(name, {"text": "ÿÿÿ"})
    assert "panicked at ./rust/main.rs:" in server.stderr
    assert server.call_tool("count", {"text": ""}).structured_content == {"words": 0, "lines": 0}
    assert "/registry/src/" not in server.stderr.replace("cargo/registry/src/", "")


def test_events_and_content(server: Server) -> None:
    events: list[dict[str, Any]] = []
    result = server.call_tool("steps", {"name": "x"}, on_event=events.append, progress_token=5)
    assert events[0]["params"] == {"progressToken": 5, "progress": 1, "total": 2, "message": "half"}
    assert [block["type"] for block in result.content] == ["text", "image"]
    assert result.content[1]["data"] == "AQID"
    assert isinstance(result.structured_content, list)


def test_elicitation(server: Server) -> None:
    params = {"name": "greet", "arguments": {"name": "Ada"}, **ASKING}
    asked = server.request("tools/call", params)
    assert asked["resultType"] == "input_required"
    ((key, wanted),) = asked["inputRequests"].items()
    assert wanted["params"]["requestedSchema"] == {
        "type": "object",
        "properties": {"name": {"type": "string"}, "style": {"type": "string", "enum": ["Short", "Full"]}},
        "required": ["name"],
    }

    def answered(response: dict[str, Any]) -> Any:
        more = {"inputResponses": {key: response}, "requestState": asked["requestState"]}
        return server.request("tools/call", {**params, **more})

    for content in ({"name": "Dr"}, {"name": "Dr", "style": None}):
        result = answered({"action": "accept", "content": content})
        assert result["structuredContent"] == {"result": "good day Dr Ada 7"}
    with pytest.raises(RequestError) as caught:
        answered({"action": "accept", "content": {"name": 1, "style": "Long"}})
    assert caught.value.message == (
        f"the input response `{key}` does not fit: name: expected string, got integer; "
        'style: expected one of "Short", "Full", got "Long"'
    )
    assert answered({"action": "cancel"})["isError"] is True


def test_requests_before_the_first_question_mark_are_sent_together(server: Server) -> None:
    capabilities = {"elicitation": {"form": {}}, "roots": {}}
    meta = {"_meta": {"io.modelcontextprotocol/clientCapabilities": capabilities}}
    params = {"name": "both", "arguments": {"name": "Ada"}, **meta}
    asked = server.request("tools/call", params)
    keys = {request["method"]: key for key, request in asked["inputRequests"].items()}
    assert list(keys) == ["elicitation/create", "roots/list"]
    responses = {
        keys["elicitation/create"]: {"action": "accept", "content": {"name": "Dr"}},
        keys["roots/list"]: {"roots": [{"uri": "file:///a"}]},
    }
    assert "requestState" not in asked
    answered = {**params, "inputResponses": responses}
    assert server.request("tools/call", answered)["structuredContent"] == {"result": 'Dr "file:///a"'}


def test_key_value_store_keeps_values(server: Server) -> None:
    result = server.call_tool("remember", {"text": "x"})
    assert result.structured_content == {"result": 'Some(String("x")) false'}


def test_requests_without_the_grant_are_denied(server: Server) -> None:
    found = server.call_tool("fetch", {"text": "http://127.0.0.1:1/"}).structured_content
    assert found == {"result": "RequestDeniedError InvalidRequestError"}


def test_resources(server: Server) -> None:
    assert [one["uri"] for one in server.request("resources/list")["resources"]] == ["notes://index"]
    read = server.request("resources/read", {"uri": "notes://index"})["contents"]
    assert json.loads(read[0]["text"]) == ["a", "b b"]
    assert read[0]["mimeType"] == "application/json"
    templates = server.request("resources/templates/list")["resourceTemplates"]
    assert [one["uriTemplate"] for one in templates] == ["notes://note/{name}", "files://{folder}/{+path}.md"]
    assert server.request("resources/read", {"uri": "NOTES://ind%65x"})["contents"][0]["uri"] == "NOTES://ind%65x"
    for uri, text in {
        "notes://note/b%20b": "note b b",
        "files://a/b/c.md": "a b/c",
        "files://%C3%A9/b%2Fc.md": "é b/c",
        "files://é/b.md.md": "é b.md",
    }.items():
        assert server.request("resources/read", {"uri": uri})["contents"][0]["text"] == text
    wrong = ["note/c", "other", "note/", "note/a/b", "note/%ff", "note/%f", "note/%", "note/%2e%2e%2fb"]
    for uri in [*(f"notes://{end}" for end in wrong), "files://a/b", "files:///b.md", "files://a/b/../c.md"]:
        with pytest.raises(RequestError) as raised:
            server.request("resources/read", {"uri": uri})
        assert raised.value.code == -32602


def test_a_missing_resource_has_the_code_of_the_revision(server: Server) -> None:
    server.send(json.dumps(INITIALIZE))
    read = {"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": "notes://note/c"}}
    error = json.loads(server.send(json.dumps(read)) or "")["error"]
    assert (error["code"], error["data"]) == (-32002, {"uri": "notes://note/c"})


def test_prompts(server: Server) -> None:
    prompts = server.request("prompts/list")["prompts"]
    arguments = {one["name"]: one for one in prompts[0]["arguments"]}
    assert arguments["code"]["required"] is True
    assert not arguments["language"].get("required")
    # A field of a form that was left empty.
    arguments = {"code": "", "language": "", "style": ""}
    messages = server.request("prompts/get", {"name": "review", "arguments": arguments})["messages"]
    assert messages[0]["content"]["text"] == "Review "
    messages = server.request("prompts/get", {"name": "review", "arguments": {"code": "x"}})["messages"]
    assert [(one["role"], one["content"]["text"]) for one in messages] == [("user", "Review x"), ("assistant", "")]
    with pytest.raises(RequestError, match="language: expected string, got integer; code: required, but missing"):
        server.request("prompts/get", {"name": "review", "arguments": {"language": 1}})


def test_completions(server: Server) -> None:
    def complete(ref: dict[str, str], name: str, value: str, **more: Any) -> list[str]:
        params = {"ref": ref, "argument": {"name": name, "value": value}, **more}
        values: list[str] = server.request("completion/complete", params)["completion"]["values"]
        return values

    assert complete({"type": "ref/resource", "uri": "notes://note/{name}"}, "name", "b") == ["b b"]
    prompt = {"type": "ref/prompt", "name": "review"}
    assert complete(prompt, "language", "p", context={"arguments": {"code": "x"}}) == ["p1"]
    assert complete(prompt, "code", "p") == []


def test_the_manifest_names_the_compiler(path: Path) -> None:
    manifest = json.loads((path.parent / "manifest.json").read_text("utf-8"))
    component = manifest["servers"]["default"]["components"][0]
    assert component["language"] == "rust"
    assert component["toolchain"]["target"] == TARGET
    assert component["toolchain"]["cargo"]


def test_component_contains_no_path_of_the_machine(path: Path) -> None:
    data = path.read_bytes()
    assert str(path.parent).encode() not in data
    assert str(Path.home()).encode() + b"/.cargo" not in data


def test_builds_in_other_folders_have_the_same_bytes(tmp_path: Path) -> None:
    text = """\
use wasmcp_guest::{component, tool, Component};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Operands {
    a: f64,
    b: f64,
}

component!(|| Component::new().tool(tool("add", "Add.", |args: Operands| args.a + args.b)));
"""
    built = []
    for root in (tmp_path / "one", tmp_path / "far" / "below" / "another"):
        write_project(root, {"tools.rs": text})
        source = ComponentSource("tools", root / "tools.rs", root)
        RustToolchain().build(source, root / "out.wasm", cache=Cache().toolchain("rust"), progress=lambda _: None)
        built.append((root / "out.wasm").read_bytes())
    assert built[0] == built[1]


def test_crate_of_the_author(tmp_path: Path) -> None:
    files = {
        "rust/numbers/Cargo.toml": """\
[package]
name = "numbers"
version = "0.1.0"
edition = "2021"

[dependencies]
wasmcp-guest = "0.1"
serde = { version = "1", features = ["derive"] }
schemars = "1"

[profile.release]
opt-level = "s"
lto = true
codegen-units = 1
strip = true
overflow-checks = true
""",
        "rust/numbers/src/lib.rs": "mod numbers;\nwasmcp_guest::component!(numbers::component);\n",
        "rust/numbers/src/numbers.rs": NUMBERS,
    }
    built = ensure_built(write_project(tmp_path, project_files("owned", files)))
    with open_server(built) as server:
        assert server.call_tool("divide", {"dividend": 1, "divisor": 4}).structured_content == {"result": 0.25}
    names = {name for one in core_modules(built.read_bytes()) for name in names_of(one.digest).values()}
    assert any("numbers" in name for name in names)  # `strip` of the profile has no effect


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("fn broken( {}\n", r"rust/main\.rs:1:"),
        ('use wasmcp_guest::tool;\nfn f() { tool("a", "b", |x: std::fs::File| 1); }\n', r"rust/main\.rs:2:"),
        ("use no_such_crate::Thing;\n", "no_such_crate"),
    ],
    ids=["syntax", "types", "crate"],
)
def test_invalid_source_is_refused(tmp_path: Path, source: str, words: str) -> None:
    write_project(tmp_path, {**FILES, "rust/main.rs": source})
    with pytest.raises(ToolchainError, match=words) as raised:
        ensure_built(tmp_path)
    assert "component `tools` (`rust/main.rs`) does not compile" in str(raised.value)
    assert str(tmp_path) not in str(raised.value)


def test_source_without_a_component_is_refused(tmp_path: Path) -> None:
    write_project(tmp_path, {**FILES, "rust/main.rs": "pub fn unused() {}\n"})
    with pytest.raises(ToolchainError, match=r"`rust/main\.rs` declares no component: add `wasmcp_guest::component!"):
        ensure_built(tmp_path)
