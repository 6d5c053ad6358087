"""The asynchronous client: cancellation reaches the server's code, events arrive on the event loop."""

from __future__ import annotations

import asyncio
import inspect
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from pytest_wasmcp import AsyncServer
from pytest_wasmcp.aio import AsyncTask
from wasmcp.errors import GuestCancelledError
from wasmcp.host import CancelScope, Limits, Server, open_server
from wasmcp.host.client.tasks import Task
from wasmcp.testing.connections import Connections
from wasmcp.testing.server import open_for_test

HANGS = Limits(timeout=100)


@pytest.fixture
def server(zig_server: Path) -> Iterator[Server]:
    with open_server(zig_server, limits=HANGS, instances=1) as opened:
        yield opened


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> str:
    if request.param == "trio":
        pytest.importorskip("trio")
    return str(request.param)


def sums(server: Server) -> bool:
    """Use the only instance: it is free again."""
    return server.call_tool("add", {"a": 1, "b": 2}, timeout=60).structured_content == {"result": 3}


def test_a_time_limit_of_anyio_cancels_the_call(server: Server, backend: str) -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError), anyio.fail_after(0.2):
            await AsyncServer(server).call_tool("spin")

    anyio.run(main, backend=backend)
    assert sums(server)


def test_a_time_limit_of_asyncio_cancels_the_call(server: Server) -> None:
    async def main() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(AsyncServer(server).call_tool("spin"), 0.2)

    asyncio.run(main())
    assert sums(server)


def test_a_cancelled_task_leaves_the_others_running(server: Server, backend: str) -> None:
    async def main() -> None:
        client = AsyncServer(server)
        async with anyio.create_task_group() as group:
            group.start_soon(client.call_tool, "spin")
            await anyio.sleep(0.1)
            group.cancel_scope.cancel()
        assert (await client.call_tool("add", {"a": 1, "b": 2})).structured_content == {"result": 3}

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_a_cancelled_task_cancels_the_call_over_each_transport(zig_server: Path, transport: str) -> None:
    """Check a server with one instance, whose tool never ends: another call needs that instance."""

    async def main(opened: Server) -> None:
        client = AsyncServer(opened)
        assert (await client.call_tool("add", {"a": 1, "b": 1})).structured_content == {"result": 2}
        for _ in range(2):
            with pytest.raises(TimeoutError), anyio.fail_after(0.5):
                await client.call_tool("spin")
            with anyio.fail_after(50):
                assert (await client.call_tool("add", {"a": 1, "b": 2})).structured_content == {"result": 3}

    with open_for_test(zig_server, transport=transport, limits=HANGS, instances=1) as opened:
        anyio.run(main, opened)
        with CancelScope() as scope:
            scope.cancel()
            with pytest.raises(GuestCancelledError):
                opened.call_tool("spin")
        assert sums(opened)


LISTENER = """
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    with open(sys.argv[1], "a") as log:
        log.write(message["method"] + "\\n")
    if message["method"] == "server/discover":
        result = {"supportedVersions": ["2026-07-28"], "capabilities": {}, "resultType": "complete"}
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"""


def test_a_cancelled_request_over_stdio_is_a_notification(tmp_path: Path) -> None:
    """Check the messages that a server gets before its input ends."""
    log = tmp_path / "log"
    connections = Connections.over_stdio([sys.executable, "-c", LISTENER, str(log)], 100)
    scope = CancelScope()
    timer = threading.Timer(1.5, scope.cancel)
    timer.start()
    try:
        with scope, pytest.raises(GuestCancelledError):
            connections.request("tools/list", {}, on_event=None, timeout=100)
    finally:
        timer.join()
        connections.close()
    assert log.read_text().split() == ["server/discover", "tools/list", "notifications/cancelled"]


def test_time_limits_of_the_call_itself(server: Server) -> None:
    async def main() -> None:
        from wasmcp.errors import GuestTimeoutError

        with pytest.raises(GuestTimeoutError):
            await AsyncServer(server).call_tool("spin", timeout=0.2)

    anyio.run(main)


def test_events_arrive_in_order_on_the_event_loop(server_bytes: bytes, backend: str) -> None:
    async def main() -> None:
        seen: list[tuple[str, int]] = []
        awaited: list[str] = []

        async def later(event: str) -> None:
            await anyio.lowlevel.checkpoint()
            awaited.append(event)

        with open_server(server_bytes) as opened:
            client = AsyncServer(opened)
            answer = await client.send("!E", on_event=lambda text: seen.append((text, threading.get_ident())))
            await client.send("!E", on_event=later)
            assert answer == "!E"
        assert [text for text, _thread in seen] == awaited != []
        assert {thread for _text, thread in seen} == {threading.get_ident()}

    anyio.run(main, backend=backend)


def test_http_and_standard_error(server: Server) -> None:
    async def main() -> None:
        client = AsyncServer(server)
        response = await client.http("GET", "/nowhere")
        assert response.status == 404
        chunks: list[str] = []
        assert (await client.http("GET", "/nowhere", on_chunk=chunks.append)).chunks == chunks
        assert client.stderr == server.stderr
        assert (await client.discover())["supportedVersions"][0] == "2026-07-28"

    anyio.run(main)


def test_it_has_every_method_of_the_server_with_the_same_parameters() -> None:
    own = {"boot", "close", "list_all", "on_notification", "cancel", "optimise", "new_request"}
    for name, method in inspect.getmembers(Server, inspect.isfunction):
        if name.startswith("_") or name in own:
            continue
        expected = list(inspect.signature(method).parameters)
        assert list(inspect.signature(getattr(AsyncServer, name)).parameters) == expected, name


def test_its_tasks_have_every_method_of_a_task_with_the_same_parameters() -> None:
    for name, member in inspect.getmembers(Task):
        if name.startswith("_") or name == "wait":  # for clients that show the states on the way
            continue
        found = inspect.getattr_static(AsyncTask, name)
        assert isinstance(found, property) == isinstance(member, property), name
        if callable(member):
            assert list(inspect.signature(found).parameters) == list(inspect.signature(member).parameters), name


def test_a_scope_cancels_its_calls_and_no_others(zig_server: Path) -> None:
    with open_server(zig_server, limits=HANGS, instances=2) as server:
        scope = CancelScope()
        errors: list[BaseException] = []

        def hang() -> None:
            with scope:
                try:
                    server.call_tool("spin")
                except GuestCancelledError as error:
                    errors.append(error)

        thread = threading.Thread(target=hang)
        thread.start()
        assert sums(server)
        scope.cancel()
        thread.join(60)
        assert len(errors) == 1
        with scope, pytest.raises(GuestCancelledError):  # which is cancelled already
            server.call_tool("add", {"a": 1, "b": 2})
        assert sums(server)
