"""Resources, prompts and completions through the chain, dynamic and recorded, in every revision."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from mcp_types.methods import validate_server_result
from support.compose_inputs import MIDDLEWARE

from wasmcp.compose import Catalogue, ComponentSpec, ServerMetadata, compose_server
from wasmcp.errors import CatalogueError, DuplicateEntryError, RequestError
from wasmcp.host import Server, open_server
from wasmcp.package_data import wit_directory
from wasmcp.project.catalogue_recording import boot
from wasmcp.toolchains.zig import build_component

SOURCES = Path(__file__).parent / "chain"
METADATA = ServerMetadata(name="offers", version="1")
OLDER = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]
ICONS = [{"src": "data:,", "mimeType": "image/png", "sizes": ["48x48"], "theme": "dark"}]
META = {"example.org/n": 1.1}
GREET = {"type": "ref/prompt", "name": "greet"}
PAGE = {"type": "ref/resource", "uri": "lib:page/{number}"}

Open = Callable[..., Server]


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Build the component of chain/library.zig."""
    output = tmp_path_factory.mktemp("library") / "library.wasm"
    return build_component(SOURCES / "library.zig", wit_directory(), "component", output).read_bytes()


@pytest.fixture(scope="session")
def probe(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Build a component that only has tools."""
    output = tmp_path_factory.mktemp("probe") / "probe.wasm"
    return build_component(SOURCES / "probe.zig", wit_directory(), "tools-component", output).read_bytes()


@pytest.fixture(scope="session")
def recorded(library: bytes) -> Catalogue:
    """Record the component's catalogue."""
    return boot("library", library)


@pytest.fixture
def opened() -> Iterator[Open]:
    """Return a function that composes and boots servers, which are closed after the test."""
    servers: list[Server] = []

    def opened(*specs: ComponentSpec, **options: Any) -> Server:
        servers.append(open_server(compose_server(specs, METADATA, **options).data, instances=1, quick=True))
        return servers[-1]

    yield opened
    for server in servers:
        server.close()


@pytest.fixture(params=["dynamic", "recorded"])
def server(request: pytest.FixtureRequest, library: bytes, recorded: Catalogue, opened: Open) -> Server:
    """Serve the component alone."""
    dynamic = request.param == "dynamic"
    return opened(ComponentSpec("library", library, None if dynamic else recorded, MIDDLEWARE, dynamic))


def refused(call: Callable[[], object]) -> tuple[int, object]:
    """Return the code and the data of the error."""
    with pytest.raises(RequestError) as caught:
        call()
    return caught.value.code, caught.value.data


def older(server: Server, version: str, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Shake hands in a revision, and send a request."""
    hello = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
    server.send(json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello}))
    line = server.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": dict(params or {})}))
    assert line is not None
    answer: dict[str, Any] = json.loads(line)
    return answer


# ------------------------------------------------------------------------------------------------------ 2026-07-28


def test_capabilities_are_declared(server: Server) -> None:
    assert set(server.discover()["capabilities"]) == {"tools", "resources", "prompts", "completions"}


def test_resources(server: Server) -> None:
    first, second = server.list_resources()
    assert first.raw == {
        "uri": "lib:text",
        "name": "text",
        "title": "Text",
        "description": "Some text",
        "mimeType": "text/plain",
        "size": 5,
        "icons": ICONS,
        "annotations": {
            "audience": ["user", "assistant"],
            "priority": 0.5,
            "lastModified": "2026-01-01T00:00:00Z",
        },
        "_meta": META,
    }
    assert second.raw == {"uri": "lib:bytes", "name": "bytes"}
    text = server.read_resource("lib:text")
    assert text.contents == [{"uri": "lib:text", "mimeType": "text/plain", "text": "hello", "_meta": META}]
    assert (text.raw["ttlMs"], text.raw["cacheScope"], text.raw["later"]) == (1000, "public", 1)
    assert text.raw["_meta"]["example.org/n"] == 1.1
    assert server.read_resource("lib:bytes").data == b"\xff\0"


def test_templates(server: Server) -> None:
    (template,) = server.list_resource_templates()
    assert template.uri_template == "lib:page/{number}"
    assert template.raw["icons"] == ICONS
    assert server.read_resource("lib:page/7").text == "7"
    result = server.request("resources/templates/list")
    assert (result["ttlMs"], result["cacheScope"]) == (60_000, "private")


def test_unknown_resources(server: Server) -> None:
    for uri in ("lib:nope", "", "x:y/é"):
        assert refused(lambda uri=uri: server.read_resource(uri)) == (-32602, {"uri": uri})  # type: ignore[misc]
    assert refused(lambda: server.read_resource("lib:gone")) == (-32602, {"uri": "lib:gone"})


def test_prompts(server: Server) -> None:
    greet, blocks = server.list_prompts()
    assert greet.arguments == [
        {"name": "who", "title": "Who", "description": "Whom to greet", "required": True},
        {"name": "how"},
    ]
    assert (greet.title, greet.raw["icons"], greet.raw["_meta"]) == ("Greet", ICONS, META)
    assert blocks.raw == {"name": "blocks"}
    assert server.get_prompt("greet", {"who": "you"}).text == '{"who":"you"}'
    assert refused(lambda: server.get_prompt("greet")) == (-32602, None)
    assert refused(lambda: server.get_prompt("nope")) == (-32602, None)


def test_the_same_blocks_in_prompts_and_tools(server: Server) -> None:
    prompt = server.get_prompt("blocks")
    tool = server.call_tool("blocks")
    assert [message["content"] for message in prompt.messages] == tool.content
    assert [block["type"] for block in tool.content] == [
        "text",
        "image",
        "audio",
        "resource_link",
        "resource",
        "resource",
    ]
    assert [message["role"] for message in prompt.messages] == ["user", "assistant"] * 3
    assert tool.content[1]["data"] == "AQI="
    assert tool.content[3]["size"] == 5
    assert tool.structured_content == [1]
    assert tool.meta is not None
    assert tool.meta["example.org/n"] == 1.1


def test_completions(server: Server) -> None:
    assert server.complete(GREET, "how", "h", context={"who": "me", "é": "\n"}).values == ["who=me", "é=\n", "h"]
    assert server.complete(PAGE, "number").values == []
    many = server.complete(PAGE, "many", "x")
    assert (len(many.values), many.values[99], many.total, many.has_more) == (100, "x99", 120, True)
    assert refused(lambda: server.complete({"type": "ref/prompt", "name": "nope"}, "x")) == (-32602, None)
    assert refused(lambda: server.complete({"type": "ref/resource", "uri": "nope:{x}"}, "x")) == (-32602, None)
    assert refused(lambda: server.complete({"type": "ref/other"}, "x")) == (-32602, None)
    assert refused(lambda: server.request("completion/complete", {"ref": GREET})) == (-32602, None)


def test_the_same_for_coroutines(server: Server) -> None:
    import anyio

    from pytest_wasmcp.aio import AsyncServer

    async def main() -> None:
        waiting = AsyncServer(server)
        assert [resource.name for resource in await waiting.list_resources()] == ["text", "bytes"]
        assert [template.name for template in await waiting.list_resource_templates()] == ["page"]
        assert (await waiting.read_resource("lib:page/7")).text == "7"
        assert [prompt.name for prompt in await waiting.list_prompts()] == ["greet", "blocks"]
        assert (await waiting.get_prompt("greet", {"who": "x"})).text == '{"who":"x"}'
        assert (await waiting.complete(GREET, "how", "h", context={"who": "x"})).values == ["who=x", "h"]

    anyio.run(main)


def test_empty_completions(server: Server) -> None:
    assert server.complete({"type": "ref/prompt", "name": "blocks"}, "x").values == []
    assert server.complete({"type": "ref/resource", "uri": "lib:text"}, "x").values == []


def test_results_match_the_official_types(server: Server) -> None:
    requests: list[tuple[str, dict[str, Any]]] = [
        ("tools/list", {}),
        ("tools/call", {"name": "blocks"}),
        ("resources/list", {}),
        ("resources/templates/list", {}),
        ("resources/read", {"uri": "lib:text"}),
        ("resources/read", {"uri": "lib:bytes"}),
        ("prompts/list", {}),
        ("prompts/get", {"name": "blocks"}),
        ("completion/complete", {"ref": PAGE, "argument": {"name": "many", "value": ""}}),
    ]
    for method, params in requests:
        validate_server_result(method, "2026-07-28", server.request(method, params))
        for version in OLDER:
            validate_server_result(method, version, older(server, version, method, params)["result"])


# -------------------------------------------------------------------------------------------------------- revisions


@pytest.mark.parametrize("version", OLDER)
def test_handshake_revisions_get_their_members(server: Server, version: str) -> None:
    (prompt, _) = older(server, version, "prompts/list")["result"]["prompts"]
    titled, drawn = version >= "2025-06-18", version >= "2025-11-25"
    assert ("title" in prompt, "_meta" in prompt, "icons" in prompt) == (titled, titled, drawn)
    assert ("title" in prompt["arguments"][0]) == titled
    page = older(server, version, "resources/list")["result"]
    resource = page["resources"][0]
    assert set(page) <= {"resources", "nextCursor"}
    assert ("title" in resource, "lastModified" in resource["annotations"]) == (titled, titled)
    (template,) = older(server, version, "resources/templates/list")["result"]["resourceTemplates"]
    assert ("title" in template, "icons" in template) == (titled, drawn)
    read = older(server, version, "resources/read", {"uri": "lib:text"})["result"]
    assert set(read) == {"contents", "_meta"}
    assert ("_meta" in read["contents"][0]) == titled
    kinds = [
        message["content"]["type"]
        for message in older(server, version, "prompts/get", {"name": "blocks"})["result"]["messages"]
    ]
    assert kinds[2] == ("audio" if version >= "2025-03-26" else "text")
    assert kinds[3] == ("resource_link" if titled else "text")


@pytest.mark.parametrize("version", OLDER)
def test_resource_not_found_code_of_handshake_revisions(server: Server, version: str) -> None:
    error = older(server, version, "resources/read", {"uri": "x:y"})["error"]
    assert (error["code"], error["data"]) == (-32002, {"uri": "x:y"})


# ----------------------------------------------------------------------------------------------------------- asking


def test_resources_can_require_input(server: Server) -> None:
    able = {"_meta": {"io.modelcontextprotocol/clientCapabilities": {"roots": {}}}}
    wanted = server.read_resource("lib:page/ask", **able)
    assert wanted.raw["resultType"] == "input_required"
    assert wanted.raw["inputRequests"] == {"k": {"method": "roots/list", "params": {}}}
    again = {**able, "inputResponses": {"k": {"roots": []}}, "requestState": wanted.raw["requestState"]}
    assert server.read_resource("lib:page/ask", **again).text == "ask"


# ---------------------------------------------------------------------------------------------------------- merging


def catalogue(*prompts: str, resources: tuple[str, ...] = ()) -> Catalogue:
    """Return a catalogue of prompts and resources."""
    return Catalogue(
        prompts=tuple({"name": name} for name in prompts),
        resources=tuple({"uri": uri, "name": "n"} for uri in resources),
    )


def test_lists_merge_in_the_order_of_the_chain(library: bytes, recorded: Catalogue, opened: Open) -> None:
    server = opened(
        ComponentSpec("known", library, catalogue("a", "greet", resources=("x:1",))),
        ComponentSpec("dynamic", library, grants=MIDDLEWARE, dynamic=True),
        ComponentSpec("last", library, catalogue("z", resources=("x:2",))),
    )
    assert [prompt.name for prompt in server.list_prompts()] == ["a", "greet", "blocks", "z"]
    assert [resource.uri for resource in server.list_resources()] == ["x:1", "lib:text", "lib:bytes", "x:2"]
    assert [template.name for template in server.list_resource_templates()] == ["page"]


def test_unlisted_resource_is_read_in_the_order_of_the_chain(
    library: bytes, probe: bytes, recorded: Catalogue, opened: Open
) -> None:
    nothing = Catalogue(templates=({"uriTemplate": "y:{z}", "name": "y"},))
    server = opened(
        ComponentSpec("tools", probe, Catalogue(({"name": "echo", "inputSchema": {"type": "object"}},))),
        ComponentSpec("first", library, nothing),
        ComponentSpec("library", library, recorded),
    )
    assert server.read_resource("lib:page/9").text == "9"
    assert refused(lambda: server.read_resource("lib:nope"))[0] == -32602


@pytest.mark.parametrize(
    ("kind", "one", "two"),
    [
        ("prompt", catalogue("a"), catalogue("a")),
        ("resource", catalogue(resources=("x:1",)), catalogue(resources=("x:1",))),
        (
            "resource template",
            Catalogue(templates=({"uriTemplate": "a", "name": "1"},)),
            Catalogue(templates=({"uriTemplate": "a", "name": "2"},)),
        ),
    ],
)
def test_duplicates(library: bytes, kind: str, one: Catalogue, two: Catalogue) -> None:
    specs = [ComponentSpec("one", library, one), ComponentSpec("two", library, two)]
    with pytest.raises(DuplicateEntryError, match=f"both have a {kind} `") as caught:
        compose_server(specs, METADATA)
    assert (caught.value.kind, caught.value.components) == (kind, ("one", "two"))
    first = compose_server(specs, METADATA, on_duplicate="first").catalogue
    assert [len(first.items(each)) for each in ("prompts", "resources", "templates")].count(1) == 1


def test_missing_capabilities_are_not_wired(library: bytes, opened: Open) -> None:
    composed = compose_server([ComponentSpec("library", library, catalogue("greet"))], METADATA)
    assert composed.capabilities == {"prompts": {}}
    assert [label for label in composed.instances if "middleware" in label] == ["prompts-middleware of library"]
    server = opened(ComponentSpec("library", library, catalogue("greet")))
    for method in ("tools/list", "resources/list", "resources/templates/list", "completion/complete"):
        assert refused(lambda method=method: server.request(method))[0] == -32601  # type: ignore[misc]
    assert server.get_prompt("greet", {"who": "x"}).text


@pytest.mark.parametrize("what", ["resources", "templates", "prompts"])
def test_failing_lists_are_left_out(library: bytes, opened: Open, what: str) -> None:
    known = Catalogue(
        resources=({"uri": "x:1", "name": "known"},),
        templates=({"uriTemplate": "x:{y}", "name": "known"},),
        prompts=({"name": "known"},),
    )
    server = opened(
        ComponentSpec("known", library, known), ComponentSpec("dynamic", library, grants=MIDDLEWARE, dynamic=True)
    )
    method, member = {
        "resources": ("resources/list", "resources"),
        "templates": ("resources/templates/list", "resourceTemplates"),
        "prompts": ("prompts/list", "prompts"),
    }[what]
    result = server.request(method, {"x": f"fail-{what}"})
    assert [item["name"] for item in result[member]] == ["known"]
    assert (result["ttlMs"], result["cacheScope"]) == (0, "private")
    assert "no list" in server.stderr
    strictly = {"x": f"fail-{what}", "_meta": {"wasmcp/strict": True}}
    assert refused(lambda: server.request(method, strictly))[0] == -32001


# --------------------------------------------------------------------------------------------------------- recording


def test_everything_is_recorded(recorded: Catalogue) -> None:
    assert recorded.names == ("blocks",)
    assert [resource["uri"] for resource in recorded.resources] == ["lib:text", "lib:bytes"]
    assert [template["uriTemplate"] for template in recorded.templates] == ["lib:page/{number}"]
    assert [prompt["name"] for prompt in recorded.prompts] == ["greet", "blocks"]
    assert recorded.completions == (GREET, PAGE)
    assert recorded.cache == {"templates": {"ttlMs": 60_000, "cacheScope": "private"}}


def test_cursor_that_its_component_rejects(library: bytes, opened: Open) -> None:
    server = opened(ComponentSpec("dynamic", library, grants=MIDDLEWARE, dynamic=True))
    cursor = server.request("resources/list")["nextCursor"]
    forged = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    assert refused(lambda: server.request("resources/list", {"cursor": forged}))[0] == -32602
    assert refused(lambda: server.request("prompts/list", {"cursor": cursor}))[0] == -32602


def test_a_component_that_does_not_boot_is_not_recorded(tmp_path: Path) -> None:
    source = (SOURCES / "library.zig").read_text("utf-8")
    broken = tmp_path / "broken.zig"
    broken.write_text(source.replace('if (failing(request, "references"))', "if (request.method() == .other)"), "utf-8")
    data = build_component(broken, wit_directory(), "component", tmp_path / "broken.wasm").read_bytes()
    with pytest.raises(CatalogueError, match="cannot list its completions"):
        boot("library", data)
