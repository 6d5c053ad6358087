"""The suite without code: servers of this project, of the official SDK and of FastMCP, over stdio and HTTP."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.fastmcp_originals import fastmcp_python
from support.server_processes import free_port
from support.tested_server import IN_PROCESS
from support.waiting import wait_until

SDK = [sys.executable, str(Path(__file__).parents[1] / "support" / "sdk_server.py")]
FASTMCP = """\
import sys
from fastmcp import FastMCP

mcp = FastMCP("fast")


@mcp.tool
def divide(a: float, b: float) -> float:
    \"\"\"Divide a number by another.\"\"\"
    return a / b


port = sys.argv[1:]
mcp.run(transport="http", host="127.0.0.1", port=int(port[0]), show_banner=False) if port else mcp.run()
"""
UNKNOWN_TOOL = "*`tools/call` with *no-such-entry* ends in a tool error, and the specification has an error response*"
UNKNOWN_PROMPT = "*`prompts/get` with *no-such-entry* ends in the error response 0: *, and the specification has -32602"


def run(pytester: pytest.Pytester, server: str | list[str], *arguments: str) -> pytest.RunResult:
    """Run the suite in this process; pytest's handler of faults would end traps."""
    named = server if isinstance(server, str) else " ".join(server)
    options = (*IN_PROCESS, "--pyargs", "pytest_wasmcp.suite", f"--wasmcp-server={named}")
    return pytester.runpytest_inprocess(*options, *arguments)


@contextmanager
def listening(command: list[str]) -> Iterator[str]:
    """Run a command with a free port as its last argument. Yield the URL."""
    import socket

    port = free_port()
    process = subprocess.Popen([*command, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def answers() -> bool:
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_until(answers, lambda: f"{command} listens")
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.wait()


def test_a_server_of_ours_passes_over_stdio_and_http(pytester: pytest.Pytester, tested_server: Path) -> None:
    options = ("--wasmcp-suite-strict", "--wasmcp-suite-calls=read-only", "--wasmcp-suite-grants=")
    result = run(pytester, str(tested_server), *options)
    assert result.parseoutcomes()["passed"] == 38
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "isolation: component `temperatures` has the grants: none",
            "stdio: tested 1.0.0, revision 2026-07-28",
            "stdio: start to first list * s",
            "http: tested 1.0.0, revision 2026-07-28",
            "list of 2 tools: 1,346 bytes, some 336 tokens (bytes / 4)",
        ]
    )


def test_limits_fail_the_run(pytester: pytest.Pytester, zig_server: Path) -> None:
    limits = ("--wasmcp-suite-tool-bytes=10", "--wasmcp-suite-start=1e-9", "--wasmcp-suite-strict")
    result = run(pytester, str(zig_server), *limits, "-k", "size or in_time or descriptions")
    result.assert_outcomes(failed=4, deselected=36)
    result.stdout.fnmatch_lines_random(
        [
            "- tool `add`: argument `a` has no description",
            "- the list of tools has * bytes, and `--wasmcp-suite-tool-bytes` is 10",
            "- start to first list took * s, and `--wasmcp-suite-start` is 1e-09 s",
        ]
    )


def test_findings_in_a_server_of_the_official_sdk_over_stdio(pytester: pytest.Pytester) -> None:
    result = run(pytester, SDK)
    result.assert_outcomes(failed=5, passed=15, skipped=3)
    result.stdout.fnmatch_lines(
        [
            "*test_wrong_requests_get_the_errors_of_the_specification*stdio-2025-11-25*",
            UNKNOWN_TOOL,
            UNKNOWN_PROMPT,
            "isolation: none that can be proved*",
            "warning: tool `add`: accepts arguments with any other name*",
        ]
    )


def test_findings_in_a_server_of_the_official_sdk_over_http(pytester: pytest.Pytester) -> None:
    with listening(SDK) as url:
        result = run(pytester, url)
    result.assert_outcomes(failed=5, passed=16, skipped=2)
    result.stdout.fnmatch_lines([UNKNOWN_TOOL, UNKNOWN_PROMPT])


@pytest.mark.slow
def test_findings_in_a_server_of_fastmcp(pytester: pytest.Pytester) -> None:
    python = str(fastmcp_python())
    script = pytester.path / "fast.py"
    script.write_text(FASTMCP)
    over_stdio = run(pytester, [python, str(script)], "-k", "not (2024 or 2025)")
    over_stdio.stdout.fnmatch_lines([UNKNOWN_TOOL, "stdio: fast 4.2.3, revision 2026-07-28"])
    assert over_stdio.parseoutcomes()["failed"] == 1
    with listening([python, str(script)]) as url:
        over_http = run(pytester, url)
    over_http.stdout.fnmatch_lines(
        [UNKNOWN_TOOL, "- a request of a web page (`Origin: *`) gets status 200, and not 403*"]
    )
    assert over_http.parseoutcomes()["failed"] == 6


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        ("", "the suite needs a server"),
        ("missing.wasm", "`missing.wasm` is not a file"),
        ("http://user:secret@127.0.0.1/", "contains a user name or a password"),
        ("'unclosed", "is not a command: No closing quotation"),
    ],
)
def test_a_server_that_is_none_stops_the_run(pytester: pytest.Pytester, server: str, reason: str) -> None:
    result = run(pytester, server)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    shown = result.stdout.str() + result.stderr.str()
    assert reason in shown
    assert "secret" not in shown
    assert "conftest.py" not in shown  # a traceback


def test_a_command_that_does_not_exist_fails(pytester: pytest.Pytester) -> None:
    result = run(pytester, "no-such-program-of-wasmcp", "-k", "connects or in_time")
    result.assert_outcomes(failed=2, deselected=21)
    result.stdout.fnmatch_lines(["*cannot be started*", "*cannot be started*"])
    result.stdout.no_fnmatch_line("*ConnectionFailedError*")  # a traceback


def test_grants_of_commands_cannot_be_compared(pytester: pytest.Pytester) -> None:
    result = run(pytester, "any", "--wasmcp-suite-grants=http", "-k", "grants")
    result.stdout.fnmatch_lines(["*`--wasmcp-suite-grants` needs a .wasm file*"])
