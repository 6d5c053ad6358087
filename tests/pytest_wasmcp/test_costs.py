"""Budgets of tests and the table of costs, in runs of their own."""

from __future__ import annotations

import re

import pytest
from support.tested_server import IN_PROCESS

from pytest_wasmcp.costs import Measured

CALL = 'server.call_tool("convert", {"degrees": 20, "from": "kelvin"})'
TEST = f"""
import pytest

@pytest.mark.wasmcp_budget(BUDGET)
def test_convert(wasmcp_server):
    wasmcp_{CALL}
"""


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run pytest in this process; its handler of faults would end traps."""
    return pytester.runpytest_inprocess(*IN_PROCESS, *arguments)


def test_calls_within_the_budget_pass(in_tested_project: pytest.Pytester) -> None:
    in_tested_project.makepyfile(TEST.replace("BUDGET", "fuel=2_000_000, memory=64 << 20"))
    run(in_tested_project).assert_outcomes(passed=1)


def test_calls_above_the_budget_fail_with_the_figures(in_tested_project: pytest.Pytester) -> None:
    in_tested_project.makepyfile(TEST.replace("BUDGET", "fuel=1_000, memory=65536"))
    outputs = [run(in_tested_project).stdout.str() for _ in range(2)]
    # The message is in the failure, and under `CI` in the summary too.
    pattern = r"tools/call convert: ([\d,]+) (\w+), and the budget is ([\d,]+)"
    figures = [list(dict.fromkeys(re.findall(pattern, text))) for text in outputs]
    assert [(kind, budget) for _, kind, budget in figures[0]] == [("instructions", "1,000"), ("bytes", "65,536")]
    assert figures[0] == figures[1]


def test_calls_of_fixtures_do_not_count(in_tested_project: pytest.Pytester) -> None:
    in_tested_project.makepyfile("""
        import pytest

        @pytest.fixture
        def prepared(wasmcp_server):
            wasmcp_server.call_tool("average", {"degrees": [1.5] * 20_000})
            return wasmcp_server

        @pytest.mark.wasmcp_budget(fuel=1_000_000)
        def test_convert(prepared):
            prepared.call_tool("average", {"degrees": [1]})
        """)
    run(in_tested_project).assert_outcomes(passed=1)


def test_a_budget_without_calls_fails(in_tested_project: pytest.Pytester) -> None:
    in_tested_project.makepyfile("import pytest\n\n@pytest.mark.wasmcp_budget(fuel=1)\ndef test_none():\n    pass\n")
    result = run(in_tested_project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*has no request to a server of this process*"])


def test_a_time_budget_uses_the_code_that_is_shipped(in_tested_project: pytest.Pytester) -> None:
    in_tested_project.makepyfile(f"""
        import pytest

        @pytest.mark.wasmcp_budget(seconds=60)
        def test_generous(wasmcp_server):
            wasmcp_{CALL}

        @pytest.mark.parametrize("wasmcp_transport", ["in-process", "stdio", "http"])
        @pytest.mark.wasmcp_budget(seconds=1e-9)
        def test_strict(wasmcp_server):
            wasmcp_{CALL}
        """)
    result = run(in_tested_project, "--junit-xml=junit.xml")
    result.assert_outcomes(passed=1, failed=3)
    result.stdout.fnmatch_lines(["*tools/call convert: 0.* seconds, and the budget is 1e-09"])
    assert "wasmcp_fuel" not in (in_tested_project.path / "junit.xml").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "takes one or more of `fuel`, `memory`, `seconds`"),
        ("5", "takes one or more of"),
        ("power=5", "takes one or more of"),
        ("fuel=0", "must be a number of instructions above 0, got 0"),
        ("memory='1M'", "must be a number of bytes above 0, got '1M'"),
        ("fuel=1, seconds=1", "`seconds` excludes `fuel` and `memory`"),
    ],
)
def test_a_wrong_budget_stops_the_run(pytester: pytest.Pytester, arguments: str, message: str) -> None:
    pytester.makepyfile(f"import pytest\n\n@pytest.mark.wasmcp_budget({arguments})\ndef test_none():\n    pass\n")
    result = run(pytester)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert message in result.stderr.str()


def test_the_table_and_the_properties_come_from_all_workers(in_tested_project: pytest.Pytester) -> None:
    in_tested_project.makepyfile(f"""
        import pytest

        @pytest.mark.parametrize("count", [1, 2000])
        def test_average(wasmcp_server, count):
            wasmcp_server.call_tool("average", {{"degrees": [1.5] * count}})

        def test_convert(wasmcp_server):
            wasmcp_{CALL}
        """)
    result = run(in_tested_project, "--wasmcp-durations=2", "-n", "2", "--junit-xml=junit.xml")
    result.assert_outcomes(passed=3)
    table = [line for line in result.stdout.lines if " instructions " in line]
    assert len(table) == 2
    assert "test_average[2000]" in table[0]
    properties = re.findall(r'name="wasmcp_fuel" value="(\d+)"', (in_tested_project.path / "junit.xml").read_text())
    assert len(properties) == 3


def test_times_of_responses_in_event_streams_are_taken() -> None:
    measured = Measured(counting=True)
    measured.record_message("->", '{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "a"}}')
    measured.record_message("<-", "[" * 100_000)
    measured.record_message("<-", 'data: {"jsonrpc": "2.0", "method": "notifications/progress"}\n\n')
    assert measured.times == []
    measured.record_message("<-", 'data: {"jsonrpc": "2.0", "id": 1, "result": {}}\n\n')
    assert [(method, target) for method, target, _ in measured.times] == [("tools/call", "a")]
