"""The composed server, booted in-process by wasmcp's pytest plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wasmcp.host import Server


def test_catalogue(wasmcp_server: Server) -> None:
    assert [tool.name for tool in wasmcp_server.list_tools()] == [
        "reverse",
        "statistics",
        "truncate",
        "add",
        "multiply",
        "divide",
    ]


def test_a_tool_in_python(wasmcp_server: Server) -> None:
    result = wasmcp_server.call_tool("statistics", {"text": "one two\nthree", "top": 1})
    assert result.structured_content == {"characters": 13, "words": 3, "lines": 2, "most_common": ["one"]}


def test_a_tool_in_zig(wasmcp_server: Server) -> None:
    assert wasmcp_server.call_tool("add", {"a": 1, "b": 2}).structured_content == {"result": 3}


def test_an_error_of_a_tool(wasmcp_server: Server) -> None:
    result = wasmcp_server.call_tool("divide", {"a": 1, "b": 0})
    assert result.is_error
    assert "DivisionByZero" in result.text


def test_a_bad_argument(wasmcp_server: Server) -> None:
    result = wasmcp_server.call_tool("statistics", {"text": "one", "top": 0})
    assert result.is_error
    assert "top" in result.text
