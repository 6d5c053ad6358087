"""Options of the suite without code, `pytest_wasmcp.suite`, and its report."""

from __future__ import annotations

import pytest

from pytest_wasmcp.report import properties_of

PROPERTY = "wasmcp_suite"
CALLS = ("none", "rejected", "read-only", "all")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the suite."""
    group = parser.getgroup("wasmcp suite", "suite for any MCP server: --pyargs pytest_wasmcp.suite")
    group.addoption("--wasmcp-suite-strict", action="store_true", help="fail on warnings")
    group.addoption(
        "--wasmcp-suite-calls",
        choices=CALLS,
        default="rejected",
        help="calls of tools: none; with arguments that their schemas reject; also read-only tools, or all, with made "
        "arguments",
    )
    group.addoption("--wasmcp-suite-tool-bytes", type=int, metavar="N", help="the most bytes of the list of tools")
    group.addoption("--wasmcp-suite-start", type=float, metavar="SECONDS", help="the most time to the first list")
    group.addoption("--wasmcp-suite-grants", metavar="FAMILIES", help="the grants that components may have, by comma")
    group.addoption(
        "--wasmcp-suite-token", metavar="VARIABLE", help="environment variable with a bearer token for a URL"
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the lines of the suite."""
    from wasmcp.terminal import printable

    lines = [line for _, line in properties_of(terminalreporter, PROPERTY)]
    if lines:
        terminalreporter.section("suite of MCP servers")
        for line in dict.fromkeys(lines):
            terminalreporter.line(printable(line))
