"""Outcomes of scenarios, compared with the expected failures of `expected.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """Outcome of a scenario at one entry point in one revision. `failures` are the messages of the failed checks."""

    entry_point: str
    revision: str
    scenario: str
    passed: int
    failures: tuple[str, ...]
    scored: bool = True


@dataclass(frozen=True)
class Expected:
    """Scenario that is expected to fail, with the reason. An empty entry point or revision matches all."""

    scenario: str
    reason: str
    entry_point: str = ""
    revision: str = ""

    def covers(self, outcome: Outcome) -> bool:
        """Return whether the entry matches the outcome. A name that ends in `*` matches all names that begin so."""
        named = self.scenario == outcome.scenario or (
            self.scenario.endswith("*") and outcome.scenario.startswith(self.scenario[:-1])
        )
        return named and self.entry_point in ("", outcome.entry_point) and self.revision in ("", outcome.revision)


def expectations() -> list[Expected]:
    """Read the expected failures from the file next to this module."""
    text = (Path(__file__).parent / "expected.toml").read_text(encoding="utf-8")
    return [Expected(**entry) for entry in tomllib.loads(text).get("expected", [])]


class Ledger:
    """Ledger of all outcomes of a run, compared with the expected failures."""

    def __init__(self, expected: Iterable[Expected]) -> None:
        self.expected = list(expected)
        self.passed = self.excused = 0
        self.failed: list[Outcome] = []
        self._seen: dict[Expected, bool] = {}

    def add(self, outcome: Outcome) -> str:
        """Record an outcome. Returns its line of the report."""
        covering = [entry for entry in self.expected if entry.covers(outcome)]
        for entry in covering:
            self._seen[entry] = self._seen.get(entry, False) or bool(outcome.failures)
        title = f"{outcome.entry_point:<14} {outcome.revision:<10} {outcome.scenario:<48}"
        mark = "" if outcome.scored else " (not scored)"
        if not outcome.failures:
            self.passed += 1
            return f"pass     {title} {outcome.passed} checks{mark}"
        if covering:
            self.excused += 1
            return f"expected {title} {covering[0].reason}{mark}"
        self.failed.append(outcome)
        details = "".join(f"\n           {failure}" for failure in outcome.failures)
        checks = outcome.passed + len(outcome.failures)
        return f"FAIL     {title} {len(outcome.failures)} of {checks} checks{mark}{details}"

    @property
    def stale(self) -> list[Expected]:
        """Entries whose scenarios were run and all passed: they must be removed."""
        return [entry for entry, failed in self._seen.items() if not failed]

    def summary(self) -> str:
        """Return the last line of the report."""
        return (
            f"{self.passed} passed, {len(self.failed)} failed, {self.excused} expected failures, "
            f"{len(self.stale)} stale expectations"
        )
