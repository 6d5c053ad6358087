"""Policies: the requests that a principal may send to a composed server, at every HTTP entry point."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.compose_inputs import METADATA, notes_component, tool, tools_component
from support.entry_points import JSON, Embedded, Served, mirrored, request
from support.server_processes import wasmcp_serve, wasmtime_serve
from support.tokens import ISSUER, SERVER, claims, jwk, private_key, signed

from wasmcp.compose import Catalogue, ComponentSpec, ComposedServer, compose_server
from wasmcp.compose.access import SCOPES, Access, Claim, Condition, Filter, Policy, Rule, Selector
from wasmcp.errors import CompositionError
from wasmcp.guest.declarations import options
from wasmcp.host import Cost, open_server

KEY = private_key("ES256")
OAUTH = {
    "WASMCP_AUTH_MODE": "oauth",
    "JWT_ISSUER": ISSUER,
    "JWT_JWKS": json.dumps({"keys": [jwk(KEY, "ES256", kid="k")]}),
    "WASMCP_SERVER_URI": SERVER,
}


def rule(
    *,
    scopes: tuple[str, ...] = (),
    methods: tuple[str, ...] | None = None,
    paths: tuple[str, ...] | None = None,
    roles: tuple[str | bool | int, ...] = (),
    claim: tuple[str, ...] = ("roles",),
    **selector: tuple[str, ...],
) -> Rule:
    condition = Condition(scopes, (Claim(claim, roles),) if roles else ())
    return Rule(Selector(**selector), methods, paths, condition)


POLICY = Policy(
    allow=(
        rule(tools=("add", "echo")),
        rule(tools=("admin_*",), scopes=("admin:use",), roles=("admin", 7)),
        rule(tools=("admin_*",), scopes=("root", "all", "more")),
        rule(resources=("notes://*",), methods=("resources/read", "completion/complete"), scopes=("notes:read",)),
        rule(resources=("notes://all",), methods=("resources/subscribe",), scopes=("notes:watch",)),
        rule(prompts=("review",), paths=("/mcp/editors",)),
    ),
    deny=(
        rule(tools=("echo",), paths=("/mcp/quiet",)),
        rule(resources=("notes://private/*",)),
        rule(tags=("slow",), claim=("plan", "name"), roles=("free",)),
    ),
)

NOTES = Catalogue(
    resources=({"uri": "notes://all", "name": "all"}, {"uri": "notes://private/key", "name": "key"}),
    templates=({"uriTemplate": "notes://{area}/{id}", "name": "note"},),
    prompts=(
        {"name": "review"},
        {"name": "summary", "_meta": {"wasmcp/scopes": ["notes:sum"]}},
    ),
    completions=({"type": "ref/prompt", "name": "review"}, {"type": "ref/resource", "uri": "notes://{area}/{id}"}),
)
CALC = Catalogue(
    (
        tool("add"),
        tool("echo"),
        tool("admin_stop"),
        tool("power", _meta={"wasmcp/scopes": ["math:power", "math:use"], "wasmcp/tags": ["slow"]}),
        tool("hidden"),
    )
)


def composed(
    policy: Policy | None = POLICY, *, filters: dict[str, Filter] | None = None, **options: Any
) -> ComposedServer:
    parts = [
        ComponentSpec("calc", tools_component("called"), CALC),
        ComponentSpec("notes", notes_component(), NOTES),
    ]
    access = Access(filters or {}, policy or Policy())
    return compose_server(parts, METADATA, access=access, **{"settings": OAUTH, **options})


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("policy") / "server.wasm"
    composed().write(path)
    return path


@pytest.fixture(scope="module")
def embedded(file: Path) -> Embedded:
    return Embedded(file)


class InSessions(Served):
    """A server in whose sessions clients of handshake revisions send their requests."""

    def http(self, method: str, target: str, headers: dict[str, str], body: str | bytes) -> Any:
        """One HTTP request, in a new session if it is of a handshake revision."""
        if headers.get("MCP-Protocol-Version") == "2025-11-25":
            start = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
            opened = super().http(method, "/mcp", headers, json.dumps(request("initialize", start, meta=None)))
            headers = {**headers, "Mcp-Session-Id": opened.headers["mcp-session-id"]}
        return super().http(method, target, headers, body)


@pytest.fixture(scope="module")
def served(file: Path) -> Iterator[Served]:
    with wasmcp_serve(file) as port:
        yield InSessions(port)


@pytest.fixture(scope="module")
def foreign(file: Path) -> Iterator[Served]:
    with wasmtime_serve(file) as port:
        yield Served(port)


ENTRY_POINTS = ["embedded", "served", "foreign"]


def token(scope: str = "", **more: Any) -> str:
    payload = claims(**({"scope": scope} if scope else {}), **more)
    return signed(KEY, "ES256", {"alg": "ES256", "typ": "at+jwt", "kid": "k"}, payload)


def raw_token(members: str) -> str:
    """Return a token whose payload is a text: the usual members, and these."""
    payload = json.dumps(claims())[:-1] + "," + members + "}"
    return signed(KEY, "ES256", {"alg": "ES256", "kid": "k"}, payload.encode())


def send(
    entry: Any,
    method: str,
    params: dict[str, Any] | None = None,
    *,
    scope: str = "",
    path: str = "/mcp",
    older: bool = False,
    bearer: str | None = None,
    **more: Any,
) -> Any:
    message = request(method, params, **({"meta": None} if older else {}))
    headers = {**JSON, "MCP-Protocol-Version": "2025-11-25"} if older else mirrored(message)
    headers["Authorization"] = f"Bearer {bearer or token(scope, **more)}"
    return entry.http("POST", path, headers, json.dumps(message))


def call(entry: Any, name: str, **options: Any) -> Any:
    return send(entry, "tools/call", {"name": name, "arguments": {}}, **options)


def read(entry: Any, uri: str, **options: Any) -> Any:
    return send(entry, "resources/read", {"uri": uri}, **options)


def check_denied(response: Any, *scopes: str) -> None:
    """Check a denial: 403, a challenge with the scopes that would help, and no trace of the component."""
    challenge = response.headers["www-authenticate"]
    error = "insufficient_scope" if scopes else "access_denied"
    assert (response.status, response.message["error"]) == (403, error), response.body
    assert set(response.message) == {"error", "error_description"}
    assert f'error="{error}"' in challenge
    assert (f'scope="{" ".join(scopes)}"' if scopes else 'error="access_denied"') in challenge
    assert scopes or "scope=" not in challenge
    assert 'resource_metadata="http://127.0.0.1/.well-known/oauth-protected-resource/mcp"' in challenge
    assert b"called" not in response.body


def names(entry: Any, method: str, member: str, identity: str, **options: Any) -> list[str]:
    response = send(entry, method, **options)
    assert response.status == 200, response.body
    return [item[identity] for item in response.message["result"][member]]


@pytest.fixture(params=ENTRY_POINTS)
def entry(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("older", [False, True], ids=["2026-07-28", "2025-11-25"])
def test_requests_that_no_rule_allows_are_denied(entry: Any, older: bool) -> None:
    assert call(entry, "add", older=older).message["result"]["content"][0]["text"] == "called"
    check_denied(call(entry, "hidden", scope="admin:use", older=older))
    check_denied(call(entry, "unknown", older=older))
    check_denied(send(entry, "com.example/method", older=older))
    for method in ("ping",) if older else ("server/discover",):
        assert send(entry, method, older=older).status == 200


def test_the_challenge_names_the_fewest_scopes_that_would_help(entry: Any) -> None:
    check_denied(call(entry, "admin_stop"), "root", "all", "more")
    check_denied(call(entry, "admin_stop", roles=["admin"]), "admin:use")
    check_denied(call(entry, "admin_stop", roles="admin", scope="root all"), "admin:use")
    check_denied(call(entry, "admin_stop", scope="root all"), "root", "all", "more")
    assert call(entry, "admin_stop", roles=["x", 7], scope="admin:use").status == 200
    assert call(entry, "admin_stop", scope="more all root").status == 200


def test_declared_scopes_are_required_and_need_no_rule(entry: Any) -> None:
    check_denied(call(entry, "power", scope="math:use"), "math:power", "math:use")
    assert call(entry, "power", scope="math:use math:power").status == 200
    check_denied(call(entry, "power", scope="math:use math:power", plan={"name": "free"}))
    check_denied(send(entry, "prompts/get", {"name": "summary"}), "notes:sum")
    assert send(entry, "prompts/get", {"name": "summary"}, scope="notes:sum").status == 200


def test_lists_show_what_the_principal_may_use(entry: Any) -> None:
    for older in (False, True):
        tools = ("tools/list", "tools", "name")
        assert names(entry, *tools, older=older) == ["add", "echo"]
        assert names(entry, *tools, scope="math:power math:use", older=older) == ["add", "echo", "power"]
        assert names(entry, *tools, scope="admin:use", roles=7, older=older) == ["add", "echo", "admin_stop"]
        resources = ("resources/list", "resources", "uri")
        assert names(entry, *resources, older=older) == []
        assert names(entry, *resources, scope="notes:read", older=older) == ["notes://all"]
        templates = ("resources/templates/list", "resourceTemplates", "uriTemplate")
        assert names(entry, *templates, older=older) == []
        assert names(entry, *templates, scope="notes:read", older=older) == ["notes://{area}/{id}"]
        prompts = ("prompts/list", "prompts", "name")
        assert names(entry, *prompts, older=older) == []
        assert names(entry, *prompts, scope="notes:sum", older=older) == ["summary"]


def test_lists_are_cached_for_their_principal_only(embedded: Embedded) -> None:
    assert send(embedded, "tools/list").message["result"]["cacheScope"] == "private"


def test_resources_completions_and_subscriptions_follow_the_policy(entry: Any) -> None:
    check_denied(read(entry, "notes://all"), "notes:read")
    assert read(entry, "notes://work/1", scope="notes:read").status == 200
    check_denied(read(entry, "notes://private/key", scope="notes:read"))
    reference = {"type": "ref/resource", "uri": "notes://{area}/{id}"}
    params = {"ref": reference, "argument": {"name": "id", "value": ""}}
    check_denied(send(entry, "completion/complete", params), "notes:read")
    assert send(entry, "completion/complete", params, scope="notes:read").status == 200
    for uris, scopes in ((["notes://all"], ("notes:watch",)), (["notes://all", "notes://work/1"], ())):
        listen = {"notifications": {"resourceSubscriptions": uris}}
        check_denied(send(entry, "subscriptions/listen", listen), *scopes)
    check_denied(send(entry, "resources/subscribe", {"uri": "notes://all"}, older=True), "notes:watch")
    check_denied(send(entry, "resources/unsubscribe", {"uri": "notes://all"}, older=True), "notes:watch")


@pytest.mark.parametrize(
    "uri",
    [
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
    check_denied(read(embedded, uri, scope="notes:read"))
    check_denied(read(embedded, uri, scope="notes:read", older=True))


@pytest.mark.parametrize(
    "scope",
    [
        "notes:rea",
        "notes:reader",
        "xnotes:read",
        "NOTES:READ",
        "Notes:read",
        "notes:read,other",
        "notes:read;other",
        "notes\uff1aread",
        "n\u043etes:read",
        "notes:read\u200b",
        "notes",
        "notes:*",
        "*",
        "notes: read",
    ],
)
def test_similar_scopes_are_not_enough(entry: Any, scope: str) -> None:
    check_denied(read(entry, "notes://all", scope=scope), "notes:read")


@pytest.mark.parametrize(
    "members",
    [
        '"roles":"x","roles":"admin"',
        '"roles":"admin","r\\u006fles":"admin"',
        '"roles":["Admin"]',
        '"roles":"admin "',
        '"roles":"\\u0430dmin"',
        '"roles":[["admin"]]',
        '"roles":{"admin":true}',
        '"Roles":"admin"',
        '"roles":"admin,other"',
        '"roles":"7"',
        '"roles":7.0',
        '"roles":70',
        '"roles":true',
        '"roles":null',
        '"x":{"roles":"admin"}',
    ],
)
def test_similar_claims_are_not_enough(entry: Any, members: str) -> None:
    response = call(entry, "admin_stop", bearer=raw_token(f'"scope":"admin:use",{members}'))
    assert response.status in (401, 403)
    assert b"called" not in response.body


@pytest.mark.parametrize(
    "members", ['"plan":{"name":"free"}', '"plan":{"name":["x","free"]}', '"plan":{"n\\u0061me":"free"}']
)
def test_claims_deny_in_every_spelling(embedded: Embedded, members: str) -> None:
    bearer = raw_token(f'"scope":"math:power math:use",{members}')
    check_denied(call(embedded, "power", bearer=bearer))


@pytest.mark.parametrize(
    "path",
    [
        "/mcp/Quiet",
        "/mcp//quiet",
        "/mcp/%71uiet",
        "/mcp/x/../quiet",
        "/mcp/quiet/../editors",
        "/mcp/./quiet",
        "/mcp/quiet;x",
        "/mcp/quiet/x",
        "/mcp/other",
        "/mcp\\quiet",
    ],
)
def test_other_spellings_of_a_path_are_not_found(entry: Any, path: str) -> None:
    assert call(entry, "echo", path=path).status in (400, 404)


def test_rules_hold_under_their_paths(entry: Any) -> None:
    assert call(entry, "echo").status == 200
    assert call(entry, "echo", path="/mcp/editors?x=/mcp/quiet").status == 200
    for path in ("/mcp/quiet", "/mcp/quiet/", "/mcp/quiet?x=/mcp"):
        check_denied_at(call(entry, "echo", path=path))
    assert names(entry, "tools/list", "tools", "name", path="/mcp/quiet") == ["add"]
    check_denied(send(entry, "prompts/get", {"name": "review"}))
    assert send(entry, "prompts/get", {"name": "review"}, path="/mcp/editors/").status == 200


def check_denied_at(response: Any) -> None:
    assert (response.status, response.message["error"]) == (403, "access_denied")


def test_messages_of_a_batch_are_decided_on_one_by_one(embedded: Embedded) -> None:
    batch = [request("tools/call", {"name": name}, meta=None, id=name) for name in ("add", "admin_stop", "hidden")]
    headers = {**JSON, "Authorization": f"Bearer {token()}"}
    answers = embedded.http("POST", "/mcp", headers, json.dumps(batch)).message
    assert "result" in answers[0]
    assert [one["error"]["code"] for one in answers[1:]] == [-32600, -32600]
    assert "lacks a scope" in answers[1]["error"]["message"]


def test_sessions_of_handshake_revisions_follow_the_policy(file: Path) -> None:
    with open_server(file, instances=1, quick=True) as server:
        start = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        headers = {**JSON, "Authorization": f"Bearer {token()}"}
        opened = server.http("POST", "/mcp", headers, json.dumps(request("initialize", start, meta=None)))
        session = {name.lower(): value for name, value in opened.headers}["mcp-session-id"]
        headers |= {"Mcp-Session-Id": session, "MCP-Protocol-Version": "2025-11-25"}
        for name, status in (("add", 200), ("hidden", 403), ("admin_stop", 403)):
            message = request("tools/call", {"name": name, "arguments": {}}, meta=None)
            assert server.http("POST", "/mcp", headers, json.dumps(message)).status == status


def test_stdio_is_the_local_user_to_whom_no_policy_applies(file: Path) -> None:
    with open_server(file, instances=1, quick=True) as server:
        assert [one.name for one in server.list_tools()] == ["add", "echo", "admin_stop", "power", "hidden"]
        assert server.call_tool("hidden").text == "called"


def test_public_servers_have_an_anonymous_principal() -> None:
    with open_server(composed(settings={}).data, instances=1, quick=True) as server:
        for name, status in (("add", 200), ("power", 403), ("hidden", 403)):
            message = request("tools/call", {"name": name, "arguments": {}})
            headers = {**mirrored(message), "Authorization": "Bearer anything"}
            response = server.http("POST", "/mcp", headers, json.dumps(message))
            assert response.status == status
        found = {name.lower(): value for name, value in response.headers}
        assert found["www-authenticate"].startswith('Bearer error="access_denied"')


def test_filters_hide_before_the_policy_denies() -> None:
    filters = {
        "/mcp": Filter(None, (Selector(tools=("hidden",)),)),
        "/mcp/editors": Filter(None),
        "/mcp/quiet": Filter(None),
    }
    with open_server(composed(filters=filters).data, instances=1, quick=True) as server:
        message = request("tools/call", {"name": "hidden", "arguments": {}})
        headers = {**mirrored(message), "Authorization": f"Bearer {token()}"}
        response = server.http("POST", "/mcp", headers, json.dumps(message))
        assert json.loads(response.body)["error"]["message"] == "Unknown tool: hidden"


def test_declarations_alone_close_nothing_else() -> None:
    with open_server(composed(None).data, instances=1, quick=True) as server:
        for name, status in (("add", 200), ("hidden", 200), ("power", 403)):
            message = request("tools/call", {"name": name, "arguments": {}})
            headers = {**mirrored(message), "Authorization": f"Bearer {token()}"}
            assert server.http("POST", "/mcp", headers, json.dumps(message)).status == status


def test_entries_of_dynamic_components_are_decided_on_by_name() -> None:
    dynamic = ComponentSpec(
        "live", tools_component("live", "now", "later"), grants=frozenset({"middleware"}), dynamic=True
    )
    policy = Policy((rule(tools=("n*",)),), own={"tools": {"later": Condition(("live:later",))}})
    server = compose_server([dynamic], METADATA, access=Access(policy=policy), settings=OAUTH)
    with open_server(server.data, instances=1, quick=True) as opened:
        for scope, name, status in (("", "now", 200), ("", "later", 403), ("live:later", "later", 200), ("", "x", 403)):
            message = request("tools/call", {"name": name, "arguments": {}})
            headers = {**mirrored(message), "Authorization": f"Bearer {token(scope)}"}
            assert opened.http("POST", "/mcp", headers, json.dumps(message)).status == status, name


def test_rules_about_other_tools_take_no_instructions(tmp_path: Path) -> None:
    tools = [f"tool-{number}" for number in range(100)]
    spec = ComponentSpec("calc", tools_component("called"), Catalogue(tuple(tool(name) for name in tools)))
    bearer, spent = token(f"use:{tools[-1]}"), {}
    for count in (1, 100):
        rules = tuple(rule(tools=(name,), scopes=(f"use:{name}",)) for name in tools[100 - count :])
        path = tmp_path / f"{count}.wasm"
        policy = Policy(allow=rules, deny=tuple(replace(one, condition=Condition(("none",))) for one in rules))
        compose_server([spec], METADATA, access=Access({}, policy), settings=OAUTH).write(path)
        costs: list[Cost] = []
        with open_server(path, on_cost=costs.append) as server:
            for _ in range(3):
                assert call(server, tools[-1], bearer=bearer).status == 200
        spent[count] = costs[-1].fuel
    assert abs(spent[100] - spent[1]) < 0.01 * spent[1]


def test_own_conditions_of_the_table_and_of_declarations_are_both_required() -> None:
    own = {
        "tools": {"power": Condition(("x",)), "add": Condition((), (Claim(("level",), (True,)),))},
        "resources": {"notes://{area}/{id}": Condition(("note",))},
    }
    with open_server(composed(Policy(own=own)).data, instances=1, quick=True) as server:

        class Entry:
            @staticmethod
            def http(method: str, target: str, headers: dict[str, str], body: str) -> Any:
                found = server.http(method, target, headers, body)
                return type(
                    "R",
                    (),
                    {
                        "status": found.status,
                        "headers": dict(found.headers),
                        "message": json.loads(found.body),
                        "body": str(found.body).encode(),
                    },
                )

        check_denied(call(Entry, "power"), "math:power", "math:use", "x")
        check_denied(call(Entry, "add"))
        assert call(Entry, "add", level=True).status == 200
        check_denied(call(Entry, "add", level="true"))
        assert call(Entry, "hidden").status == 200
        assert read(Entry, "notes://all").status == 200
        check_denied(read(Entry, "notes://work/1"), "note")
        check_denied(read(Entry, "notes://private/key"), "note")


MISTAKES = [
    (Policy((rule(tools=("pwer",)),)), "`policy.allow[0]` names `pwer`, which is not among the tools of the server"),
    (Policy((rule(tools=("adm1n_*",)),)), "names `adm1n_*`, which matches none of the tools"),
    (Policy((rule(tools=("add",), tags=("slow",)),)), "`policy.allow[0]` selects no entry of the server"),
    (Policy((rule(tags=("fast",)),)), "names the tag `fast`, which no entry has"),
    (Policy((rule(components=("cal",)),)), "names the component `cal`"),
    (
        Policy((rule(tools=("add",), methods=("tools/cal",)),)),
        "names the unknown method `tools/cal`; did you mean `tools/call`?",
    ),
    (Policy((rule(tools=("add",), methods=("prompts/get",)),)), "can never match a request of `prompts/get`"),
    (Policy((rule(tools=("add",), methods=("tools/list",)),)), "names `tools/list`, which needs no rule"),
    (Policy((rule(methods=("ping",)),)), "names `ping`, which is permitted to every principal"),
    (Policy((rule(methods=("subscriptions/listen",)),)), "write `resources/subscribe`"),
    (Policy((rule(methods=("skills/get",)),)), "write `resources/read`"),
    (Policy((rule(methods=("skills/list",)),)), "names `skills/list`, which needs no rule"),
    (Policy((rule(),), (rule(methods=("tasks/get",)),)), "names `tasks/get`, but no tool of the server runs as a task"),
    (Policy((rule(tools=("add",), scopes=("a b",)),)), "must have scopes of OAuth"),
    (Policy((rule(tools=("add",), roles=(1.5,)),)), "must have strings, booleans or integers, not 1.5"),  # type: ignore[arg-type]
    (Policy((rule(tools=("add",), claim=("scope",), roles=("a",)),)), "write them in `scopes`"),
    (Policy(deny=(rule(tools=("add",)),), own={}), "only rules of `deny`"),
    (
        Policy((rule(tools=("add",), scopes=("a",)), rule(tools=("*",))), (rule(tools=("add",)),)),
        "`policy.allow[0]` has no effect: `deny[0]` denies every request that it permits",
    ),
    (Policy((rule(tools=("*",)), rule(tools=("add",), scopes=("a",)))), "`policy.allow[1]` has no effect: `allow[0]`"),
    (Policy((rule(tools=("add",)), rule(tools=("add",)))), "`policy.allow[1]` has no effect: `allow[0]`"),
    (Policy(own={"tools": {"pwer": Condition(("a",))}}), '`policy.tools."pwer"` names none of the tools of the server'),
]


@pytest.mark.parametrize(("policy", "words"), MISTAKES, ids=[words[:40] for _, words in MISTAKES])
def test_rules_that_cannot_hold_are_refused(policy: Policy, words: str) -> None:
    calc = Catalogue((tool("add"), tool("power", _meta={"wasmcp/tags": ["slow"]}), tool("admin_stop")))
    with pytest.raises(CompositionError) as error:
        compose_server([ComponentSpec("calc", tools_component("called"), calc)], METADATA, access=Access(policy=policy))
    assert words in str(error.value)


def test_all_mistakes_are_reported_together() -> None:
    policy = Policy((rule(tools=("pwer",)), rule(tools=("add",), methods=("x/y",))), (rule(tags=("fast",)),))
    with pytest.raises(CompositionError) as error:
        composed(policy)
    assert all(words in str(error.value) for words in ("`pwer`", "`x/y`", "`fast`"))


def test_a_policy_needs_authorization() -> None:
    with pytest.raises(CompositionError, match='a policy and `auth = "none"`'):
        composed(settings={}, auth="none")


def test_declared_scopes_must_be_scopes() -> None:
    for scopes in ("a", [], ["a b"], [1], ["é"]):
        calc = Catalogue((tool("add", _meta={"wasmcp/scopes": scopes}),))
        with pytest.raises(CompositionError, match=r"`wasmcp/scopes` of the tool `add` in the component `calc` must "):
            compose_server([ComponentSpec("calc", tools_component("called"), calc)], METADATA)


def test_policies_with_filters_name_filtered_paths() -> None:
    with pytest.raises(CompositionError, match="names the path `/mcp/quiet`, which has no filter"):
        composed(filters={"/mcp/editors": Filter(None, (Selector(tools=("add",)),))})


def test_servers_without_a_policy_carry_none() -> None:
    calc = Catalogue((tool("add"),))
    plain = compose_server([ComponentSpec("calc", tools_component("called"), calc)], METADATA)
    assert plain.access is None
    assert "access-control" not in plain.instances


def test_the_key_of_declared_scopes_is_the_one_of_the_guest_library() -> None:
    assert SCOPES == options.SCOPES
