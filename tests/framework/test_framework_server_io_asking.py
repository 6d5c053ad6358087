"""Asking the client for input, and what comes back. Specification: basic/patterns/mrtr."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
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
