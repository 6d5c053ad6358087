"""Asking the client for input, and what comes back. Specification: basic/patterns/mrtr."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from wasmtime.component import Variant
from wires import LATEST, META, SERVER_INFO, Wire, record

INFO = {"io.modelcontextprotocol/serverInfo": SERVER_INFO}


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


def asking(capabilities: dict[str, Any], *, method: str = "tools/call", **params: Any) -> str:
    meta = {**META, "io.modelcontextprotocol/clientCapabilities": capabilities}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"name": "t", **params, "_meta": meta}})


def ask(*requests: tuple[str, str, str], state: bytes | None = None) -> Any:
    return record(
        requests=[record(key=key, method=method, params=params) for key, method, params in requests], state=state
    )


ELICIT = ("k\n", "elicitation/create", '{"message":"?"}')


def test_the_client_is_asked_and_answers(wire: Wire) -> None:
    opened = wire.open(asking({"elicitation": {}}))
    result = wire.answer(opened, wire.reply("input-required", ask(ELICIT, state=b"\x00state")))["result"]
    state = result.pop("requestState")
    assert result == {
        "resultType": "input_required",
        "inputRequests": {"k\n": {"method": "elicitation/create", "params": {"message": "?"}}},
        "_meta": INFO,
    }
    opened = wire.open(asking({"elicitation": {}}, requestState=state, inputResponses={"k\n": {"action": "accept"}}))
    assert opened.fault is None
    assert wire.request(opened, "input-state") == b"\x00state"
    assert [tuple(pair) for pair in wire.request(opened, "input-responses")] == [("k\n", '{"action": "accept"}')]
    wire.finish(opened)
    for other in (
        asking({}, requestState=state[:-1] + ("A" if state[-1] != "A" else "B")),
        asking({}, requestState="x"),
        asking({}, requestState="é"),
        asking({}, requestState=""),
        asking({}, requestState=state, name="another"),
    ):
        opened = wire.open(other)
        assert opened.fault.code == -32602
        assert wire.request(opened, "input-state") is None
        wire.finish(opened)


EMBEDDED = Variant("messages", 1)


def given_out(wire: Wire, output: Variant = EMBEDDED) -> str:
    """The request state of a call."""
    opened = wire.open(asking({"elicitation": {}}), output=output)
    state: str = wire.answer(opened, wire.reply("input-required", ask(ELICIT, state=b"s")))["result"]["requestState"]
    return state


def taken_back(wire: Wire, state: str, output: Variant = EMBEDDED) -> bool:
    """Whether it is accepted."""
    opened = wire.open(asking({"elicitation": {}}, requestState=state), output=output)
    accepted = opened.fault is None
    assert (wire.request(opened, "input-state") == b"s") == accepted
    wire.finish(opened)
    return accepted


def test_instances_with_the_hosts_key_take_each_others_state() -> None:
    wires = [Wire() for _ in range(4)]
    for each, key in zip(wires, ["a" * 64, "a" * 64, "b" * 64, None], strict=True):
        if key:
            each.feed(f"0 key {key}")
    # One hears the key while it looks for a cancellation.
    opened = wires[1].open(asking({}), output=Variant("messages", 3))
    assert not wires[1].request(opened, "cancelled")
    wires[1].finish(opened)
    state = given_out(wires[0])
    assert [taken_back(each, state) for each in wires] == [True, True, False, False]
    for each in wires:
        each.close()


@pytest.mark.parametrize("words", ["0 key " + "a" * 63, "0 key " + "g" * 64, "1 key " + "a" * 64, "0 key"])
def test_what_is_no_key(words: str) -> None:
    wires = [Wire(), Wire()]
    for each in wires:
        each.feed(words)
    assert not taken_back(wires[1], given_out(wires[0]))
    for each in wires:
        each.close()


def test_a_client_does_not_choose_the_key() -> None:
    wires = [Wire(), Wire()]
    for each in wires:
        each.feed("first")
        each.feed("0 key " + "a" * 64)
        assert each.call("wire", "next-line").payload == "first"
    stdio = Variant("stdio")
    assert not taken_back(wires[1], given_out(wires[0], stdio), stdio)
    assert wires[0].call("wire", "next-line").payload == "0 key " + "a" * 64
    for each in wires:
        each.close()


def test_only_what_the_client_declared_is_asked(wire: Wire) -> None:
    opened = wire.open(asking({"roots": {}}))
    error = wire.answer(opened, wire.reply("input-required", ask(ELICIT)))["error"]
    assert error["code"] == -32021
    assert error["data"] == {"requiredCapabilities": {"elicitation": {}}}


@pytest.mark.parametrize(
    ("body", "given", "version"),
    [
        (asking({"elicitation": {}}), ask(ELICIT), "2025-11-25"),
        (asking({"elicitation": {}}, method="tools/list"), ask(ELICIT), LATEST),
        (asking({}), ask(), LATEST),
        (asking({"ping": {}}), ask(("k", "ping", "{}")), LATEST),
        (asking({"elicitation": {}}), ask(("k", "elicitation/create", "nope")), LATEST),
    ],
    ids=["older client", "a list", "nothing asked", "unknown kind", "bad params"],
)
def test_what_cannot_be_asked_is_an_internal_error(wire: Wire, body: str, given: Any, version: str) -> None:
    opened = wire.open(body, version)
    assert wire.answer(opened, wire.reply("input-required", given))["error"]["code"] == -32603
