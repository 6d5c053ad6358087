"""CONTRIBUTING.md: the paths and make targets that it names exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading, without its head."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def test_paths_of_the_change_table_exist() -> None:
    table = rows("To change X, go to Y")
    assert len(table) >= 10
    for _, places in table:
        paths = re.findall(r"`([\w./-]+/[\w./-]*)`", places)
        assert paths, places
        assert [path for path in paths if not (ROOT / path).exists()] == []


def test_folders_of_the_map_exist() -> None:
    for place, contents in rows("Map of the repository"):
        folders = [ROOT / path for path in re.findall(r"`([^`]+)`", place)]
        assert folders
        assert [folder for folder in folders if not folder.exists()] == []
        for part in re.findall(r"`(\w+)` \(", contents):
            assert (folders[0] / part).is_dir(), f"{place}: {part}"


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE))
    assert set(re.findall(r"^make ([a-z-]+)", PAGE, flags=re.MULTILINE)) <= targets
