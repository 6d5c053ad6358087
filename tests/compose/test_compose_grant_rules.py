"""Rules of grants: how they are read and compared, and what composition, inspection and diff make of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.compose_inputs import METADATA, catalogue, probe, validate

from wasmcp.component.topology import Source
from wasmcp.compose import ComponentSpec, compose_server, composed_server
from wasmcp.compose.component_reader import read_component
from wasmcp.compose.grant_rules import (
    MAX_RULES,
    GrantRules,
    HttpRule,
    KvRule,
    RuleError,
    missing,
    read_grants,
    table,
)
from wasmcp.compose.grants import breadth_warnings, read_policy, unlimited_grants
from wasmcp.errors import ConfigError, GrantPolicyError, InvalidComponentError
from wasmcp.insight.roles import grant_annotations, read_structure


def read(document: Any) -> tuple[frozenset[str], GrantRules, list[str]]:
    problems: list[str] = []
    families, rules = read_grants(document, lambda place, problem: problems.append(f"{place} {problem}"))
    return families, rules, problems


def rules(**document: Any) -> GrantRules:
    _, found, problems = read(document)
    assert problems == []
    return found


@pytest.mark.parametrize(
    ("given", "normalised", "rule"),
    [
        ("https://API.Weather.gov", "https://api.weather.gov", HttpRule("https", "api.weather.gov", port=443)),
        ("https://api.weather.gov.:443/", "https://api.weather.gov", HttpRule("https", "api.weather.gov", port=443)),
        ("HTTP://a.org:443", "http://a.org:443", HttpRule("http", "a.org", port=443)),
        ("https://*.a.org:*", "https://*.a.org:*", HttpRule("https", "a.org", subdomains=True)),
        ("http://*", "http://*", HttpRule("http", "", port=80)),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", HttpRule("http", "127.0.0.1", port=8080)),
        ("http://[0:0::1]", "http://[::1]", HttpRule("http", "::1", port=80)),
        ("http://[::ffff:10.0.0.1]", "http://10.0.0.1", HttpRule("http", "10.0.0.1", port=80)),
        ("http://localhost:*", "http://localhost:*", HttpRule("http", "localhost")),
    ],
)
def test_urls_are_normalised(given: str, normalised: str, rule: HttpRule) -> None:
    found = rules(http=[given])
    assert found.http == (rule,)
    assert found.to_dict() == {"http": [normalised]}
    assert GrantRules.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ("api.weather.gov", "must be `SCHEME://HOST`"),
        ("ftp://a.org", "must begin with `https://`"),
        ("https://a.org/v1", "has a path, `/v1`"),
        ("https://a.org?x", "has a path, `?x`"),
        ("https://user@a.org", "has user information"),
        ("https://a.org:0", "has the port `0`"),
        ("https://a.org:65536", "has the port `65536`"),
        ("https://a.org:", "has the port ``"),
        ("https://a.org:8_0", "has the port `8_0`"),
        ("https://a*.org", "`*` stands for a whole host"),
        ("https://*.*.org", "`*` stands for a whole host"),
        ("https://é.org", "`xn--...`"),
        ("https://a..org", "is not a name or an address"),
        ("https://", "is not a name or an address"),
        ("https://2130706433", "four decimal numbers"),
        ("https://0x7f.0.0.1", "four decimal numbers"),
        ("https://127.1", "four decimal numbers"),
        ("https://*.0.0.1", "an address has no subdomains"),
        ("https://[fe80::1%25eth0]", "has no zone"),
        ("https://[::1", "four decimal numbers"),
        (7, "must be a string or a table"),
        ({"methods": ["GET"]}, "needs `url`"),
        ({"url": "https://a.org", "method": ["GET"]}, "unknown key `method`"),
        ({"url": "https://a.org", "methods": []}, "`methods` that are not a list"),
        ({"url": "https://a.org", "methods": ["get"]}, "write `GET`"),
        ({"url": "https://a.org", "methods": ["A B"]}, "which is not a method"),
    ],
)
def test_an_invalid_url_is_refused(given: object, part: str) -> None:
    _, found, problems = read({"http": [given]})
    assert len(problems) == 1
    assert problems[0].startswith("http[0] ")
    assert part in problems[0]
    assert found.http == ()


def test_all_mistakes_are_reported() -> None:
    families, _, problems = read(
        {
            "htp": True,
            "sockets": ["a"],
            "env": [],
            "kv": ["notes", {"bucket": "a*b"}, {"bucket": "wasmcp:x"}, {"bucket": "a", "access": "none"}],
            "http": False,
        }
    )
    assert [one.split(" ")[0] for one in problems] == ["htp", "sockets", "env", *(f"kv[{i}]" for i in range(4)), "http"]
    assert families == {"sockets", "env", "kv", "http"}
    assert "the limit is 1,000" in read({"env": [f"V{i}" for i in range(MAX_RULES + 1)]})[2][0]
    assert "repeats" in read({"http": ["https://a.org", "https://A.org:443"]})[2][0]
    assert "without `*`" in read({"env": ["A*"]})[2][0]


def test_a_document_of_another_form_is_refused() -> None:
    for document in (None, [], {"fs2": []}, {"http": True}, {"http": ["x"]}, {"kv": [{"bucket": 1}]}):
        with pytest.raises(RuleError):
            GrantRules.from_dict(document)


def test_grants_are_one_table() -> None:
    families, found, problems = read({"kv": ["bucket:notes", "bucket:"], "sockets": True, "env": ["B", "A"]})
    assert problems == []
    assert table(families, found) == {"env": ["A", "B"], "kv": ["bucket:notes", "bucket:"], "sockets": True}
    assert found.kv == (KvRule("notes"), KvRule(""))
    assert bool(found)
    assert not GrantRules()


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ("https://a.org", "https://a.org"),
        ("https://a.org:*", "https://a.org:8443"),
        ("https://*.a.org", "https://x.a.org"),
        ("https://*.a.org", "https://*.x.a.org"),
        ("https://a.org", {"url": "https://a.org", "methods": ["GET"]}),
        ({"url": "https://a.org", "methods": ["GET", "PUT"]}, {"url": "https://a.org", "methods": ["PUT"]}),
    ],
)
def test_a_rule_covers_narrower_ones(wide: Any, narrow: Any) -> None:
    one, other = rules(http=[wide]), rules(http=[narrow])
    assert missing(other, {"http"}, one, {"http"}) == []
    if one != other:
        assert len(missing(one, {"http"}, other, {"http"})) == 1


@pytest.mark.parametrize(
    "other",
    [
        "http://a.org",
        "https://b.org",
        "https://*.a.org",
        "https://xa.org",
        "https://*",
        {"url": "https://a.org", "methods": ["TRACE"]},
    ],
)
def test_a_rule_does_not_cover_others(other: Any) -> None:
    assert len(missing(rules(http=[other]), {"http"}, rules(http=["https://a.org"]), {"http"})) == 1


POLICY = """\
[grants]
http = ["https://*.example.com"]
sessions = true

