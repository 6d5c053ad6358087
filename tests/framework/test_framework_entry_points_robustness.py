"""Robustness: no input traps the server, and no memory leaks."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest
from support.entry_points import CALL, JSON, META, Embedded, mirrored, request, text_of

ROUNDS = int(os.environ.get("WASMCP_FUZZ", "4000"))

PIECES = [
    *'{}[]":,\\ \t\r\n0-e.',
    '"jsonrpc":"2.0"',
    '"id":1',
    '"id":null',
    '"method":"tools/call"',
    '"params":{}',
    '"_meta":{}',
    json.dumps(META),
    "\\ud800",
    "null",
    "é",
    "\x00",
    "\U0001f600",
]
NAMES = [*JSON, *mirrored(CALL), "Origin", "Content-Length", "Accept", "Host", "X", "", ":", "é", "mcp-name"]
VALUES = [
    *JSON.values(),
    *mirrored(CALL).values(),
    "",
    " ",
    "=?base64?",
    "=?base64?!?=",
    "*/*;q=0",
    "9" * 30,
    "-1",
    "é",
    "http://[",
]
STATES = ["", "2025-03-26", "2025-06-18 info", "2026-07-28", "x", " ", "2024-11-05 \x00"]


def mutated(rng: random.Random, text: str) -> str:
    """Return the text with some characters removed, duplicated or replaced."""
    for _ in range(rng.randrange(1, 6)):
        at, size = rng.randrange(len(text) + 1), rng.randrange(8)
        text = text[:at] + rng.choice(["", text[at : at + size] * 2, rng.choice(PIECES)]) + text[at + size :]
    return text


def body(rng: random.Random) -> str:
    """Return a message with random errors."""
    if rng.random() < 0.3:
        return "".join(rng.choices(PIECES, k=rng.randrange(40)))
    methods = ["tools/call", "tools/list", "initialize", "ping", "server/discover", "logging/setLevel", "prompts/get"]
    params = rng.choice([CALL["params"], {"protocolVersion": "2025-06-18"}, {"cursor": ""}, {"level": "info"}, {}])
    message = request(rng.choice(methods), params, meta=rng.choice([META, None, {}, {**META, "progressToken": 1}]))
    return mutated(rng, text_of(rng.choice([message, [message, message]])))


def test_random_lines(embedded: Embedded) -> None:
    rng = random.Random(1)  # noqa: S311  # the sequence must be repeatable
    answered = 0
    for _ in range(ROUNDS):
        answer, state = embedded.message(body(rng), rng.choice(STATES))
        assert "\n" not in answer
        assert not answer or json.loads(answer)
        assert state == "" or state[:2] == "20"
        answered += bool(answer)
    assert answered > ROUNDS / 2
    assert json.loads(embedded.message(text_of(CALL))[0])["result"]["structuredContent"] == {"result": 3}


def test_random_posts(embedded: Embedded) -> None:
    rng = random.Random(2)  # noqa: S311  # the sequence must be repeatable
    statuses: dict[int, int] = {}
    for _ in range(ROUNDS):
        headers = mirrored(CALL) if rng.random() < 0.7 else dict(JSON)
        for _ in range(rng.randrange(3)):
            headers[rng.choice(NAMES)] = rng.choice(VALUES)
        method = rng.choice(["POST", "POST", "POST", "GET", "", "é"])
        target = rng.choice(["/mcp", "/mcp", "/mcp", "/mcp/?é", "", "/", "mcp"])
        response = embedded.http(method, target, headers, body(rng))
        statuses[response.status] = statuses.get(response.status, 0) + 1
    assert {200, 400, 404, 405} <= set(statuses) <= {200, 202, 400, 403, 404, 405, 406, 413, 415}


SMALL = [text_of(CALL), text_of(request("tools/list")), "{", text_of(request("nope")), text_of([CALL])]


def test_memory_stays(zig_server: Path) -> None:
    """Keep each component below 2 MiB: a leak of 30 bytes per request would exceed it."""
    embedded = Embedded(zig_server, memory=2 << 20)
    for _ in range(int(os.environ.get("WASMCP_SOAK", "24000")) // 6):
        for message in SMALL:
            assert embedded.message(message, "2025-03-26")[0]
        assert embedded.http("POST", "/mcp", mirrored(CALL), SMALL[0]).status == 200


def test_large_bodies_do_not_leak(zig_server: Path) -> None:
    embedded = Embedded(zig_server, memory=16 << 20)
    large = text_of(request("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2, "c": "x" * 3_000_000}}))
    for _ in range(40):
        assert embedded.message(large)[0]
        assert embedded.message(SMALL[0])[0]


@pytest.fixture(scope="module")
def embedded(zig_server: Path) -> Embedded:
    return Embedded(zig_server)
