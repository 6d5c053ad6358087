"""The table `policy` of a server in a project."""

from __future__ import annotations

from pathlib import Path

import pytest

from wasmcp.compose.access import Claim, Condition, Policy, Rule, Selector
from wasmcp.errors import ConfigError
from wasmcp.project.config import parse


def project(policy: object) -> dict[str, object]:
    return {
        "project": {"name": "demo", "version": "1"},
        "tool": {
            "wasmcp": {
                "package": "src/demo",
                "components": {"calc": {"path": "calc.wasm"}},
                "servers": {"default": {"components": ["calc"], "policy": policy}},
            }
        },
    }


def read(folder: Path, policy: object) -> Policy:
    (folder / "src/demo").mkdir(parents=True, exist_ok=True)
    return parse(project(policy), folder, check_files=False).servers["default"].access.policy


def test_policies_are_read_from_the_project(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        {
            "allow": [
                {"tools": ["add"], "scopes": ["math:use"], "methods": ["tools/call"], "paths": ["/mcp/math"]},
                {"tags": ["x"], "claims": {"roles": ["admin", 1], "org": {"admin": True, "id": {"n": "a"}}}},
            ],
            "deny": {"components": ["calc"], "claims": {"plan": "free"}},
            "tools": {"power": {"scopes": ["a", "b"]}},
            "resources": {"notes://{id}": {"claims": {"roles": ["editor"]}}},
        },
    )
    org = (Claim(("org", "admin"), (True,)), Claim(("org", "id", "n"), ("a",)))
    assert found == Policy(
        (
            Rule(Selector(tools=("add",)), ("tools/call",), ("/mcp/math",), Condition(("math:use",))),
            Rule(Selector(tags=("x",)), condition=Condition((), (Claim(("roles",), ("admin", 1)), *org))),
        ),
        (Rule(Selector(components=("calc",)), condition=Condition((), (Claim(("plan",), ("free",)),))),),
        {
            "tools": {"power": Condition(("a", "b"))},
            "resources": {"notes://{id}": Condition((), (Claim(("roles",), ("editor",)),))},
        },
    )


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("package mcp.authorization\nallow := true", "a policy in Rego, of the Rust tool `wasmcp`, is not evaluated"),
        ("policy.rego", "see docs/guides/policy.md"),
        ({}, "has no rules and no conditions"),
        ([], "must be a table, not a list"),
        ({"allow": []}, "has no rules"),
        ({"allow": [{}]}, ".policy.allow[0]` is empty: it would match every request"),
        ({"allow": ["add"]}, "must be a table or a list of tables"),
        ({"allow": [{"tool": ["add"]}]}, "did you mean `tools`?"),
        ({"alow": [{"tools": ["add"]}]}, "did you mean `allow`?"),
        ({"allow": {"tools": []}}, "must not be empty"),
        ({"allow": {"tools": ["add"], "scopes": "a"}}, "must be a list, not a string"),
        ({"allow": {"tools": ["add"], "scopes": ["a b"]}}, "must have scopes of OAuth"),
        ({"allow": {"tools": ["add"], "scopes": ["é"]}}, "must have scopes of OAuth"),
        ({"allow": {"tools": ["add"], "paths": ["/math"]}}, "`/math` must be `/mcp` or below it"),
        ({"allow": {"tools": ["add"], "paths": ["/mcp/../x"]}}, "must be `/mcp` or below it"),
        ({"allow": {"tools": ["add"], "claims": {}}}, "must not be empty"),
        ({"allow": {"tools": ["add"], "claims": {"roles": []}}}, "has no values"),
        ({"allow": {"tools": ["add"], "claims": {"roles": [1.5]}}}, "must have strings, booleans or integers"),
        ({"allow": {"tools": ["add"], "claims": {"roles": [["a"]]}}}, "must have strings, booleans or integers"),
        (
            {"allow": {"tools": ["add"], "claims": {"n": 2**60}}},
            "an integer that not all JSON readers represent exactly",
        ),
        ({"allow": {"tools": ["add"], "claims": {"scope": "a"}}}, "write them in `scopes`"),
        ({"tools": {"add": {}}}, ".policy.tools.add` needs `scopes` or `claims`"),
        ({"tools": {"add": {"scope": ["a"]}}}, "did you mean `scopes`?"),
        ({"tools": ["add"]}, "must be a table"),
    ],
)
def test_mistakes_in_policies_are_named(tmp_path: Path, policy: object, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, policy)
    assert words in str(error.value)


def test_claims_are_nested_up_to_a_limit(tmp_path: Path) -> None:
    claims: object = "x"
    for _ in range(9):
        claims = {"a": claims}
    with pytest.raises(ConfigError, match="is nested deeper than 8 levels"):
        read(tmp_path, {"allow": {"tools": ["add"], "claims": claims}})


def test_all_mistakes_are_reported_together(tmp_path: Path) -> None:
    policy = {"allow": [{"tools": [""]}, {"scopes": ["a b"]}], "deny": {"claims": {"x": 1.5}}}
    with pytest.raises(ConfigError) as error:
        read(tmp_path, policy)
    assert len(error.value.problems) == 3
