"""Entry points as targets: each sends an input and returns the kind of the outcome, or raises for an invalid one."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from support.server_processes import STATE_KEYS, wasmtime, wasmtime_serve

from fuzz import judge
from fuzz.inputs import MESSAGE_HEADERS, REVISIONS, Input
from wasmcp.host import Limits, open_server
from wasmcp.host.bindings.messages import Event, InputCancelled, Message, StdioRequest
from wasmcp.host.mcp import jsonrpc
from wasmcp.host.scheduling.call import Call

LIMITS = Limits(timeout=10, memory=128 << 20)


class Target(Protocol):
    """Entry point of a running server."""

    def feed(self, given: Input) -> str:
        """Send an input; return the kind of the outcome. Raises if the server's answer is invalid."""
        ...


class Messages:
    """`wasmcp:embedding/exchange`, `message`: the host's entry point for stdio. One instance answers all inputs."""

    def __init__(self, server: Path) -> None:
        self.server = open_server(server, limits=LIMITS, instances=1)

    def feed(self, given: Input) -> str:
        """Send one line, as a client of the revision in the input."""
        line = given.body.replace(b"\n", b" ").replace(b"\r", b" ")
        data = jsonrpc.encode(line)
        if data is None or len(data) > LIMITS.request:
            return judge.line(line, self.server.send(line))  # it does not reach the server
        events: list[Event] = []
        ended = threading.Event()
        request = StdioRequest(data, given.state.encode())
        pool = self.server.pool
        call = Call(
            request,
            LIMITS.timeout,
            lambda _call: ended.set(),
            lambda _call, event: events.append(event),
            pool.pending_inputs,
        )
        pool.submit(call)
        ended.wait()
        if call.error is not None:
            raise call.error
        for event in events:
            if isinstance(event, Message | InputCancelled):
                judge.event(event.text)
        answer, state = call.result
        if state and not state.startswith(b"20"):
            raise judge.JudgementError(f"state {state!r}")
        return judge.line(line, answer.decode() or None)


class Posts:
    """`wasmcp:embedding/exchange`, `http`: the host's entry point for HTTP. One instance answers all inputs."""

    def __init__(self, server: Path) -> None:
        self.server = open_server(server, limits=LIMITS, instances=1)
        self.sessions = {revision: self._session(revision) for revision in REVISIONS[:-1]}

    def _session(self, revision: str) -> str:
        """Return the session of a client of a handshake revision."""
        client = {"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "fuzz", "version": "1"}}
        message = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": client}
        response = self.server.http("POST", "/mcp", MESSAGE_HEADERS, json.dumps(message))
        return dict(response.headers)["mcp-session-id"]

    def feed(self, given: Input) -> str:
        """Send one HTTP request; of a client of a handshake revision mostly in its session."""
        headers = given.headers
        session = self.sessions.get(given.state.partition(" ")[0])
        if session is not None and given.method == "POST":
            headers = {"Mcp-Session-Id": session, **headers}
        response = self.server.http(given.method, given.target, headers, given.body)
        return judge.response(
            given.body, response.status, {name.lower(): value for name, value in response.headers}, response.body
        )


class Served:
    """`wasi:http/incoming-handler` under stock `wasmtime serve`: a fresh instance for each input."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

    def feed(self, given: Input) -> str:
        """Send one HTTP request over a persistent connection."""
        # Requests that a client library or the runtime rejects do not reach the server.
        headers = {
            name: value
            for name, value in given.headers.items()
            if name.lower() not in ("content-length", "transfer-encoding", "host") and value.isascii()
        }
        fresh = self.connection.sock is None
        while True:
            try:
                self.connection.request(given.method, given.target, given.body, headers)
                response = self.connection.getresponse()
                content = response.read().decode()
                break
            except (http.client.HTTPException, OSError) as error:
                self.connection.close()
                # A kept connection can end after a rejection that did not wait for the body; a fresh one must not.
                if fresh:
                    raise judge.JudgementError(f"the connection was cut: {error!r}") from error
                fresh = True
        fields = {name.lower(): value for name, value in response.getheaders()}
        if given.method == "HEAD":
            return str(response.status)
        return judge.response(given.body, response.status, fields, content)


class Lines:
    """`wasi:cli/run` under stock `wasmtime run`: one process reads line after line."""

    MARK = b'{"jsonrpc":"2.0","id":"the end of this input","method":"ping"}\n'

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def feed(self, given: Input) -> str:
        """Send one line, then a `ping`: all messages before the ping's answer belong to the line."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        line = given.body.replace(b"\n", b" ").replace(b"\r", b" ")
        self.process.stdin.write(line + b"\n" + self.MARK)
        self.process.stdin.flush()
        answers = []
        while b"the end of this input" not in (answer := self.process.stdout.readline()):
            if not answer:
                raise judge.JudgementError("the process ended")
            answers.append(answer.decode().rstrip("\n"))
        # Change notifications follow the answer. A subscription stream begins with a notification; its answer ends it.
        events = [answer for answer in answers if judge.is_notification(json.loads(answer))]
        rest = [answer for answer in answers if answer not in events]
        if not rest and b"subscriptions/listen" in line:
            rest = events[-1:]
        for event in [*events, *rest[1:]]:
            judge.event(event)
        return judge.line(line, rest[0] if rest else None)


NAMES = ("messages", "posts", "served", "lines")


@contextlib.contextmanager
def target(name: str, server: Path, compiled: Path) -> Iterator[Target]:
    """Yield a target by name until the block ends; `compiled` is for the stock runtime."""
    if name == "messages":
        entry_point = Messages(server)
        with entry_point.server:
            yield entry_point
    elif name == "posts":
        posts = Posts(server)
        with posts.server:
            yield posts
    elif name == "served":
        with wasmtime_serve(compiled, *STATE_KEYS, "--allow-precompiled") as port:
            yield Served(port)
    else:
        command = [wasmtime(), "run", "-Shttp", "--allow-precompiled", str(compiled)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            try:
                yield Lines(process)
            finally:
                process.kill()
