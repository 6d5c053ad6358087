"""Apps with clients of others: the official client in both eras, and FastMCP's."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from fastmcp import Client as FastMCPClient
from fastmcp.client.transports import StdioTransport
from mcp import Client, StdioServerParameters
from support.compose_inputs import METADATA, notes_component, spec, tool
from support.server_processes import WASMCP

from wasmcp.apps_section import AppPage, section
from wasmcp.compose import Catalogue, ComponentSpec, compose_server
from wasmcp.compose.grant_rules import read_grants
from wasmcp.protocol import APP_MIME_TYPE

URI = "ui://weather/page"
HTML = "<!doctype html>\n<title>Größe</title>"
UI = {"csp": {"connectDomains": ["https://api.example.com"]}, "permissions": {"camera": {}}, "prefersBorder": True}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a server with one app, its page in one component and its tool in another."""
    resource = {"uri": URI, "name": "page", "mimeType": APP_MIME_TYPE, "_meta": {"ui": UI}}
    families, rules = read_grants({"apps": ["connect:https://api.example.com", "camera"]}, lambda *_: None)
    page = notes_component() + section([AppPage(URI, {"ui": UI}, HTML)])
    shown = tool("forecast", _meta={"ui": {"resourceUri": URI, "visibility": ["model", "app"]}})
    called = spec("calc", "called")
    parts = [
        ComponentSpec("weather", page, Catalogue(resources=(resource,)), families, rules=rules),
        ComponentSpec("calc", called.data, Catalogue((shown,))),
    ]
    path = tmp_path_factory.mktemp("apps") / "server.wasm"
    compose_server(parts, METADATA).write(path)
    return path


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
def test_official_client(file: Path, mode: str) -> None:
    async def checked() -> None:
        command, *arguments = [*WASMCP, "run", str(file)]
        target = StdioServerParameters(command=command, args=arguments)
        async with Client(target, mode=mode, read_timeout_seconds=60) as client:
            (shown,) = (await client.list_tools()).tools
            assert shown.meta is not None
            assert shown.meta["ui"] == {"resourceUri": URI, "visibility": ["model", "app"]}
            (resource,) = (await client.list_resources()).resources
            assert (resource.mime_type, resource.meta) == (APP_MIME_TYPE, {"ui": UI})
            (content,) = (await client.read_resource(URI)).contents
            assert (content.mime_type, content.meta) == (APP_MIME_TYPE, {"ui": UI})
            assert getattr(content, "text", None) == HTML

    anyio.run(checked)


def test_client_of_fastmcp(file: Path) -> None:
    async def checked() -> None:
        command, *arguments = [*WASMCP, "run", str(file)]
        async with FastMCPClient(StdioTransport(command, arguments)) as client:
            (shown,) = await client.list_tools()
            assert shown.meta is not None
            assert shown.meta["ui"] == {"resourceUri": URI, "visibility": ["model", "app"]}
            (content,) = await client.read_resource(URI)
            assert content.meta == {"ui": UI}
            assert getattr(content, "text", None) == HTML

    anyio.run(checked)
