"""Faults and hostile clients of `wasmcp serve`: what was sent to it, and what other clients lost meanwhile.

While each fault lasts, four clients send checked requests of both eras (see `benchmarks.soak`). A reply of another
request is never permitted; replies may be lost only where a process is killed.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.measure import Row, Table
from benchmarks.processes import WASMCP, Contender, Measured, redis, running
from benchmarks.soak import CLIENTS, Client, Replies
from wasmcp.protocol import LATEST, META

_SETTLED = 1.0  # seconds after a fault in which requests go on
_HEAD = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
_META = {f"{META}protocolVersion": LATEST, f"{META}clientCapabilities": {}}


@dataclass(frozen=True)
class Endured:
    """Figures of a server under a fault, and of its other clients.

    Attributes:
        sent: Hostile requests or connections.
        refused: Those of them that were refused, or ended.
        checked: Requests of the other clients.
        lost: Those of them without a reply.
        wrong: Those of them with the reply of another request.
        first: The first problem, in words.
        growth: Bytes by which the resident memory grew.
    """

    sent: int
    refused: int
    checked: int
    lost: int
    wrong: int
    first: str
    growth: int


def endure(
    server: Path,
    fault: Callable[[Measured], tuple[int, int]],
    *options: str,
    environment: Mapping[str, str] | None = None,
) -> Endured:
    """Serve a server with the tools `add`, `echo` and `crash`, and have a fault happen under load.

    Args:
        server: The server.
        fault: Function that returns the numbers of hostile requests that were sent, and refused.
        options: Further options of `wasmcp serve`.
        environment: Variables added to its environment.
    """
    command = (WASMCP, "serve", str(server), "--port", "{port}", *options)
    contender = Contender("wasmcp serve", command, ours=True, environment=environment or {})
    replies = Replies()
    ends = threading.Event()
    with running(contender) as measured:
        clients = [Client(measured.port, number, replies) for number in range(1, CLIENTS + 1)]
        threads = [threading.Thread(target=one.run, args=(ends.is_set,), daemon=True) for one in clients]
        for thread in threads:
            thread.start()
        time.sleep(_SETTLED)
        before = measured.resident_bytes()
        try:
            sent, refused = fault(measured)
            time.sleep(_SETTLED)
        finally:
            ends.set()
        for thread in threads:
            thread.join(90)
        after = measured.resident_bytes()
    silent = sum(thread.is_alive() for thread in threads)
    return Endured(sent, refused, replies.sent, replies.lost + silent, replies.wrong, replies.first, after - before)


def killed_workers(measured: Measured, kills: int = 20) -> tuple[int, int]:
    """Kill workers at random."""
    done = 0
    while done < kills:
        workers = [one for one in measured.processes()[1:] if _is_worker(one)]
        if len(workers) > 1:
            os.kill(random.choice(workers), signal.SIGKILL)  # noqa: S311 - not for secrets
            done += 1
        time.sleep(0.3)
    return done, 0


def _is_worker(process: int) -> bool:
    with contextlib.suppress(OSError):
        return b"spawn_main" in Path(f"/proc/{process}/cmdline").read_bytes()
    return False


def trapped_components(measured: Measured, calls: int = 500) -> tuple[int, int]:
    """Call a tool that traps, again and again."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", measured.port, timeout=60)) as connection:
        failed = sum("error" in _called(connection, "crash") for _ in range(calls))
    return calls, failed


def _called(connection: http.client.HTTPConnection, tool: str) -> dict[str, Any]:
    """Call a tool without arguments. Return the JSON-RPC response."""
    params = {"name": tool, "arguments": {}, "_meta": _META}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    fields = {"MCP-Protocol-Version": LATEST, "Mcp-Method": "tools/call", "Mcp-Name": tool}
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **fields}
    connection.request("POST", "/mcp", body, headers)
    found: dict[str, Any] = json.loads(connection.getresponse().read())
    return found


def stalled_store(measured: Measured, store: int, calls: int = 50) -> tuple[int, int]:
    """Stop the process of Redis, call a tool that needs it, and wait until that works again.

    Args:
        measured: The server.
        store: The process.
        calls: The number of calls while it is stopped.

    Raises:
        RuntimeError: The tool does not work before or a minute after the stop.
    """
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", measured.port, timeout=60)) as connection:

        def works() -> bool:
            return "structuredContent" in _called(connection, "visit").get("result", {})

        if not works():
            raise RuntimeError("the tool `visit` does not work")
        os.kill(store, signal.SIGSTOP)
        try:
            failed = sum(not works() for _ in range(calls))
        finally:
            os.kill(store, signal.SIGCONT)
        ends = time.monotonic() + 60
        while not works():
            if time.monotonic() > ends:
                raise RuntimeError("the tool `visit` does not work again")
    return calls, failed


