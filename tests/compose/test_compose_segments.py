from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.compose_inputs import tool

from wasmcp.component.canonical_abi import Case
from wasmcp.compose.catalogue import NO_OWNER, Catalogue, beginnings, cache_hint, index, segment_values
from wasmcp.protocol import IDENTITIES, REVISIONS


def find(table: bytes, name: str) -> int | None:
    """Look up a name in the same way as the framework: by binary search over the bytes of the names."""
    (count,) = struct.unpack_from("<I", table)
    low, high = 0, count
    wanted = name.encode()
    while low < high:
        middle = (low + high) // 2
        offset, length, owner = struct.unpack_from("<III", table, 4 + 12 * middle)
        found = table[offset : offset + length]
        if found == wanted:
            return owner
        low, high = (middle + 1, high) if found < wanted else (low, middle)
    return None


def prompt(name: str) -> dict[str, Any]:
    return {"name": name}


def resource(uri: str) -> dict[str, Any]:
    return {"uri": uri, "name": "n"}


def template(uri: str) -> dict[str, Any]:
    return {"uriTemplate": uri, "name": "n"}


FIRST = Catalogue((tool("b"), tool("a")), prompts=(prompt("p"),), completions=({"type": "ref/prompt", "name": "p"},))
THIRD = Catalogue(
    (tool("c"),),
    resources=(resource("x:1"),),
    templates=(template("x:{n}"), template("y:{n}")),
    prompts=(prompt("q"),),
    completions=({"type": "ref/resource", "uri": "x:{n}"},),
)


def test_values_for_a_segment() -> None:
    values = segment_values([FIRST, Catalogue(), THIRD], completions=True)
    assert [entry["name"] for entry in json.loads(values["tools-v20241105"])] == ["b", "a", "c"]
    assert {name: find(values["tool-index"], name) for name in "abcd"} == {"a": 0, "b": 0, "c": 2, "d": None}
    assert {name: find(values["prompt-index"], name) for name in "pqr"} == {"p": 0, "q": 2, "r": None}
    assert find(values["resource-index"], "x:1") == 2
    assert values["resource-readers"] == [{"component": 2, "beginnings": ["x:", "x:1", "y:"]}]
    assert [entry["uriTemplate"] for entry in json.loads(values["templates-v20260728"])] == ["x:{n}", "y:{n}"]
    completers = {
        "prompt p": 0,
        "prompt q": NO_OWNER,
        "template x:{n}": 2,
        "template y:{n}": NO_OWNER,
        "template x:1": NO_OWNER,
    }
    assert {key: find(values["completion-index"], key) for key in completers} == completers
    lists = {f"{kind}-v{revision.replace('-', '')}" for kind in IDENTITIES for revision in REVISIONS}
    others = {"tool-index", "prompt-index", "resource-index", "completion-index", "resource-readers"}
    assert set(values) == lists | others | {f"{kind}-cache" for kind in IDENTITIES}


def test_uri_prefixes_of_a_component() -> None:
    own = Catalogue(
        resources=(resource("notes://a/index"),),
        templates=(template("notes://b/{id}"), template("HTTP+x://{host}/y"), template("{+any}"), template("odd{x}")),
    )
    assert beginnings(own) == ["", "HTTP+x:", "HTTP+x://", "notes:", "notes://a/index", "notes://b/", "odd"]
    assert beginnings(FIRST) == []


def test_owner_of_a_prompt_completes_it() -> None:
    thief = Catalogue(
        (tool("t"),),
        completions=(
            {"type": "ref/prompt", "name": "p"},
            {"type": "ref/prompt", "name": "q"},
            {"type": "ref/resource", "uri": "x:{n}"},
        ),
    )
    values = segment_values([thief, FIRST, THIRD], completions=True)
    completers = {"prompt p": 1, "template x:{n}": 2, "prompt q": 0}
    assert {key: find(values["completion-index"], key) for key in completers} == completers


def test_server_without_completion() -> None:
    assert segment_values([FIRST])["completion-index"] == struct.pack("<I", 0)


@pytest.mark.parametrize(
    ("hints", "merged"),
    [
        ([], (300_000, "public")),
        ([(400_000, "public")], (300_000, "public")),
        ([(5, "public"), (7, "private")], (5, "private")),
        ([(0, "private")], (0, "private")),
    ],
)
def test_cache_hints_are_merged(hints: list[tuple[int, str]], merged: tuple[int, str]) -> None:
    given = [
        Catalogue(prompts=(prompt("p"),), cache={"prompts": {"ttlMs": time, "cacheScope": scope}})
        for time, scope in hints
    ]
    given.append(Catalogue(cache={"prompts": {"ttlMs": 0, "cacheScope": "private"}}))
    assert cache_hint("prompts", [Catalogue(), *given]) == {"ttlMs": merged[0], "cacheScope": merged[1]}
    assert cache_hint("tools", given) == {"ttlMs": 300_000, "cacheScope": "public"}
    values = segment_values(given)
    assert values["prompts-cache"] == {"ttl-ms": merged[0], "scope": Case(merged[1])}


@settings(suppress_health_check=[HealthCheck.too_slow])  # generating the names is slow on a busy machine
@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.integers(0, 2**32 - 1)))
def test_every_name_is_found_and_no_other(owners: dict[str, int]) -> None:
    table = index(owners)
    assert {name: find(table, name) for name in owners} == owners
    assert all(find(table, name + "x") == owners.get(name + "x") for name in owners)
