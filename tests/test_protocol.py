"""The protocol table is the only place with facts of the protocol; guest libraries that cannot read it agree."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from wasmcp.bindgen import protocol_table
from wasmcp.bindgen.protocol_table import GUEST_SOURCES
from wasmcp.guest import fakes
from wasmcp.guest.declarations import options, resources
from wasmcp.protocol import (
    APP_MIME_TYPE,
    APP_PERMISSIONS,
    APP_VISIBILITIES,
    CALL_ERRORS,
    CLIENT_REQUESTS,
    CODES,
    HANDSHAKE,
    KEY_VALUE_LIMITS,
    LATEST,
    LISTS,
    META,
    META_KEYS,
    REVISIONS,
    TASK_DEFAULTS,
    TASK_LIMIT,
)

ROOT = Path(__file__).parents[1]


def sources(*patterns: str) -> list[Path]:
    return [
        path
        for pattern in patterns
        for path in ROOT.glob(pattern)
        if not {"_framework", "node_modules", "templates", "target"} & set(path.parts)
    ]


def test_revisions_sort_as_texts() -> None:
    assert list(REVISIONS) == sorted(REVISIONS)
    assert (*HANDSHAKE, LATEST) == REVISIONS


def test_each_list_is_identified_by_its_kind_and_its_method() -> None:
    assert len({one.kind for one in LISTS}) == len({one.method for one in LISTS}) == len(LISTS)


def test_the_zig_source_has_every_fact() -> None:
    text = protocol_table.zig()
    for name, code in CODES.items():
        assert f"pub const {name} = {code};" in text
    for name, key in META_KEYS.items():
        assert f'"{key}"' in text
        assert key.startswith({"front_matter": META[:-1], "task": "wasmcp/", "page": "wasmcp/"}.get(name, META))
    assert re.findall(r'@"([0-9-]{10})",', text) == list(REVISIONS)


def test_the_framework_has_no_error_code_of_its_own() -> None:
    for path in sources("framework/**/*.zig"):
        if path.name.endswith("_test.zig"):
            continue
        code = re.sub(r"//.*", "", path.read_text("utf-8").partition('\ntest "')[0])
        assert not re.search(r"-32[0-9]{3}\b", code), path


@pytest.mark.parametrize(("name", "generated"), GUEST_SOURCES.items())
def test_the_generated_source_of_a_guest_library_has_every_fact(name: str, generated: Callable[[], str]) -> None:
    text = generated()
    assert (ROOT / "guests" / name).read_text("utf-8") == text
    found = {
        key: json.loads(value) for key, value in re.findall(r"const (\w+)(?:: \S+)? = (.+?)(?: as const)?;\n", text)
    }
    assert {code: found[code.upper()] for code in CODES} == CODES
    assert {found["ELICITATION"], found["SAMPLING"], found["ROOTS"]} == set(CLIENT_REQUESTS.values())
    assert [found[key] for key in ("FRONT_MATTER", "TASK", "PAGE")] == list(META_KEYS.values())[-3:]
    assert {limit: found[f"KV_{limit.upper()}"] for limit in KEY_VALUE_LIMITS} == KEY_VALUE_LIMITS
    assert found["LATEST"] == LATEST


def test_the_generated_source_of_the_guest_library_of_python_is_up_to_date() -> None:
    text = protocol_table.python()
    assert (ROOT / protocol_table.PYTHON_SOURCE).read_text("utf-8") == text, "run `make framework`"
    assert [name for name in CALL_ERRORS if f"{name.upper()} = " not in text] == []


def test_sources_of_guest_libraries_have_no_text_of_errors_of_their_own() -> None:
    texts = {max(text.split("{}"), key=len).strip(" ,:;") for text in CALL_ERRORS.values()}
    own = re.compile("|".join(re.escape(text) for text in texts if len(text) > len("a multiple of")))
    generated = {*(ROOT / "guests" / name for name in GUEST_SOURCES), ROOT / protocol_table.PYTHON_SOURCE}
    found = []
    for path in sources(
        "guests/typescript/**/*.ts", "guests/rust/src/**/*.rs", "guests/zig/*.zig", "wasmcp/guest/**/*.py"
    ):
        if path not in generated:
            text = re.sub(r"^\s*(?://|/?\*|#).*|//.*$", "", path.read_text("utf-8"), flags=re.MULTILINE)
            found += [f"{path.name}: {one}" for one in own.findall(text)]
    assert not found


def test_sources_of_guest_libraries_have_no_fact_of_their_own() -> None:
    facts = [*REVISIONS, *META_KEYS.values(), *CLIENT_REQUESTS.values(), APP_MIME_TYPE]
    fact = re.compile("|".join([r"-32[0-9]{3}\b", *(re.escape(f'"{text}"') for text in facts)]))
    found = []
    for path in sources("guests/typescript/**/*.ts", "guests/rust/src/**/*.rs", "guests/zig/*.zig"):
        if path.relative_to(ROOT / "guests").as_posix() not in GUEST_SOURCES:
            text = re.sub(r"^\s*(?://|/?\*).*|//.*$", "", path.read_text("utf-8"), flags=re.MULTILINE)
            found += [f"{path.name}: {one}" for one in fact.findall(text)]
    assert not found


def test_constants_of_the_guest_library_of_python_agree_with_the_table() -> None:
    """It runs inside components, without the rest of the package."""
    literal = re.compile(r"(?<![\w.])-32[0-9]{3}\b")
    codes = {int(code) for path in sources("wasmcp/guest/**/*.py") for code in literal.findall(path.read_text("utf-8"))}
    assert {CODES["invalid_params"], CODES["internal_error"]} < codes
    # The codes that JSON-RPC and MCP leave to servers are in documentation only.
    assert codes - {-32000, -32019} <= set(CODES.values())
    assert tuple(META_KEYS[key] for key in ("task", "front_matter", "page")) == (
        options.TASK,
        resources.FRONT_MATTER,
        options.PAGE,
    )
    assert options.MAX_SECONDS * 1000 == TASK_LIMIT
    assert {"ttlMs": options.Task().ttl * 1000, "pollIntervalMs": options.Task().poll_interval * 1000} == TASK_DEFAULTS
    assert options.MIME_TYPE == APP_MIME_TYPE
    assert (get_args(options.Visibility), get_args(options.Permission)) == (APP_VISIBILITIES, tuple(APP_PERMISSIONS))
    names = ("name", "key", "session_key", "value", "batch", "batch_bytes", "page")
    assert [getattr(fakes, f"_{name.upper()}") for name in names] == list(KEY_VALUE_LIMITS.values())


def test_enumerations_of_rust_and_zig_agree_with_the_table() -> None:
    rust = (ROOT / "guests/rust/src/app.rs").read_text("utf-8")
    assert tuple(re.findall(r'Self::\w+ => "(\w+)"', rust)) == (*APP_PERMISSIONS, *APP_VISIBILITIES)
    zig = (ROOT / "guests/zig/apps.zig").read_text("utf-8")
    assert f"Permission = enum {{ {', '.join(APP_PERMISSIONS)} }}" in zig
    assert f"Visibility = enum {{ {', '.join(APP_VISIBILITIES)} }}" in zig
