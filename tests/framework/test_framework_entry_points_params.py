"""Parameters that headers repeat (`x-mcp-header`): header and body must match, at both entry points for HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.entry_points import JSON, Embedded, Served, mirrored, request, text_of
from support.projects import write_project
from support.server_processes import wasmtime_serve

from wasmcp.errors import RequestError
from wasmcp.host import open_server

PROJECT = {
    "pyproject.toml": """\
[project]
name = "labelled"
version = "0.0.1"

[tool.hatch.build.targets.wheel]
packages = ["src/labelled"]

[tool.wasmcp.components.query]
source = "zig/query.zig"

[tool.wasmcp.components.dynamic]
source = "zig/query.zig"
dynamic = true
grants = ["middleware"]

[tool.wasmcp.servers.recorded]
components = ["query"]

[tool.wasmcp.servers.dynamic]
components = ["dynamic"]
""",
    "src/labelled/__init__.py": "",
    "zig/query.zig": """\
const mcp = @import("wasmcp");

pub const tools = .{
    labelled(),
    mcp.tool("plain", "No headers.", plain),
    mcp.tool("watch", "Report progress.", watch),
};

fn watch(context: mcp.Context) []const u8 {
    context.progress(1, 2, "half");
    context.progress(2, 2, "all");
    return "watched";
}

fn labelled() mcp.Tool {
    var tool = mcp.tool("query", "Run a query.", query);
    tool.input_schema =
        \\\\{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"},
        \\\\"limit":{"type":"integer","x-mcp-header":"Limit"}}}
    ;
    return tool;
}

fn query(args: struct { region: ?[]const u8 = null, limit: ?i64 = null }) []const u8 {
    return args.region orelse "everywhere";
}

fn plain(args: struct { region: []const u8 }) []const u8 {
    return args.region;
}
""",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("labelled"), PROJECT)


@pytest.fixture(scope="module", params=["recorded", "dynamic"])
def server(request: pytest.FixtureRequest, project: Path) -> Path:
    """A server with a recorded catalogue, and one with a dynamic component."""
    from wasmcp.project import ensure_built

    return ensure_built(project, request.param)


@pytest.fixture(scope="module")
def embedded(server: Path) -> Embedded:
    return Embedded(server)


@pytest.fixture(scope="module")
def served(server: Path) -> Iterator[Served]:
    with wasmtime_serve(server) as port:
        yield Served(port)


CASES: list[tuple[dict[str, Any], dict[str, str], bool]] = [
    ({}, {}, True),
    ({"region": "us-west1"}, {"Mcp-Param-Region": "us-west1"}, True),
    ({"region": "us-west1"}, {"MCP-PARAM-REGION": " us-west1 "}, True),
    ({"region": "é", "limit": 3}, {"Mcp-Param-Region": "=?base64?w6k=?=", "Mcp-Param-Limit": "3.0"}, True),
    ({"region": None}, {}, True),
    ({"region": "us-west1"}, {}, False),
    ({"region": "us-west1"}, {"Mcp-Param-Region": "us-east1"}, False),
    ({"region": "us-west1"}, {"Mcp-Param-Region": "=?base64?dX?="}, False),
    ({"limit": 3}, {"Mcp-Param-Limit": "4"}, False),
    ({}, {"Mcp-Param-Region": "us-west1"}, False),
    ({}, {"Mcp-Param-Other": "us-west1"}, True),
]


@pytest.mark.parametrize(("arguments", "headers", "agree"), CASES)
def test_headers_match_arguments(
    embedded: Embedded, served: Served, arguments: dict[str, Any], headers: dict[str, str], *, agree: bool
) -> None:
    message = request("tools/call", {"name": "query", "arguments": arguments})
    for entry_point in (embedded, served):
        response = entry_point.http("POST", "/mcp", mirrored(message) | headers, text_of(message))
        if agree:
            assert response.status == 200
            assert response.message["result"]["content"][0]["text"] == (arguments.get("region") or "everywhere")
        else:
            assert (response.status, response.message["error"]["code"]) == (400, -32020)


def test_stdio_has_no_headers(embedded: Embedded) -> None:
    arguments = {"region": "us-west1"}
    message = request("tools/call", {"name": "query", "arguments": arguments})
    assert json.loads(embedded.message(text_of(message))[0])["result"]["content"][0]["text"] == "us-west1"
    older = request("tools/call", {"name": "query", "arguments": arguments}, meta=None)
    assert embedded.http("POST", "/mcp", JSON, text_of(older)).message["result"]["content"][0]["text"] == "us-west1"
    other = request("tools/call", {"name": "plain", "arguments": arguments})
    assert embedded.http("POST", "/mcp", mirrored(other), text_of(other)).status == 200


def test_requests_with_a_token_have_the_headers_and_report_progress(server: Path) -> None:
    with open_server(server, token="any") as opened:  # noqa: S106 - the server is public
        assert opened.call_tool("query", {"region": "\u00e9", "limit": 3}).text == "\u00e9"
        assert opened.call_tool("plain", {"region": "x"}).text == "x"
        events: list[Any] = []
        assert opened.call_tool("watch", on_event=events.append, progress_token=7).text == "watched"
        assert [event["params"]["progress"] for event in events] == [1, 2]
        with pytest.raises(RequestError):
            opened.call_tool("missing")
