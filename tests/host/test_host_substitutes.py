"""Imports of a server that functions of the host replace: outgoing HTTP, clocks, random numbers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from support.zig_servers import world_server

from wasmcp.errors import GuestTrapError
from wasmcp.host import Server, open_server
from wasmcp.host.bindings.development_imports import Failure, Redirect, Substitutes
from wasmcp.package_data import framework_component

SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world_server(tmp_path_factory.mktemp("world") / "server.wasm")


@contextmanager
def running(file: Path, **functions: Any) -> Iterator[Server]:
    with open_server(file, substitutes=Substitutes(framework_component("test-imports"), **functions)) as server:
        yield server


@pytest.fixture
def local() -> Iterator[tuple[str, list[tuple[str, str, bytes]]]]:
    """The authority of an HTTP server, and the requests that it got."""
    seen: list[tuple[str, str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers.get("content-length", 0))
            seen.append((self.command, self.path, self.rfile.read(size)))
            self.send_response(201)
            self.send_header("content-length", "4")
            self.end_headers()
            self.wfile.write(b"made")

        do_GET = do_POST  # noqa: N815 - the name is that of the base class

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        Thread(target=served.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{served.server_port}", seen
        served.shutdown()


def test_a_request_is_sent_where_the_host_decides(file: Path, local: tuple[str, list[Any]]) -> None:
    authority, seen = local
    decided: list[tuple[str, str]] = []

    def decide(method: str, url: str) -> Redirect:
        decided.append((method, url))
        return Redirect(authority, "/elsewhere?x=1")

    with running(file, decide=decide) as server:
        result = server.call_tool("fetch", {"url": "https://api.example.org/notes?q=%C3%A9", "method": "get"})
    assert result.data == {"status": 201, "body": "made"}
    assert decided == [("GET", "https://api.example.org/notes?q=%C3%A9")]
    assert [(method, path) for method, path, _ in seen] == [("GET", "/elsewhere?x=1")]


def test_a_request_without_a_decision_goes_where_it_goes(file: Path, local: tuple[str, list[Any]]) -> None:
    authority, seen = local
    with running(file, decide=lambda _method, _url: None) as server:
        assert server.call_tool("fetch", {"url": f"http://{authority}/here"}).data["status"] == 201
    assert [path for _, path, _ in seen] == ["/here"]


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("HTTP-request-denied", "Denied"),
        ("connection-refused", "ConnectionRefused"),
        ("DNS-error", "NotFound"),
        ("TLS-alert-received", "Tls"),
        ("HTTP-response-timeout", "Timeout"),
        ("no such code", "Failed"),
    ],
)
def test_a_request_fails_with_the_code_that_the_host_decides(file: Path, code: str, shown: str) -> None:
    with running(file, decide=lambda _method, _url: Failure(code)) as server:
        assert server.call_tool("fetch", {"url": "http://a.example/"}).data == {"status": 0, "body": shown}


def test_an_exception_of_the_decision_is_a_trap_that_names_it(file: Path) -> None:
    def decide(_method: str, _url: str) -> None:
        raise LookupError("no rule")

    with running(file, decide=decide) as server, pytest.raises(GuestTrapError, match="LookupError: no rule"):
        server.call_tool("fetch", {"url": "http://a.example/"})


def test_the_time_of_day_is_that_of_the_host(file: Path) -> None:
    with running(file, wall=lambda: 1_700_000_000 * SECOND + 5_000_000) as server:
        assert server.call_tool("now").data == 1_700_000_000_005


def test_timers_wait_as_long_as_the_host_decides(file: Path) -> None:
    time = [10 * SECOND]
    waited: list[int] = []

    def wait(duration: int) -> int:
        waited.append(duration)
        time[0] += duration
        return 0

    with running(file, monotonic=lambda: time[0], wait=wait) as server:
        assert server.call_tool("elapsed").data == 10_000
        assert server.call_tool("sleep", {"milliseconds": 3_600_000}).data == 3_600_000
        assert server.call_tool("wake", {"milliseconds": 4_000_000}).data == 4_000_000
        assert server.call_tool("wake", {"milliseconds": 1}).data == 4_000_000
    assert waited == [3600 * SECOND, 390 * SECOND, 0]


def test_random_numbers_are_those_of_the_host(file: Path) -> None:
    with running(file, random=lambda count: bytes(range(count))) as server:
        assert server.call_tool("draw").data == "00010203 706050403020100"


def test_without_functions_the_imports_are_those_of_wasi(file: Path) -> None:
    with running(file) as server:
        assert server.call_tool("now").data > 1_700_000_000_000
        assert server.call_tool("draw").data != server.call_tool("draw").data


def test_instances_that_run_at_once_have_components_of_their_own(file: Path) -> None:
    with running(
        file, decide=lambda _method, url: Failure("connection-refused" if "0" in url else "DNS-error")
    ) as server:
        urls = [f"http://{number % 2}.example/" for number in range(40)]
        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(lambda url: server.call_tool("fetch", {"url": url}).data["body"], urls))
    assert found == ["ConnectionRefused", "NotFound"] * 20