_DAY = 86_400


@contextlib.contextmanager
def movable_clock(folder: Path) -> Iterator[tuple[dict[str, str], Callable[[int], None]]]:
    """Compile a wall clock that can be moved; yields variables for a process, and a function that sets the seconds.

    Raises:
        SystemExit: No C compiler is installed.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        raise SystemExit("the fault of a clock needs a C compiler, `cc`")
    library, offset = folder / "clock.so", folder / "offset"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, Path(__file__).parent / "clock.c"], check=True)
    offset.write_bytes(struct.pack("=q", 0))

    def move(seconds: int) -> None:
        with offset.open("r+b", buffering=0) as file:
            file.write(struct.pack("=q", seconds))

    yield {"LD_PRELOAD": str(library), "BENCH_CLOCK": str(offset)}, move


def moved_clock(measured: Measured, move: Callable[[int], None], pause: float = 2.0) -> tuple[int, int]:
    """Move the wall clock by a day forth, two days back, and to the time again.

    Raises:
        RuntimeError: The clock of the server does not follow.
    """
    for days in (1, -1, 0):
        move(days * _DAY)
        time.sleep(pause)
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", measured.port, timeout=60)) as connection:
            connection.request("GET", "/healthz")
            date = connection.getresponse().getheader("date", "")
        if abs(parsedate_to_datetime(date).timestamp() - time.time() - days * _DAY) > _DAY / 2:
            raise RuntimeError(f"the clock of the server is not moved by {days} days: {date}")
    return 3, 0


@contextlib.contextmanager
def _connections(port: int, count: int, data: bytes) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(count):
            one = stack.enter_context(contextlib.closing(socket.create_connection(("127.0.0.1", port), timeout=30)))
            with contextlib.suppress(OSError):
                one.sendall(data)
            found.append(one)
        yield found


def _ended(connections: list[socket.socket]) -> int:
    """Return the number of connections that the server has ended."""
    count = 0
    for one in connections:
        one.settimeout(0)
        try:
            count += not one.recv(1 << 16)
        except BlockingIOError:
            continue
        except OSError:
            count += 1
    return count


def slow_heads(measured: Measured, count: int = 500, seconds: float = 60.0) -> tuple[int, int]:
    """Send heads byte by byte (slow-loris) until the server has ended all connections, or for some seconds."""
    with _connections(measured.port, count, b"POST /mcp HTTP/1.1\r\nX: ") as found:
        ends = time.monotonic() + seconds
        while (ended := _ended(found)) < count and time.monotonic() < ends:
            for one in found:
                with contextlib.suppress(OSError):
                    one.send(b"x")
            time.sleep(0.5)
        return count, ended


def half_open(measured: Measured, count: int = 500, seconds: float = 32.0) -> tuple[int, int]:
    """Send half of a request, and nothing more."""
    half = f"{_HEAD}Content-Length: 100\r\n\r\n{{".encode()
    with _connections(measured.port, count, half) as found:
        time.sleep(seconds)
        refused = 0
        for one in found:
            one.settimeout(0)
            with contextlib.suppress(OSError):
                refused += b" 408 " in one.recv(100)
        return count, refused


def idle_connections(measured: Measured, count: int = 10_000) -> tuple[int, int]:
    """Open connections that send nothing, as many at a time as this process can have."""
    refused = 0
    left = count
    while left:
        some = min(left, 2_000, _descriptors())
        with _connections(measured.port, some, b"") as found:
            _accepted(measured)
            refused += _ended(found)
        left -= some
    return count, refused


def _accepted(measured: Measured) -> None:
    """Wait until the server has accepted all connections so far: it responds to a later one."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", measured.port, timeout=60)) as connection:
        connection.request("GET", "/healthz")
        connection.getresponse().read()


def _descriptors() -> int:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 4096) if hard != resource.RLIM_INFINITY else 4096
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(16, max(soft, wanted) - 200)


