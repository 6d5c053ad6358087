"""Cancellation notifications of clients and of the host."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wasmcp.host.bindings.messages import InputCancelled
from wasmcp.host.mcp.jsonrpc import cancelled_ids, has_ends, same_id


def notification(identifier: Any, **members: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": identifier}, **members}


@pytest.mark.parametrize(
    ("message", "ids"),
    [
        (notification(1), [1]),
        (notification("é"), ["é"]),
        ([notification(1), {"jsonrpc": "2.0", "id": 2, "method": "ping"}, notification("a")], [1, "a"]),
        (notification(True), []),
        (notification(None), []),
        (notification([1]), []),
        (notification(1, id=3), []),
        (notification(1, method="notifications/other"), []),
        (notification(1, params=[1]), []),
        ({"method": "notifications/cancelled"}, []),
        ([[notification(1)]], []),
        ("notifications/cancelled", []),
    ],
)
def test_cancelled_ids(message: Any, ids: list[Any]) -> None:
    assert cancelled_ids(json.dumps(message).encode()) == ids


def test_malformed_messages_cancel_nothing() -> None:
    for text in (b"", b"notifications/cancelled", b"\xffcancelled", b"[" * 100_000 + b"cancelled"):
        assert cancelled_ids(text) == []


def test_escaped_method_is_recognized() -> None:
    text = json.dumps(notification(1)).replace("/", "\\/")
    assert cancelled_ids(text.encode()) == [1]


@pytest.mark.parametrize("filler", ["", "x" * 100_000, '\\"' * 200, '\\"' * 100_000])
def test_texts_are_found_in_messages_of_any_size(filler: str) -> None:
    message = json.dumps({"params": {"a": filler, "method": "no"}, "method": "notifications/cancelled"}).encode()
    assert has_ends(message, (b'absent"', b'cancelled"'))
    assert has_ends(message, (b'"method"',))
    assert not has_ends(message, (b'cancel"', b'"notifications"'))
    assert cancelled_ids(json.dumps({**notification(1), "a": filler}).encode()) == [1]
    assert cancelled_ids(json.dumps({"a": filler, **notification("b")}).encode()) == ["b"]


def test_ids_compare_by_type_and_value() -> None:
    assert same_id(1, 1)
    assert same_id("1", "1")
    assert not same_id(1, "1")
    assert not same_id(1, True)
    assert not same_id(None, None)


def test_cancelled_notification() -> None:
    assert json.loads(InputCancelled.of('a"b').text) == notification('a"b')
