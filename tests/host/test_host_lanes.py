"""Lanes of waiting calls: targets, turns of clients, slow calls behind quick ones."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmcp.host.bindings.messages import HttpRequest, Request, StdioRequest, target_of
from wasmcp.host.scheduling.call import Call
from wasmcp.host.scheduling.dispatch import SLOW, Lanes


def line(name: str, method: str = "tools/call") -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"name": name}}).encode()


def call(name: str, client: object = None) -> Call:
    made = Call(StdioRequest(line(name), b""), None, lambda _call: None)
    made.client = client
    made.target = target_of(made.request)
    return made


def taken(queue: Lanes, *, slow: bool = True) -> list[str]:
    found = []
    while (one := queue.take(slow=slow)) is not None:
        found.append(one.target[1])
    return found


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (line("add"), ("tools/call", "add")),
        (b'{"method":"resources/read","params":{"uri":"a://b"}}', ("resources/read", "a://b")),
        (b'{"method":"tools/list"}', ("tools/list", "")),
        (b'{"method":"ping","params":[1]}', ("ping", "")),
        (b' \n{"method":"ping"} ', ("ping", "")),
        (b"[]", ("", "")),
        (b"{", ("", "")),
        (b"[" * 4000, ("", "")),
        (b'{"method" : "tools/call","params":{"name":"big","arguments":"' + b"x" * 9000, ("tools/call", "big")),
        (b'{"params":"' + b"x" * 9000, ("", "")),
    ],
)
def test_targets(message: bytes, expected: tuple[str, str]) -> None:
    assert target_of(StdioRequest(message, b"")) == expected
    assert target_of(HttpRequest(b"POST", b"/mcp", b"", message)) == expected


@given(st.binary(max_size=200), st.sampled_from([0, 5000]))
def test_any_message_has_a_target(message: bytes, padding: int) -> None:
    requests: list[Request] = [StdioRequest(message + b" " * padding, b""), HttpRequest(b"", b"", b"", message)]
    assert all(isinstance(part, str) for request in requests for part in target_of(request))


def test_clients_take_turns() -> None:
    queue = Lanes()
    for name, client in (("a1", 1), ("a2", 1), ("a3", 1), ("b1", 2), ("c1", 3), ("c2", 3)):
        queue.put(call(name, client))
    assert len(queue) == 6
    assert taken(queue) == ["a1", "b1", "c1", "a2", "c2", "a3"]
    assert len(queue) == 0


def test_quick_calls_come_first() -> None:
    queue = Lanes()
    queue.put(call("slow"))
    queue.record(queue.take(slow=True) or call(""), 2 * SLOW)
    for name in ("slow", "quick", "slow", "quick"):
        queue.put(call(name))
    assert queue.ready(slow=False) == 2
    assert queue.ready(slow=True) == 4
    assert taken(queue, slow=False) == ["quick", "quick"]
    assert taken(queue) == ["slow", "slow"]


def test_quick_calls_do_not_stop_slow_ones() -> None:
    queue = Lanes()
    slow = call("slow")
    queue.put(slow)
    queue.found_slow(slow)
    for _ in range(2):
        queue.put(call("slow"))
    for _ in range(20):
        queue.put(call("quick"))
    found = taken(queue)
    assert [number for number, name in enumerate(found) if name == "slow"] == [7, 15, 22]
    assert len(found) == 23


def test_waiting_calls_of_a_slow_target_change_lanes() -> None:
    queue = Lanes()
    for name in ("a", "b", "a", "b"):
        queue.put(call(name))
    running = queue.take(slow=True)
    assert running is not None
    queue.found_slow(running)
    queue.found_slow(running)
    assert taken(queue) == ["b", "b", "a"]


def test_targets_become_quick_again() -> None:
    queue = Lanes()
    queue.put(call("a"))
    one = queue.take(slow=True)
    assert one is not None
    queue.record(one, 10 * SLOW)
    assert queue.is_slow(one)
    for _ in range(10):
        queue.record(one, 0.001)
    assert not queue.is_slow(one)


def test_number_of_known_targets_is_bounded() -> None:
    queue = Lanes(most_targets=3)
    calls = [call(f"t{number}") for number in range(4)]
    for one in calls:
        queue.put(one)
        queue.record(one, 2 * SLOW)
    assert [queue.is_slow(one) for one in calls] == [False, False, False, True]


def test_drained_lanes_are_empty() -> None:
    queue = Lanes()
    slow, quick = call("slow"), call("quick")
    queue.put(slow)
    queue.found_slow(slow)
    queue.put(quick)
    assert queue.drain() == [quick, slow]
    assert queue.take(slow=True) is None
