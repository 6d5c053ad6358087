"""The table of features: every cell is linked to a test that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "features.md"
CELL = re.compile(r"\[(?:all|(?:(?:3|4|6|7|11) ?)+)\]\[(\w+)\]")
DEFINITION = re.compile(r'^\[(\w+)\]: (\S+) "(\w+)"$', re.MULTILINE)
NOTHING = {"–", "no"}  # noqa: RUF001 - the page's own dash


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text("utf-8")


def rows(page: str) -> dict[str, list[str]]:
    lines = [line.strip("|").split("|") for line in page.splitlines() if line.startswith("| ")]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines[1:]}


def test_every_cell_is_linked_or_says_that_there_is_nothing(page: str) -> None:
    found = rows(page)
    assert len(found) > 25
    for feature, cells in found.items():
        assert len(cells) == 5, feature
        assert all(cell in NOTHING or CELL.fullmatch(cell) for cell in cells), (feature, cells)
        assert any(CELL.fullmatch(cell) for cell in cells), feature


def test_links_and_definitions_are_the_same(page: str) -> None:
    used = {match[1] for cells in rows(page).values() for cell in cells if (match := CELL.fullmatch(cell))}
    assert used == {match[1] for match in DEFINITION.finditer(page)}


def test_every_test_is_there(page: str) -> None:
    for _, target, name in DEFINITION.findall(page):
        path = (PAGE.parent / target).resolve()
        assert path.is_file(), target
        assert re.search(rf"^\s*def {name}\(", path.read_text("utf-8"), re.MULTILINE), (target, name)
