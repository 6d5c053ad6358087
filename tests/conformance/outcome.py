"""What a scenario came to, and whether that is what `expected.toml` says."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """One scenario at one door in one revision. `failures` are the checks that failed, each with its message."""

    door: str
    revision: str
    scenario: str
    passed: int
    failures: tuple[str, ...]
    scored: bool = True


@dataclass(frozen=True)
class Expected:
    """A scenario that may fail, and why. An empty door or revision means every one."""

    scenario: str
    reason: str
    door: str = ""
    revision: str = ""

    def covers(self, outcome: Outcome) -> bool:
        """Whether this is about that outcome. A name that ends in `*` covers all that begin so."""
        named = self.scenario == outcome.scenario or (
            self.scenario.endswith("*") and outcome.scenario.startswith(self.scenario[:-1])
        )
        return named and self.door in ("", outcome.door) and self.revision in ("", outcome.revision)


def expectations() -> list[Expected]:
    """The expected failures, from the file beside this module."""
    text = (Path(__file__).parent / "expected.toml").read_text(encoding="utf-8")
    return [Expected(**entry) for entry in tomllib.loads(text).get("expected", [])]


class Ledger:
    """All outcomes of a run, held against what is expected."""

    def __init__(self, expected: Iterable[Expected]) -> None:
        self.expected = list(expected)
        self.passed = self.excused = 0
        self.failed: list[Outcome] = []
        self._seen: dict[Expected, bool] = {}

    def add(self, outcome: Outcome) -> str:
        """Take an outcome in. Returns its line of the report."""
        covering = [entry for entry in self.expected if entry.covers(outcome)]
        for entry in covering:
            self._seen[entry] = self._seen.get(entry, False) or bool(outcome.failures)
        title = f"{outcome.door:<14} {outcome.revision:<10} {outcome.scenario:<48}"
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
        """Entries whose scenarios were run and all passed: they hide nothing any more and must go."""
        return [entry for entry, failed in self._seen.items() if not failed]

    def summary(self) -> str:
        """The last line."""
        return (
            f"{self.passed} passed, {len(self.failed)} failed, {self.excused} expected failures, "
            f"{len(self.stale)} stale expectations"
        )
