"""The protocol table is the only place with revisions and error codes; guest libraries that cannot read it agree."""

from __future__ import annotations

import re
from pathlib import Path

from wasmcp.bindgen import protocol_table
from wasmcp.protocol import CODES, HANDSHAKE, LATEST, LISTS, META, META_KEYS, REVISIONS

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
        assert key.startswith("wasmcp/" if name == "task" else META)
    assert re.findall(r'@"([0-9-]{10})",', text) == list(REVISIONS)


def test_the_framework_has_no_error_code_of_its_own() -> None:
    for path in sources("framework/**/*.zig"):
        if path.name.endswith("_test.zig"):
            continue
        code = re.sub(r"//.*", "", path.read_text("utf-8").partition('\ntest "')[0])
        assert not re.search(r"-32[0-9]{3}\b", code), path


def test_constants_of_guest_libraries_agree_with_the_table() -> None:
    codes = set(CODES.values())
    constant = re.compile(r"^(?:export )?(?:const )?[A-Z_]+ = (-32[0-9]{3})", re.MULTILINE)
    found = {
        int(value)
        for path in sources("wasmcp/guest/**/*.py", "wasmcp/toolchains/**/*.ts", "guests/**/*.ts")
        for value in constant.findall(path.read_text("utf-8"))
    }
    assert found
    assert found <= codes