[components.x.grants]
http = ["https://a.org"]
kv = true
env = ["A"]
"""


def test_a_policy_permits_what_it_covers(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(POLICY)
    policy = read_policy(tmp_path / "policy.toml")
    x = rules(http=["https://a.org", {"url": "https://b.example.com", "methods": ["GET"]}], env=["A"])
    y = rules(http=["https://b.example.com"])
    policy.check(
        [
            ComponentSpec("x", b"", grants=frozenset({"http", "env", "kv", "sessions"}), rules=x),
            ComponentSpec("y", b"", grants=frozenset({"http"}), rules=y),
            ComponentSpec("z", b""),
        ]
    )
    with pytest.raises(GrantPolicyError) as caught:
        policy.check(
            [
                ComponentSpec("x", b"", grants=frozenset({"http", "env"}), rules=y),
                ComponentSpec("y", b"", grants=frozenset({"http", "env", "kv"}), rules=x),
            ]
        )
    assert caught.value.policy == "policy.toml"
    assert caught.value.components == {"x": ("env (the whole family)",), "y": ("env", "http https://a.org", "kv")}
    for line in ("`x`: env (the whole family)", "`y`: http https://a.org"):
        assert line in str(caught.value)


def test_all_mistakes_of_a_policy_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(
        'other = 1\n[grants]\nhttp = ["x"]\n[components]\nb = 1\nc.grants = ["http"]\nd.grants.fs2 = true\n'
    )
    with pytest.raises(ConfigError) as caught:
        read_policy(path)
    assert [one.split(" ")[0] for one in caught.value.problems] == [
        "`other`",
        "`grants.http[0]`",
        "`components.b`",
        "`components.c.grants`",
        "`components.d.grants.fs2`",
    ]
    for text in ("[", f"a = {'[' * 20_000}"):
        path.write_text(text)
        with pytest.raises(ConfigError, match="it is not TOML"):
            read_policy(path)
    with pytest.raises(ConfigError, match="it cannot be read"):
        read_policy(tmp_path / "missing.toml")


def test_missing_grants_are_named() -> None:
    policy = rules(env=["A"], kv=[{"bucket": "notes*", "prefix": "x/"}, "bucket:all"], http=["https://*.a.org"])
    wanted = rules(env=["A", "B"], kv=["bucket:notes", {"bucket": "all", "access": "read"}])
    assert missing(wanted, {"env", "kv", "http", "fs"}, policy, {"env", "kv", "http"}) == [
        "env B",
        "fs",
        "http (the whole family)",
        "kv bucket:notes",
    ]


def test_a_component_has_a_guard_and_its_own_rules(tmp_path: Path) -> None:
    spec = ComponentSpec("x", probe(), catalogue("probe"), frozenset({"env"}), rules=rules(env=["A"]))
    other = ComponentSpec("y", probe(), catalogue("other"), frozenset({"env"}))
    composed = compose_server([spec, other], METADATA)
    validate(composed.data)
    assert [one for one in composed.instances if "env" in one] == ["env-rules of x", "env-guard of x"]
    x, y = read_structure(composed.data).components
    assert (x.granted, dict(x.rules), x.unproved, x.guarded) == (
        ("env",),
        {"env": ["A"]},
        (),
        ("wasi:cli/environment@0.2.8",),
    )
    assert (y.granted, dict(y.rules), y.host[-1:]) == (("env",), {}, ("wasi:cli/environment@0.2.8",))
    annotations = grant_annotations(composed.data)
    assert json.loads(annotations["dev.wasmcp.grant-rules"]) == {"x": {"env": ["A"]}}
    assert json.loads(annotations["dev.wasmcp.grants"]) == {"x": ["env"], "y": ["env"]}


def test_a_server_without_rules_has_no_guard() -> None:
    composed = compose_server([ComponentSpec("x", probe(), catalogue("probe"), frozenset({"env"}))], METADATA)
    assert not [one for one in composed.instances if "guard" in one or "env-rules" in one]
    assert "dev.wasmcp.grant-rules" not in grant_annotations(composed.data)


def test_rules_that_differ_from_the_record_are_reported() -> None:
    """The record is a claim; the rules that count are those in the component of constants."""
    spec = ComponentSpec("x", probe(), catalogue("probe"), frozenset({"env"}), rules=rules(env=["AAAA"]))
    data = compose_server([spec], METADATA).data
    assert data.count(b"AAAA") == 2  # the constants, and the record
    for index in (data.index(b"AAAA"), data.rindex(b"AAAA")):
        changed = data[:index] + b"HOME" + data[index + 4 :]
        (part,) = read_structure(changed).components
        assert part.unproved == ("env",)
        assert part.to_dict()["unproved_rules"] == ["env"]
        assert "dev.wasmcp.grant-rules" not in grant_annotations(changed)


def test_rules_of_another_component_of_the_same_name_are_not_shown() -> None:
    own, other = (
        ComponentSpec(name, probe(), catalogue(name), frozenset({"env"}), rules=rules(env=[variable]))
        for name, variable in (("xa", "NARROW"), ("xb", "BROAD"))
    )
    data = compose_server([own, other], METADATA).data
    assert [(part.name, part.unproved) for part in read_structure(data).components] == [("xa", ()), ("xb", ())]
    record = data[data.rindex(composed_server.SECTION.encode()) :]
    assert record.count(b'"xb"') > 2
    renamed = data.replace(record, record.replace(b'"xb"', b'"xa"'))
    assert [part.unproved for part in read_structure(renamed).components] == [("env",), ("env",)]


def test_a_guard_counts_only_if_it_provides_the_whole_interface() -> None:
    spec = ComponentSpec("x", probe(), catalogue("probe"), frozenset({"env"}), rules=rules(env=["A"]))
    structure = read_structure(compose_server([spec], METADATA).data)
    index = next(number for number, role in enumerate(structure.roles) if role.kind == "component")
    instance = structure.topology.instances[index]
    (name,) = structure.reach(index).guarded
    mixed = (*instance.arguments[name], Source(0, ("other", "function")))
    instances = list(structure.topology.instances)
    instances[index] = replace(instance, arguments={**instance.arguments, name: mixed})
    changed = replace(structure, topology=replace(structure.topology, instances=tuple(instances)))
    assert (structure.reach(index).unproved, changed.reach(index).unproved) == ((), ("env",))


def test_an_interface_that_rules_cannot_limit_is_refused() -> None:
    from support.compose_inputs import tools_beside

    text = '(component (import "wasi:keyvalue/store@0.2.0-draft2" (instance (export "f" (func)))))'
    spec = ComponentSpec(
        "x", tools_beside(text, "t"), catalogue("t"), frozenset({"kv"}), rules=rules(kv=["bucket:notes"])
    )
    with pytest.raises(InvalidComponentError, match="which the rules of the grant `kv` cannot limit"):
        compose_server([spec], METADATA)


def test_rules_without_the_grant_are_refused() -> None:
    spec = ComponentSpec("x", probe(), catalogue("probe"), rules=rules(env=["A"]))
    with pytest.raises(InvalidComponentError, match="it has rules of the grant `env`, but not the grant"):
        compose_server([spec], METADATA)


def test_a_whole_network_is_reported() -> None:
    from support.compose_inputs import tools_beside

    text = '(component (import "wasi:http/outgoing-handler@0.2.8" (instance (export "f" (func)))))'
    data = tools_beside(text, "t")
    whole = read_component(ComponentSpec("x", data, catalogue("t"), frozenset({"http"})))
    limited = read_component(ComponentSpec("x", data, None, frozenset({"http"}), rules=rules(http=["https://*"])))
    assert unlimited_grants(whole) == ("http",)
    assert unlimited_grants(limited) == ()
    (warning,) = breadth_warnings({"x": ("http",)})
    assert "`x` is granted all of `http`" in warning
    (warning,) = breadth_warnings({"x": ("sockets",)})
    assert "do not limit that" in warning
