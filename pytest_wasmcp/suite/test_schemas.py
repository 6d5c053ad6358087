"""Names, descriptions and schemas of entries, and the size of the list of tools."""

from __future__ import annotations

from typing import Any

import pytest

from wasmcp.testing import suite


def test_entries_have_valid_names_descriptions_and_schemas(suite_lists: Any, suite_report: Any) -> None:
    """Lint the lists."""
    found = list(suite.remarks(suite_lists))
    errors = [str(one) for one in found if one.level == suite.ERROR]
    suite_report.assert_no_problems(errors, [str(one) for one in found if one.level == suite.WARNING])


def test_the_list_of_tools_is_within_its_size(suite_lists: Any, suite_report: Any, pytestconfig: pytest.Config) -> None:
    """Report the size of the list of tools, which each conversation of a model has to read."""
    size = suite.tools_size(suite_lists["tools"])
    suite_report.add(
        f"list of {len(suite_lists['tools'])} tools: {size:,} bytes, some {size // 4:,} tokens (bytes / 4)"
    )
    most = pytestconfig.getoption("wasmcp_suite_tool_bytes")
    is_too_large = most is not None and size > most
    problem = f"the list of tools has {size:,} bytes, and `--wasmcp-suite-tool-bytes` is {most}"
    suite_report.assert_no_problems([problem] if is_too_large else [])
