"""The ledger: it reports unexpected failures, and expected failures that passed."""

from __future__ import annotations

from conformance.outcome import Expected, Ledger, Outcome, expectations

GOOD = Outcome("wasmcp serve", "2026-07-28", "caching", 3, ())
BAD = Outcome("wasmtime serve", "2025-11-25", "tools-call-sampling", 1, ("sampling: no request came",))


def test_counts() -> None:
    ledger = Ledger([])
    assert ledger.add(GOOD).startswith("pass ")
    assert "no request came" in ledger.add(BAD)
    assert ledger.failed == [BAD]
    assert ledger.summary() == "1 passed, 1 failed, 0 expected failures, 0 stale expectations"


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
    for entry in expectations():
        assert len(entry.reason) > 10
