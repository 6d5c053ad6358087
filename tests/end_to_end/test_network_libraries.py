"""HTTP libraries in a composed server, against a loopback server. Slow: it has a Python component."""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path

import anyio
import pytest
from mcp import Client, StdioServerParameters
from support.network_project import write_network_project
from support.network_uses import fits
from support.web_server import web_server

from wasmcp.host import open_server

pytest.importorskip("httpx")
pytest.importorskip("aiohttp")
pytest.importorskip("requests")
from support import network_aiohttp, network_httpx, network_requests, network_threads

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def network_server(tmp_path_factory):
    """The composed server of `support.network_project`."""
    from wasmcp.project import ensure_built

    return ensure_built(write_network_project(tmp_path_factory.mktemp("network")))


@pytest.fixture(scope="module")
def base():
    with web_server() as url:
        yield url


@pytest.fixture(scope="module")
def server(network_server):
    with open_server(network_server) as server:
        yield server


def result(server, use, library, base):
    tool = "use_async" if inspect.iscoroutinefunction(use) else "use"
    found = server.call_tool(tool, {"library": library, "name": use.__name__, "base": base})
    assert not found.is_error, found
    return json.loads(found.text)


HTTPX = network_httpx.EXPECTED | network_httpx.IN_COMPONENT


@pytest.mark.parametrize("library", network_httpx.LIBRARIES)
@pytest.mark.parametrize("use", HTTPX, ids=lambda use: use.__name__)
def test_use_of_httpx(server, use, library, base):
    found = result(server, use, library, base)
    assert fits(found, HTTPX[use]), found


REQUESTS = network_requests.EXPECTED | network_requests.IN_COMPONENT


@pytest.mark.parametrize("use", REQUESTS, ids=lambda use: use.__name__)
def test_use_of_requests(server, use, base):
    found = result(server, use, "requests", base)
    assert fits(found, REQUESTS[use]), found


@pytest.mark.parametrize("use", network_aiohttp.EXPECTED, ids=lambda use: use.__name__)
def test_use_of_aiohttp(server, use, base):
    found = result(server, use, "aiohttp", base)
    assert fits(found, network_aiohttp.EXPECTED[use]), found


@pytest.mark.parametrize("use", network_threads.EXPECTED, ids=lambda use: use.__name__)
def test_use_of_worker_threads_runs_in_place(server, use, base):
    found = result(server, use, "threads", base)
    assert fits(found, network_threads.EXPECTED[use]), found


def test_component_without_the_grant(server, base):
    found = server.call_tool("fetch", {"url": f"{base}/gzip"}).text
    assert found.startswith("NotGrantedError: `http` is not granted to this component: add it to the `grants`")


def test_libraries_through_the_installed_command(network_server, base):
    """An official client over stdio, with the console script of the environment."""
    command = str(Path(sys.executable).with_name("wasmcp"))
    parameters = StdioServerParameters(command=command, args=["run", str(network_server)])

    async def talk():
        async with Client(parameters, read_timeout_seconds=120) as session:
            found = []
            for library, name in (("httpx", "async_lines"), ("requests", "lines"), ("aiohttp", "concurrently")):
                tool = "use" if library == "requests" else "use_async"
                result = await session.call_tool(tool, {"library": library, "name": name, "base": base})
                found.append(json.loads(result.content[0].text))
            return found

    assert anyio.run(talk) == [
        ["one", "twö", "three"],
        "one\r\ntwö\nthree",
        ["together", "together", "together"],
    ]
