"""The TypeScript guest library: everything that it can declare, in a server, called as clients do."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from wasmcp.errors import RequestError
from wasmcp.host import Server, open_server

pytestmark = pytest.mark.slow

GOOD = {
    "count": 3,
    "kind": "red",
    "maybe": None,
    "list": [1, 2.5],
    "pair": [1],
    "map": {"x": True},
    "tree": {"name": "root", "children": [{"name": "leaf"}]},
    "either": {"b": "x"},
}


@pytest.fixture(scope="module")
def tools(server: Server) -> dict[str, dict[str, Any]]:
    return {tool["name"]: tool for tool in server.request("tools/list")["tools"]}


def call(server: Server, name: str, **arguments: Any) -> dict[str, Any]:
    return server.request("tools/call", {"name": name, "arguments": arguments})


def text(result: dict[str, Any]) -> str:
    return "\n".join(block["text"] for block in result["content"])


def test_a_description_comes_from_the_code(tools: dict[str, dict[str, Any]]) -> None:
    tool = tools["everything"]
    assert tool["title"] == "Everything"
    assert tool["description"] == "Take every kind of argument."
    assert tool["annotations"] == {"readOnlyHint": True}
    assert tool["_meta"] == {"a": 1, "wasmcp/tags": ["all", "types"], "wasmcp/scopes": ["types:use"]}


def test_a_schema_comes_from_a_type(tools: dict[str, dict[str, Any]]) -> None:
    schema = tools["everything"]["inputSchema"]
    jsonschema.Draft202012Validator.check_schema(schema)
    properties = schema["properties"]
    assert properties["count"] == {"type": "integer", "description": "How many.", "minimum": 1, "maximum": 10}
    assert properties["kind"]["enum"] == ["red", "green", 3]
    assert properties["flag"] == {"type": "boolean"}
    assert sorted(properties["maybe"]["type"]) == ["null", "string"]
    assert properties["list"] == {"type": "array", "items": {"type": "number"}}
    assert properties["map"] == {"type": "object", "additionalProperties": {"type": "boolean"}}
    assert properties["when"] == {"type": "string", "format": "date-time", "default": "2026-01-01T00:00:00Z"}
    assert properties["tree"] == {"$ref": "#/$defs/Tree"}
    assert schema["$defs"]["Tree"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Tree"}
    assert set(schema["required"]) == {"count", "kind", "maybe", "list", "pair", "map", "tree", "either"}
    jsonschema.validate(GOOD, schema)


def test_every_schema_is_one(tools: dict[str, dict[str, Any]]) -> None:
    for tool in tools.values():
        jsonschema.Draft202012Validator.check_schema(tool["inputSchema"])
        jsonschema.Draft202012Validator.check_schema(tool.get("outputSchema", {}))


def test_arguments_arrive(server: Server, tools: dict[str, dict[str, Any]]) -> None:
    result = call(server, "everything", **GOOD)
    assert not result.get("isError")
    assert result["structuredContent"] == GOOD
    jsonschema.validate(GOOD, tools["everything"]["outputSchema"])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"count": 11}, "count: expected at most 10, got 11"),
        ({"count": 1.5}, "count: expected integer, got 1.5"),
        ({"kind": "blue"}, 'kind: expected one of "red", "green", 3, got "blue"'),
        ({"maybe": 1}, "maybe: expected null or string, got integer"),
        ({"list": [1, "x"]}, "list[1]: expected number, got string"),
        ({"pair": []}, "pair: expected at least 1 items, got 0"),
        ({"pair": [1, "a", 2]}, "pair[2]: not allowed"),
        ({"map": {"a b": 1}}, 'map["a b"]: expected boolean, got integer'),
        ({"tree": {"name": "a", "children": [{}]}}, "tree.children[0].name: required, but missing"),
        ({"either": {"b": 1}}, "either.b: expected string, got integer"),
        ({"when": "today"}, 'when: expected a date-time, got "today"'),
        ({"more": 1}, "more: unexpected"),
    ],
)
def test_invalid_arguments_are_reported_with_paths(server: Server, change: dict[str, Any], problem: str) -> None:
    result = call(server, "everything", **{**GOOD, **change})
    assert result["isError"]
    assert text(result).startswith("Invalid arguments for tool everything: ")
    assert problem in text(result)


def test_schemas_of_json(server: Server, tools: dict[str, dict[str, Any]]) -> None:
    assert tools["add"]["outputSchema"]["properties"] == {"result": {"type": "number"}}
    result = call(server, "add", a=1, b=2)
    assert (text(result), result["structuredContent"]) == ("3", {"result": 3})
    assert "b: required, but missing" in text(call(server, "add", a=1))


def test_other_modules_are_bundled(server: Server) -> None:
    assert call(server, "shout", words="hé \U0001f600")["structuredContent"] == {"result": "HÉ \U0001f600!"}


def test_no_result(server: Server, tools: dict[str, dict[str, Any]]) -> None:
    assert "outputSchema" not in tools["nothing"]
    assert call(server, "nothing")["content"] == []


def test_async_functions_wait(server: Server) -> None:
    assert call(server, "wait", milliseconds=100)["structuredContent"] == {
        "result": ["at once", "first", "second", "a", "b"]
    }


def test_content_blocks(server: Server) -> None:
    blocks = call(server, "content")["content"]
    assert blocks[0] == {
        "type": "text",
        "text": "plain",
        "annotations": {"audience": ["user"], "priority": 0.5},
        "_meta": {"m": 1},
    }
    assert blocks[1] == {"type": "image", "data": base64.b64encode(b"\1\2\3").decode(), "mimeType": "image/png"}
    assert blocks[2] == {"type": "audio", "data": base64.b64encode(b"\4").decode(), "mimeType": "audio/wav"}
    assert blocks[3] == {"type": "resource_link", "uri": "notes://1", "name": "one", "title": "One", "size": 3}
    assert blocks[4]["resource"] == {"uri": "notes://2", "mimeType": "text/plain", "text": "two"}
    assert blocks[5]["resource"] == {"uri": "notes://3", "blob": "/w=="}


def test_a_whole_result(server: Server) -> None:
    result = call(server, "whole")
    assert text(result) == "a\nb"
    assert (result["structuredContent"], result["isError"], result["_meta"]["d"]) == ({"c": [1]}, True, 2)


def test_tool_error_is_sent(server: Server) -> None:
    result = call(server, "refuse")
    assert result["isError"]
    assert text(result) == "you cannot do that �"


def test_other_errors_are_masked(path: Path) -> None:
    with open_server(path) as server:
        result = call(server, "crash")
        assert result["isError"]
        assert text(result) == "Error executing tool crash"
        said = server.stderr
    assert "tool `crash` failed:\nTypeError: the password is 1234" in said
    assert "at inner (src/everything/everything.ts:" in said
    assert "caused by: Error: deep" in said
    assert "guests/" not in said


def test_an_error_of_the_protocol(server: Server) -> None:
    with pytest.raises(RequestError) as caught:
        call(server, "protocol")
    assert (caught.value.code, caught.value.data) == (-32001, {"left": 0})


@pytest.mark.parametrize("name", ["stuck", "lying"])
def test_nothing_traps(server: Server, name: str) -> None:
    result = call(server, name)
    assert result["isError"]
    assert text(result) == f"Error executing tool {name}"
    assert call(server, "add", a=1, b=1)["structuredContent"] == {"result": 2}


def test_unfinished_work_is_reported(path: Path) -> None:
    with open_server(path) as server:
        assert text(call(server, "unhandled")) == "done"
        assert "a rejected promise was not handled: Error: left behind" in server.stderr


def test_a_context(path: Path) -> None:
    events: list[dict[str, Any]] = []
    with open_server(path) as server:
        params = {
            "name": "watch",
            "arguments": {},
            "_meta": {"progressToken": 7, "io.modelcontextprotocol/logLevel": "info"},
        }
        found = server.request("tools/call", params, on_event=events.append)["structuredContent"]
        said = server.stderr
    assert found["target"] == "watch"
    assert found["version"] == "2026-07-28"
    assert (found["cancelled"], found["session"], found["identity"]) == (False, "none", "nobody")
    assert "seen by the operator { a: 1, b: [true, null] }" in said
    assert [event["method"] for event in events] == [
        "notifications/progress",
        "notifications/message",
        "notifications/message",
    ]
    assert events[0]["params"]["message"] == "half"
    assert events[1]["params"] == {"level": "warning", "logger": "me", "data": {"a": [1]}}


def test_a_context_does_not_outlive_its_call(server: Server) -> None:
    call(server, "keep")
    assert text(call(server, "expired")) == "ExpiredContextError"


def test_random_values_differ_from_the_snapshot(path: Path) -> None:
    found = []
    for _ in range(2):
        with open_server(path) as server:
            found += [call(server, "random")["structuredContent"] for _ in range(2)]
    assert len({one["uuid"] for one in found}) == 4
    assert len({one["number"] for one in found}) == 4
    assert all(0 <= one["number"] < 1 for one in found)


def test_globals(server: Server) -> None:
    found = call(server, "globals")["structuredContent"]
    assert found == {
        "url": "https://u:p@example.com/a/b?x=1&y=%C3%A9&w=%C3%BC+%C3%B6#z",
        "host": "example.com",
        "y": "é",
        "clone": 0,
        "bytes": 9,
        "text": "\U0001f600�",
        "base64": "YWJj",
        "headers": [["x-a", "1"]],
    }


def test_fetch_needs_its_grant(server: Server) -> None:
    assert call(server, "fetch", url="http://127.0.0.1:1")["structuredContent"] == {"result": -1}


def test_declarations_during_a_call_are_refused(server: Server) -> None:
    before = [tool.name for tool in server.list_tools()]
    problems = server.call_tool("late").text.splitlines()
    assert [problem.partition(": ")[2].partition(":")[0] for problem in problems] == ["cacheLists", "the tool `later`"]
    assert all("not during a request" in problem for problem in problems)
    assert [tool.name for tool in server.list_tools()] == before
