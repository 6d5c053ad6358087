"""Table of features: every cell links to an existing test and names revisions by date."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wasmcp.protocol import REVISIONS

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "features.md"
REVISION = "|".join(REVISIONS)
CELL = re.compile(rf"\[(?:all|handshake|(?:{REVISION})(?:, (?:{REVISION}))*)\]\[(\w+)\]")
DEFINITION = re.compile(r'^\[(\w+)\]: (\S+) "(\w+)"$', re.MULTILINE)
NOTHING = {"–", "no"}  # noqa: RUF001 - the page's own dash


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text("utf-8")


def rows(page: str) -> dict[str, list[str]]:
    lines = [line.strip("|").split("|") for line in page.splitlines() if line.startswith("| ")]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines[1:]}


def test_each_cell_links_to_a_test_or_marks_absence(page: str) -> None:
    found = rows(page)
    assert len(found) > 25
    for feature, cells in found.items():
        assert len(cells) == 5, feature
        assert all(cell in NOTHING or CELL.fullmatch(cell) for cell in cells), (feature, cells)
        assert any(CELL.fullmatch(cell) for cell in cells), feature


def test_links_match_definitions(page: str) -> None:
    used = {match[1] for cells in rows(page).values() for cell in cells if (match := CELL.fullmatch(cell))}
    assert used == {match[1] for match in DEFINITION.finditer(page)}


def test_linked_tests_exist(page: str) -> None:
    for _, target, name in DEFINITION.findall(page):
        path = (PAGE.parent / target).resolve()
        assert path.is_file(), target
        assert re.search(rf"^\s*def {name}\(", path.read_text("utf-8"), re.MULTILINE), (target, name)
