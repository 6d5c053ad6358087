"""The time from the start of a server to its first lists."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import pytest


def test_the_first_list_arrives_in_time(
    suite_target: Any, suite_transport: str, suite_report: Any, pytestconfig: pytest.Config
) -> None:
    """Report the time of a new connection, of a new process over stdio, to the list of tools."""
    from wasmcp.errors import WasmcpError

    try:
        suite_target.target(suite_transport)  # an HTTP server is started before
        began = perf_counter()
        with suite_target.connect(suite_transport) as client:
            if "tools" in client.capabilities:
                client.list_all("tools/list", "tools")
            seconds = perf_counter() - began
    except WasmcpError as error:
        pytest.fail(f"{suite_transport}: {error}", pytrace=False)
    what = "start to first list" if suite_transport == "stdio" else "connection to first list"
    suite_report.add(f"{suite_transport}: {what} {seconds:.2f} s")
    most = pytestconfig.getoption("wasmcp_suite_start")
    is_late = most is not None and not seconds <= most
    problem = f"{what} took {seconds:.2f} s, and `--wasmcp-suite-start` is {most} s"
    suite_report.assert_no_problems([problem] if is_late else [])
