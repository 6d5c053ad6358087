"""`wasmcp policy show` and `wasmcp policy test`, and the policy in `wasmcp inspect`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.compose_inputs import METADATA, notes_component, tool, tools_component
from support.tokens import jwk, private_key, public_pem

from wasmcp.cli.group import commands
from wasmcp.compose import Catalogue, ComponentSpec, compose_server
from wasmcp.compose.access import Access, Claim, Condition, Filter, Policy, Rule, Selector

POLICY = Policy(
    (
        Rule(Selector(tools=("add",))),
        Rule(
            Selector(tools=("admin_*",)),
            ("tools/call",),
            ("/mcp/admin",),
            Condition(("admin:use",), (Claim(("org", "roles"), ("admin", 1)),)),
        ),
        Rule(Selector(resources=("notes://*",)), condition=Condition(("notes:read",))),
    ),
    (Rule(Selector(resources=("notes://private/*",))),),
)
CALC = Catalogue(
    (tool("add"), tool("admin_stop"), tool("power", _meta={"wasmcp/scopes": ["math:use"]}), tool("hidden"))
)
NOTES = Catalogue(
    resources=({"uri": "notes://all", "name": "all"},),
    templates=({"uriTemplate": "notes://{area}/{id}", "name": "note"},),
    prompts=({"name": "review", "_meta": {"wasmcp/scopes": ["review"]}},),
    completions=({"type": "ref/prompt", "name": "review"},),
)


def write(folder: Path, **options: Any) -> Path:
    path = folder / "server.wasm"
    parts = [
        ComponentSpec("calc", tools_component("called"), CALC),
        ComponentSpec("notes", notes_component(), NOTES),
    ]
    compose_server(parts, METADATA, **{"access": Access(policy=POLICY), **options}).write(path)
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("policy"))


def run(*arguments: str | Path, exit_code: int = 0) -> str:
    done = CliRunner().invoke(commands, [*map(str, arguments)])
    assert done.exit_code == exit_code, done.output
    return done.output


ROWS = [
    "allow      tools add",
    "allow      tools admin_*, by tools/call, under /mcp/admin, with scope admin:use and claim org.roles admin or 1",
    "allow      resources notes://*, with scope notes:read",
    "deny       resources notes://private/*",
    "require    tool power: scope math:use",
    "require    prompt review: scope review",
    "otherwise  deny",
]


def test_show_prints_the_effective_policy(file: Path, tmp_path: Path) -> None:
    assert run("policy", "show", file).splitlines() == ROWS
    found = json.loads(run("policy", "show", file, "--json"))
    assert found["unproved"] is False
    assert found["policy"]["own"] == {
        "tools": {"power": {"scopes": ["math:use"]}},
        "prompts": {"review": {"scopes": ["review"]}},
    }
    plain = tmp_path / "plain.wasm"
    compose_server([ComponentSpec("calc", tools_component("called"), Catalogue((tool("add"),)))], METADATA).write(plain)
    assert "no policy" in run("policy", "show", plain)


def test_inspect_has_the_policy(file: Path) -> None:
    text = run("inspect", file, "--no-boot")
    assert "policy:\n  allow      tools add\n" in text
    assert "filters:" in text  # the paths that rules name
    assert json.loads(run("inspect", file, "--no-boot", "--json"))["policy"]["otherwise"] == "deny"


def test_a_changed_policy_is_shown_with_a_warning(file: Path, tmp_path: Path) -> None:
    data = file.read_bytes()
    index = data.rindex(b"admin:use")
    changed = tmp_path / "changed.wasm"
    changed.write_bytes(data[:index] + b"admin:usf" + data[index + 9 :])
    assert "warning: the policy that this file applies is not that of its record" in run("policy", "show", changed)


CASES = """
[[case]]
name = "anybody adds"
method = "tools/call"
target = "add"
expect = "allow"

[[case]]
method = "tools/call"
target = "admin_stop"
path = "/mcp/admin"
claims = { org = { roles = ["admin"] } }
expect = "deny"
needs = ["admin:use"]

[[case]]
method = "tools/call"
target = "admin_stop"
path = "/mcp/admin"
scopes = ["admin:use"]
claims = { org = { roles = ["admin"] } }
expect = "allow"

[[case]]
method = "tools/call"
target = "admin_stop"
path = "/mcp/other"
expect = "absent"

[[case]]
method = "tools/call"
target = "hidden"
expect = "deny"
needs = []

[[case]]
method = "tools/list"
scopes = ["math:use"]
shows = ["power", "add"]

[[case]]
method = "resources/read"
target = "notes://private/1"
scopes = ["notes:read"]
expect = "deny"

[[case]]
method = "resources/subscribe"
target = "notes://all"
expect = "deny"
needs = ["notes:read"]

[[case]]
method = "resources/subscribe"
target = "notes://all"
scopes = ["notes:read"]
expect = "allow"

[[case]]
method = "completion/complete"
target = "review"
expect = "deny"
needs = ["review"]

[[case]]
method = "prompts/get"
target = "review"
scopes = ["review"]
expect = "allow"

