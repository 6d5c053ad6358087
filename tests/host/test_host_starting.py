"""`wasmcp serve` while the server is being compiled: lists, requests that wait, readiness, failures."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from support.compose_inputs import FULL, METADATA, catalogue, dummy, spec, tool, tools_component
from support.server_processes import WASMCP, Process, free_port
from support.waiting import wait_until

from wasmcp.compose import Catalogue, ComponentSpec, ServerMetadata, compose_server
from wasmcp.compose.access import Access, Filter, Selector
from wasmcp.host import open_server
from wasmcp.host.engine import compile_cache
from wasmcp.host.mcp.manifest_responder import EarlyLists, ManifestResponder
from wasmcp.host.transports import starting
from wasmcp.project.manifest import server_entry
from wasmcp.protocol import LISTS, META_KEYS

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
}
HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": "2026-07-28",
}
LISTED = ["server/discover", "tools/list"]


@pytest.fixture
def cold(zig_server: Path, tmp_path: Path, empty_cache: Path) -> Path:
    """The server and its manifest, with a cache of compiled servers that is empty."""
    for name in (zig_server.name, "manifest.json"):
        shutil.copy(zig_server.with_name(name), tmp_path / name)
    return tmp_path / zig_server.name


@contextlib.contextmanager
def compilation_held(path: Path) -> Iterator[None]:
    """Keep the lock of the compile cache, for which the process waits before it compiles."""
    cache = compile_cache.cache_directory()
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        for quick in (False, True):
            target = compile_cache._target(cache, path.read_bytes(), quick=quick, fuel=False)
            stack.enter_context(FileLock(cache / f"{target.name}.lock", mode=0o600))
        yield


@contextlib.contextmanager
def listening(path: Path, *options: str) -> Iterator[tuple[Process, int]]:
    port = free_port()
    process = Process(str(path), "--port", str(port), *options)
    try:
        process.wait_for("listening at ")
        yield process, port
    finally:
        if process.process.poll() is None:
            process.stop()


def body_of(method: str, **params: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": {**params, "_meta": META}}).encode()


def send(port: int, method: str, timeout: float = 60, **params: Any) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    named = {"Mcp-Method": method, **({"Mcp-Name": params["name"]} if "name" in params else {})}
    connection.request("POST", "/mcp", body_of(method, **params), {**HEADERS, **named})
    response = connection.getresponse()
    fields = {name.lower(): value for name, value in response.getheaders() if name.lower() != "date"}
    return response.status, fields, response.read()


def status_of(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    return connection.getresponse().status


@pytest.mark.parametrize("workers", ["1", "2"])
def test_lists_are_answered_and_calls_wait_until_the_server_is_compiled(cold: Path, workers: str) -> None:
    calls: list[tuple[int, bytes]] = []

    def call() -> None:
        status, _, body = send(int(port), "tools/call", name="add", arguments={"a": 1, "b": 2})
        calls.append((status, body))

    with contextlib.ExitStack() as held:
        held.enter_context(compilation_held(cold))
        with listening(cold, "--workers", workers) as (process, port):
            early = {method: send(port, method, 10) for method in LISTED}
            assert (status_of(port, "/healthz"), status_of(port, "/readyz")) == (200, 503)
            waiting = [threading.Thread(target=call) for _ in range(3)]
            for thread in waiting:
                thread.start()
            with pytest.raises(TimeoutError):
                send(port, "prompts/list", 0.3)  # the server has no prompts: its error is its own
            assert calls == []
            held.close()
            for thread in waiting:
                thread.join(60)
            process.wait_for("serving ")
            assert [status for status, _ in calls] == [200, 200, 200]
            assert all(json.loads(body)["result"]["structuredContent"] == {"result": 3} for _, body in calls)
            wait_until(lambda: [status_of(port, "/readyz") for _ in range(4)] == [200] * 4)  # each worker
            assert {method: send(port, method) for method in LISTED} == early
            assert sum("compiling" in line for line in process.lines) <= 1  # the workers take it from the cache
            assert process.stop() == -signal.SIGTERM


def test_body_after_its_head_is_answered(cold: Path) -> None:
    body = body_of("tools/list")
    fields = {**HEADERS, "Host": "localhost", "Mcp-Method": "tools/list", "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    with contextlib.ExitStack() as stack:
        stack.enter_context(compilation_held(cold))
        _, port = stack.enter_context(listening(cold))
        connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
        connection.sendall(f"POST /mcp HTTP/1.1\r\n{head}\r\n".encode() + body[:20])
        threading.Event().wait(0.2)
        connection.sendall(body[20:])
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")


def test_requests_above_the_bound_get_503_and_places_of_clients_that_leave_are_free(cold: Path) -> None:
    request = b"GET /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with compilation_held(cold), listening(cold) as (_, port), contextlib.ExitStack() as stack:
        waiting = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            for _ in range(starting.MOST_WAITING)
        ]
        for one in waiting:
            one.sendall(request)

        def refused() -> http.client.HTTPResponse | None:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            try:
                connection.request("GET", "/mcp")
                return connection.getresponse()
            except TimeoutError:
                connection.close()
                return None

        found: list[http.client.HTTPResponse] = []
        wait_until(lambda: found.append(answer) or True if (answer := refused()) else False)
        assert (found[0].status, found[0].getheader("Retry-After")) == (503, "5")
        assert send(port, "tools/list", 10)[0] == 200  # lists need no place
        for one in waiting[:8]:
            one.close()
        wait_until(lambda: refused() is None)


@pytest.mark.usefixtures("empty_cache")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_failed_compilation_ends_the_process_with_its_error(tmp_path: Path, workers: str) -> None:
    broken = tmp_path / "broken.wasm"
    broken.write_bytes(b"\0asm\x0d\0\x01\0" + b"\x01\x05abc")
    process = Process(str(broken), "--port", str(free_port()), "--workers", workers)
    assert process.process.wait(60) == 1
    process._reader.join(10)
    assert any("broken.wasm" in line and "is not a valid component" in line for line in process.lines)
    assert not any("Traceback" in line for line in process.lines)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_missing_library_of_metrics_is_reported_before_the_process_listens(
    zig_server: Path, tmp_path: Path, workers: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['prometheus_client'] = None\n")
    path = os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", "")))
    done = subprocess.run(
        [*WASMCP, "serve", str(zig_server), "--port", "0", "--metrics", "0", "--workers", workers],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr == "Error: metrics need `prometheus_client`: install `wasmcp[metrics]`\n"


@pytest.mark.parametrize(("number", "workers"), [(signal.SIGTERM, "1"), (signal.SIGINT, "1"), (signal.SIGTERM, "2")])
def test_process_ends_while_the_server_is_compiled(cold: Path, number: signal.Signals, workers: str) -> None:
    with compilation_held(cold), listening(cold, "--workers", workers) as (process, port):
        status: list[int] = []
        waits = threading.Thread(target=lambda: status.append(send(port, "tools/call", name="add", arguments={})[0]))
        waits.start()
        assert send(port, "tools/list", 10)[0] == 200
        process.signal(number)
        assert process.process.wait(10) in {-number, 130}
        waits.join(10)
        assert status == [503]


def test_rate_limits_hold_before_the_server_is_open(cold: Path) -> None:
    with compilation_held(cold), listening(cold, "--rate-limit", "requests=2/minute") as (_, port):
        assert [send(port, "tools/list", 10)[0] for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize(
    "settings", [{"WASMCP_AUTH_MODE": "oauth"}, {"WASMCP_ALLOWED_HOSTS": "a"}, {"WASMCP_REQUIRE_ORIGIN": "true"}]
)
def test_lists_wait_where_a_setting_decides_about_requests(zig_server: Path, settings: dict[str, str]) -> None:
    responder = ManifestResponder.of_file(zig_server)
    assert EarlyLists.of(responder, {"WASMCP_STATE_KEYS": "00"}) is not None
    assert EarlyLists.of(responder, settings) is None


def entry(path: Path) -> dict[str, Any]:
    document = json.loads(path.with_name("manifest.json").read_text("utf-8"))
    found: dict[str, Any] = document["servers"]["default"]
    return found


def test_lists_wait_unless_the_manifest_states_that_they_are_fixed(zig_server: Path) -> None:
    stated = entry(zig_server)
    assert stated.pop("fixedLists") is True
    assert EarlyLists.of(ManifestResponder(stated), {}) is None
    for value in (None, False, 1, "true"):
        assert EarlyLists.of(ManifestResponder({**stated, "fixedLists": value}), {}) is None
    for wrong in ({"access": {}}, {"catalogue": None}):
        assert EarlyLists.of(ManifestResponder({**stated, "fixedLists": True, **wrong}), {}) is None


ODD = 'é \u2028 \U0001f600 " \\ / \x7f \x01 \n'


def offering() -> list[ComponentSpec]:
    """Components with all four lists, with text that writers of JSON could write differently."""
    tools = Catalogue((FULL, tool("ü", description=ODD, _meta={ODD: [1.0, 1e100, -0.0, 12345678901234567890]})))
    resources = Catalogue(
        resources=({"uri": "x:é", "name": ODD, "size": 3},),
        templates=({"uriTemplate": "x:{a}", "name": "t"},),
        cache={"resources": {"ttlMs": 7, "cacheScope": "private"}},
    )
    prompts = Catalogue(prompts=({"name": "p", "arguments": [{"name": "a", "description": ODD}]},))
    return [
        ComponentSpec("t", dummy("tools-component"), tools),
        ComponentSpec("r", dummy("resources-component"), resources),
        ComponentSpec("p", dummy("prompts-component"), prompts),
    ]


def test_bytes_are_those_of_the_server() -> None:
    metadata = ServerMetadata(ODD.strip(), "1", title=ODD, instructions=ODD, website_url="https://example.com")
    task = Catalogue((tool("later", _meta={META_KEYS["task"]: {"mode": "run"}}),))
    composed = compose_server([*offering(), ComponentSpec("k", dummy("tools-component"), task)], metadata)
    stated = json.loads(json.dumps(server_entry("s.wasm", metadata, [], composed, known=True)))
    lists = EarlyLists.of(ManifestResponder(stated), {})
    assert lists is not None
    with open_server(composed.data, quick=True) as server:
        for method in ["server/discover", *(one.method for one in LISTS)]:
            for body in (body_of(method), body_of(method).replace(b'"id": 7', b'"id": "a/-1"')):
                fields = fields_of(Mcp_Method=method)
                early = lists.answer("POST", b"/mcp", fields, body)
                response = server.http(
                    "POST", "/mcp", [(name.decode(), value.decode()) for name, value in fields], body
                )
                assert (response.status, response.headers) == (200, [("content-type", "application/json")])
                assert early == response.body.encode()


@pytest.mark.parametrize(
    "options",
    [
        {"auth": "required"},
        {"settings": {"WASMCP_ALLOWED_HOSTS": "example.com"}},
        {"access": Access({"/mcp": Filter(None, [Selector(tools=("full",))])})},
    ],
)
def test_lists_of_guarded_servers_are_not_fixed(options: dict[str, Any]) -> None:
    assert compose_server(offering(), METADATA).has_fixed_lists
    assert not compose_server(offering(), METADATA, **options).has_fixed_lists


def test_lists_of_dynamic_components_are_not_fixed() -> None:
    assert not compose_server([spec("a", "1", "x"), spec("b", "1", "y", static=False)], METADATA).has_fixed_lists
    handler = tools_component("1", "x", handler=True)
    given = ComponentSpec("h", handler, catalogue("x"), frozenset({"middleware"}))
    assert not compose_server([given], METADATA).has_fixed_lists


def fields_of(**changed: str | None) -> list[tuple[bytes, bytes]]:
    fields = {**HEADERS, "Host": "localhost:1", "Mcp-Method": "tools/list"}
    named = {**fields, **{name.replace("_", "-"): value for name, value in changed.items()}}
    return [(name.lower().encode(), value.encode()) for name, value in named.items() if value is not None]


@pytest.mark.parametrize(
    "changed",
    [
        {"Host": "evil.example"},
        {"Host": "localhost.evil"},
        {"Host": "localhost:"},
        {"Origin": "http://localhost"},
        {"Authorization": "Bearer x"},
        {"Mcp_Session_Id": "x"},
        {"wasmcp_identify": "only"},
        {"Accept": "application/json"},
        {"Accept": "application/json;q=0, text/event-stream"},
        {"Accept": None},
        {"Content_Type": "text/plain"},
        {"MCP_Protocol_Version": "2025-11-25"},
        {"MCP_Protocol_Version": None},
        {"Mcp_Method": "server/discover"},
        {"Transfer_Encoding": "chunked"},
    ],
)
def test_requests_with_other_fields_wait(zig_server: Path, changed: dict[str, str | None]) -> None:
    lists = EarlyLists.of(ManifestResponder.of_file(zig_server), {})
    assert lists is not None
    body = body_of("tools/list")
    for host in ("localhost", "LOCALHOST:80", "127.0.0.1:8000", "[::1]", "[::1]:1"):
        assert lists.answer("POST", b"/mcp", fields_of(Host=host), body) is not None
    assert lists.answer("POST", b"/mcp", fields_of(**changed), body) is None
    assert lists.answer("POST", b"/mcp", [*fields_of(), (b"host", b"localhost")], body) is None
    assert lists.answer("POST", b"/mcp/x", fields_of(), body) is None
    assert lists.answer("GET", b"/mcp", fields_of(), body) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 10_000,
        b"[" + body_of("tools/list") + b"]",
        body_of("tools/list").replace(b'"id": 7', b'"id": 7, "id": 8'),
        body_of("tools/list").replace(b'"id": 7', b'"id": -0'),
        body_of("tools/list").replace(b'"id": 7', b'"id": 7.0'),
        body_of("tools/list").replace(b'"id": 7', b'"id": null'),
        body_of("tools/list").replace(b'"id": 7', b'"id": "\\u0061"'),
        body_of("tools/list").replace(b'"id": 7', b'"id": 12345678901234567890'),
        body_of("tools/list").replace(b'"id": 7', b'"id": 7, "x": NaN'),
        body_of("tools/list").replace(b', "id": 7', b""),
        body_of("tools/list", cursor=">"),
        body_of("tools/list", x=1),
        body_of("tools/list").replace(b'"_meta": {', b'"_meta": {"progressToken": 1, '),
        body_of("tools/list").replace(b'{"name": "test", "version": "1"}', b"7"),
        body_of("tools/list") + b" " * 20_000,
    ],
)
def test_other_bodies_wait(zig_server: Path, body: bytes) -> None:
    lists = EarlyLists.of(ManifestResponder.of_file(zig_server), {})
    assert lists is not None
    assert lists.answer("POST", b"/mcp", fields_of(), body) is None


def test_requests_above_the_limit_of_the_operator_wait(zig_server: Path) -> None:
    body = body_of("tools/list")
    responder = ManifestResponder.of_file(zig_server)
    for longest, is_answered in ((len(body), True), (len(body) - 1, False)):
        lists = EarlyLists.of(responder, {"WASMCP_MAX_BODY": str(longest)}, longest)
        assert lists is not None
        assert (lists.answer("POST", b"/mcp", fields_of(), body) is not None) is is_answered
