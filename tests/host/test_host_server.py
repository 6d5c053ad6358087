"""Messages to and from a server in this process, and the handling of misbehaving code."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from wasmtime import wat2wasm

from wasmcp.errors import (
    ArtifactError,
    GuestCancelledError,
    GuestOutOfMemoryError,
    GuestTimeoutError,
    GuestTrapError,
    HostError,
    ResponseTooLargeError,
)
from wasmcp.host import Limits, Server, open_server


def test_line_and_response(server: Server) -> None:
    assert server.send("hello") == "hello"
    assert server.send("") is None


def test_state_is_passed_to_the_next_line(server: Server) -> None:
    assert server.state == ""
    server.send("one")
    server.send("two")
    assert server.state == ".."


def test_cancellation_line(open_it: Callable[..., Server]) -> None:
    server = open_it(instances=2, limits=Limits(cancel_grace=0.05))
    ended: list[Exception] = []

    def wait() -> None:
        try:
            server.send('{"id":7,"method":"!L"}')
        except GuestCancelledError as error:
            ended.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.1)
    notification = '{"method":"notifications/cancelled","params":{"requestId":%s}}'
    for other in ('"7"', "8", "true"):
        assert server.send(notification % other) == notification % other  # no request of the host: the server echoes it
    assert ended == []
    assert server.send(notification % 7) is None
    thread.join(10)
    assert len(ended) == 1


def test_unicode_text_is_preserved(server: Server) -> None:
    text = '\x00 é 世界 🎉 " \\ \u2028'
    assert server.send(text) == text


def test_large_text_is_preserved(server: Server) -> None:
    text = "é" * 300_000
    assert server.send(text) == text


@pytest.mark.parametrize("line", [b"\xff", b'{"a":"\xc3"}', b"\xed\xa0\x80", "\ud800"])
def test_invalid_utf8_is_not_passed_on(server: Server, line: str | bytes) -> None:
    answer = server.send(line)
    assert answer == '{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error: the message is not UTF-8"}}'
    assert server.send("still there") == "still there"


def test_line_above_the_limit_is_not_passed_on(open_it: Callable[..., Server]) -> None:
    server = open_it(limits=Limits(request=100))
    assert server.send("x" * 100) == "x" * 100
    assert "larger than 100 bytes" in (server.send("!T" + "x" * 99) or "")


def test_http(server: Server) -> None:
    response = server.http("POST", "/mcp", {"Accept": "*/*"}, "body")
    assert (response.status, response.headers, response.body) == (200, [("content-type", "application/json")], "body")
    assert response.header("Content-Type") == "application/json"
    assert response.header("x") is None
    assert response.chunks == []


def test_streamed_http_response(server: Server) -> None:
    response = server.http("POST", "/mcp", body="!H")
    assert response.status == 200
    assert response.headers == [("content-type", "text/event-stream")]
    assert response.chunks == ["data: 1\n\n", "data: 2\n\n"]
    assert response.body == "data: 1\n\ndata: 2\n\n"


def test_events_precede_the_response_in_order(server: Server) -> None:
    events: list[str] = []
    assert server.send("!E", on_event=events.append) == "!E"
    assert len(events) == 2
    assert all('"notifications/message"' in event for event in events)


def test_error_of_an_event_handler_reaches_the_caller(server: Server) -> None:
    def refuse(event: str) -> None:
        raise KeyError(event[:1])

    with pytest.raises(KeyError):
        server.send("!E", on_event=refuse)
    assert server.send("goes on") == "goes on"


def test_wire_log(open_it: Callable[..., Server]) -> None:
    wire: list[tuple[str, str]] = []
    server = open_it(on_wire=lambda direction, text: wire.append((direction, text)))
    server.send("!E")
    server.send(b"\xff")
    server.http("POST", "/mcp", body="x")
    assert [direction for direction, _ in wire] == ["->", "<-", "<-", "<-", "->", "<-", "->", "<-"]
    assert wire[0][1] == wire[3][1] == "!E"
    assert wire[4][1] == "\\xff"


def test_stderr_is_kept(server: Server) -> None:
    server.send("first!S")
    server.send("second!S")
    assert server.stderr == "first!Ssecond!S"


def test_server_continues_after_a_trap(server: Server) -> None:
    server.send("before")
    with pytest.raises(GuestTrapError) as caught:
        server.send("!T")
    assert type(caught.value) is GuestTrapError
    assert "unreachable" in caught.value.reason
    assert "main!act" in caught.value.backtrace
    assert server.send("after") == "after"
    assert server.state == ".."


def test_events_before_a_trap_are_kept(server: Server) -> None:
    events: list[str] = []
    with pytest.raises(GuestTrapError):
        server.send("!X", on_event=events.append)
    assert len(events) == 1


def test_endless_loop_is_interrupted(server: Server) -> None:
    start = time.monotonic()
    with pytest.raises(GuestTimeoutError) as caught:
        server.send("!L")
    assert caught.value.limit == 0.4
    assert "0.4 s" in str(caught.value)
    assert 0.4 <= time.monotonic() - start < 5
    assert server.send("after") == "after"


def test_timeout_of_a_single_call(open_it: Callable[..., Server]) -> None:
    server = open_it(limits=Limits(timeout=30))
    with pytest.raises(GuestTimeoutError) as caught:
        server.send("!L", timeout=0.05)
    assert caught.value.limit == 0.05


def test_call_that_hangs_in_the_host_is_abandoned(server: Server) -> None:
    start = time.monotonic()
    with pytest.raises(GuestTimeoutError):
        server.send("!W")  # sleeps five seconds in wasi:io/poll
    assert time.monotonic() - start < 4
    assert server.send("after") == "after"


def test_memory_is_limited(server: Server) -> None:
    with pytest.raises(GuestOutOfMemoryError if Path("/proc/self/maps").exists() else GuestTrapError):
        server.send("!A")
    assert server.send("after") == "after"
    with pytest.raises(GuestTrapError) as caught:
        server.send("!T")
    assert type(caught.value) is GuestTrapError


def test_out_of_memory_message_is_recognized(open_it: Callable[..., Server]) -> None:
    server = open_it(instances=1)
    with pytest.raises(GuestOutOfMemoryError) as caught:
        server.send("memory allocation of 9 bytes failed!O")
    assert caught.value.limit == 16 << 20
    assert "memory allocation" in caught.value.stderr


def test_server_above_the_memory_limit_does_not_boot(open_it: Callable[..., Server]) -> None:
    server = open_it(limits=Limits(memory=65536))
    with pytest.raises(GuestOutOfMemoryError):
        server.send("x")


def test_too_large_response_is_an_error(server: Server) -> None:
    with pytest.raises(ResponseTooLargeError) as caught:
        server.send("!B")
    assert (caught.value.size, caught.value.limit) == (2 << 20, 1 << 20)
    assert server.send("after") == "after"


def test_slow_request_does_not_block_others(open_it: Callable[..., Server]) -> None:
    server = open_it(instances=2, limits=Limits(timeout=20, cancel_grace=0.05))

    def loop() -> None:
        with pytest.raises(GuestTimeoutError):
            server.send("!L", timeout=2)

    slow = threading.Thread(target=loop)
    slow.start()
    time.sleep(0.1)
    assert server.send("quick") == "quick"
    assert slow.is_alive()
    slow.join()


def test_close_cancels_running_calls(open_it: Callable[..., Server]) -> None:
    server = open_it(limits=Limits(timeout=60, cancel_grace=0.05))
    caught: list[BaseException] = []

    def call() -> None:
        try:
            server.send("!L")
        except HostError as error:
            caught.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    time.sleep(0.2)
    server.close()
    thread.join(10)
    assert [type(error) for error in caught] == [GuestCancelledError]
    with pytest.raises(HostError, match="closed"):
        server.send("x")


def test_component_without_the_exchange_export_is_an_error() -> None:
    missing = "does not export `wasmcp:embedding/exchange@0"
    with open_server(bytes(wat2wasm("(component)"))) as server, pytest.raises(ArtifactError, match=missing):
        server.send("x")


def test_unknown_import_is_an_error() -> None:
    text = '(component (import "wasi:keyvalue/store@0.2.0" (instance (export "open" (func)))))'
    with pytest.raises(ArtifactError, match=r"imports `wasi:keyvalue/store@0\.2\.0`; hosts have 0\.2\.0-draft and"):
        open_server(bytes(wat2wasm(text)))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "is not WebAssembly"),
        (b"hello world", "is not WebAssembly"),
        (b"\0asm\x01\0\0\0", "is a core WebAssembly module"),
        (b"\0asm\x0e\0\x01\0", "does not support"),
        (b"\0asm\x0d\0\x01\0\x07\x05", "is not a valid component"),
    ],
)
def test_invalid_components_are_rejected(data: bytes, expected: str) -> None:
    with pytest.raises(ArtifactError, match=expected):
        open_server(data)


def test_quick_code_behaves_the_same(server_bytes: bytes) -> None:
    with open_server(server_bytes, quick=True, limits=Limits(timeout=0.3)) as server:
        assert server.send("x") == "x"
        with pytest.raises(GuestTimeoutError):
            server.send("!L")


def test_many_client_threads(open_it: Callable[..., Server]) -> None:
    server = open_it(instances=3, limits=Limits(timeout=20))
    wrong: list[str] = []

    def work(name: str) -> None:
        for n in range(200):
            text = f"{name} {n}"
            if server.send(text) != text:
                wrong.append(text)

    threads = [threading.Thread(target=work, args=(f"thread {n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(("line", "ends"), [("!L", GuestCancelledError), ("!C", None)])
def test_cancelled_request(server: Server, line: str, ends: type[Exception] | None) -> None:
    outcome: list[object] = []

    def call() -> None:
        try:
            outcome.append(server.send(line, timeout=20))
        except GuestCancelledError as error:
            outcome.append(type(error))

    thread = threading.Thread(target=call)
    thread.start()
    time.sleep(0.1)
    server.cancel()
    thread.join(5)
    assert outcome == [line if ends is None else ends]
    assert server.send("after") == "after"


def test_closed_server_frees_its_resources(zig_server: Path) -> None:
    def resident() -> int:
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    kept = []
    before: tuple[int, int] | None = None
    for number in range(60):
        with open_server(zig_server, instances=1) as opened:
            opened.call_tool("add", {"a": number, "b": 1})
        kept.append(opened)  # a reference of the caller does not keep resources open
        if number == 9:
            before = len(list(Path("/proc/self/fd").iterdir())), resident()
    assert before is not None
    assert len(list(Path("/proc/self/fd").iterdir())) <= before[0]
    assert resident() - before[1] < 50 * 300  # KiB; 1,800 per server before they were freed
    with pytest.raises(HostError, match="closed"):
        kept[0].list_tools()
