"""Inline execution: short calls run on the submitting thread, long ones do not block it."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import wasmtime
from support.projects import project_files, write_project

from wasmcp.errors import GuestCancelledError, GuestTimeoutError, RequestError
from wasmcp.host import Limits, Server, open_server
from wasmcp.host.bindings.effects import INTERFACE, can_stop, can_wait, with_hook
from wasmcp.host.bindings.messages import Ask, Event, Message, StdioRequest
from wasmcp.host.scheduling import instance
from wasmcp.host.scheduling.call import Call, InlinePolicy, Target
from wasmcp.host.scheduling.interruption import (
    DeferredSignals,
    defer_all,
    interruptible,
    is_deferral_needed,
    keep_handlers,
    only_notes,
)
from wasmcp.project import ensure_built

FILES = project_files(
    "inline",
    {
        "zig/tools.zig": """\
const mcp = @import("wasmcp");

pub const tools = .{
    mcp.tool("calls", "Return the number of calls of this instance.", calls),
    mcp.tool("spin", "Report progress, then continue until the request is cancelled.", spin),
};

var called: u64 = 0;

fn calls(_: struct {}) u64 {
    called += 1;
    return called;
}

fn spin(_: struct {}, context: mcp.Context) u64 {
    called += 1;
    context.progress(1, 2, null);
    context.progress(2, 2, null);
    while (!context.cancelled()) {}
    return called;
}
""",
    },
)


class Loopback:
    """HTTP server that counts its requests."""

    def __init__(self) -> None:
        counter = itertools.count(1)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = b"page %d" % next(counter)
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    running = Loopback()
    yield running
    running.server.shutdown()
    running.server.server_close()


META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
ACTING_FILES = project_files(
    "acting",
    {
        "zig/tools.zig": """\
const mcp = @import("wasmcp");

pub const tools = .{
    mcp.tool("store", "Count in the store, or compute only.", store),
    mcp.tool("fetch", "Fetch a page, or compute only.", fetch),
};

fn store(args: struct { act: bool }) !i64 {
    if (!args.act) return 0;
    const bucket = try mcp.kv.open("");
    defer bucket.close();
    return bucket.increment("calls", 1);
}

fn fetch(args: struct { act: bool, url: []const u8 }) ![]const u8 {
    if (!args.act) return "";
    const page = try mcp.http.fetch(.{ .url = args.url });
    return page.body;
}
""",
    },
    """\
[tool.wasmcp.components.tools]
source = "zig/tools.zig"
grants = ["http", "kv"]

