"""Instances for calls that wait, and one for quick calls."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import wasmtime
from support.waiting import wait_until

from wasmcp.errors import HostError
from wasmcp.host import Server, open_server
from wasmcp.host.engine import memory
from wasmcp.host.scheduling import dispatch, pool

WAT = Path(__file__).parent / "server.wat"
PATIENCE = 30.0  # maximum seconds for something that takes milliseconds on an idle machine


@pytest.fixture(scope="module")
def waiting() -> bytes:
    """A server whose command `!W` waits for 0.4 s."""
    return bytes(wasmtime.wat2wasm(WAT.read_text().replace("5000000000", "400000000")))


def line(name: str, command: str = "") -> str:
    params = {"name": name, "arguments": {"command": command}}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})


def running(server: Server) -> int:
    return sum(worker.call is not None for worker in server.pool._workers)


@contextmanager
def cancelled_at_end(server: Server, calls: list[Future[str | None]]) -> Iterator[None]:
    """Cancel the calls at the end, until each of them has ended."""
    try:
        yield
    finally:

        def have_ended() -> bool:
            server.cancel()
            return all(one.done() for one in calls)

        wait_until(have_ended)


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)


@pytest.mark.usefixtures("two_cores")
def test_calls_that_wait_run_side_by_side(waiting: bytes) -> None:
    with open_server(waiting) as server, ThreadPoolExecutor(12) as threads:
        calls = [threads.submit(server.send, line("!C")) for _ in range(12)]
        with cancelled_at_end(server, calls):
            wait_until(lambda: running(server) == 12)
            assert not any(one.done() for one in calls)


@pytest.mark.usefixtures("two_cores")
def test_quick_calls_do_not_wait_for_slow_ones(waiting: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "MOST_INSTANCES", 4)
    with open_server(waiting) as server, ThreadPoolExecutor(12) as threads:
        server.send(line("slow", "!W"))  # from now on the target counts as slow
        calls = [threads.submit(server.send, line("slow", "!C")) for _ in range(12)]
        with cancelled_at_end(server, calls):
            wait_until(lambda: running(server) == 3)
            for _ in range(5):
                assert server.send(line("quick")) == line("quick")
                assert running(server) == 3
            assert server.pool.has_waiting_calls
            assert not any(one.done() for one in calls)


@pytest.mark.usefixtures("two_cores")
def test_calls_that_compute_get_no_more_instances_than_cores(waiting: bytes) -> None:
    """Check that of calls that loop endlessly two run, and that a quick call runs on a third instance.

    A call that waited for the interpreter at two looks counts as waiting, so that one more instance is possible.
    """
    with open_server(waiting) as server, ThreadPoolExecutor(6) as threads:
        calls = [threads.submit(server.send, line("!L")) for _ in range(6)]
        with cancelled_at_end(server, calls):
            wait_until(lambda: running(server) >= 2)
            assert server.send(line("quick")) == line("quick")
            assert running(server) <= 3
            assert len(server.pool._workers) <= 4
        assert all(isinstance(one.exception(), HostError) for one in calls)


def test_operators_number_of_instances_is_exact(waiting: bytes) -> None:
    with open_server(waiting, instances=3) as server, ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(server.send, line("!C")) for _ in range(8)]
        with cancelled_at_end(server, calls):
            wait_until(lambda: running(server) == 3)
            time.sleep(0.1)  # several looks at the waiting calls
            assert len(server.pool._workers) == 3
        assert len(server.pool._workers) == 3


@pytest.mark.usefixtures("two_cores")
def test_idle_instances_end(waiting: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "IDLE", 0.05)
    with open_server(waiting) as server, ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(server.send, line("!C")) for _ in range(8)]
        with cancelled_at_end(server, calls):
            wait_until(lambda: running(server) == 8)
        wait_until(lambda: len(server.pool._workers) == 2)
        assert server.send(line("quick")) == line("quick")


@pytest.mark.usefixtures("two_cores")
def test_instances_stay_within_their_share_of_the_memory(waiting: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "total", lambda: 1)
    with open_server(waiting) as server, ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(server.send, line("!W")) for _ in range(8)]
        wait_until(lambda: any(one.done() for one in calls))
        assert len(server.pool._workers) <= 3
        for one in calls:
            one.result()


def test_calls_of_a_closed_server_fail(waiting: bytes, two_cores: None) -> None:
    server = open_server(waiting)
    with ThreadPoolExecutor(4) as threads:
        calls = [threads.submit(server.send, line("!C")) for _ in range(4)]
        wait_until(lambda: running(server) >= 2)
        server.close()
        ends = [one.exception() or one.result() for one in calls]
        assert all(isinstance(end, HostError) or "!C" in str(end) for end in ends)  # `!C` returns when it is cancelled


@pytest.mark.parametrize(
    ("can_wait", "files", "expected"), [(False, 20_000, 3), (True, 20_000, 64), (True, 1_024, 32), (True, 16, 3)]
)
@pytest.mark.usefixtures("two_cores")
def test_default_size(monkeypatch: pytest.MonkeyPatch, can_wait: bool, files: int, expected: int) -> None:
    monkeypatch.setattr(dispatch, "open_files", lambda: files)
    assert dispatch.default_size(can_wait=can_wait) == expected


def test_memory_of_the_process_has_a_bound() -> None:
    total = memory.total()
    assert total is None or total > 1 << 28


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system does not report states of threads")
def test_threads_that_wait_and_compute() -> None:
    end, ready = threading.Event(), threading.Event()

    def compute() -> None:
        ready.set()
        while not end.is_set():
            sum(range(1000))

    waits = threading.Thread(target=end.wait, daemon=True)
    computes = threading.Thread(target=compute, daemon=True)
    activities = [dispatch.ThreadActivity() for _ in range(2)]
    waits.start()
    computes.start()
    try:
        ready.wait()
        wait_until(lambda: activities[0].waits(waits.native_id))
        activities[0].reset()
        assert not activities[0].waits(waits.native_id)
        seen = [activities[1].waits(computes.native_id) for _ in range(50)]
        assert seen.count(False) > 0
    finally:
        end.set()
        waits.join()
        computes.join()


def test_activity_without_states_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check the use of the processor time of the process, with a thread that does not exist."""
    clock = iter([1.0, 2.0, 3.0, 4.0])
    used = iter([0.0, 0.1, 0.2, 9.0])
    monkeypatch.setattr(dispatch.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(dispatch.time, "process_time", lambda: next(used))
    activity = dispatch.ThreadActivity()
    assert [activity.waits(-1) for _ in range(4)] == [False, False, True, False]
