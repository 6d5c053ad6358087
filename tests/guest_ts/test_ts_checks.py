"""Unit tests of the TypeScript guest library in Node, compared with jsonschema and with Node."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support import uri_table
from support.guest_tables import FITTING, UNFITTING

from wasmcp.storage import Cache
from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.typescript.node import install, node
from wasmcp.toolchains.typescript.toolchain import _ENGINES

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
SCALARS: list[Any] = [None, True, False, 0, 1, -1.5, 3, "", "a", "ab", "2026-01-02", "é\U0001f600"]
TEXTS = ["", "a", "ab", "abc", "é", "€uro", "\U0001f600\U0001f600", "a\0b", "x" * 5000, "é" * 5000]
BYTES = [
    "",
    "ff",
    "c3",
    "c3a9",
    "e282",
    "e282ac",
    "f09f98",
    "f09f9880",
    "eda080",
    "f4908080",
    "c080",
    "41c341",
    "efbbbf41",
]
URLS = [
    ["http://example.com"],
    ["HTTPS://Example.COM:443/a/../b/./c?x=1&y=é#z"],
    ["http://u:p@h:8080/a b?q=a b#c d"],
    ["http://[::1]:80/"],
    ["mailto:a@b.c"],
    ["notes://Some/Thing?x#y"],
    ["../x?y", "http://h/a/b/c?d#e"],
    ["/x", "http://h/a/b"],
    ["//other/x", "https://h/a"],
    ["?q", "http://h/a/b?c#d"],
    ["#f", "http://h/a/b?c#d"],
    ["", "http://h/a/b?c#d"],
    ["x"],
    ["http://"],
    ["http://a b/"],
    ["http://h:99999/"],
    ["http://h/%7Efoo/%zz"],
    ["http://h/a/%2e%2E/b/"],
]
BASE64: list[tuple[str, list[int] | str]] = [
    ("", []),
    ("+//+", [0xFB, 0xFF, 0xFE]),
    ("AAE=", [0, 1]),
    ("-__-", "the URL-safe alphabet: send `+` for `-` and `/` for `_`"),
    ("data:text/plain;base64,aGk=", "a data URL: send only what follows `;base64,`"),
    ("<html>", "other characters than A-Z, a-z, 0-9, `+`, `/` and `=`"),
    ("AAE", "3 characters, which is not a multiple of 4"),
    ("AAE=\n", "text with white space in it"),
    ("A A=", "text with white space in it"),
    ("AB==", "text that no bytes are encoded as"),
    ("A===", "text that no bytes are encoded as"),
    ("====", "text that no bytes are encoded as"),
    ("AA==AA==", "text that no bytes are encoded as"),
    ("é", "other characters"),
]
NUMBERS: dict[str, tuple[float | None, object]] = {
    "1": (1, 1),
    "-1.0e2": (-100, -100),
    "1.5": (1.5, 1.5),
    "9007199254740993": (9007199254740992, "9007199254740993"),
    "1e400": (None, "1e400"),
    "0x10": (None, "0x10"),
    " 1": (None, " 1"),
    "+1": (None, "+1"),
    "01": (None, "01"),
    "1_0": (None, "1_0"),
    ".5": (None, ".5"),
    "": (None, ""),
    "\u0661": (None, "\u0661"),
    "Infinity": (None, "Infinity"),
}
REFUSED = [*uri_table.REFUSED, "docs://a/../{x}"]


def schema(draw: random.Random, depth: int = 0) -> Any:
    kinds = ["scalar", "bounds", "text", "enum", "types", "any"] + (
        ["object", "array", "map", "union", "tuple"] if depth < 3 else []
    )
    kind = draw.choice(kinds)
    inner = lambda: schema(draw, depth + 1)  # noqa: E731
    if kind == "scalar":
        return {"type": draw.choice(["string", "number", "integer", "boolean", "null"]), "description": "x"}
    if kind == "bounds":
        return {"type": "number", draw.choice(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]): 1}
    if kind == "text":
        return {"type": "string", **draw.choice([{"minLength": 1}, {"maxLength": 2}, {"pattern": "^a"}])}
    if kind == "enum":
        return {"enum": draw.sample(SCALARS, 3)} if draw.random() < 0.7 else {"const": draw.choice(SCALARS)}
    if kind == "types":
        return {"type": draw.sample(["string", "null", "integer", "boolean"], 2)}
    if kind == "any":
        return draw.choice([{}, True])
    if kind == "array":
        return {
            "type": "array",
            "items": inner(),
            **draw.choice([{}, {"minItems": 1}, {"maxItems": 2}, {"uniqueItems": True}]),
        }
    if kind == "tuple":
        return {"type": "array", "prefixItems": [inner()], "items": draw.choice([False, True, {"type": "string"}])}
    if kind == "map":
        return {"type": "object", "additionalProperties": inner()}
    if kind == "union":
        return {draw.choice(["anyOf", "oneOf", "allOf"]): [inner(), inner()]}
    names = draw.sample(["a", "b", "c", "constructor"], 2)
    made: dict[str, Any] = {"type": "object", "properties": {name: inner() for name in names}}
    if draw.random() < 0.7:
        made["required"] = names[:1]
    if draw.random() < 0.6:
        made["additionalProperties"] = draw.choice([False, True])
    return made


def value(draw: random.Random, depth: int = 0) -> Any:
    kind = draw.random()
    if depth > 3 or kind < 0.4:
        return draw.choice(SCALARS)
    if kind < 0.7:
        return {name: value(draw, depth + 1) for name in draw.sample(["a", "b", "c", "constructor"], draw.randrange(3))}
    return [value(draw, depth + 1) for _ in range(draw.randrange(3))]


@pytest.fixture(scope="module")
def checks() -> list[tuple[Any, list[Any]]]:
    draw = random.Random(20260728)  # noqa: S311 - the same examples every time
    return [(schema(draw), [value(draw) for _ in range(12)]) for _ in range(400)]


@pytest.fixture(scope="module")
def answers(checks: list[Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    source = ComponentSource("checks", HERE / "checks.ts", HERE)
    cache = Cache().toolchain("typescript")
    installed = install(_ENGINES["quickjs"], source, cache, offline=False, progress=print)
    program, script = node(source), tmp_path_factory.mktemp("checks") / "checks.mjs"
    esbuild = installed / "node_modules" / "esbuild" / "bin" / "esbuild"
    options = ["--bundle", "--platform=node", "--format=esm", "--define:WASMCP_BIGINT=false", f"--outfile={script}"]
    subprocess.run([program, esbuild, source.path, *options], check=True, capture_output=True)
    given = {
        "checks": checks,
        "texts": TEXTS,
        "bytes": BYTES,
        "urls": URLS,
        "queries": ["", "a=1", "?a=1&b=%20+x", "a&b=&=c", "ü=ö&a=~*-._'"],
        "fixed": [[row[0], [row[0], row[1], *row[2], *row[3]]] for row in uri_table.FIXED],
        "refused": REFUSED,
        "formats": {name: [*FITTING[name], *UNFITTING[name]] for name in FITTING},
        "base64": [text for text, _ in BASE64],
        "numbers": list(NUMBERS),
    }
    done = subprocess.run([program, script], input=json.dumps(given), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_validation_agrees_with_jsonschema(checks: list[Any], answers: dict[str, Any]) -> None:
    told = quick = 0
    for (made, values), results in zip(checks, answers["checks"], strict=True):
        validator = jsonschema.Draft202012Validator(made)
        for one, result in zip(values, results, strict=True):
            valid = validator.is_valid(one)
            assert (result["problems"] == []) == valid, (made, one, result)
            # The first look may be wrong in one way only: asking for a second one.
            assert not result["quick"] or valid, (made, one)
            told += not valid
            quick += bool(result["quick"])
    assert told > 1000
    assert quick > 300


def test_text_and_bytes(answers: dict[str, Any]) -> None:
    assert answers["texts"] == [[True, True, True]] * len(TEXTS)
    assert dict(zip(BYTES, answers["bytes"], strict=True)) == dict.fromkeys(BYTES, True)


def test_urls_are_those_of_node(answers: dict[str, Any]) -> None:
    for given, (own, nodes) in zip(URLS, answers["urls"], strict=True):
        assert own == nodes, given
    assert all(answers["queries"])


@pytest.mark.parametrize("row", range(len(uri_table.FIXED)))
def test_a_resource_is_listed_in_normal_form_and_read_by_equivalent_uris(answers: dict[str, Any], row: int) -> None:
    _, listed, readable, other = uri_table.FIXED[row]
    found = answers["fixed"][row]
    assert found["listed"] == found["again"] == listed
    assert found["read"] == [True] * (2 + len(readable)) + [False] * len(other)
    # A client in JavaScript may send what its URL parser makes of it.
    assert found["sent"] == listed
    assert found["keys"]


def test_a_uri_that_clients_cannot_read_is_refused(answers: dict[str, Any]) -> None:
    for uri, words in zip(REFUSED, answers["refused"], strict=True):
        assert words.startswith(f"TypeError: `{uri}` "), words
    text = "\n".join(answers["refused"])
    for reason in (
        "must begin with a scheme, such as `notes://`",
        "after the colon clients expect a number up to 65535",
        "or the `xn--` form",
        "a `.` or `..` segment, which clients remove",
    ):
        assert reason in text


def test_formats_are_checked(answers: dict[str, Any]) -> None:
    assert set(answers["formats"]) == set(FITTING)
    for name, found in answers["formats"].items():
        assert found == [True] * len(FITTING[name]) + [False] * len(UNFITTING[name]), name


def test_base64_is_read_strictly(answers: dict[str, Any]) -> None:
    for (text, expected), found in zip(BASE64, answers["base64"], strict=True):
        if isinstance(expected, list):
            assert found == expected
        else:
            assert found.startswith(f"expected base64 (RFC 4648, section 4), got {expected}"), text


def test_numbers_in_texts_are_those_of_json(answers: dict[str, Any]) -> None:
    found = {text: tuple(pair) for text, pair in zip(NUMBERS, answers["numbers"], strict=True)}
    assert found == NUMBERS


def test_problems_are_named_up_to_a_bound(answers: dict[str, Any]) -> None:
    many, items = answers["many"], answers["items"]
    assert len(many) == len(items) == 21
    assert many[-1] == items[-1] == "and more"
    assert many[0].endswith(": unexpected; expected only a")
    assert many[1].endswith(": unexpected")
    assert sum(map(len, many)) < 3000
    assert items[19] == "[19].a: expected string, got integer"


def test_promises(answers: dict[str, Any]) -> None:
    seen, lost = answers["promises"]
    assert lost == ["lost"]
    assert "finally" in seen
    assert "many" in seen
    found = dict(entry for entry in seen if isinstance(entry, list))
    assert found == {
        "then": 2,
        "catch": "no",
        "all": [1, 2, 3],
        "settled": [{"status": "fulfilled", "value": 1}, {"status": "rejected", "reason": 2}],
        "any": 2,
        "none": "all promises were rejected",
        "race": "fast",
        "try": "tried",
        "itself": "a Promise cannot be resolved with itself",
    }
