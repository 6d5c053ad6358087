"""Comparison of `make native`: outcomes of the suite of pydantic-core with the list of expected failures."""

from __future__ import annotations

from native.__main__ import expected
from native.suite import Report, differences

PASSED = "tests/test_a.py::test_one"
FAILED = "tests/test_a.py::test_two[x]"


def test_expected_failures_name_files_of_the_suite() -> None:
    assert len(expected()) == 11
    assert all(name.startswith("tests/") and ".py" in name for name in expected())


def test_outcomes_are_counted() -> None:
    report = Report({PASSED: "passed", FAILED: "failed", "tests/test_b.py": "trap", "tests/test_c.py": "skipped"})
    assert (report.count("passed"), report.count("trap"), report.count("xfailed")) == (1, 1, 0)
    assert report.failed == {FAILED, "tests/test_b.py"}


def test_expected_failures_are_no_difference() -> None:
    report = Report({PASSED: "passed", FAILED: "error"})
    assert differences(report, [FAILED, "tests/test_other.py::test_three"], ["tests/test_a.py"]) == []


def test_unexpected_failures_are_differences() -> None:
    report = Report({PASSED: "xpassed", FAILED: "failed"}, {FAILED: "E   1 == 2"})
    assert differences(report, [], ["tests/test_a.py"]) == [
        f"failed, and is not expected to: {PASSED} (xpassed)",
        f"failed, and is not expected to: {FAILED} (failed)\nE   1 == 2",
    ]


def test_expected_failures_that_pass_are_differences() -> None:
    report = Report({PASSED: "passed"})
    assert differences(report, [PASSED, FAILED], ["tests/test_a.py"]) == [
        f"is expected to fail, and did not: {PASSED}",
        f"is expected to fail, and did not: {FAILED}",
    ]
