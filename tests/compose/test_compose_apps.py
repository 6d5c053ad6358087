"""Apps: sections of components, their checks and grants, and their pages at each entry point."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.compose_inputs import METADATA, notes_component, spec, tool, validate
from support.entry_points import HTTP_ENTRY_POINTS, answers_of, http_entry_point, mirrored, request

from wasmcp.apps_section import EXTENSION, PAGE, SECTION, AppPage, AppSummary, pages_of, section, summaries
from wasmcp.component.custom_sections import custom_section
from wasmcp.compose import Catalogue, ComponentSpec, ComposedServer, compose_server, inspect_component
from wasmcp.compose.composition import compose_handler
from wasmcp.compose.grant_rules import GrantRules, RuleError, app_rule, read_grants
from wasmcp.compose.grants import GrantPolicy
from wasmcp.errors import AppsError, ComponentError, GrantPolicyError
from wasmcp.host import open_server
from wasmcp.insight.server_diff import Offers, Side, differences
from wasmcp.protocol import APP_MIME_TYPE

URI = "ui://weather/page"
HTML = "<!doctype html>\n<title>Größe</title>"
ASKED = {
    "csp": {"connectDomains": ["https://api.example.com"], "resourceDomains": ["https://*.cdn.example"]},
    "permissions": {"camera": {}, "clipboardWrite": {}},
    "domain": "a.example",
    "prefersBorder": True,
}
RULES = [
    "connect:https://*.example.com",
    "resource:https://*.cdn.example",
    "camera",
    "clipboard-write",
]


def listed(uri: str = URI, ui: Any = ASKED, **more: Any) -> dict[str, Any]:
    return {"uri": uri, "name": "page", "mimeType": APP_MIME_TYPE, "_meta": {"ui": ui}, **more}


def showing(name: str = "forecast", uri: str | None = URI, **ui: Any) -> dict[str, Any]:
    return tool(name, _meta={"ui": {**({} if uri is None else {"resourceUri": uri}), **ui}})


def granted(rules: list[str] | None) -> dict[str, Any]:
    if rules is None:
        return {}
    families, read = read_grants({"apps": rules}, lambda place, problem: pytest.fail(f"{place} {problem}"))
    return {"grants": families, "rules": read}


def owner(
    *resources: dict[str, Any],
    tools: tuple[dict[str, Any], ...] = (),
    pages: tuple[AppPage, ...] = (),
    rules: list[str] | None = RULES,
    name: str = "weather",
) -> ComponentSpec:
    catalogue = Catalogue(tools=tools, resources=resources)
    return ComponentSpec(name, notes_component() + section(pages), catalogue, **granted(rules))


def composed(
    *tools: dict[str, Any], rules: list[str] | None = RULES, ui: Any = ASKED, html: str = HTML
) -> ComposedServer:
    page = AppPage(URI, {"ui": ui}, html)
    called = spec("calc", "called", "forecast")
    calc = ComponentSpec("calc", called.data, Catalogue(tools or (showing(),)))
    return compose_server([owner(listed(ui=ui), pages=(page,), rules=rules), calc], METADATA)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("apps") / "server.wasm"
    composed().write(path)
    return path


@pytest.fixture(scope="module", params=HTTP_ENTRY_POINTS)
def entry(request: pytest.FixtureRequest, file: Path) -> Iterator[Any]:
    with http_entry_point(request.param, file) as opened:
        yield opened


def send(entry: Any, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    message = request(method, params)
    found: dict[str, Any] = entry.http("POST", "/mcp", mirrored(message), json.dumps(message)).message["result"]
    return found


def test_page_and_its_metadata_are_listed_and_read(entry: Any) -> None:
    assert send(entry, "server/discover")["capabilities"]["extensions"] == {EXTENSION: {"mimeTypes": [APP_MIME_TYPE]}}
    (found,) = send(entry, "tools/list")["tools"]
    assert found["_meta"]["ui"]["resourceUri"] == URI
    (resource,) = send(entry, "resources/list")["resources"]
    assert (resource["uri"], resource["mimeType"], resource["_meta"]) == (URI, APP_MIME_TYPE, {"ui": ASKED})
    read = send(entry, "resources/read", {"uri": URI})
    assert read["contents"] == [{"uri": URI, "mimeType": APP_MIME_TYPE, "text": HTML, "_meta": {"ui": ASKED}}]
    assert (read["ttlMs"], read["cacheScope"]) == (300_000, "private")


def test_page_on_standard_output_of_a_stock_runtime(file: Path) -> None:
    found = answers_of(file, request("tools/list"), request("resources/read", {"uri": URI}, id=2))
    tools, read = (answer["result"] for answer in found)
    assert tools["tools"][0]["_meta"]["ui"]["resourceUri"] == URI
    assert (read["contents"][0]["text"], read["contents"][0]["_meta"]) == (HTML, {"ui": ASKED})


def test_other_requests_pass_the_pages(file: Path) -> None:
    with open_server(file) as server:
        assert server.call_tool("forecast", {}).text == "called"
        assert server.request("resources/read", {"uri": "ui://weather/other"})["contents"][0]["uri"] != URI


def test_server_without_apps_contains_nothing_of_them() -> None:
    plain = compose_server([spec("calc", "called", "add")], METADATA)
    assert "extensions" not in plain.capabilities
    assert not [name for name in plain.instances if name.startswith("apps")]
    assert summaries(plain.data) == plain.apps == ()


def test_summaries_of_servers_and_components() -> None:
    page = AppPage(URI, {"ui": ASKED}, HTML)
    needs = ("camera", "clipboard-write", "connect:https://api.example.com", "resource:https://*.cdn.example")
    expected = AppSummary(URI, "weather", len(HTML.encode()), page.digest, needs, ("forecast",))
    server = composed()
    assert server.apps == summaries(server.data) == inspect_component(server.data).apps == (expected,)
    carried = notes_component() + section([page])
    assert pages_of(carried) == (page,)
    assert inspect_component(carried).apps == (AppSummary(URI, "", expected.size, page.digest, needs),)
    validate(server.data)


def test_page_that_its_component_makes() -> None:
    server = compose_server([owner(listed(), tools=())], METADATA)
    assert (server.apps[0].size, server.apps[0].digest) == (0, "")
    with open_server(server.data) as running:
        assert running.request("resources/read", {"uri": URI})["contents"]


def test_handler_carries_its_pages() -> None:
    page = AppPage(URI, {"ui": ASKED}, HTML)
    handler = compose_handler([owner(listed(), pages=(page,))])
    server = compose_server([ComponentSpec("part", handler.data, grants=frozenset({"middleware"}))], METADATA)
    with open_server(server.data) as running:
        assert running.request("resources/read", {"uri": URI})["contents"][0]["text"] == HTML


@pytest.mark.parametrize("rules", [None, ["camera"]])
def test_app_that_asks_for_more_than_its_grant(rules: list[str] | None) -> None:
    with pytest.raises(AppsError) as raised:
        composed(rules=rules)
    text = str(raised.value)
    assert len(raised.value.problems) == (4 if rules is None else 3)
    assert "the app `ui://weather/page` of `weather` needs `connect:https://api.example.com`" in text
    assert "`--grant weather=apps:connect:https://api.example.com`" in text
    assert 'apps = ["clipboard-write"]` in `[tool.wasmcp.components.weather.grants]`' in text
    assert ("needs `camera`" in text) is (rules is None)


@pytest.mark.parametrize(
    ("uri", "domain", "problem"),
    [
        (URI, "https://more.example", "of `weather` needs `connect:https://more.example`, which its component is not"),
        (URI, "https://a.b; script-src *", "of `weather` has `_meta.ui`.csp.connectDomains has"),
        ("ui://calc/page", "https://api.example.com", "of `weather` is not among the resources of its component"),
    ],
)
def test_page_that_asks_for_more_than_its_list(uri: str, domain: str, problem: str) -> None:
    page = AppPage(uri, {"ui": {"csp": {"connectDomains": [domain]}}}, HTML)
    with pytest.raises(AppsError) as raised:
        compose_server([owner(listed(), pages=(page,))], METADATA)
    assert len(raised.value.problems) == 1
    assert f"the page of the app `{uri}` {problem}" in str(raised.value)


def test_whole_grant_and_policy_of_a_platform() -> None:
    whole = owner(listed(), pages=(AppPage(URI, {"ui": ASKED}, HTML),), rules=None)
    whole = ComponentSpec(whole.name, whole.data, whole.catalogue, frozenset({"apps"}))
    assert compose_server([whole], METADATA).apps
    _, limits = read_grants({"apps": ["camera"]}, lambda *_: None)
    policy = GrantPolicy("policy.toml", (frozenset({"apps"}), limits))
    with pytest.raises(GrantPolicyError, match="apps"):
        policy.check([whole])
    with pytest.raises(GrantPolicyError, match="apps connect:https://"):
        policy.check([owner(listed())])


@pytest.mark.parametrize(
    ("rule", "asked", "covered"),
    [
        ("connect:https://*.example.com", "connect:https://a.b.example.com", True),
        ("connect:https://*.example.com", "connect:https://example.com", False),
        ("connect:https://example.com", "connect:https://EXAMPLE.com:443", True),
        ("connect:https://example.com", "connect:https://example.com:8443", False),
        ("connect:https://example.com:*", "connect:https://example.com:8443", True),
        ("connect:https://example.com", "connect:wss://example.com", False),
        ("connect:https://example.com", "resource:https://example.com", False),
        ("connect:https://*", "connect:https://*.example.com", True),
        ("connect:https://a.example.com", "connect:https://*.example.com", False),
        ("frame:https://[::1]:8080", "frame:https://[0:0::1]:8080", True),
        ("camera", "microphone", False),
    ],
)
def test_rules(rule: str, asked: str, covered: bool) -> None:
    assert app_rule(rule).covers(app_rule(asked)) is covered
    assert app_rule(app_rule(rule).to_json()) == app_rule(rule)


@pytest.mark.parametrize(
    "rule",
    ["", "video", "connect", "connect:", "connect:example.com", "connect:ftp://a.b", "connect:https://a.b/path",
     "connect:https://u@a.b", "load:https://a.b", "connect:https://a b", 3, {"kind": "camera"}],
)  # fmt: skip
def test_invalid_rules(rule: object) -> None:
    with pytest.raises(RuleError):
        app_rule(rule)
    with pytest.raises(RuleError):
        GrantRules.from_dict({"apps": [rule]})


@pytest.mark.parametrize(
    ("ui", "problem"),
    [
        ([], "has `_meta.ui` must be an object"),
        ({"csp": []}, ".csp must be an object"),
        ({"csp": {"connect": []}}, ".csp has an unknown member `connect`"),
        ({"csp": {"connectDomains": "https://a.b"}}, ".csp.connectDomains must be a list"),
        ({"csp": {"frameDomains": ["https://a.b; script-src *"]}}, "which is not an origin"),
        ({"csp": {"frameDomains": ["'unsafe-eval'"]}}, "which is not an origin"),
        ({"csp": {"frameDomains": ["https://a.b/c"]}}, "which is not an origin"),
        ({"csp": {"frameDomains": [1]}}, "which is not an origin"),
        ({"permissions": ["camera"]}, ".permissions must be an object"),
        ({"permissions": {"usb": {}}}, "unknown member `usb`"),
        ({"domain": 1}, ".domain must be a string"),
        ({"prefersBorder": 1}, ".prefersBorder must be true or false"),
        ({"border": True}, "unknown member `border`"),
    ],
)
def test_invalid_metadata_of_an_app(ui: Any, problem: str) -> None:
    with pytest.raises(AppsError) as raised:
        compose_server([owner(listed(ui=ui), rules=None)], METADATA)
    assert problem in str(raised.value)


def test_every_mistake_at_once() -> None:
    calc = spec("calc", "called")
    tools = (
        showing("a", "ui://none"),
        showing("b", "https://no.app"),
        showing("c", None, visibility=["user"]),
        showing("d", "ui://plain"),
        tool("e", _meta={"ui": 3}),
        tool("f", _meta={"ui/resourceUri": "ui://gone"}),
        showing("g"),
    )
    resources = (
        listed(),
        {"uri": "ui://plain", "name": "plain", "mimeType": "text/html"},
        {**listed("ui://unbuilt", {}), "_meta": {PAGE: "src/page.html"}},
    )
    parts = [owner(*resources, rules=None), ComponentSpec("calc", calc.data, Catalogue(tools))]
    with pytest.raises(AppsError) as raised:
        compose_server(parts, METADATA)
    text = str(raised.value)
    for part in (
        "the tool `a` names the app `ui://none`, which the server does not have; its apps: `ui://weather/page`",
        "the tool `b`: `_meta.ui`.resourceUri must begin with `ui://`",
        'the tool `c`: `_meta.ui`.visibility must be a list of "model" and "app"',
        "the tool `d` names the app `ui://plain`, whose media type must be `text/html;profile=mcp-app`, not `text/html",
        "the tool `e`: `_meta.ui` must be an object",
        "the tool `f` names the app `ui://gone`",
        "the app `ui://unbuilt` of `weather` has no page: its component names `src/page.html`",
        "needs `camera`",
    ):
        assert part in text, part
    assert "`g`" not in text


def test_template_can_be_the_app_of_a_tool() -> None:
    template = {"uriTemplate": "ui://made/{name}", "name": "made", "mimeType": APP_MIME_TYPE}
    catalogue = Catalogue(tools=(showing("a", "ui://made/x"),), templates=(template,))
    assert compose_server([ComponentSpec("weather", notes_component(), catalogue)], METADATA).apps == ()


def test_pages_are_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wasmcp.compose.extensions.MOST_BYTES", 10)
    with pytest.raises(AppsError, match="the pages of all apps have 38 bytes; a server can have 10"):
        composed()


@pytest.mark.parametrize(
    "content", [b"{", b"[1]", b'[{"uri":"ui://x"}]', b'[{"uri":1,"meta":{},"html":""}]', b"[" * 9999]
)
def test_damaged_section(content: bytes) -> None:
    with pytest.raises(ComponentError, match="section `wasmcp-apps` is damaged"):
        summaries(notes_component() + custom_section(SECTION, content))


def test_differences_of_apps() -> None:
    offers = Offers({}, "catalogue")
    narrow = composed(ui={"csp": {"connectDomains": ["https://a.example.com"]}})
    before = Side(offers, (), (), apps=narrow.apps)
    after = Side(offers, (), (), apps=composed(showing("other"), html=HTML + "<p>").apps)
    (changed,) = differences(before, after)
    assert changed.headline == "~ app `ui://weather/page`"
    assert not changed.breaking
    assert "needs `camera` now" in changed.details
    assert "does not need `connect:https://a.example.com` any more" in changed.details
    assert "is shown for `other` now" in changed.details
    assert any(detail.startswith("its page changed: ") for detail in changed.details)
    (removed,) = differences(before, Side(offers, (), ()))
    assert removed.breaking
    (added,) = differences(Side(offers, (), ()), before)
    assert added.details == ("needs `connect:https://a.example.com`",)
