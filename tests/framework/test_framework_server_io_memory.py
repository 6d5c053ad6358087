"""Memory of server-io: bounded, for any number of requests, finished or dropped."""

from __future__ import annotations

import gc
import os

import pytest
from support.server_io_wire import LATEST, Wire, hint, message, text, tool, tool_result
from wasmtime.component import Variant

# The stack and the statics take 1.1 MB; requests and replies here stay below 64 KB.
BOUND = 3 << 20


def one_round(wire: Wire, number: int) -> None:
    """Send requests of different sizes and outcomes."""
    size = 1 + (number * 7919) % 20_000
    opened = wire.open(message("tools/call", {"name": "t", "arguments": {"x": "y" * size}}, id=number))
    wire.request(opened, "arguments")
    wire.finish(opened, wire.reply("tool-result", tool_result(text("z" * size), structured_content='{"a":1}')))
    opened = wire.open(message("tools/list", meta={"progressToken": 1}), output=Variant("messages", number))
    listed = wire.reply("tools-json", '[{"name":"a","inputSchema":{}}]', "next", hint(1))
    wire.method(listed, "append", wire.reply("tools", [tool("b")], "more", None))
    wire.request(opened, "progress", 1.0, None, "m" * 100)
    wire.method(listed, "as-tools")
    wire.request(opened, "derive", "x", "{}").drop(wire.store)
    wire.reply("tool-result", tool_result(text("dropped" * 100))).drop(wire.store)
    wire.finish(opened, listed)
    wire.parse("[" * (number % 300))
    # Opened and never answered.
    wire.parse(message("tools/list")).payload.request.drop(wire.store)


@pytest.mark.parametrize(
    ("requests", "every"),
    [(2_000, 10), pytest.param(100_000 if os.environ.get("WASMCP_SOAK") else 20_000, 100, marks=pytest.mark.slow)],
    ids=["quick", "long"],
)
def test_memory_stays_flat(requests: int, every: int) -> None:
    wire = Wire()
    wire.store.set_limits(memory_size=BOUND)
    for number in range(requests):
        wire.finish(wire.parse(message("tools/call", {"name": "t"}, id=number)).payload)
        if number % every == 0:
            one_round(wire, number)
            wire.lines_bytes.clear()
        if number % 1000 == 0:
            gc.collect()
    # An instance out of memory has trapped and cannot answer.
    answer = wire.answer(wire.open(message("tools/list")), wire.reply("tools-json", "[]", None, None))
    assert answer["result"]["tools"] == []
    wire.close()


def test_large_body_is_freed() -> None:
    wire = Wire()
    # Counted once each: the body, the reply's text, and the allocator's rounding.
    wire.store.set_limits(memory_size=48 << 20)
    big = "x" * ((4 << 20) - 1000)
    for _ in range(20):
        opened = wire.open(message("tools/call", {"name": "t", "arguments": {"x": big}}), LATEST)
        assert len(wire.request(opened, "arguments")) > len(big)
        assert len(wire.finish(opened, wire.reply("tool-result", tool_result(text(big)))).body) > len(big)
    wire.close()
