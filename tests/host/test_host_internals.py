"""Small modules of the host: deadlines, pipes, memory, error responses."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from math import inf
from pathlib import Path

import pytest
from support.waiting import wait_until

import wasmcp.host
from wasmcp.errors import (
    GuestCancelledError,
    GuestOutOfMemoryError,
    GuestTimeoutError,
    GuestTrapError,
    HostError,
    ResponseTooLargeError,
)
from wasmcp.host import Limits, Server
from wasmcp.host.bindings.messages import StdioRequest
from wasmcp.host.client.types import ResourceResult, ToolResult, parse_field_lines
from wasmcp.host.engine import backtraces, logs, memory
from wasmcp.host.engine.engine import HOST_GRACE, Watchdog
from wasmcp.host.engine.stdio_pipes import STDERR_KEPT, Output, StderrLog
from wasmcp.host.mcp import jsonrpc
from wasmcp.host.scheduling.call import Call


class Engine:
    """Fake engine that counts epochs."""

    def __init__(self) -> None:
        self.epochs = 0

    def increment_epoch(self) -> None:
        self.epochs += 1


class Store:
    """Fake store."""

    def __init__(self) -> None:
        self.given_up = False
        self.deadline = inf

    def overdue(self) -> None:
        self.given_up = True
        self.deadline = inf


def watched(dog: Watchdog) -> Store:
    store = Store()
    dog._calls.add(store)
    return store


def test_epoch_advances_only_after_a_deadline() -> None:
    engine = Engine()
    dog = Watchdog(engine)  # type: ignore[arg-type]
    store = watched(dog)
    for _ in range(100):
        dog.began(store, time.monotonic() + 60)
        store.deadline = inf
    time.sleep(0.05)
    assert engine.epochs == 0


def test_an_earlier_deadline_wakes_the_watchdog() -> None:
    engine = Engine()
    dog = Watchdog(engine)  # type: ignore[arg-type]
    late, soon = watched(dog), watched(dog)
    dog.began(late, time.monotonic() + 60)
    time.sleep(0.05)
    dog.began(soon, time.monotonic() + 0.05)
    wait_until(lambda: engine.epochs > 0)
    assert not late.given_up


def test_call_that_cannot_be_interrupted_is_abandoned() -> None:
    dog = Watchdog(Engine())  # type: ignore[arg-type]
    store = watched(dog)
    dog.began(store, time.monotonic() + 0.01)
    time.sleep(HOST_GRACE / 2)
    assert not store.given_up
    wait_until(lambda: store.given_up)


def test_output_order_with_several_readers() -> None:
    got: list[bytes] = []
    output = Output(got.append)

    def drain() -> None:
        while output.drain():
            time.sleep(0)

    threads = [threading.Thread(target=drain) for _ in range(4)]
    for thread in threads:
        thread.start()
    for n in range(2000):
        os.write(output._write, b"%06d" % n)
    output.close_writing_end()
    for thread in threads:
        thread.join()
    output.close()
    assert b"".join(got) == b"".join(b"%06d" % n for n in range(2000))


def test_stderr_is_bounded() -> None:
    log = StderrLog(echo=False)
    for n in range(10_000):
        log.write(b"%09d\n" % n)
    assert len(log.text()) <= STDERR_KEPT
    assert log.text().endswith("000009999\n")
    log.write(b"x" * (2 * STDERR_KEPT))
    assert log.text() == "x" * STDERR_KEPT


@pytest.mark.usefixtures("no_handlers")
def test_stderr_echo(capfd: pytest.CaptureFixture[str]) -> None:
    StderrLog(echo=True).write(b"seen\n")
    StderrLog(echo=False).write(b"not seen\n")
    logs.flush()
    assert capfd.readouterr().err == "server: seen\n"


def test_call_finishes_once() -> None:
    finished: list[Call] = []
    call = Call(StdioRequest(b"x", b""), 1, finished.append)
    call.finish((b"a", b""), None)
    call.finish(None, HostError("late"))
    assert finished == [call]
    assert call.result == (b"a", b"")
    assert call.error is None


def test_hanging_threads_are_replaced_up_to_a_limit(open_it: Callable[..., Server]) -> None:
    server = open_it(instances=1, limits=Limits(timeout=0.05))
    for _ in range(3):
        with pytest.raises(GuestTimeoutError):
            server.send("!W")
    assert server.pool._hanging == 3
    assert server.send("goes on") == "goes on"
    assert len(server.pool._workers) == 1


def test_calls_wait_for_the_instances_that_exist_if_no_thread_can_be_started(
    open_it: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = open_it(instances=2, limits=Limits(timeout=60))
    ended: list[Call] = []
    refused: list[str] = []

    def start(_run: Callable[[], None], name: str) -> threading.Thread:
        refused.append(name)
        raise RuntimeError("can't start new thread")

    running = Call(StdioRequest(b"!L", b""), 60, ended.append)
    server.pool.submit(running)
    wait_until(lambda: server.pool._workers[0].began)
    monkeypatch.setattr("wasmcp.host.scheduling.pool.start_thread", start)
    waiting = [Call(StdioRequest(b"%d" % number, b""), 60, ended.append) for number in range(2)]
    for call in waiting:
        server.pool.submit(call)
    assert refused[:1] == ["wasmcp-instance"]
    running.cancel()
    wait_until(lambda: len(ended) == 3)
    assert [call.error for call in waiting] == [None, None]
    assert server.pool._woken == 0


def test_result_of_a_hanging_call_that_is_not_processed_delays_no_deadline(open_it: Callable[..., Server]) -> None:
    server = open_it(instances=2, limits=Limits(timeout=0.05))
    begun, released, waits = threading.Event(), threading.Event(), []

    def done(_call: Call) -> None:
        begun.set()
        waits.append(released.wait(60))

    server.pool.submit(Call(StdioRequest(b"!W", b""), 0.05, done))
    assert begun.wait(60)
    with pytest.raises(GuestTimeoutError):
        server.send("!L")
    released.set()
    wait_until(lambda: bool(waits))
    assert waits == [True]


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux tells")
def test_memories_of_other_stores_are_ignored(open_it: Callable[..., Server]) -> None:
    others = memory.memories()
    server = open_it(instances=1, limits=Limits(timeout=20))
    server.send("x" * (3 << 20))
    now = memory.memories()
    # The memory of a store that has ended since, of an earlier test, can be at the same address.
    own = {start for start, size in now.items() if others.get(start) != size}
    assert 3 << 20 <= max(now[start] for start in own) < 1 << 30
    assert backtraces.exhausted(4 << 20, "wasm `unreachable` instruction executed", "", besides=others.keys() - own)
    everyone = memory.memories()
    assert not backtraces.exhausted(4 << 20, "wasm `unreachable` instruction executed", "", besides=everyone)


def test_out_of_memory_messages_of_runtimes() -> None:
    assert backtraces.exhausted(1 << 40, "wasm trap", "MemoryError\n")
    assert not backtraces.exhausted(1 << 40, "wasm `unreachable` instruction executed", "")
    assert not backtraces.exhausted(1, "integer divide by zero", "")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (GuestTimeoutError(2.5), "took longer than 2.5 s"),
        (GuestOutOfMemoryError(1 << 20), "exceeded the memory limit"),
        (ResponseTooLargeError(10, 5), "larger than 5 bytes"),
        (GuestTrapError("at /home/user/secret"), "the server failed to answer"),
        (GuestCancelledError(), "the request was cancelled"),
        (OSError("/home/user/secret"), "the server failed to answer"),
    ],
)
def test_error_responses_have_no_details(error: Exception, expected: str) -> None:
    message = jsonrpc.internal_error_response(b'{"jsonrpc":"2.0","id":"a","method":"x"}', error)
    assert message is not None
    assert expected.encode() in message
    assert b'"id":"a"' in message
    assert b"secret" not in message


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"[" * 100_000,
        b'{"method":"x"}',
        b'{"id":1}',
        b'{"id":true,"method":"x"}',
        b'{"id":[],"method":"x"}',
        b"\xff",
    ],
)
def test_message_without_id_gets_no_response(message: bytes) -> None:
    assert jsonrpc.internal_error_response(message, HostError("x")) is None


def test_parse_field_lines() -> None:
    assert parse_field_lines("a: 1\r\nB:2 \t\r\nc:x:y\r\n") == [("a", "1"), ("B", "2"), ("c", "x:y")]


def test_text_of_a_result() -> None:
    blocks = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]
    result = ToolResult.from_wire({"content": blocks, "isError": True, "_meta": {"k": 1}})
    assert (result.text, result.is_error, result.meta, result.structured_content) == ("a\nb", True, {"k": 1}, None)


def test_bytes_of_a_resource() -> None:
    contents = [{"uri": "a:b", "blob": "+/8="}, {"uri": "a:c", "text": "é"}]
    assert ResourceResult.from_wire({"contents": contents}).data == b"\xfb\xff" + "é".encode()


@pytest.mark.parametrize("blob", ["-_8=", "+/8", "+/8=x", " +/8=", "<html>", "+/9=", "é", 5, None])
def test_invalid_base64_blob_is_an_error(blob: object) -> None:
    with pytest.raises(HostError, match=r"the `blob` of `a:b` is not base64 \(RFC 4648, section 4\)"):
        ResourceResult.from_wire({"contents": [{"uri": "a:b", "blob": blob}]}).data  # noqa: B018 - reading is checking


def test_trap_report_is_short() -> None:
    frames = "\n".join(f"{number}: main!f{number}" for number in range(100))
    stderr = (
        "\n".join(f"line {number}" for number in range(50))
        + "\n\x1b[31mthread 'main' panicked at src/lib.rs:3:5:\nout of cheese\n"
    )
    trap = GuestTrapError("wasm `unreachable` instruction executed", backtrace=frames, stderr=stderr)
    assert str(trap).splitlines()[0] == "wasm `unreachable` instruction executed: out of cheese"
    assert len(str(trap).splitlines()) == 23
    assert "\x1b" not in str(trap)
    assert "(92 more frames)" in trap.summary()
    assert GuestTrapError("trap", stderr="panic: index 3, length 2\n").panic == "index 3, length 2"
    assert str(GuestTrapError("trap", stderr="")) == "trap"


def test_one_module_uses_the_private_api_of_wasmtime() -> None:
    host = Path(wasmcp.host.__file__).parent
    private = re.compile(r"wasmtime.*\b_ffi\b|(?<!self)\._(context|func|from_ptr|consume|invalidate)\(")
    users = [path.name for path in host.rglob("*.py") if private.search(path.read_text("utf-8"))]
    assert users == ["_capi.py"]
