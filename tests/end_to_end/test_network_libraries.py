"""HTTP libraries in a composed server, against a loopback server. Slow: it has a Python component."""

from __future__ import annotations

import inspect
import json

import pytest
from support.network_project import write_network_project
from support.network_uses import fits
from support.web_server import web_server

from wasmcp.host import open_server

pytest.importorskip("httpx")
pytest.importorskip("requests")
from support import network_httpx, network_requests

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