[tool.wasmcp.servers.default]
components = ["tools"]
""",
)
QUICK_CALLS = 100
TARGET = ("tools/call", "calls")


def line(name: str) -> bytes:
    params = {"name": name, "arguments": {}, "_meta": {**META, "progressToken": "p"}}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()


class Submitted:
    """A submitted call, the thread on which it ended, and its progress events."""

    def __init__(self, server: Server, name: str) -> None:
        self.begun, self.ended = threading.Event(), threading.Event()
        self.thread = 0
        self.received: list[float] = []
        self.call = Call(StdioRequest(line(name), b""), 20, self._done, self._event, server.pool.pending_inputs)
        server.pool.submit(self.call)

    def _done(self, _call: Call) -> None:
        self.thread = threading.get_ident()
        self.ended.set()

    def _event(self, _call: Call, event: Event) -> None:
        assert isinstance(event, Message)
        self.begun.set()
        self.received.append(json.loads(event.text)["params"]["progress"])

    @property
    def inline(self) -> bool:
        return self.ended.is_set() and self.thread == threading.get_ident()

    def wait(self) -> Submitted:
        assert self.ended.wait(20)
        return self


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensure_built(write_project(tmp_path_factory.mktemp("inline"), FILES))


def warmed(server: Server) -> Server:
    """Make calls until the policy allows inline calls; on a busy machine this takes more calls."""
    for _ in range(50 * QUICK_CALLS):
        server.call_tool("calls")
        if server.pool.inline_policy.allows_inline():
            return server
    raise AssertionError("no sixteen quick calls in a row")


def test_short_call_runs_inline(path: Path) -> None:
    with open_server(path) as server:
        first = Submitted(server, "calls").wait()
        assert not first.inline
        warmed(server)
        assert any(Submitted(server, "calls").wait().inline for _ in range(QUICK_CALLS))


def test_slow_call_moves_to_another_thread_without_repeated_events(path: Path) -> None:
    with open_server(path, instances=2) as server:
        warmed(server)
        slow = Submitted(server, "spin")
        assert not slow.ended.is_set()
        assert not server.pool.inline_policy.allows_inline()
        assert server.call_tool("calls", timeout=20).structured_content  # the other instance answers
        slow.call.cancel()
        slow.wait()
        assert not slow.inline
        assert slow.received == [1, 2]
        assert slow.call.result is not None or isinstance(slow.call.error, GuestCancelledError)


def test_slow_call_costs_one_instance(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_server(path, instances=2) as server:
        both = [Submitted(server, "spin") for _ in range(2)]
        for slow in both:
            assert slow.begun.wait(20)
            slow.call.cancel()
            slow.wait()
        warmed(server)
        slices: list[InlinePolicy] = []
        stopped = InlinePolicy.record_stopped

        def over(inline_policy: InlinePolicy, target: Target, *, had_effects: bool) -> None:
            assert not had_effects
            slices.append(inline_policy)
            stopped(inline_policy, target)

        monkeypatch.setattr(InlinePolicy, "record_stopped", over)
        slow = Submitted(server, "spin")
        assert slices == [server.pool.inline_policy]
        slow.call.cancel()
        slow.wait()


def test_call_that_other_processes_keep_waiting_stays_inline(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_server(path, instances=2) as server:
        warmed(server)
        monkeypatch.setattr(instance, "thread_time", lambda: 7.0)  # the thread does not run
        monkeypatch.setattr(instance, "LATEST_SLICE", 0.2)
        before = time.monotonic()
        slow = Submitted(server, "spin")
        assert time.monotonic() - before > 0.2  # forty slices
        slow.call.cancel()
        assert not slow.wait().inline


def test_timeout_below_the_slice_is_reported(path: Path) -> None:
    with open_server(path) as server:
        warmed(server)
        with pytest.raises(GuestTimeoutError) as raised:
            server.call_tool("spin", timeout=0.002)
        assert raised.value.limit == 0.002
        assert server.call_tool("calls", timeout=20).structured_content


def test_error_of_an_inline_call_is_reported(path: Path) -> None:
    with open_server(path) as server:
        warmed(server)
        with pytest.raises(RequestError, match="unknown_tool"):
            server.call_tool("unknown_tool")


def test_single_instance_keeps_its_memory(path: Path) -> None:
    with open_server(path, instances=1) as server:
        for _ in range(QUICK_CALLS):
            server.call_tool("calls")
        assert not Submitted(server, "calls").wait().inline
        slow = Submitted(server, "spin")
        assert not server.pool.inline_policy.allows_inline()
        assert slow.begun.wait(20)
        slow.call.cancel()
        slow.wait()
        counted: Any = server.call_tool("calls").structured_content
        assert counted["result"] == QUICK_CALLS + 3


def test_wait_of_an_inline_call_moves_to_another_thread(open_it: Callable[..., Server]) -> None:
    server = open_it(limits=Limits(timeout=20))
    for _ in range(50 * QUICK_CALLS):
        server.send("hello")
        if server.pool.inline_policy.allows_inline():
            break
    assert server.pool.inline_policy.allows_inline()
    ended = threading.Event()
    waits = Call(StdioRequest(b"!W", b""), 20, lambda _call: ended.set())
    server.pool.submit(waits)  # it returns before the five seconds of the wait are over, or the test fails below
    assert not ended.is_set()
    assert waits.error is None
    assert not server.pool.inline_policy.allows_inline()
    waits.cancel()
    assert ended.wait(20)
    assert server.send("hello")


@pytest.fixture(scope="module")
def acting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensure_built(write_project(tmp_path_factory.mktemp("acting"), ACTING_FILES))


@pytest.mark.parametrize("tool", ["store", "fetch"])
def test_stopped_call_acts_once(acting: Path, loopback: Loopback, tool: str) -> None:
    """Stop calls that act only sometimes before they act, until the policy runs none of them inline any more."""
    arguments = {"url": loopback.url} if tool == "fetch" else {}
    with open_server(acting, limits=Limits(timeout=20)) as server:
        policy = server.pool.inline_policy
        for number in range(1, 5):
            for _ in range(50 * QUICK_CALLS):
                assert not server.call_tool(tool, {"act": False, **arguments}).is_error
                if policy.allows_inline(("tools/call", tool)) or number == 4:
                    break
            assert policy.allows_inline(("tools/call", tool)) is (number < 4)
            result: Any = server.call_tool(tool, {"act": True, **arguments}).structured_content
            assert result["result"] == (number if tool == "store" else f"page {number}")


def test_inline_calls_of_many_threads(path: Path) -> None:
    with open_server(path) as server:
        warmed(server)
        wrong: list[object] = []

        def work() -> None:
            try:
                for _ in range(QUICK_CALLS):
                    server.call_tool("calls")
            except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
                wrong.append(error)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong


class Scripted:
    """Fake instance with given events and a given error."""

    issuer = None

    def __init__(self, events: list[str], error: Exception | None = None) -> None:
        self._events = events
        self._error = error

    def prepare(
        self, _token: int, _now: float, _timeout: float | None, on_event: Callable[[Event], None], **_slice: bool
    ) -> None:
        self._emit = on_event

    def call(self, _request: object, _resumed: object) -> str:
        for event in self._events:
            self._emit(Ask(event) if event == "ask" else Message(event))
        if self._error is not None:
            raise self._error
        return "done"


class FakePendingInputs:
    """Fake of `PendingInputs`."""

    def add(self, _call: Call, _event: Ask) -> None:
        self.waiting = True

    def suspend(self, _call: Call) -> None:
        assert self.waiting


class FreeTurn:
    """Fake of the use of an instance."""

    def end(self, _call: Call) -> None:
        pass

    def pause(self, _call: Call) -> bool:
        return True


def test_events_after_resumption_are_all_sent() -> None:
    received: list[str] = []
    pending: Any = FakePendingInputs()
    request = StdioRequest(b"", b"")
    call = Call(request, 20, lambda _call: None, lambda _call, event: received.append(event.text), pending)
    inline_policy = InlinePolicy(trusted=True)

    def run(*events: str, error: Exception | None = None, inline: bool = False) -> bool:
        instance: Any = Scripted(list(events), error)
        return call.run(instance, 1, inline_policy, FreeTurn(), inline=inline)

    assert not run("1", "2", error=GuestTimeoutError(0.005), inline=True)
    assert run("1", "2", "3", "ask")
    assert received == ["1", "2", "3"]
    assert run("4", "5")
    assert received == ["1", "2", "3", "4", "5"]
    assert call.result == "done"


def test_interrupt_reaches_the_caller(path: Path) -> None:
    script = """
