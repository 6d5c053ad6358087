"""Outcomes of scenarios, compared with `expected.toml`: expected failures, and extensions that are not offered."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """Outcome of a scenario at one entry point in one revision.

    Attributes:
        failures: The messages of the failed checks.
        extensions: The extensions that the server announced there.
    """

    entry_point: str
    revision: str
    scenario: str
    passed: int
    failures: tuple[str, ...]
    scored: bool = True
    extensions: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Expected:
    """Scenario that is expected to fail, with the reason. An empty entry point or revision matches all."""

    scenario: str
    reason: str
    entry_point: str = ""
    revision: str = ""

    def covers(self, outcome: Outcome) -> bool:
        """Return whether the entry matches the outcome."""
        named = _is_named(self.scenario, outcome)
        return named and self.entry_point in ("", outcome.entry_point) and self.revision in ("", outcome.revision)


@dataclass(frozen=True)
class NotOffered:
    """Extension that a server does not offer at an entry point, with the reason: its scenarios do not apply there.

    The server must not announce it there; otherwise the entry is stale, and the scenarios have to pass.
    """

    extension: str
    entry_point: str
    scenario: str
    reason: str

    def covers(self, outcome: Outcome) -> bool:
        """Return whether the entry is about the scenario of the outcome, at its entry point."""
        return self.entry_point == outcome.entry_point and _is_named(self.scenario, outcome)

    def applies(self, outcome: Outcome) -> bool:
        """Return whether the server did not announce the extension."""
        return self.extension not in outcome.extensions


def _is_named(name: str, outcome: Outcome) -> bool:
    """Return whether a name is that of the scenario. One that ends in `*` is that of all that begin so."""
    return name == outcome.scenario or (name.endswith("*") and outcome.scenario.startswith(name[:-1]))


def expectations() -> list[Expected]:
    """Read the expected failures from the file next to this module."""
    return [Expected(**entry) for entry in _tables("expected")]


def not_offered() -> list[NotOffered]:
    """Read the extensions that are not offered from the file next to this module."""
    return [NotOffered(**entry) for entry in _tables("not-offered")]


def _tables(name: str) -> list[dict[str, str]]:
    text = (Path(__file__).parent / "expected.toml").read_text(encoding="utf-8")
    found: list[dict[str, str]] = tomllib.loads(text).get(name, [])
    return found


class Ledger:
    """Ledger of all outcomes of a run, compared with the expected failures and the extensions that are not offered."""

    def __init__(self, expected: Iterable[Expected], missing: Iterable[NotOffered] = ()) -> None:
        self.expected = list(expected)
        self.missing = list(missing)
        self.passed = self.excused = self.inapplicable = 0
        self.failed: list[Outcome] = []
        self._seen: dict[Expected | NotOffered, bool] = {}

    def add(self, outcome: Outcome) -> str:
        """Record an outcome. Returns its line of the report."""
        without = [entry for entry in self.missing if entry.covers(outcome)]
        for one in without:
            self._seen[one] = self._seen.get(one, True) and one.applies(outcome)
        covering = [entry for entry in self.expected if entry.covers(outcome)]
        for entry in covering:
            self._seen[entry] = self._seen.get(entry, False) or bool(outcome.failures)
        title = f"{outcome.entry_point:<14} {outcome.revision:<10} {outcome.scenario:<48}"
        mark = "" if outcome.scored else " (not scored)"
        if without and without[0].applies(outcome):
            self.inapplicable += 1
            return f"n/a      {title} {without[0].extension} is not announced: {without[0].reason}{mark}"
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
    def stale(self) -> list[Expected | NotOffered]:
        """Entries to remove: of scenarios that were run and all passed, or of an extension that is announced."""
        return [entry for entry, holds in self._seen.items() if not holds]

    def summary(self) -> str:
        """Return the last line of the report."""
        return (
            f"{self.passed} passed, {len(self.failed)} failed, {self.excused} expected failures, "
            f"{self.inapplicable} of extensions that are not offered, {len(self.stale)} stale expectations"
        )