def unread_streams(measured: Measured, count: int = 1_000) -> tuple[int, int]:
    """Open streams of notifications that are never read."""
    params = {"notifications": {"toolsListChanged": True}, "_meta": _META}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params})
    request = (
        f"{_HEAD}Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: {LATEST}\r\n"
        f"Mcp-Method: subscriptions/listen\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
    refused = 0
    opened = []
    with contextlib.ExitStack() as stack:
        for _ in range(count // 100):
            found = stack.enter_context(_connections(measured.port, 100, request.encode()))
            time.sleep(0.2)
            opened += found
        time.sleep(1)
        for one in opened:
            one.settimeout(5)
            with contextlib.suppress(OSError):
                refused += b" 503 " in one.recv(100)
    return count, refused


def clients_that_do_not_read(measured: Measured, count: int = 50, requests: int = 16) -> tuple[int, int]:
    """Send requests for 1 MB each, and read none of the responses."""
    params = {"name": "echo", "arguments": {"text": "x" * 1_000_000}, "_meta": _META}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    request = (
        f"{_HEAD}Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: {LATEST}\r\n"
        f"Mcp-Method: tools/call\r\nMcp-Name: echo\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()
    refused = 0
    for _ in range(count):
        with contextlib.closing(socket.create_connection(("127.0.0.1", measured.port), timeout=5)) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            try:
                for _ in range(requests):
                    one.sendall(request)
            except OSError:  # the server reads no more, because nothing is read of what it sends
                refused += 1
    return count, refused


def stale_sessions(measured: Measured, count: int = 100_000) -> tuple[int, int]:
    """Send requests with identifiers of sessions that do not exist."""
    connection = http.client.HTTPConnection("127.0.0.1", measured.port, timeout=60)
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"})
    refused = 0
    for number in range(count):
        fields = {"MCP-Protocol-Version": "2025-11-25", "Mcp-Session-Id": f"{number:032x}"}
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **fields}
        connection.request("POST", "/mcp", body, headers)
        response = connection.getresponse()
        response.read()
        refused += response.status == 404
    connection.close()
    return count, refused


def full_disk(_measured: Measured, seconds: float = 5.0) -> tuple[int, int]:
    """Let the logs of the other clients' requests meet a full disk; the options of the server name it."""
    time.sleep(seconds)
    return 0, 0


FULL_DISK = ("--access-log", "/dev/full", "--audit-log", "/dev/full")
"""Options with which every write to a log fails with ENOSPC."""


def rows(zig: Path, storing: Path) -> list[Row | Table]:
    """Return the figures of all faults.

    Args:
        zig: A server with the tools `add`, `echo` and `crash`.
        storing: One with `add`, `echo` and `visit`, which needs the key-value store.
    """
    faults: dict[str, tuple[Callable[[Measured], tuple[int, int]], tuple[str, ...]]] = {
        "20 workers killed": (killed_workers, ("--workers", "3")),
        "500 trapped components": (trapped_components, ()),
        "500 slow heads": (slow_heads, ()),
        "500 half-open connections": (half_open, ()),
        "10,000 idle connections": (idle_connections, ()),
        "1,000 streams unread": (unread_streams, ()),
        "50 clients that do not read": (clients_that_do_not_read, ()),
        "100,000 stale session ids": (stale_sessions, ()),
        "full disk": (full_disk, FULL_DISK),
    }
    found = {name: endure(zig, fault, *options) for name, (fault, options) in faults.items()}
    with tempfile.TemporaryDirectory() as folder, redis(Path(folder)) as (process, url):
        fault = partial(stalled_store, store=process)
        found["stalled Redis, 50 calls"] = endure(storing, fault, "--keyvalue", f"{url}?timeout=1")
    with tempfile.TemporaryDirectory() as folder, movable_clock(Path(folder)) as (variables, move):
        fault = partial(moved_clock, move=move)
        found["wall clock moved by a day"] = endure(zig, fault, environment=variables)
    table = Table(
        "Faults and hostile clients: what others lost",
        ("sent", "refused", "requests of others", "lost", "wrong", "growth"),
        ("", "", "", "", "", "MB"),
        {
            name: (one.sent, one.refused, one.checked, one.lost, one.wrong, one.growth / 1e6)
            for name, one in found.items()
        },
    )
    lost = sum(one.lost for name, one in found.items() if "killed" not in name)
    return [
        table,
        Row("replies to others lost without a killed process", lost, "", 1),
        Row("replies of another request", sum(one.wrong for one in found.values()), "", 1),
    ]