import sys
from wasmcp.host import open_server
with open_server(sys.argv[1]) as server:
    while not server.pool.inline_policy.allows_inline():
        server.call_tool("calls")
    try:
        print("now", flush=True)
        while True:
            server.call_tool("calls")
    except KeyboardInterrupt:
        print("interrupted", server.call_tool("calls").is_error, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", script, path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "now\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30)[0] == "interrupted False\n"
        assert process.returncode == 0


def test_signal_during_a_callback_is_deferred(path: Path) -> None:
    script = """
import signal, sys, threading, time
from wasmcp.host import open_server
from wasmcp.host.engine import engine

taken = []

def clock():
    if threading.current_thread() is threading.main_thread() and not taken and armed:
        taken.append(signal.getsignal(signal.SIGINT))
        signal.raise_signal(signal.SIGALRM)
        signal.raise_signal(signal.SIGINT)
    return time.monotonic()

def late(number, frame):
    print("alarm", number == signal.SIGALRM, flush=True)
    raise TimeoutError

armed = False
engine.monotonic = clock
signal.signal(signal.SIGALRM, late)
before = signal.getsignal(signal.SIGINT)
with open_server(sys.argv[1]) as server:
    while not server.pool.inline_policy.allows_inline():
        server.call_tool("calls")
    armed = True
    try:
        server.call_tool("spin", timeout=60)
    except KeyboardInterrupt:
        print("interrupted", server.call_tool("calls").is_error, flush=True)
print(len(taken), signal.getsignal(signal.SIGINT) is before, signal.getsignal(signal.SIGALRM) is late)
"""
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, timeout=60, check=False)
    assert sorted(done.stdout.splitlines()) == ["1 True True", "alarm True", "interrupted False"]
    assert (done.returncode, done.stderr) == (0, "")


