"""Property tests of tools from their schemas, in runs of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.tested_server import IN_PROCESS


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run pytest in this process; its handler of faults would end traps."""
    return pytester.runpytest_inprocess(*IN_PROCESS, *arguments)


def test_all_tools_are_searched(in_tested_project: pytest.Pytester) -> None:
    in_tested_project.makepyfile("""
        import pytest

        @pytest.mark.wasmcp_fuzz(examples=15)
        def test_tools(wasmcp_server):
            pass
        """)
    run(in_tested_project, "--wasmcp-fuzz-seed=random").assert_outcomes(passed=1)


def test_clients_with_a_token_are_searched_and_other_objects_are_not(in_tested_project: pytest.Pytester) -> None:
    in_tested_project.makepyfile("""
        import pytest
        from unittest.mock import MagicMock

        @pytest.fixture
        def anything():
            return MagicMock()

        @pytest.fixture
        def client(wasmcp_async_server):
            return wasmcp_async_server.with_token("any")

        @pytest.mark.wasmcp_fuzz(examples=5)
        def test_tools(anything, client):
            pass

        @pytest.mark.wasmcp_fuzz("gone")
        def test_gone(anything, client):
            pass
        """)
    result = run(in_tested_project)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*the server has no tool `gone`: it has average, convert*"])


def test_a_trap_is_reported_with_the_calls_that_repeat_it(pytester: pytest.Pytester, zig_server: Path) -> None:
    pytester.makepyfile(f"""
        import pytest

        @pytest.mark.wasmcp({str(zig_server)!r})
        @pytest.mark.wasmcp_fuzz("add", "crash", examples=5)
        def test_tools(wasmcp_server):
            pass
        """)
    result = run(pytester, "--wasmcp-fuzz-seed=7")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "tool `crash`: arguments that its `inputSchema` allows end in a trap: *unreachable*",
            "  arguments: {}",
            "  repeat:    wasmcp_server.call_tool('crash', {})",
            "             wasmcp call SERVER crash --arguments '{}'",
            "the same search: pytest --wasmcp-fuzz-seed=7 'test_a_trap*test_tools'",
        ]
    )
    result.stdout.no_fnmatch_line("tool `add`*")


def test_arguments_are_a_strategy(in_tested_project: pytest.Pytester) -> None:
    in_tested_project.makepyfile("""
        import pytest
        from hypothesis import HealthCheck, given, settings, strategies as st
        from wasmcp.errors import HostError

        @settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
        @given(data=st.data())
        def test_convert(wasmcp_server, data):
            arguments = data.draw(wasmcp_server.arguments("convert"))
            result = wasmcp_server.call_tool("convert", arguments)
            assert result.is_error or result.structured_content["scale"] == arguments.get("to", "celsius")

        def test_unknown(wasmcp_server):
            with pytest.raises(HostError, match="no tool `none`: it has `convert`, `average`"):
                wasmcp_server.arguments("none")
        """)
    run(in_tested_project).assert_outcomes(passed=2)


def test_a_test_without_a_server_or_with_an_unknown_tool_fails(in_tested_project: pytest.Pytester) -> None:
    in_tested_project.makepyfile("""
        import pytest

        @pytest.mark.wasmcp_fuzz
        def test_none():
            pass

        @pytest.mark.wasmcp_fuzz("gone")
        def test_gone(wasmcp_server):
            pass
        """)
    result = run(in_tested_project)
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*use the fixture `wasmcp_server`*", "*no tool `gone`: it has average, convert*"])


@pytest.mark.parametrize("arguments", ["5", "examples=0", "examples=True", "rejected=1", "power=1"])
def test_a_wrong_marker_stops_the_run(pytester: pytest.Pytester, arguments: str) -> None:
    pytester.makepyfile(f"import pytest\n\n@pytest.mark.wasmcp_fuzz({arguments})\ndef test_none():\n    pass\n")
    result = run(pytester)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "takes names of tools, `examples`" in result.stderr.str()


@pytest.mark.parametrize(
    "arguments", [("--wasmcp-fuzz-seed=x",), ("-o", "wasmcp_fuzz_examples=0"), ("-o", "wasmcp_fuzz_examples=x")]
)
def test_a_wrong_option_stops_the_run(pytester: pytest.Pytester, arguments: tuple[str, ...]) -> None:
    result = run(pytester, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "must be a number" in result.stderr.str()
