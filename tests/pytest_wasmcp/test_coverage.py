"""Coverage of servers, in runs of their own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.tested_server import IN_PROCESS

from wasmcp.insight.surface import Usage

SOME = """
import pytest

def test_convert(wasmcp_server):
    assert wasmcp_server.call_tool("convert", {"degrees": 1, "from": "kelvin", "digits": 2}).structured_content

def test_error(wasmcp_server):
    assert wasmcp_server.call_tool("convert", {"degrees": -1, "from": "kelvin"}).is_error

def test_scale(wasmcp_server):
    assert wasmcp_server.read_resource("temperatures://scales/kelvin")
"""
REST = """
import pytest
from wasmcp.errors import RequestError

def test_conversions(wasmcp_server):
    for scale in ("celsius", "fahrenheit", "kelvin"):
        for digits in ({}, {"digits": None}):
            wasmcp_server.call_tool("convert", {"degrees": 1, "from": scale, "to": scale, **digits})
    wasmcp_server.call_tool("convert", {"degrees": 1, "from": "kelvin"})

def test_average(wasmcp_server):
    assert wasmcp_server.call_tool("average", {"degrees": [1]})
    assert wasmcp_server.call_tool("average", {"degrees": []}).is_error

def test_resources(wasmcp_server):
    wasmcp_server.read_resource("temperatures://scales")
    with pytest.raises(RequestError):
        wasmcp_server.read_resource("temperatures://scales/rankine")

def test_prompts(wasmcp_server):
    wasmcp_server.get_prompt("explain", {"scale": "kelvin"})
    wasmcp_server.get_prompt("explain", {"scale": "kelvin", "words": "5"})
    with pytest.raises(RequestError):
        wasmcp_server.get_prompt("explain", {"scale": "rankine"})

def test_completions(wasmcp_server):
    for argument in ("scale", "words"):
        wasmcp_server.complete({"type": "ref/prompt", "name": "explain"}, argument)
    wasmcp_server.complete({"type": "ref/resource", "uri": "temperatures://scales/{scale}"}, "scale")
"""


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run pytest in this process; its handler of faults would end traps."""
    return pytester.runpytest_inprocess(*IN_PROCESS, *arguments)


def test_parts_that_no_test_has_used_are_shown(in_tested_project: pytest.Pytester) -> None:
    in_tested_project.makepyfile(SOME)
    result = run(in_tested_project, "--wasmcp-cov")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(
        [
            "src/tested/_wasmcp/default.wasm: *% of * parts",
            "  completion explain: 0/2  not used: scale, words",
            "  prompt explain: 0/4  not used: got, error, words given, words left out",
            "  resource temperatures://scales: 0/1  not used: read",
            "  template temperatures://scales/{scale}: 1/2  not used: error",
            "  tool average: 0/2  not used: called, error",
            '  tool convert: 6/*  not used: from = "celsius", from = "fahrenheit", to given,*',
        ]
    )


@pytest.mark.parametrize("transport", ["in-process", "stdio", "http"])
def test_all_parts_can_be_used(in_tested_project: pytest.Pytester, transport: str) -> None:
    in_tested_project.makepyfile(test_some=SOME, test_rest=REST)
    options = ("--wasmcp-cov", "--wasmcp-cov-fail-under=100", f"--wasmcp-transport={transport}")
    result = run(in_tested_project, *options)
    result.stdout.fnmatch_lines(["required coverage of servers of 100% reached: 100.00%"])
    result.stdout.no_fnmatch_line("*not used*")
    assert result.ret == 0


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_usage_of_workers_is_merged(in_tested_project: pytest.Pytester, workers: tuple[str, ...]) -> None:
    in_tested_project.makepyfile(test_some=SOME, test_rest=REST)
    result = run(in_tested_project, "--wasmcp-cov-fail-under=100", "--wasmcp-cov-json=out/cov.json", *workers)
    result.assert_outcomes(passed=8)
    assert result.ret == 0
    found = json.loads((in_tested_project.path / "out" / "cov.json").read_text())
    (server,) = found["servers"].values()
    assert (found["format"], found["percent"], server["percent"]) == (1, 100.0, 100.0)
    assert {"kind": "tool", "name": "convert", "use": 'from = "kelvin"', "used": True} in server["parts"]


