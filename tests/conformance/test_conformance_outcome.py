"""The ledger: it reports unexpected failures, and expected failures that passed."""

from __future__ import annotations

from dataclasses import replace

from conformance.outcome import Expected, Ledger, NotOffered, Outcome, expectations, not_offered

GOOD = Outcome("wasmcp serve", "2026-07-28", "caching", 3, ())
BAD = Outcome("wasmtime serve", "2025-11-25", "tools-call-sampling", 1, ("sampling: no request came",))


def test_counts() -> None:
    ledger = Ledger([])
    assert ledger.add(GOOD).startswith("pass ")
    assert "no request came" in ledger.add(BAD)
    assert ledger.failed == [BAD]
    assert ledger.summary().startswith("1 passed, 1 failed, 0 expected failures, 0 of extensions")
    assert ledger.summary().endswith("0 stale expectations")


def test_an_expected_failure_has_its_reason() -> None:
    ledger = Ledger([Expected("tools-call-sampling", "no state", "wasmtime serve", "2025-11-25")])
    assert "no state" in ledger.add(BAD)
    assert not ledger.failed
    assert not ledger.stale


def test_an_expectation_is_for_its_door_and_revision() -> None:
    for entry in (
        Expected("tools-call-sampling", "", "wasmcp serve"),
        Expected("tools-call-sampling", "", revision="2026-07-28"),
        Expected("tools-call", ""),
    ):
        ledger = Ledger([entry])
        ledger.add(BAD)
        assert ledger.failed == [BAD]


def test_stale_expectation_is_reported() -> None:
    ledger = Ledger([Expected("caching", "wrong"), Expected("never-run", "unknown")])
    ledger.add(GOOD)
    assert [entry.scenario for entry in ledger.stale] == ["caching"]


def test_a_family_is_stale_only_when_all_pass() -> None:
    ledger = Ledger([Expected("tools-*", "a family")])
    ledger.add(BAD)
    ledger.add(Outcome("wasmtime serve", "2025-11-25", "tools-list", 1, ()))
    assert not ledger.stale
    assert not ledger.failed


def test_every_expectation_has_a_reason() -> None:
    for reason in (*(one.reason for one in expectations()), *(one.reason for one in not_offered())):
        assert len(reason) > 10


MISSING = NotOffered("example.com/ext", "wasmtime serve", "ext-*", "no storage lasts there")
EXT = Outcome("wasmtime serve", "2026-07-28", "ext-get", 0, ("ext-get: unknown method",))


def test_scenarios_of_an_extension_that_is_not_announced_do_not_apply() -> None:
    ledger = Ledger([], [MISSING])
    assert "example.com/ext is not announced: no storage lasts there" in ledger.add(EXT)
    assert (ledger.inapplicable, ledger.failed, ledger.stale) == (1, [], [])


def test_a_missing_extension_that_is_announced_hides_nothing() -> None:
    ledger = Ledger([], [MISSING])
    announced = replace(EXT, extensions=frozenset({"example.com/ext"}))
    assert ledger.add(announced).startswith("FAIL ")
    ledger.add(replace(announced, failures=()))
    assert ledger.failed == [announced]
    assert (ledger.passed, ledger.inapplicable, ledger.stale) == (1, 0, [MISSING])


def test_a_missing_extension_is_missing_at_its_entry_point_only() -> None:
    ledger = Ledger([], [MISSING])
    elsewhere = replace(EXT, entry_point="wasmcp serve")
    ledger.add(elsewhere)
    ledger.add(BAD)
    assert ledger.failed == [elsewhere, BAD]
    assert not ledger.stale