[[case]]
method = "server/discover"
expect = "allow"
"""


@pytest.mark.parametrize("baked", [None, "JWT_JWKS", "JWT_PUBLIC_KEY"])
def test_cases_are_decided_by_the_composed_server(tmp_path: Path, baked: str | None) -> None:
    key = private_key("ES256")
    values = {"JWT_JWKS": json.dumps({"keys": [jwk(key, "ES256")]}), "JWT_PUBLIC_KEY": public_pem(key)}
    settings = {"WASMCP_AUTH_MODE": "oauth", "JWT_ISSUER": "https://issuer.test", baked: values[baked]} if baked else {}
    write(tmp_path, settings=settings, auth="required")
    cases = tmp_path / "cases.toml"
    cases.write_text('server = "server.wasm"\n' + CASES)
    output = run("policy", "test", cases)
    assert output.splitlines()[0] == "ok      anybody adds"
    assert output.splitlines()[-1] == "12 cases, none failed"


def test_decisions_that_differ_are_named(file: Path, tmp_path: Path) -> None:
    cases = tmp_path / "cases.toml"
    cases.write_text(
        CASES.replace('expect = "allow"', 'expect = "deny"', 1)
        .replace('needs = ["admin:use"]', 'needs = ["admin"]')
        .replace('shows = ["power", "add"]', 'shows = ["add"]')
    )
    output = run("policy", "test", cases, file, exit_code=1)
    assert "expected deny, but the server decides allow" in output
    assert "expected that it needs admin, but the server names admin:use" in output
    assert "expected that the list shows add, but it shows add power" in output
    assert output.splitlines()[-1] == "12 cases, 3 failed"
    document = json.loads(run("policy", "test", cases, file, "--json", exit_code=1))
    assert document["failed"] == 3
    assert document["cases"][1]["needs"] == ["admin:use"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "`cases.case` is missing"),
        ("[[case]]", "`cases.case[0].method` is missing"),
        ('[[case]]\nmethod = "tools/call"\nexpect = "allow"', "`cases.case[0].target` is missing"),
        ('[[case]]\nmethod = "tools/call"\ntarget = "a"', "`cases.case[0].expect` is missing"),
        ('[[case]]\nmethod = "tools/list"\ntarget = "a"', "`tools/list` is about no entry"),
        ('[[case]]\nmethod = "tools/list"\nexpects = "a"', "did you mean `expect`?"),
        ('[[case]]\nmethod = "ping"\nexpect = "permit"', "must be one of `allow`, `deny`, `absent`"),
        ('[[case]]\nmethod = "ping"\nexpect = "allow"\nneeds = ["a"]', "`cases.case[0].needs` has no effect"),
        ('[[case]]\nmethod = "ping"\nexpect = "allow"\nshows = ["a"]', "`ping` is not a list"),
        ('[[case]]\nmethod = "ping"\nexpect = "allow"\npath = "mcp"', "must begin with `/`"),
        ("[[case]", "is not TOML"),
    ],
)
def test_mistakes_in_cases_are_named(file: Path, tmp_path: Path, text: str, words: str) -> None:
    cases = tmp_path / "cases.toml"
    cases.write_text(text)
    assert words in run("policy", "test", cases, file, exit_code=1)


def test_a_test_needs_a_server(tmp_path: Path) -> None:
    cases = tmp_path / "cases.toml"
    cases.write_text(CASES)
    assert "name the server" in run("policy", "test", cases, exit_code=2)
    assert "cannot be read" in run("policy", "test", tmp_path / "none.toml", exit_code=1)


def test_servers_without_authorization_cannot_be_tested(tmp_path: Path) -> None:
    path = write(tmp_path, auth="none", access=Access({"/mcp": Filter(None)}))
    cases = tmp_path / "cases.toml"
    cases.write_text(CASES)
    assert "composed without authorization" in run("policy", "test", cases, path, exit_code=1)


def changes(old: Path, new: Path) -> list[tuple[str, str, str, bool, list[str]]]:
    done = CliRunner().invoke(commands, ["diff", str(old), str(new), "--json"])
    assert done.exit_code in (0, 3), done.output
    found = json.loads(done.output)["differences"]
    kinds = ("policy", "filter", "authorization")
    members = ("kind", "name", "change", "breaking", "details")
    return [tuple(one[member] for member in members) for one in found if one["kind"] in kinds]  # type: ignore[misc]


def other(folder: Path, name: str, **options: Any) -> Path:
    target = folder / name
    target.mkdir()
    return write(target, **options)


def test_diff_names_the_changes_of_a_policy(file: Path, tmp_path: Path) -> None:
    wider = Policy((*POLICY.allow, Rule(Selector(tools=("hidden",)))), POLICY.deny)
    new = other(tmp_path, "wider", access=Access(policy=wider))
    assert changes(file, new) == [("policy", "server", "changed", False, ["`allow tools hidden` is new"])]
    assert changes(new, file) == [("policy", "server", "changed", True, ["`allow tools hidden` was removed"])]
    own = other(tmp_path, "own", access=Access())
    details = changes(own, file)[-1]
    assert details[:4] == ("policy", "server", "changed", True)
    assert "other requests: deny" in details[4]
    assert changes(file, file) == []


def test_diff_names_the_changes_of_filters_and_authorization(tmp_path: Path) -> None:
    none = other(tmp_path, "none", access=Access())
    required = other(tmp_path, "required", access=Access(), auth="required")
    assert changes(none, required) == [
        ("authorization", "server", "changed", True, ['`auth` is "required" now; it was "operator"'])
    ]
    assert changes(required, none)[0][3] is False
    filters = {"/mcp/math": Filter(None, (Selector(tools=("hidden",)),))}
    filtered = other(tmp_path, "filtered", access=Access(filters))
    found = {one[1]: one for one in changes(none, filtered)}
    assert found["/mcp/math"][2:] == (
        "added",
        True,
        ["it allows everything, denies tools hidden now", "`hidden` does not exist there any more"],
    )
    assert found["other paths"][3] is True
    assert all(not one[3] for one in changes(filtered, none))
