"""Filters: the entries that exist under each path of the endpoint, the same for lists, calls and subscriptions."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.compose_inputs import METADATA, WIT, catalogue, dummy, notes_component, tool, tools_component, validate
from support.entry_points import JSON, Embedded, Served, mirrored, request
from support.server_processes import wasmtime_serve

from wasmcp.compose import Catalogue, ComponentSpec, ComposedServer, access_rules, compose_server
from wasmcp.compose.access import Access, Filter, Selector
from wasmcp.errors import CompositionError, RequestError
from wasmcp.guest.declarations import options
from wasmcp.host import open_server
from wasmcp.insight.roles import read_structure

ADD = {"_meta": {"wasmcp/tags": ["math"]}}
SLOW = {"_meta": {"wasmcp/tags": ["math", "slow"]}}
TAGGED = {"_meta": {"fastmcp": {"tags": ["private"]}}}
ACCESS = Access(
    {
        "/mcp/math": Filter((Selector(tags=("math",)), Selector(tools=("echo",))), (Selector(tags=("slow",)),)),
        "/mcp/notes": Filter((Selector(components=("notes",)),), (Selector(resources=("notes://private/*",)),)),
        "/mcp/public": Filter(None, (Selector(tags=("private",)), Selector(prompts=("re*",)))),
        "/mcp/empty": Filter(()),
    }
)


NOTES = Catalogue(
    resources=({"uri": "notes://all", "name": "all"}, {"uri": "notes://private/key", "name": "key"}),
    templates=({"uriTemplate": "notes://{area}/{id}", "name": "note", **TAGGED},),
    prompts=({"name": "review"}, {"name": "summary"}),
    completions=({"type": "ref/prompt", "name": "review"}, {"type": "ref/resource", "uri": "notes://{area}/{id}"}),
)


def composed(access: Access | None = ACCESS) -> ComposedServer:
    calc = Catalogue((tool("add", **ADD), tool("power", **SLOW), tool("echo")))
    return compose_server(
        [
            ComponentSpec("calc", tools_component("called"), calc),
            ComponentSpec("notes", notes_component(), NOTES),
        ],
        METADATA,
        access=access,
    )


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("access") / "server.wasm"
    server = composed()
    validate(server.data)
    server.write(path)
    return path


@pytest.fixture(scope="module")
def embedded(file: Path) -> Embedded:
    return Embedded(file)


@pytest.fixture(scope="module")
def served(file: Path) -> Iterator[Served]:
    with wasmtime_serve(file) as port:
        yield Served(port)


@dataclass(frozen=True)
class Endpoint:
    """One path of a server."""

    entry: Any
    path: str

    def send(self, method: str, params: dict[str, Any] | None = None, *, older: bool = False) -> Any:
        message = request(method, params, **({"meta": None} if older else {}))
        headers = {**JSON, "MCP-Protocol-Version": "2025-11-25"} if older else mirrored(message)
        response = self.entry.http("POST", self.path, headers, json.dumps(message))
        return response.message

    def names(self, method: str, member: str, identity: str, *, older: bool = False) -> list[str]:
        return [item[identity] for item in self.send(method, older=older)["result"][member]]


LISTED = {
    "/mcp": (["add", "power", "echo"], ["notes://all", "notes://private/key"], 1, ["review", "summary"]),
    "/mcp/": (["add", "power", "echo"], ["notes://all", "notes://private/key"], 1, ["review", "summary"]),
    "/mcp/math": (["add", "echo"], [], 0, []),
    "/mcp/notes?x=/mcp": ([], ["notes://all"], 1, ["review", "summary"]),
    "/mcp/public": (["add", "power", "echo"], ["notes://all"], 0, ["summary"]),
    "/mcp/empty/": ([], [], 0, []),
}


@pytest.mark.parametrize("older", [False, True], ids=["2026-07-28", "2025-11-25"])
@pytest.mark.parametrize("path", LISTED)
def test_lists_show_the_entries_that_exist_under_the_path(embedded: Embedded, path: str, older: bool) -> None:
    tools, resources, templates, prompts = LISTED[path]
    at = Endpoint(embedded, path)
    assert at.names("tools/list", "tools", "name", older=older) == tools
    assert at.names("resources/list", "resources", "uri", older=older) == resources
    assert len(at.names("resources/templates/list", "resourceTemplates", "uriTemplate", older=older)) == templates
    assert at.names("prompts/list", "prompts", "name", older=older) == prompts
    if not older:
        assert at.send("tools/list")["result"]["cacheScope"] == "public"


ANNOUNCED = {
    "/mcp": {"tools", "resources", "prompts", "completions"},
    "/mcp/math": {"tools"},
    "/mcp/notes?x=/mcp": {"resources", "prompts", "completions"},
    "/mcp/public": {"tools", "resources", "prompts"},
    "/mcp/empty/": set(),
}


def announced(entry: Any, path: str) -> dict[str, dict[str, Any]]:
    """Return the capabilities under a path, after checking that each revision has the same."""
    found = Endpoint(entry, path).send("server/discover")["result"]["capabilities"]
    for revision in ("2025-11-25", "2025-03-26"):
        start = {"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        answer = entry.http("POST", path, JSON, json.dumps(request("initialize", start, meta=None))).message
        assert set(answer["result"]["capabilities"]) == set(found) - {"extensions"}, revision
        assert answer["result"]["serverInfo"]["name"] == METADATA.name
    return found


@pytest.mark.parametrize("path", ANNOUNCED)
@pytest.mark.parametrize("entry", ["embedded", "served"])
def test_a_path_announces_the_capabilities_of_its_entries(
    entry: str, path: str, request: pytest.FixtureRequest
) -> None:
    found = announced(request.getfixturevalue(entry), path)
    assert set(found) == ANNOUNCED[path]


def test_stdio_announces_the_capabilities_of_the_root() -> None:
    access = Access({"/mcp": Filter((Selector(tools=("add",)),)), "/mcp/all": Filter(None)})
    with open_server(composed(access).data, instances=1, quick=True) as server:
        assert set(server.discover()["capabilities"]) == {"tools"}


@pytest.mark.parametrize(
    ("one", "tools"),
    [
        (Filter((Selector(tools=("later",)),)), True),
        (Filter((Selector(prompts=("later",)),)), False),
        (Filter((Selector(tags=("math",)),)), False),
        (Filter(None, (Selector(tools=("*",)),)), False),
        (Filter(None, (Selector(tools=("a*",)),)), True),
        (Filter((Selector(prompts=("*",)),)), False),
    ],
)
def test_tools_of_dynamic_components_are_announced_if_one_can_exist(one: Filter, tools: bool, tmp_path: Path) -> None:
    dynamic = ComponentSpec("live", tools_component("live", "later"), grants=frozenset({"middleware"}), dynamic=True)
    known = ComponentSpec(
        "known", notes_component(), Catalogue(prompts=({"name": "later", **ADD},), resources=NOTES.resources)
    )
    compose_server([known, dynamic], METADATA, access=Access({"/mcp/x": one})).write(tmp_path / "server.wasm")
    assert ("tools" in announced(Embedded(tmp_path / "server.wasm"), "/mcp/x")) == tools


@pytest.mark.parametrize("older", [False, True], ids=["2026-07-28", "2025-11-25"])
@pytest.mark.parametrize("path", LISTED)
def test_requests_reach_the_entries_that_lists_show_and_no_others(embedded: Embedded, path: str, older: bool) -> None:
    tools, resources, templates, prompts = LISTED[path]
    at = Endpoint(embedded, path)
    for name in ("add", "power", "echo"):
        answer = at.send("tools/call", {"name": name, "arguments": {}}, older=older)
        assert ("result" in answer) == (name in tools)
        if name not in tools:
            assert answer["error"] == {"code": -32602, "message": f"Unknown tool: {name}"}
    for name in ("review", "summary"):
        assert ("result" in at.send("prompts/get", {"name": name}, older=older)) == (name in prompts)
    for uri in ("notes://all", "notes://private/key"):
        answer = at.send("resources/read", {"uri": uri}, older=older)
        assert ("result" in answer) == (uri in resources), answer
    reference = {"type": "ref/resource", "uri": "notes://{area}/{id}"}
    params = {"ref": reference, "argument": {"name": "id", "value": ""}}
    assert ("result" in at.send("completion/complete", params, older=older)) == bool(templates)
    params = {"ref": {"type": "ref/prompt", "name": "review"}, "argument": {"name": "x", "value": ""}}
    assert ("result" in at.send("completion/complete", params, older=older)) == ("review" in prompts)


@pytest.mark.parametrize(
    "uri",
    [
        "notes://private/1",
        "NOTES://Private/1",
        "notes://%70rivate/1",
        "notes://private%2F1",
        "notes://a/../private/1",
        "notes://a/..%2Fprivate/1",
        "notes://a/%2e%2e/private/1",
        "notes://./private/1",
        "notes://a\\..\\private/1",
    ],
)
def test_spellings_of_a_denied_uri_are_denied(embedded: Embedded, uri: str) -> None:
    at = Endpoint(embedded, "/mcp/notes")
    assert at.send("resources/read", {"uri": uri})["error"]["code"] == -32602
    assert at.send("resources/read", {"uri": uri}, older=True)["error"]["code"] == -32002
    listen = at.send("subscriptions/listen", {"notifications": {"resourceSubscriptions": [uri]}})
    assert listen["error"] == {"code": -32602, "message": f"Resource not found: {uri}", "data": {"uri": uri}}


SPELLED = ("notes://Private/*", "notes://x/%7euser/*", "NOTES://shout/*", "notes://caf\u00e9/*", "no*s://Wild/*")
SPELLED_URIS = (
    *("notes://Private/1", "notes://private/1", "notes://pRIVATE/1", "notes://x/~user/1", "notes://x/%7Euser/1"),
    *("notes://shout/1", "NOTES://SHOUT/1", "notes://caf%C3%A9/1", "notes://caf%c3%a9/1", "notes://wild/1"),
)


@pytest.mark.parametrize("denied", [True, False], ids=["deny", "allow"])
def test_patterns_of_uris_are_compared_in_their_normal_form(denied: bool, tmp_path: Path) -> None:
    selector = Selector(resources=SPELLED)
    one = Filter(None, (selector,)) if denied else Filter((selector,))
    composed(Access({"/mcp": one})).write(tmp_path / "server.wasm")
    at = Endpoint(Embedded(tmp_path / "server.wasm"), "/mcp")
    for uri in SPELLED_URIS:
        assert ("error" in at.send("resources/read", {"uri": uri}, older=True)) == denied, uri
    for uri in ("notes://privat/1", "notes://x/user/1", "notes://caf/1"):
        assert ("error" in at.send("resources/read", {"uri": uri}, older=True)) != denied, uri


def test_an_encoded_delimiter_in_a_pattern_does_not_permit_a_plain_one(tmp_path: Path) -> None:
    composed(Access({"/mcp": Filter((Selector(resources=("notes://a/b%2Fc",)),))})).write(tmp_path / "server.wasm")
    at = Endpoint(Embedded(tmp_path / "server.wasm"), "/mcp")
    assert "error" in at.send("resources/read", {"uri": "notes://a/b/c"}, older=True)


def test_resources_above_the_limit_of_a_subscription_are_not_looked_up(embedded: Embedded) -> None:
    at = Endpoint(embedded, "/mcp/notes")
    uris = ["notes://all"] * 1000 + ["notes://private/1"]
    listen = at.send("subscriptions/listen", {"notifications": {"resourceSubscriptions": uris}})
    assert listen["error"] == {"code": -32602, "message": "Invalid params: more than 1000 resources"}
    fewer = at.send("subscriptions/listen", {"notifications": {"resourceSubscriptions": uris[1:]}})
    assert fewer["error"]["message"] == "Resource not found: notes://private/1"


def test_templates_give_their_tags_to_the_resources_that_match_them(embedded: Embedded) -> None:
    at = Endpoint(embedded, "/mcp/public")
    assert "error" in at.send("resources/read", {"uri": "notes://work/1"})
    assert "error" in at.send("resources/read", {"uri": "notes://work/%2Fetc"})
    assert "result" in at.send("resources/read", {"uri": "notes://all"})
    assert "result" in Endpoint(embedded, "/mcp/notes").send("resources/read", {"uri": "notes://work/1"})


MISSING = [
    "/mcp/Math",
    "/MCP/math",
    "/mcp//math",
    "//mcp/math",
    "/mcp/m%61th",
    "/mcp/%6Dath",
    "/mcp%2Fmath",
    "/mcp/x/../math",
    "/mcp/math/../notes",
    "/mcp/./math",
    "/mcp/math/.",
    "/mcp/math/deeper",
    "/mcp/math//",
    "/mcp/math;v=1",
    "/mcp/mathematics",
    "/mcp/other",
    "/mcp/..",
    "/mcp\\math",
]


@pytest.mark.parametrize("path", MISSING)
@pytest.mark.parametrize("entry", ["embedded", "served"])
def test_other_spellings_of_a_path_are_not_found(entry: str, path: str, request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue(entry)
    for method, params in (("tools/list", {}), ("tools/call", {"name": "add"}), ("server/discover", {})):
        message = globals()["request"](method, params)
        response = server.http("POST", path, mirrored(message), json.dumps(message))
        assert response.status == 404, (path, response.body)
        assert b"called" not in response.body


def test_fragments_are_not_part_of_a_path(embedded: Embedded) -> None:
    """Other runtimes remove them; a proxy in front of this host could compare them."""
    for path in ("/mcp/math#", "/mcp#/math", "/mcp#"):
        message = request("tools/list", {})
        assert embedded.http("POST", path, mirrored(message), json.dumps(message)).status == 404, path


def test_wasmtime_applies_the_filter_of_the_path(served: Served) -> None:
    at = Endpoint(served, "/mcp/math")
    assert at.names("tools/list", "tools", "name") == ["add", "echo"]
    assert at.send("tools/call", {"name": "add"})["result"]["content"][0]["text"] == "called"
    assert at.send("tools/call", {"name": "power"})["error"]["message"] == "Unknown tool: power"


def test_batches_are_filtered_message_by_message(embedded: Embedded) -> None:
    batch = [request("tools/call", {"name": name}, meta=None, id=name) for name in ("add", "power")]
    response = embedded.http("POST", "/mcp/math", JSON, json.dumps(batch))
    assert ["result" in answer for answer in response.message] == [True, False]


def test_subscriptions_of_sessions_are_filtered(file: Path) -> None:
    with open_server(file, instances=1, quick=True) as server:
        start = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        opened = server.http("POST", "/mcp/notes", JSON, json.dumps(request("initialize", start, meta=None)))
        session = {name.lower(): value for name, value in opened.headers}["mcp-session-id"]
        headers = {**JSON, "Mcp-Session-Id": session, "MCP-Protocol-Version": "2025-11-25"}
        for path, uri, accepted in (
            ("/mcp/notes", "notes://private/key", False),
            ("/mcp/math", "notes://all", False),
            ("/mcp/notes", "notes://all", True),
            ("/mcp", "notes://private/key", True),
        ):
            message = request("resources/subscribe", {"uri": uri}, meta=None)
            answer = json.loads(server.http("POST", path, headers, json.dumps(message)).body)
            # The server offers no subscriptions, so an accepted one is an unknown method.
            assert (answer["error"]["code"] == -32601) == accepted, answer


def test_sessions_have_no_streams_at_paths_that_are_not_endpoints(file: Path) -> None:
    with open_server(file, instances=1, quick=True) as server:
        start = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        opened = server.http("POST", "/mcp/math", JSON, json.dumps(request("initialize", start, meta=None)))
        session = {name.lower(): value for name, value in opened.headers}["mcp-session-id"]
        headers = {"Accept": "text/event-stream", "Mcp-Session-Id": session, "MCP-Protocol-Version": "2025-11-25"}
        for path in ("/mcp/other", "/mcp/Math", "/mcp/math%2f"):
            for method in ("GET", "DELETE"):
                assert server.http(method, path, headers, b"").status == 404, (method, path)
        assert server.http("DELETE", "/mcp/math", headers, b"").status == 204


def test_stdio_has_the_entries_of_the_root() -> None:
    access = Access({"/mcp": Filter((Selector(tools=("add",)),)), "/mcp/all": Filter(None, (Selector(tools=("x*",)),))})
    with open_server(composed(access).data, instances=1, quick=True) as server:
        assert [one.name for one in server.list_tools()] == ["add"]
        with pytest.raises(RequestError, match="Unknown tool: power"):
            server.call_tool("power")


def test_entries_of_dynamic_components_are_filtered_by_name() -> None:
    dynamic = ComponentSpec(
        "live", tools_component("live", "now", "later"), grants=frozenset({"middleware"}), dynamic=True
    )
    access = Access({"/mcp": Filter((Selector(tools=("n*", "add")),))})
    known = ComponentSpec("calc", tools_component("called"), catalogue("add", "sub"))
    with open_server(compose_server([known, dynamic], METADATA, access=access).data, instances=1, quick=True) as server:
        assert [one.name for one in server.list_tools()] == ["add", "now"]
        assert server.call_tool("now").text == "live"
        with pytest.raises(RequestError, match="Unknown tool: later"):
            server.call_tool("later")


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        (
            Selector(tags=("maths",)),
            "names the tag `maths`, which no entry has; the tags are `math`, `private`, `slow`",
        ),
        (Selector(components=("cal",)), "names the component `cal`, which is not in the server"),
        (Selector(tools=("pwer",)), "names `pwer`, which is not among the tools of the server: `add`, `echo`, `power`"),
        (Selector(prompts=("add",)), "names `add`, which is not among the prompts of the server: `review`, `summary`"),
    ],
)
def test_filters_that_select_nothing_are_refused(selector: Selector, words: str) -> None:
    with pytest.raises(CompositionError) as error:
        composed(Access({"/mcp/math": Filter(None, (selector,))}))
    assert words in str(error.value)
    assert "`deny` of the filter of `/mcp/math`" in str(error.value)


def test_patterns_may_select_nothing() -> None:
    selectors = (Selector(tools=("admin_*",)), Selector(resources=("notes://work/1",)))
    assert composed(Access({"/mcp/math": Filter(None, selectors)})).access is not None


def test_tags_of_dynamic_components_cannot_be_denied() -> None:
    dynamic = ComponentSpec("live", tools_component("live", "now"), grants=frozenset({"middleware"}), dynamic=True)
    with pytest.raises(CompositionError, match="the tags of `live` are not known"):
        compose_server([dynamic], METADATA, access=Access({"/mcp": Filter(None, (Selector(tags=("a",)),))}))


def test_development_builds_name_the_release_build_for_filters_by_tag() -> None:
    dynamic = ComponentSpec("live", tools_component("live", "now"), grants=frozenset({"middleware"}), dynamic=True)
    access = Access({"/mcp": Filter((Selector(tags=("a",)),))})
    for development in (True, False):
        with pytest.raises(CompositionError) as error:
            compose_server([dynamic], METADATA, access=access, development=development)
        assert ("test a release build, without `--wasmcp-fast`" in str(error.value)) == development


@pytest.fixture(scope="module")
def unchecking_transport(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A transport that checks no request."""
    wit = Path(shutil.copytree(WIT, tmp_path_factory.mktemp("unchecking") / "wit"))
    wire, checks = wit / "wire.wit", "  import access;\n  import authorizer;\n"
    assert checks in wire.read_text()
    wire.write_text(wire.read_text().replace(checks, ""))
    return dummy("transport", wit)


