"""Page of what runs: its table has the packages of `tests/packages`, and a slice of it is tried."""

from __future__ import annotations

import pytest
from packages import page
from packages.trial import Outcome, outcomes
from packages.uses import PACKAGES, SERVERS

PAGE = page.PAGE.read_text("utf-8")
SLICE = ("pypdf", "duckdb", "redis")
"""One package of each state."""


def test_table_has_all_packages_with_their_servers() -> None:
    lines = page.lines(PAGE)
    assert list(lines) == sorted(package.name for package in PACKAGES)
    assert len(lines) >= 50
    for package in PACKAGES:
        assert lines[package.name].split(" | ")[1] == ", ".join(package.servers)
        assert page.state(lines[package.name]) in {"works", "builds", "refused"}
    assert {page.state(lines[name]) for name in SLICE} == {"works", "builds", "refused"}
    assert sorted(SERVERS) == sorted({name for package in PACKAGES for name in package.servers})
    for name, repository in SERVERS.items():
        assert f"| {name} | `{repository.partition(',')[0]}`" in PAGE


def test_counts_are_those_of_the_table() -> None:
    states = [page.state(text) for text in page.lines(PAGE).values()]
    counted = f"{len(states)} packages: {states.count('works')} work, {states.count('builds')} build"
    assert f"{counted} and fail in calls, {states.count('refused')} are refused" in PAGE


def test_lines_of_packages_are_replaced() -> None:
    outcome = Outcome("redis", "1.2", "builds", "a | b")
    text = page.updated(PAGE, [outcome])
    assert page.lines(text)["redis"] == "| `redis` 1.2 | redis | builds | a \\| b |\n"
    assert {name: line for name, line in page.lines(text).items() if name != "redis"} == {
        name: line for name, line in page.lines(PAGE).items() if name != "redis"
    }


@pytest.mark.slow
def test_packages_are_as_in_the_table() -> None:
    lines = page.lines(PAGE)
    found = {outcome.name: outcome for outcome in outcomes([package for package in PACKAGES if package.name in SLICE])}
    assert sorted(found) == sorted(SLICE)
    for name, outcome in found.items():
        assert outcome.state == page.state(lines[name]), outcome
