"""Search for counterexamples to the properties of tools."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from wasmcp.errors import GuestTrapError, HostError, RequestError, ResponseTimeoutError
from wasmcp.host import open_server
from wasmcp.testing.tool_properties import Counterexample, counterexamples

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "array", "items": {"type": "integer"}}},
    "required": ["a"],
    "additionalProperties": False,
}
RESULT = {"type": "object", "properties": {"sum": {"type": "integer", "maximum": 1_000}}, "required": ["sum"]}


class Scripted:
    """A server with one tool, a function of its arguments."""

    def __init__(self, function: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self._function = function
        self.calls: list[Any] = []

    def request(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        assert method == "tools/call"
        assert params is not None
        self.calls.append(params["arguments"])
        return self._function(params["arguments"])


def refusing(arguments: dict[str, Any]) -> dict[str, Any] | None:
    """The tool error of a tool that checks its arguments."""
    for name in ("a", "b", "unexpected_member"):
        value = arguments.get(name)
        right = (
            type(value) is int or (type(value) is float and value.is_integer())
            if name == "a"
            else "b" not in arguments or (isinstance(value, list) and all(type(one) is int for one in value))
            if name == "b"
            else name not in arguments
        )
        if not right:
            return {"isError": True, "content": [{"type": "text", "text": f"`{name}` is wrong"}]}
    return None


def search(function: Callable[[dict[str, Any]], dict[str, Any]], **tool: Any) -> list[Counterexample]:
    listed = {"name": "t", "inputSchema": SCHEMA, **tool}
    return list(counterexamples(Scripted(function), listed, examples=200, seed=0))


def test_a_correct_tool_has_no_counterexample() -> None:
    assert search(lambda arguments: refusing(arguments) or {"content": []}) == []


def test_traps_are_found_and_made_smaller() -> None:
    def trapping(arguments: dict[str, Any]) -> dict[str, Any]:
        refused = refusing(arguments)
        if refused is None and arguments["a"] > 100:
            raise GuestTrapError("integer overflow")
        return refused or {"content": []}

    (found,) = search(trapping)
    assert found.arguments == {"a": 101}
    assert found.problem == "arguments that its `inputSchema` allows end in a trap: integer overflow"
    assert found.lines("server.wasm") == [
        f"tool `t`: {found.problem}",
        '  arguments: {"a": 101}',
        "  repeat:    wasmcp_server.call_tool('t', {'a': 101})",
        """             wasmcp call server.wasm t --arguments '{"a": 101}'""",
    ]


def test_results_are_compared_with_the_output_schema() -> None:
    def summing(arguments: dict[str, Any]) -> dict[str, Any]:
        return refusing(arguments) or {"structuredContent": {"sum": sum(arguments.get("b", []))}}

    (found,) = search(summing, outputSchema=RESULT)
    assert sum(found.arguments["b"]) == 1_001
    assert "$.sum: 1001 is greater than the maximum of 1000" in found.problem
    (found,) = search(lambda arguments: refusing(arguments) or {"content": []}, outputSchema=RESULT)
    assert "no `structuredContent`" in found.problem


def test_wrong_arguments_have_to_be_refused_by_name() -> None:
    (accepted,) = search(lambda _: {"content": []})
    assert accepted.problem.startswith("it accepts arguments that its `inputSchema` rejects ($")
    (nameless,) = search(lambda arguments: (refusing(arguments) and {"isError": True}) or {"content": []})
    assert "does not name" in nameless.problem


def test_error_responses_are_refusals_of_wrong_arguments_only() -> None:
    def protocol(arguments: dict[str, Any]) -> dict[str, Any]:
        refused = refusing(arguments)
        if refused is not None:
            raise RequestError(-32602, refused["content"][0]["text"])
        return {"content": []}

    assert search(protocol) == []

    def internal(arguments: dict[str, Any]) -> dict[str, Any]:
        raise RequestError(-32603, "a is lost")

    allowed, rejected = search(internal)
    assert "allows end in a is lost" in allowed.problem
    assert "rejects" in rejected.problem


def test_the_same_seed_makes_the_same_calls() -> None:
    runs = []
    for seed in (1, 1, 2):
        server = Scripted(lambda arguments: refusing(arguments) or {"content": []})
        list(counterexamples(server, {"name": "t", "inputSchema": SCHEMA}, examples=20, seed=seed))
        runs.append(server.calls)
    assert runs[0] == runs[1] != runs[2]


def test_a_result_that_depends_on_earlier_calls_is_reported() -> None:
    calls: list[int] = []

    def unstable(arguments: dict[str, Any]) -> dict[str, Any]:
        calls.append(1)
        if len(calls) == 1:
            raise GuestTrapError("once")
        return refusing(arguments) or {"content": []}

    (found,) = search(unstable)
    assert "not each time" in found.problem


def test_a_server_that_does_not_answer_is_called_once() -> None:
    calls: list[Any] = []

    def silent(arguments: dict[str, Any]) -> dict[str, Any]:
        calls.append(arguments)
        raise ResponseTimeoutError("server", "tools/call", 30)

    allowed, rejected = search(silent)
    assert allowed.problem.startswith("it does not answer: `server` did not respond")
    assert calls == [allowed.arguments, rejected.arguments]


def test_an_invalid_schema_is_an_error() -> None:
    with pytest.raises(HostError, match=r"tool `t` has a schema that is not valid: \$\.type"):
        search(lambda _: {}, inputSchema={"type": "text"})


def test_tools_of_a_server_hold_their_properties(tested_server: Path) -> None:
    with open_server(tested_server) as server:
        found = [one for tool in server.list_tools() for one in counterexamples(server, tool.raw, examples=40, seed=0)]
    assert found == []