def test_less_than_the_required_coverage_fails_the_run(in_tested_project: pytest.Pytester) -> None:
    in_tested_project.makepyfile(SOME)
    result = run(in_tested_project, "--wasmcp-cov-fail-under=90")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["required coverage of servers of 90% not reached: *%"])
    excluded = "prompt *\ncompletion *\n* error\ntool average *\nresource *\n* from = *\n* to*"
    in_tested_project.makeini(
        f"[pytest]\nwasmcp_cov_fail_under = 60\nwasmcp_cov_exclude =\n    {excluded}".replace("\n", "\n    ")
        .replace("    [", "[")
        .replace("    wasmcp_", "wasmcp_")
    )
    assert run(in_tested_project, "--wasmcp-cov").ret == 0


@pytest.mark.parametrize(
    "arguments", [("--wasmcp-cov-fail-under=101",), ("--wasmcp-cov", "-o", "wasmcp_cov_fail_under=all")]
)
def test_a_wrong_percentage_stops_the_run(pytester: pytest.Pytester, arguments: tuple[str, ...]) -> None:
    result = run(pytester, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "must be a percentage from 0 to 100" in result.stderr.str()


def test_a_run_without_servers_has_no_coverage(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_none():\n    pass\n")
    assert run(pytester, "--wasmcp-cov-fail-under=1").ret == pytest.ExitCode.TESTS_FAILED


def heard(usage: Usage, method: str, params: dict[str, Any], answer: dict[str, Any]) -> None:
    usage.record_message("->", {"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    usage.record_message("<-", {"jsonrpc": "2.0", "method": "notifications/progress", "params": {}})
    usage.record_message("<-", {"jsonrpc": "2.0", "id": 1, **answer})


def test_ids_belong_to_the_clients_that_sent_them() -> None:
    usage = Usage()
    usage.record_lists({"tools": [{"name": "one"}, {"name": "other"}]})
    for client, tool in (("a", "one"), ("b", "other")):
        usage.record_message("->", {"id": 1, "method": "tools/call", "params": {"name": tool}}, client)
    usage.record_message("<-", {"id": 1, "error": {"code": -32602, "message": ""}}, "a")
    assert usage.parts[("tool", "one", "error")]
    assert not usage.parts[("tool", "other", "error")]
    usage.record_message("<-", {"id": 1, "result": {}}, "b")
    assert usage.parts[("tool", "other", "called")]


def test_usage_learns_from_lists_and_answers_of_a_test() -> None:
    usage = Usage()
    heard(usage, "tools/list", {}, {"result": {"tools": [{"name": "t", "inputSchema": {"type": "object"}}]}})
    assert usage.parts == {("tool", "t", "called"): False, ("tool", "t", "error"): False}
    heard(usage, "tools/call", {"name": "t"}, {"result": {"resultType": "input_required"}})
    assert not any(usage.parts.values())
    heard(usage, "tools/call", {"name": "t"}, {"error": {"code": -32602, "message": ""}})
    heard(usage, "tools/call", {"name": "unknown"}, {"result": {}})
    assert usage.parts == {("tool", "t", "called"): False, ("tool", "t", "error"): True}
    other = Usage()
    other.merge(usage.rows(), ["problem"])
    assert (other.parts, other.problems, other.percent) == (usage.parts, ["problem"], 50)


@pytest.mark.parametrize("message", [None, 5, [], [5], {}, {"id": 1}, {"id": [1], "method": 5}, {"id": 2, "result": 3}])
def test_messages_that_are_not_requests_are_ignored(message: Any) -> None:
    usage = Usage()
    usage.record_message("->", message)
    usage.record_message("<-", message)
    assert usage.parts == {}