def deferred(function: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        with DeferredSignals():
            function()

    return run


def test_handlers_that_only_note_are_not_deferred() -> None:
    ran: list[str] = []
    before = signal.signal(signal.SIGUSR1, lambda _number, _frame: ran.append("handler"))

    @deferred
    def body() -> None:
        signal.raise_signal(signal.SIGUSR1)
        ran.append("body")

    try:
        only_notes(signal.SIGUSR1)
        body()
        assert ran == ["handler", "body"]
        defer_all()
        body()
        assert ran[2:] == ["body", "handler"]
    finally:
        defer_all()
        signal.signal(signal.SIGUSR1, before)


def test_deferral_is_needed_for_handlers_that_do_more_than_note() -> None:
    known = {number: signal.getsignal(number) for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}}
    before = {number: handler for number, handler in known.items() if callable(handler)}
    try:
        for number in before:  # those of pytest
            signal.signal(number, signal.SIG_IGN)
        needed = [is_deferral_needed()]
        signal.signal(signal.SIGUSR1, lambda _number, _frame: None)
        needed.append(is_deferral_needed())
        only_notes(signal.SIGUSR1)
        needed += [is_deferral_needed(), is_deferral_needed()]
        on_thread: list[bool] = []
        signal.signal(signal.SIGUSR1, lambda _number, _frame: None)
        thread = threading.Thread(target=lambda: on_thread.append(is_deferral_needed()))
        thread.start()
        thread.join()
        needed.append(is_deferral_needed())
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        needed.append(is_deferral_needed())
    finally:
        defer_all()
        for number, handler in {**before, signal.SIGUSR1: known[signal.SIGUSR1]}.items():
            signal.signal(number, handler)
    assert needed == [False, True, False, False, True, False]
    assert on_thread == [False]


def test_handlers_that_are_kept_are_not_looked_at() -> None:
    """The declaration has no effect while a handler has to be deferred, and ends with `defer_all`."""
    known = {number: signal.getsignal(number) for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}}
    before = {number: handler for number, handler in known.items() if callable(handler)}
    needed: list[bool] = []
    try:
        for number in before:  # those of pytest
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGUSR1, lambda _number, _frame: None)
        keep_handlers()
        needed.append(is_deferral_needed())
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        keep_handlers()
        signal.signal(signal.SIGUSR1, lambda _number, _frame: None)
        needed.append(is_deferral_needed())
        defer_all()
        needed.append(is_deferral_needed())
    finally:
        defer_all()
        for number, handler in {**before, signal.SIGUSR1: known[signal.SIGUSR1]}.items():
            signal.signal(number, handler)
    assert needed == [True, False, True]


def test_signal_interrupts_the_callers_code_at_once() -> None:
    ran: list[str] = []

    def handler(_number: int, _frame: object) -> None:
        ran.append("handler")
        raise TimeoutError

    @interruptible
    def takes_events() -> None:
        signal.raise_signal(signal.SIGUSR1)
        ran.append("after")

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with pytest.raises(TimeoutError):
            deferred(takes_events)()
        assert ran == ["handler"]

        @deferred
        def body() -> None:
            signal.raise_signal(signal.SIGUSR1)
            ran.append("body")

        with pytest.raises(TimeoutError):
            body()
        assert ran == ["handler", "body", "handler"]
        assert signal.getsignal(signal.SIGUSR1) is handler
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_several_deferred_signals_are_all_handled() -> None:
    ran: list[int] = []

    def handler(number: int, _frame: object) -> None:
        ran.append(number)
        raise TimeoutError

    numbers = (signal.SIGUSR1, signal.SIGUSR2)
    before = [signal.signal(number, handler) for number in numbers]
    try:

        @deferred
        def body() -> None:
            for number in numbers:
                signal.raise_signal(number)

        with pytest.raises(TimeoutError):
            body()
        assert ran == [*numbers]
    finally:
        for number, was in zip(numbers, before, strict=True):
            signal.signal(number, was)


@pytest.mark.parametrize(
    ("imports", "expected"),
    [
        ([], False),
        (["wasi:io/streams@0.2.8", "wasi:cli/stdout@0.2.8", "wasi:random/random@0.2.9"], False),
        (["wasi:io/streams@0.2.8", "wasi:io/poll@0.2.8"], True),
        (["wasi:clocks/monotonic-clock@0.2.8"], True),
        (["wasi:http/outgoing-handler@0.2.8"], True),
        (["wasi:keyvalue/store@0.2.0-draft2"], True),
        (["wasi:filesystem/types@0.2.8"], True),
        (["something:else/entirely@1.0.0"], True),
    ],
)
def test_can_wait(imports: list[str], expected: bool) -> None:
    assert can_wait(imports) is expected


