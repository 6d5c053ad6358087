"""Errors of tools: they name the mistake, and nothing of the server's machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from wasmcp.testing import suite


def _rejected(tool: Mapping[str, Any]) -> tuple[Any, str] | None:
    """Return arguments that a tool's schema rejects, with the name of the wrong one; None if it rejects none."""
    schema = tool.get("inputSchema")
    if not isinstance(schema, dict):
        return None
    required = schema.get("required")
    if isinstance(required, list) and required:
        return {}, str(required[0])
    if schema.get("additionalProperties") is False:
        return {"wasmcp_suite_unexpected": 1}, "wasmcp_suite_unexpected"
    return None


def test_wrong_arguments_are_refused_by_name(
    suite_latest: Any, suite_lists: Any, suite_target: Any, suite_report: Any, pytestconfig: pytest.Config
) -> None:
    """Call each tool with arguments that its schema rejects, unless `--wasmcp-suite-calls=none`."""
    if pytestconfig.getoption("wasmcp_suite_calls") == "none":
        pytest.skip("--wasmcp-suite-calls=none")
    problems = list(suite.rejected_call_problems(suite_latest, suite_lists["tools"], _rejected, suite_target.canary))
    suite_report.assert_no_problems(problems)


def test_tools_hold_their_schemas(
    suite_latest: Any, suite_lists: Any, suite_target: Any, suite_report: Any, pytestconfig: pytest.Config
) -> None:
    """Call tools with made arguments: those that are read-only, or all, by `--wasmcp-suite-calls`."""
    calls = pytestconfig.getoption("wasmcp_suite_calls")
    tools = [
        tool
        for tool in suite_lists["tools"]
        if calls == "all" or (calls == "read-only" and (tool.get("annotations") or {}).get("readOnlyHint") is True)
    ]
    if not tools:
        pytest.skip(f"no tool is called with --wasmcp-suite-calls={calls}: `read-only` and `all` call tools")
    from wasmcp.errors import HostError
    from wasmcp.testing.tool_properties import counterexamples

    lines: list[str] = []
    try:
        for tool in tools:
            for found in counterexamples(suite_latest, tool, examples=20, seed=0):
                lines += found.lines(suite_target.shown)
    except HostError as error:
        pytest.fail(str(error), pytrace=False)
    suite_report.assert_no_problems(["\n".join(lines)] if lines else [])
