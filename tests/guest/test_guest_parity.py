"""Rows of the comparison page: each names a test that exists."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest

from wasmcp.guest import tool
from wasmcp.guest.declarations.registry import tool_of
from wasmcp.guest.testing import LocalContext

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/parity.md").read_text("utf-8")
ROWS = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?` \|$", PAGE, re.MULTILINE)


def test_every_row_names_a_test():
    shown, _, missing = PAGE.partition("## Missing features")
    table = [line for line in shown.splitlines() if line[:1] == "|"]
    assert len(ROWS) == len(table) - 2
    assert missing.count("\n|") > 15


@pytest.mark.parametrize(("file", "name"), ROWS)
def test_named_test_exists(file, name):
    text = (ROOT / file).read_text("utf-8")
    assert not name or re.search(rf"^ *(async )?def {name}\(", text, re.MULTILINE)


def test_shared_objects():
    made = []

    @functools.cache
    def connection() -> list[int]:
        made.append(1)
        return []

    @tool
    def add(number: int) -> int:
        connection().append(number)
        return len(connection())

    assert [tool_of(add).call('{"number": 5}', LocalContext()).structured for _ in range(2)] == [
        '{"result":1}',
        '{"result":2}',
    ]
    assert made == [1]
