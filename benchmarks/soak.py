"""Soak of `wasmcp serve`: full load for a long time, with memory that has to stay flat and every reply checked.

    python -m benchmarks.soak [--seconds 3600] [--language zig]

`wrk` keeps the process busy. Meanwhile clients of both eras send requests of which each has its own id and its own
arguments, in connections that are kept and in new ones: a reply that is lost, repeated or belongs to another request is
found. The result is a line of JSON, and status 1 if a reply was wrong or the memory grew.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import random
import statistics
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import load
from benchmarks.processes import WASMCP, Contender, Measured, running
from wasmcp.project import ensure_built
from wasmcp.protocol import LATEST, META

PROJECT = Path(__file__).parent / "project"
CLIENTS = 4
LOADED = 12  # connections of `wrk`
WARM = 0.2  # share of the time after which the memory has to be flat
GROWTH = 0.03  # share by which it may grow then
ALLOWANCE = 4 << 20  # bytes by which it may grow in any case
_SAMPLES = 200
_OLDER = "2025-11-25"
_RENEWED = 200  # requests of one connection
_ENDING = (200, 204, 405)  # statuses of a DELETE; the last one where sessions have no storage, as with several workers


@dataclass
class Replies:
    """Count of the requests of the checking clients.

    Attributes:
        sent: Requests.
        lost: Requests without a reply.
        wrong: Replies of another request, or with another result.
        first: The first problem, in words.
    """

    sent: int = 0
    lost: int = 0
    wrong: int = 0
    first: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, problem: str = "", *, lost: bool = False) -> None:
        """Count a request, and its problem."""
        with self.lock:
            self.sent += 1
            self.lost += lost
            self.wrong += bool(problem) and not lost
            self.first = self.first or problem


@dataclass(frozen=True)
class Soaked:
    """Result of a soak.

    Attributes:
        seconds: The duration.
        requests: Requests of `wrk`.
        errors: Those of them that failed, or whose response was wrong.
        kinds: Their numbers by kind; see `benchmarks.load.Load`.
        stood_still: The longest time in seconds in which the machine did not run this benchmark either.
        sent: Requests of the checking clients.
        lost: Those of them without a reply.
        wrong: Those of them with the reply of another request.
        first: The first problem, in words.
        before: Resident bytes of the process after the warm-up.
        after: Resident bytes at the end.
    """

    seconds: float
    requests: int
    errors: int
    sent: int
    lost: int
    wrong: int
    first: str
    before: int
    after: int
    kinds: Mapping[str, int] = field(default_factory=dict)
    stood_still: float = 0.0

    @property
    def problems(self) -> list[str]:
        """Findings of the soak, in sentences."""
        found = []
        late = self.kinds.get("timeout", 0)
        if self.errors > late:
            found.append(f"{self.errors - late} of {self.requests} requests under load failed: {dict(self.kinds)}")
        if late and self.stood_still < load.TIMEOUT / 2:
            found.append(f"{late} of {self.requests} responses under load took more than {load.TIMEOUT} s")
        if self.lost or self.wrong or not self.sent:
            found.append(f"of {self.sent} checked requests {self.lost} were lost, {self.wrong} wrong: {self.first}")
        if self.after - self.before > max(ALLOWANCE, self.before * GROWTH):
            found.append(f"the memory grew from {self.before} to {self.after} bytes")
        return found


class Client:
    """A client that checks its replies, of the newest revision or of one with sessions."""

    def __init__(self, port: int, number: int, replies: Replies) -> None:
        self._port = port
        self._older = number % 2 == 1
        self._replies = replies
        self._random = random.Random(number)  # noqa: S311 - reproducible loads, no secrets
        self._number = number * 1_000_000_000
        self._session: dict[str, str] = {}
        self._connection = self._connected()

    def run(self, is_over: Callable[[], bool]) -> None:
        """Send requests one after the other until a function returns True."""
        while not is_over():
            if self._number % _RENEWED == 0:
                self._connection.close()
                self._connection = self._connected()
            try:
                if self._older and self._number % (10 * _RENEWED) == 0:
                    self._begin()
                self._check()
            except (OSError, http.client.HTTPException) as error:
                self._replies.count(f"{type(error).__name__}: {error}", lost=True)
                self._connection.close()
                self._connection = self._connected()
            self._number += 1
        self._connection.close()

    def _connected(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)

    def _begin(self) -> None:
        """End the session, if there is one, and begin another of a handshake revision."""
        if "Mcp-Session-Id" in self._session:
            self._connection.request("DELETE", "/mcp", headers=self._session)
            response = self._connection.getresponse()
            response.read()
            self._replies.count("" if response.status in _ENDING else f"DELETE got {response.status}")
        params = {"protocolVersion": _OLDER, "capabilities": {}, "clientInfo": {"name": "soak", "version": "1"}}
        self._session = {}
        response, _ = self._post({"method": "initialize", "id": self._number, "params": params}, {})
        session = response.getheader("Mcp-Session-Id")
        self._session = {"MCP-Protocol-Version": _OLDER, **({"Mcp-Session-Id": session} if session else {})}

    def _check(self) -> None:
        if self._number % 3:
            tool, given = "add", {"a": self._number % 1_000_003, "b": self._random.randrange(1_000_000)}
            expected: Any = given["a"] + given["b"]
        else:
            text = f"{self._number} {'x' * self._random.randrange(5_000)}"
            tool, given, expected = "echo", {"text": text}, text  # type: ignore[dict-item]
        params: dict[str, Any] = {"name": tool, "arguments": given}
        fields = dict(self._session)
        if not self._older:
            params["_meta"] = {f"{META}protocolVersion": LATEST, f"{META}clientCapabilities": {}}
            fields = {"MCP-Protocol-Version": LATEST, "Mcp-Method": "tools/call", "Mcp-Name": tool}
        _, body = self._post({"method": "tools/call", "id": self._number, "params": params}, fields)
        try:
            reply = json.loads(body)
            found = reply["id"], reply["result"]["structuredContent"]["result"]
        except (ValueError, KeyError, TypeError):
            self._replies.count(f"request {self._number} got {body[:200]!r}")
            return
        self._replies.count("" if found == (self._number, expected) else f"request {self._number} got {body[:200]!r}")

    def _post(self, message: dict[str, Any], fields: dict[str, str]) -> tuple[http.client.HTTPResponse, bytes]:
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **fields}
        self._connection.request("POST", "/mcp", json.dumps({"jsonrpc": "2.0", **message}), headers)
        response = self._connection.getresponse()
        return response, response.read()


def soak(server: Path, seconds: float, *options: str) -> Soaked:
    """Serve a server with the tools `add` and `echo` in one process, under full load.

    Args:
        server: The server.
        seconds: The duration.
        options: Further options of `wasmcp serve`.
    """
    contender = Contender("wasmcp serve", (WASMCP, "serve", str(server), "--port", "{port}", *options), ours=True)
    replies = Replies()
    with running(contender) as measured:
        begun = time.monotonic()
        ends = begun + seconds
        work = load.Workload("add", LOADED, max(1, round(seconds)))
        process = load.begin(measured, work)
        clients = [
            threading.Thread(
                target=Client(measured.port, number, replies).run, args=(lambda: time.monotonic() > ends,), daemon=True
            )
            for number in range(1, CLIENTS + 1)
        ]
        for one in clients:
            one.start()
        sizes = _sizes(measured, begun, ends)
        for one in clients:
            one.join(90)
        loaded = load.finish(process, 0)
        warm = [size for at, size in sizes if at - begun > seconds * WARM] or [size for _, size in sizes]
        tenth = max(1, len(warm) // 10)
        return Soaked(
            seconds=seconds,
            requests=round(loaded.rate * work.seconds),
            errors=loaded.errors,
            sent=replies.sent,
            lost=replies.lost + sum(one.is_alive() for one in clients),
            wrong=replies.wrong,
            first=replies.first,
            before=int(statistics.median(warm[:tenth])),
            after=int(statistics.median(warm[-tenth:])),
            kinds=loaded.kinds,
            stood_still=round(_longest_pause([at for at, _ in sizes], seconds), 2),
        )


def _longest_pause(times: list[float], seconds: float) -> float:
    """Return the seconds that the longest pause between two looks at the memory lasted beyond the plan."""
    pauses = [after - before for before, after in itertools.pairwise(times)]
    return max(0.0, max(pauses, default=0.0) - seconds / _SAMPLES)


def _sizes(measured: Measured, begun: float, ends: float) -> list[tuple[float, int]]:
    """Return resident bytes and their times until the end."""
    pause = (ends - begun) / _SAMPLES
    found = []
    while time.monotonic() < ends:
        found.append((time.monotonic(), measured.resident_bytes()))
        time.sleep(pause)
    return found


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", allow_abbrev=False)
    parser.add_argument("--seconds", type=int, default=3600, help="duration (default: %(default)s)")
    parser.add_argument("--language", choices=("zig", "python"), default="zig", help="of the server")
    given = parser.parse_args()
    found = soak(ensure_built(PROJECT, given.language), given.seconds)
    print(json.dumps({"language": given.language, **asdict(found)}))
    for problem in found.problems:
        print(f"soak: {problem}", file=sys.stderr)
    sys.exit(1 if found.problems else 0)


if __name__ == "__main__":
    main()