def test_replaced_transports_apply_the_filters_and_the_authorization(unchecking_transport: bytes) -> None:
    spec = ComponentSpec("calc", tools_component("called"), catalogue("add"))
    framework = {"transport": unchecking_transport}
    with pytest.raises(CompositionError, match="the server has access rules, but the replacement of `transport`"):
        compose_server([spec], METADATA, access=Access({"/mcp": Filter(())}), framework=framework)
    with pytest.raises(CompositionError, match='the server has `auth = "required"`, but the replacement'):
        compose_server([spec], METADATA, auth="required", framework=framework)
    assert compose_server([spec], METADATA, framework=framework).access is None


NO_ENTRIES = b'{"tools": [], "resources": [], "templates": [], "prompts": []}'


@pytest.mark.parametrize(
    "record",
    [
        b"[]",
        b'{"paths": [], "entries": {}}',
        b'{"paths": {"/mcp": 1}, "entries": %s}' % NO_ENTRIES,
        b'{"paths": {"/mcp": {"deny": {}}}, "entries": %s}' % NO_ENTRIES,
        b'{"paths": {"/mcp": {"deny": [{"tags": [1]}]}}, "entries": %s}' % NO_ENTRIES,
        b'{"paths": {}, "entries": {"tools": [1], "resources": [], "templates": [], "prompts": []}}',
        b'{"paths": {}, "entries": {"tools": [{"name": "a"}], "resources": [], "templates": [], "prompts": []}}',
        b'{"paths": {}, "entries": {"tools": []}}',
        b"[" * 100_000,
    ],
)
def test_invalid_records_are_not_read(record: bytes) -> None:
    assert access_rules.read_access([record]) is None
    valid = b'{"paths": {"/mcp": {"deny": [{"tags": ["a"]}]}}, "entries": %s}' % NO_ENTRIES
    assert access_rules.read_access([valid]) == json.loads(valid)


def test_the_record_of_filters_is_read(file: Path) -> None:
    structure = read_structure(file.read_bytes())
    assert structure.access == composed().access
    assert not structure.access_unproved
    assert access_rules.read_access([b"{}", b"{}"]) is None


def test_records_that_are_not_the_rules_of_the_server_are_reported(file: Path) -> None:
    data = file.read_bytes()
    for index in (data.index(b'"/mcp/math"'), data.rindex(b'"/mcp/math"')):
        changed = data[:index] + b'"/mcp/meth"' + data[index + len(b'"/mcp/math"') :]
        assert read_structure(changed).access_unproved
    unrecorded = data.replace(access_rules.SECTION.encode(), b"wasmcp-acsess")
    assert read_structure(unrecorded).access is None
    assert read_structure(unrecorded).access_unproved


def test_the_key_of_tags_is_that_of_the_guest_library() -> None:
    assert access_rules.TAGS == options.TAGS


def test_servers_without_filters_have_no_access_control() -> None:
    plain, filtered = composed(None), composed()
    assert "access-control" not in plain.instances
    assert plain.access is None
    assert 0 < filtered.size - plain.size < 40_000
    assert composed().data == filtered.data
