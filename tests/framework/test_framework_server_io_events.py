"""Progress, log messages and cancellation during a request."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from support.server_io_wire import LATEST, REVISIONS, Wire, message, text, tool_result
from support.waiting import wait_until
from wasmtime.component import Variant

LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


def call(**meta: Any) -> str:
    return message("tools/call", {"name": "t"}, id=5, meta=meta)


def wait_for_cancellation(wire: Wire, opened: Any) -> None:
    """Wait until the request is cancelled: its input arrives through a pipe."""
    wait_until(lambda: wire.request(opened, "cancelled"))


@pytest.mark.parametrize("token", [7, "a\n", 10**20])
def test_progress(wire: Wire, token: object) -> None:
    opened = wire.open(call(progressToken=token), output=Variant("messages", 42))
    for value, total, words in [(1.0, 2.0, "é\n"), (1.5, None, None)]:
        wire.request(opened, "progress", value, total, words)
    head, first = wire.lines[0].split(" message ")
    assert head == "42"
    assert json.loads(first) == {
        "jsonrpc": "2.0",
        "method": "notifications/progress",
        "params": {"progressToken": token, "progress": 1, "total": 2, "message": "é\n"},
    }
    assert json.loads(wire.lines[1].split(" ", 2)[2])["params"] == {"progressToken": token, "progress": 1.5}
    answer = wire.finish(opened)
    assert (answer.streamed, answer.cancelled) == (False, False)


@pytest.mark.parametrize("value", [1.0, 0.5, float("nan"), float("inf"), float("-inf")])
def test_progress_that_does_not_increase_is_dropped(wire: Wire, value: float) -> None:
    opened = wire.open(call(progressToken=1), output=Variant("stdio"))
    wire.request(opened, "progress", 1.0, None, None)
    wire.request(opened, "progress", value, None, None)
    wire.request(opened, "progress", 2.0, float("nan"), None)
    assert [json.loads(line)["params"]["progress"] for line in wire.lines] == [1, 2]


def test_progress_without_a_token_is_dropped(wire: Wire) -> None:
    opened = wire.open(call(), output=Variant("stdio"))
    wire.request(opened, "progress", 1.0, None, None)
    assert wire.lines == []


def test_nothing_is_sent_before_and_after_the_request(wire: Wire) -> None:
    incoming = wire.parse(call(progressToken=1))
    wire.request(incoming.payload, "progress", 1.0, None, None)
    opened = wire.open(call(progressToken=2), output=Variant("stdio"))
    kept = wire.request(opened, "derive", None, None)
    wire.finish(opened)
    wire.request(kept, "progress", 1.0, None, None)
    assert wire.lines == []


@pytest.mark.parametrize("version", REVISIONS)
def test_progress_messages_came_with_2025_03_26(wire: Wire, version: str) -> None:
    opened = wire.open(call(progressToken=1), version, Variant("stdio"))
    wire.request(opened, "progress", 1.0, None, "words")
    assert ("message" in json.loads(wire.lines[0])["params"]) == (version > "2025")


@pytest.mark.parametrize("wanted", LEVELS)
@pytest.mark.parametrize("version", [LATEST, "2025-06-18"])
def test_log_levels(wire: Wire, wanted: str, version: str) -> None:
    """2026-07-28 has the level in the request; clients of handshake revisions set it for the session."""
    if version == LATEST:
        opened = wire.open(
            call(**{"io.modelcontextprotocol/logLevel": wanted}), version, Variant("stdio"), log_level="debug"
        )
    else:
        opened = wire.open(
            call(**{"io.modelcontextprotocol/logLevel": "debug"}), version, Variant("stdio"), log_level=wanted
        )
    for level in LEVELS:
        wire.request(opened, "log", level, "l" if level == "alert" else None, '{"a":\n1}')
    sent = [json.loads(line) for line in wire.lines]
    assert [each["params"]["level"] for each in sent] == LEVELS[LEVELS.index(wanted) :]
    assert {each["method"] for each in sent} == {"notifications/message"}
    assert all(each["params"]["data"] == {"a": 1} for each in sent)
    assert [each["params"].get("logger") for each in sent if each["params"]["level"] == "alert"] in ([], ["l"])


def test_logs_without_a_level_are_dropped(wire: Wire) -> None:
    for version in REVISIONS:
        opened = wire.open(call(), version, Variant("stdio"))
        wire.request(opened, "log", "emergency", None, "1")
    assert wire.lines == []


def test_invalid_log_json_goes_to_standard_error(wire: Wire) -> None:
    opened = wire.open(call(**{"io.modelcontextprotocol/logLevel": "debug"}), output=Variant("stdio"))
    wire.request(opened, "log", "info", None, "{")
    assert wire.lines == []
    assert "not JSON" in wire.log


def test_embedding_streams_from_the_first_event(wire: Wire) -> None:
    opened = wire.open(call(progressToken=1), output=Variant("exchange", 3))
    assert wire.lines == []
    wire.request(opened, "progress", 1.0, None, None)
    wire.request(opened, "progress", 2.0, None, None)
    kinds = [line.split(" ", 2)[:2] for line in wire.lines]
    assert kinds == [["3", "head"], ["3", "chunk"], ["3", "chunk"]]
    payloads = [json.loads(line.split(" ", 2)[2]) for line in wire.lines]
    assert payloads[0]["status"] == 200
    headers = dict(payloads[0]["headers"])
    assert headers["content-type"] == "text/event-stream"
    assert headers["x-accel-buffering"] == "no"
    assert payloads[1].startswith("data: {")
    assert payloads[1].endswith("}\n\n")
    answer = wire.finish(opened, wire.reply("tool-result", tool_result(text("x"))))
    assert answer.streamed
    assert answer.body.startswith("data: {")
    assert answer.body.endswith("}\n\n")
    assert json.loads(answer.body[6:])["id"] == 5


def test_without_events_nothing_streams(wire: Wire) -> None:
    opened = wire.open(call(), output=Variant("exchange", 3))
    answer = wire.finish(opened)
    assert not answer.streamed
    assert answer.body.startswith("{")


def test_the_host_cancels(wire: Wire) -> None:
    opened = wire.open(call(progressToken=1), output=Variant("messages", 42))
    wire.feed("41 cancel")
    wire.feed("nonsense")
    wire.feed("42 cancelled")
    wire.feed("99999999999 cancel")
    time.sleep(0.05)
    assert not wire.request(opened, "cancelled")
    wire.feed("42 cancel")
    wait_for_cancellation(wire, opened)
    # Specification: basic/patterns/cancellation: no further messages for the request.
    wire.request(opened, "progress", 1.0, None, None)
    assert wire.lines == []
    assert wire.finish(opened).cancelled
    opened = wire.open(call(), output=Variant("messages", 43))
    assert not wire.request(opened, "cancelled")
    assert not wire.finish(opened).cancelled


@pytest.mark.parametrize(("sent", "cancelled"), [(5, "5"), ("a", '"\\u0061"')])
def test_cancellation_overtakes_queued_lines(wire: Wire, sent: object, cancelled: str) -> None:
    opened = wire.open(message("tools/call", {"name": "t"}, id=sent), output=Variant("stdio"))
    others = [call(), '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"5"}}', "not JSON", ""]
    for line in others:
        wire.feed(line)
    time.sleep(0.05)
    assert not wire.request(opened, "cancelled")
    cancel = f'{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{cancelled}}}}}'
    wire.feed(cancel)
    wait_for_cancellation(wire, opened)
    assert wire.finish(opened).cancelled
    waiting = [wire.call("wire", "next-line").payload for _ in range(5)]
    assert waiting == [*others, cancel]


def test_queued_request_is_cancelled(wire: Wire) -> None:
    first = wire.open(call(), output=Variant("stdio"))
    waiting = message("tools/call", {"name": "t"}, id=6)
    wire.feed(waiting)
    wire.feed('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":6}}')
    time.sleep(0.05)
    assert not wire.request(first, "cancelled")
    wire.finish(first)
    second = wire.open(wire.call("wire", "next-line").payload, output=Variant("stdio"))
    wait_for_cancellation(wire, second)


def test_lines(wire: Wire) -> None:
    big = "x" * (4 << 20)

    def feed() -> None:
        for line in ("one\r", "", "é", "\udcff", big, big + "x", "last"):
            wire.feed_bytes(line.encode("utf-8", "surrogateescape") + b"\n")

    wire.in_background(feed)
    lines = [wire.call("wire", "next-line") for _ in range(7)]
    assert [line.tag for line in lines] == ["text", "text", "text", "not-utf8", "text", "too-long", "text"]
    assert [line.payload for line in lines] == ["one", "", "é", None, big, None, "last"]


def test_written_lines(wire: Wire) -> None:
    assert wire.call("wire", "write-line", "x" * 10_000)
    assert wire.call("wire", "write-line", "é")
    assert wire.lines == ["x" * 10_000, "é"]
