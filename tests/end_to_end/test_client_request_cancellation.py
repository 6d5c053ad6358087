"""Cancellations by clients of handshake revisions during server-to-client requests, and answers in a batch.

Specification: 2025-03-26, basic/utilities/cancellation; basic, "Batching"; basic/transports.
"""

from __future__ import annotations

import http.client
import json
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.server_processes import WASMCP, wasmcp_serve, wasmtime
from support.zig_servers import asker

from wasmcp.errors import GuestCancelledError
from wasmcp.host import open_server

ABLE = {"protocolVersion": "2025-03-26", "capabilities": {"sampling": {}, "roots": {}}, "clientInfo": {}}
ANSWERS = {
    "sampling/createMessage": {"role": "assistant", "content": {"type": "text", "text": "Paris"}, "model": "m"},
    "roots/list": {"roots": []},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asker(tmp_path_factory.mktemp("asker"))


def message(method: str, params: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", **members, "method": method, "params": params or {}}


def trip(identifier: Any) -> dict[str, Any]:
    """The tool requests sampling and roots."""
    return message("tools/call", {"name": "trip", "arguments": {}}, id=identifier)


def cancelled(identifier: Any) -> dict[str, Any]:
    return message("notifications/cancelled", {"requestId": identifier})


def answer(question: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": question["id"], "result": ANSWERS[question["method"]]}


class Lines:
    """A conversation with a process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def send(self, message: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()

    def receive(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def asked(self, identifier: Any) -> list[dict[str, Any]]:
        """Return the server-to-client requests of a call of `trip`."""
        self.send(trip(identifier))
        questions = [self.receive(), self.receive()]
        assert {question["method"] for question in questions} == set(ANSWERS)
        return questions


@contextmanager
def talking(command: list[str]) -> Iterator[Lines]:
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        lines = Lines(process)
        lines.send(message("initialize", ABLE, id=0))
        assert lines.receive()["result"]["protocolVersion"] == "2025-03-26"
        try:
            yield lines
        finally:
            process.kill()


@pytest.fixture(params=["run", "stock run"])
def lines(request: pytest.FixtureRequest, server: Path) -> Iterator[Lines]:
    stock = [wasmtime(), "run", "-Shttp", str(server)]
    with talking(stock if request.param == "stock run" else [*WASMCP, "run", str(server)]) as conversation:
        yield conversation


def test_requests_to_the_client_are_cancelled_with_their_call(lines: Lines) -> None:
    first, second = lines.asked("a")
    lines.send(answer(second))
    others = lines.asked("b")
    lines.send(cancelled("a"))
    assert lines.receive() == cancelled(first["id"])
    lines.send(answer(first))  # too late, and no harm
    lines.send(message("ping", id=1))
    assert lines.receive() == {"jsonrpc": "2.0", "id": 1, "result": {}}
    lines.send([answer(question) for question in others])
    assert lines.receive()["id"] == "b"


def test_responses_and_cancellations_in_a_batch(lines: Lines) -> None:
    first, second = lines.asked(1), lines.asked(2)
    lines.send([answer(first[0]), cancelled(2), message("ping", id=3), answer(first[1])])
    heard = [lines.receive() for _ in range(4)]
    assert [{"jsonrpc": "2.0", "id": 3, "result": {}}] in heard
    assert all(cancelled(question["id"]) in heard for question in second)
    (done,) = [each for each in heard if isinstance(each, dict) and each.get("id") == 1]
    assert json.loads(done["result"]["content"][0]["text"]) == [
        ANSWERS["sampling/createMessage"],
        ANSWERS["roots/list"],
    ]


class Http:
    """A client of 2025-03-26 with a session."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        response, connection = self.open(message("initialize", ABLE, id=0))
        with closing(connection):
            self._headers["Mcp-Session-Id"] = response.headers["mcp-session-id"]
            response.read()

    def open(self, message: Any) -> tuple[http.client.HTTPResponse, http.client.HTTPConnection]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection.request("POST", "/mcp", json.dumps(message), self._headers)
        return connection.getresponse(), connection

    def post(self, message: Any) -> tuple[int, bytes]:
        response, connection = self.open(message)
        with closing(connection):
            return response.status, response.read()


def event(response: http.client.HTTPResponse) -> Any:
    """The next message of a stream; None at its end."""
    for line in iter(response.readline, b""):
        if line.startswith(b"data: "):
            return json.loads(line[6:])
    return None


@pytest.fixture(scope="module")
def port(server: Path) -> Iterator[int]:
    with wasmcp_serve(server) as port:
        yield port


def test_requests_to_the_client_are_cancelled_over_http(port: int) -> None:
    client, stranger = Http(port), Http(port)
    response, connection = client.open(trip("a"))
    with closing(connection):
        first, second = event(response), event(response)
        assert client.post(answer(first)) == (202, b"")
        assert stranger.post(cancelled("a"))[0] == 202  # another client's "a"
        assert client.post(cancelled("b"))[0] == 202
        assert client.post(cancelled("a")) == (202, b"")
        assert event(response) == cancelled(second["id"])
        assert event(response) is None


def test_responses_in_a_batch_over_http(port: int) -> None:
    client = Http(port)
    response, connection = client.open(trip(1))
    with closing(connection):
        questions = [event(response), event(response)]
        assert client.post([answer(question) for question in questions]) == (202, b"")
        assert "Paris" in event(response)["result"]["content"][0]["text"]


def test_requests_to_the_client_are_cancelled_in_process(server: Path) -> None:
    with open_server(server, instances=1) as opened:
        opened.send(json.dumps(message("initialize", ABLE, id=0)))
        batch: list[Any] = []

        def asked(text: str) -> None:
            batch.append(answer(json.loads(text)))
            if len(batch) == 2:
                assert opened.send(json.dumps(batch)) is None

        done = json.loads(opened.send(json.dumps(trip(1)), on_event=asked) or "")
        assert "Paris" in done["result"]["content"][0]["text"]

        heard: list[Any] = []

        def taken_back(text: str) -> None:
            heard.append(json.loads(text))
            if len(heard) == 2:
                assert opened.send(json.dumps(cancelled("a"))) is None

        with pytest.raises(GuestCancelledError):
            opened.send(json.dumps(trip("a")), on_event=taken_back)
        assert heard[2:] == [cancelled(question["id"]) for question in heard[:2]]