@pytest.mark.parametrize(
    ("imports", "directories", "expected"),
    [
        (["wasi:io/streams@0.2.8"], False, True),
        (["wasi:io/streams@0.2.8"], True, True),
        (["wasi:io/poll@0.2.8"], False, False),
        ([INTERFACE, "wasi:io/poll@0.2.8", "wasi:clocks/monotonic-clock@0.2.8"], False, True),
        ([INTERFACE, "wasi:http/outgoing-handler@0.2.8", "wasi:keyvalue/store@0.2.0-draft2"], False, True),
        ([INTERFACE, "wasi:io/poll@0.2.8", "wasi:filesystem/types@0.2.8"], False, True),
        ([INTERFACE, "wasi:io/poll@0.2.8", "wasi:filesystem/types@0.2.8"], True, False),
        ([INTERFACE, "wasi:io/poll@0.2.8", "wasi:sockets/tcp@0.2.8"], False, False),
        ([INTERFACE, "something:else/entirely@1.0.0"], False, False),
    ],
)
def test_can_stop(imports: list[str], directories: bool, expected: bool) -> None:
    assert can_stop(imports, directories=directories) is expected


FOREIGN = """\
(component
  (import "wasi:io/poll@0.2.0" (func))
  (component $none)
  (instance $exchange (instantiate $none))
  (export "wasmcp:embedding/exchange@0.1.0" (instance $exchange)))
"""


@pytest.mark.parametrize("data", [b"", b"\0asm\1\0\0\0", bytes(wasmtime.wat2wasm(FOREIGN))])
def test_component_that_cannot_have_the_hook_is_compiled_as_it_is(data: bytes) -> None:
    assert with_hook(data) == data


def test_policy_by_target() -> None:
    inline_policy = InlinePolicy(trusted=True, by_target=True)
    slow, read = ("tools/call", "slow"), ("resources/read", "a://1")
    for _ in range(16):
        inline_policy.record(TARGET, 0.0001, 0)
        inline_policy.record(slow, 0.0001, 0, had_effects=True)
        inline_policy.record(read, 0.0001, 0)
    assert inline_policy.allows_inline(TARGET)
    assert not inline_policy.allows_inline(slow)
    assert inline_policy.allows_inline(("resources/read", "a://2"))  # the same method
    assert not inline_policy.allows_inline(("tools/call", "other"))


def test_target_that_is_often_stopped_stays_on_other_threads() -> None:
    inline_policy = InlinePolicy(trusted=True)
    for had_effects, allowed in [(False, True)] * 5 + [(True, True), (True, True), (True, False)]:
        inline_policy.record_stopped(TARGET, had_effects=had_effects)
        for _ in range(200):
            inline_policy.record(TARGET, 0.0001, 0)
        assert inline_policy.allows_inline(TARGET) is allowed


def test_unknown_targets_do_not_displace_the_known() -> None:
    inline_policy = InlinePolicy(trusted=True, by_target=True)
    for _ in range(16):
        inline_policy.record(TARGET, 0.0001, 0)
    for number in range(10_000):
        inline_policy.record(("tools/call", f"unknown {number}"), 0.0001, 0)
    assert inline_policy.allows_inline(TARGET)


def test_policy_score() -> None:
    inline_policy = InlinePolicy(trusted=True)
    for _ in range(15):
        inline_policy.record(TARGET, 0.0001, 0)
    assert not inline_policy.allows_inline()
    inline_policy.record(TARGET, 0.0001, 0)
    assert inline_policy.allows_inline()
    inline_policy.record(TARGET, 0.01, 0)
    assert not inline_policy.allows_inline()
    for _ in range(8):
        inline_policy.record(TARGET, 0.0001, 0)
    assert inline_policy.allows_inline()
    inline_policy.record(TARGET, 0.0001, 2)  # it streams
    assert not inline_policy.allows_inline()
    for _ in range(1000):
        inline_policy.record(TARGET, 0.0001, 0)
    inline_policy.record_stopped(TARGET)
    for _ in range(16):
        inline_policy.record(TARGET, 0.0001, 0)
    assert not inline_policy.allows_inline()
