"""Schemas that an author passes to the decorator, and errors with a code of the author."""

from __future__ import annotations

from typing import Any

import pytest

from wasmcp.guest import DeclarationError, McpError, ToolResult, tool
from wasmcp.guest.declarations.registry import tool_of
from wasmcp.guest.testing import LocalContext

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {}}, "anyOf": [{"required": ["a"]}]}


def call(function, arguments="{}"):
    return tool_of(function).call(arguments, LocalContext())


def test_input_schema_is_sent_unchanged():
    @tool(input_schema=SCHEMA)
    def f(a: int = 0, **others: Any) -> str:
        return f"{a} {sorted(others.items())}"

    assert tool_of(f).input_schema == SCHEMA
    assert call(f, '{"a": 1, "b": null, "c": [2]}').content[0].text == "1 [('b', None), ('c', [2])]"
    refused = call(f, '{"a": "x", "b": 1}')
    assert refused.is_error
    assert refused.content[0].text.endswith("f: a: expected integer, got string")


def test_other_arguments_without_var_keyword_are_refused():
    @tool(input_schema=SCHEMA)
    def f(a: int = 0) -> int:
        return a

    assert call(f, '{"a": 1}').structured == '{"result":1}'
    assert call(f, '{"b": 1}').is_error


def test_input_schema_must_be_of_an_object():
    with pytest.raises(DeclarationError, match='the `input_schema` must have `"type": "object"`'):

        @tool(input_schema={"type": "array"})
        def f() -> None: ...


def test_output_schema_is_sent_unchanged():
    schema = {"type": "array", "items": {"type": "integer"}}

    @tool(output_schema=schema)
    def f(whole: bool):
        return ToolResult(["text"], structured=[3]) if whole else [1, 2]

    assert tool_of(f).output_schema == schema
    assert call(f, '{"whole": false}').structured == "[1,2]"
    assert call(f, '{"whole": true}').structured == "[3]"


def test_mcp_error_is_passed_on():
    @tool
    def f() -> None:
        raise McpError(-32010, "come back later", {"seconds": 5})

    with pytest.raises(McpError, match=r"^come back later$") as caught:
        call(f)
    assert (caught.value.code, caught.value.data) == (-32010, {"seconds": 5})
