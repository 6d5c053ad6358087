"""Asking the client for input, and what comes back. Specification: basic/patterns/mrtr."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from support.server_io_wire import LATEST, META, SERVER_INFO, Wire, record, text, tool_result
from wasmtime.component import Variant

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
    assert wire.refused is None
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
        assert wire.request(opened, "input-state") is None
        assert wire.answer(opened, wire.refused)["error"]["code"] == -32602


HTTP = record(method="POST", path="/mcp", headers=[])
KEYS = ["first-" + "a" * 32, "second-" + "b" * 32]


def configured(*keys: str, implementation: str = json.dumps(SERVER_INFO), **settings: str) -> Wire:
    """An instance with these keys."""
    wire = Wire(implementation=implementation)
    given = {"WASMCP_STATE_KEYS": ",".join(keys), **settings} if keys else settings
    assert wire.call("wire", "configure", list(given.items())) is None
    return wire


def principal(subject: str) -> Any:
    return record(subject=subject, issuer="https://issuer.test", scopes=[], claims="{}")


def given_out(wire: Wire, **circumstances: Any) -> str:
    """The request state of a call."""
    opened = wire.open(asking({"elicitation": {}}, arguments={"a": 1, "b": [2]}), http=HTTP, **circumstances)
    state: str = wire.answer(opened, wire.reply("input-required", ask(ELICIT, state=b"s")))["result"]["requestState"]
    return state


def taken_back(wire: Wire, state: str, arguments: Any = {"a": 1, "b": [2]}, **circumstances: Any) -> bool:  # noqa: B006
    """Whether it is accepted."""
    opened = wire.open(asking({"elicitation": {}}, arguments=arguments, requestState=state), http=HTTP, **circumstances)
    if wire.refused is None:
        assert wire.request(opened, "input-state") == b"s"
        wire.finish(opened)
        return True
    assert wire.answer(opened, wire.refused)["error"]["code"] == -32602
    return False


def test_instances_with_a_key_in_common_take_each_others_state() -> None:
    both, first, turned, other = (
        configured(*KEYS),
        configured(KEYS[0]),
        configured(KEYS[1], KEYS[0]),
        configured("c" * 32),
    )
    old, new = given_out(first), given_out(turned)
    assert old != given_out(first)
    assert [taken_back(each, old) for each in (both, first, turned, other)] == [True, True, True, False]
    assert [taken_back(each, new) for each in (both, first, turned, other)] == [True, False, True, False]
    for each in (both, first, turned, other):
        each.close()


def test_state_is_good_for_its_request_and_its_principal_only() -> None:
    wire = configured(*KEYS)
    state = given_out(wire, identity=principal("alice"))
    assert taken_back(wire, state, identity=principal("alice"))
    assert taken_back(wire, state, {"b": [2], "a": 1}, identity=principal("alice"))
    assert not taken_back(wire, state, identity=principal("bob"))
    assert not taken_back(wire, state)
    assert not taken_back(wire, state, {"a": 1, "b": [3]}, identity=principal("alice"))
    for at in (0, len(state) // 2, len(state) - 2):
        tampered = state[:at] + ("A" if state[at] != "A" else "B") + state[at + 1 :]
        assert not taken_back(wire, tampered, identity=principal("alice")), at
    wire.close()


def test_state_is_good_for_its_server_only() -> None:
    """Two servers of one operator may have the same keys; the processes of one server may have several versions."""
    named = {
        "calc": '{"name":"calc","version":"1"}',
        "newer": '{"version":"2","title":"Calc","name":"calc"}',
        "escaped": '{"name":"\\u0063alc","version":"1"}',
        "other": '{"name":"mail","version":"1"}',
        "nameless": '{"version":"1"}',
        "damaged": "[]",
    }
    wires = {name: configured(*KEYS, implementation=text) for name, text in named.items()}
    state = given_out(wires["calc"])
    assert {name for name, wire in wires.items() if taken_back(wire, state)} == {"calc", "newer", "escaped"}
    state = given_out(wires["other"])
    assert {name for name, wire in wires.items() if taken_back(wire, state)} == {"other"}
    for wire in wires.values():
        wire.close()


def test_state_is_good_for_a_time() -> None:
    wire = configured(*KEYS, WASMCP_STATE_TTL="1")
    state = given_out(wire)
    assert taken_back(wire, state)
    time.sleep(2.1)
    assert not taken_back(wire, state)
    wire.close()


def test_state_over_http_needs_a_key_of_the_operators() -> None:
    wire = Wire()
    opened = wire.open(asking({"elicitation": {}}), http=HTTP)
    error = wire.answer(opened, wire.reply("input-required", ask(ELICIT, state=b"s")))["error"]
    assert error["code"] == -32603
    assert "WASMCP_STATE_KEYS" in wire.log
    wire.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [("WASMCP_STATE_KEYS", "short"), ("WASMCP_STATE_KEYS", KEYS[0] + ","), ("WASMCP_STATE_TTL", "soon")],
)
def test_a_bad_setting_is_named(wire: Wire, name: str, value: str) -> None:
    problem = wire.call("wire", "configure", [(name, value)])
    assert problem.startswith(f"{name} must be")


def test_answers_are_objects(wire: Wire) -> None:
    opened = wire.open(asking({"elicitation": {}}, inputResponses={"k": 1}))
    assert wire.answer(opened, wire.refused)["error"]["code"] == -32602


# ------------------------------------------------------------------------------------------------- older revisions


def older(**params: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "t", **params}})


def asked(wire: Wire, *requests: tuple[str, str, str], version: str = "2025-11-25", can: Any, **more: Any) -> Any:
    """Answer an older client's call by asking; what `finish` says."""
    opened = wire.open(
        older(), version, Variant("messages", 7), capabilities=json.dumps(can) if can is not None else None, **more
    )
    return wire.finish(opened, wire.reply("input-required", ask(*requests, state=b"\x00state")))


def events(wire: Wire) -> list[tuple[str, Any]]:
    parts = [line.split(" ", 2) for line in wire.lines]
    wire.lines_bytes.clear()
    assert {token for token, _, _ in parts} <= {"7"}
    return [(kind, json.loads(text)) for _, kind, text in parts]


def test_an_older_client_is_sent_requests() -> None:
    wire = Wire()
    url = ("u", "elicitation/create", '{"mode":"url","message":"?","url":"https://a.test"}')
    form = ("f", "elicitation/create", '{"mode":"form","message":"?","requestedSchema":{"type":"object"}}')
    answer = asked(wire, url, form, can={"elicitation": {"form": {}, "url": {}}})
    assert (answer.body, answer.code, answer.cancelled) == ("", None, False)
    (kind, pending), (first_kind, first), (second_kind, second) = events(wire)
    assert (kind, first_kind, second_kind) == ("ask", "message", "message")
    assert [first["id"], second["id"]] == pending["ids"] == answer.pending.ids
    assert first["params"].pop("elicitationId")
    assert first["params"] == {"mode": "url", "message": "?", "url": "https://a.test"}
    assert second["method"] == "elicitation/create"
    assert second["params"] == {"mode": "form", "message": "?", "requestedSchema": {"type": "object"}}
    answers = [
        {"jsonrpc": "2.0", "id": second["id"], "result": {"action": "accept", "content": {"n": 1}}},
        {"jsonrpc": "2.0", "id": first["id"], "result": {"action": "decline"}},
        {"jsonrpc": "2.0", "id": "another", "result": {}},
    ]
    resumed = record(continuation=json.dumps(pending["continuation"]), answers=json.dumps(answers))
    other = Wire()
    opened = other.open(older(), "2025-11-25", Variant("messages", 8), resumed=resumed)
    assert other.refused is None
    assert other.request(opened, "input-state") == b"\x00state"
    got = {key: json.loads(text) for key, text in other.request(opened, "input-responses")}
    assert got == {"f": {"action": "accept", "content": {"n": 1}}, "u": {"action": "decline"}}
    result = other.answer(opened, other.reply("tool-result", tool_result(text("done"))))["result"]
    assert result == {"content": [{"type": "text", "text": "done"}]}
    for each in (wire, other):
        each.close()


def test_a_revision_is_asked_in_its_own_form(wire: Wire) -> None:
    form = ("f", "elicitation/create", '{"mode":"form","message":"?"}')
    asked(wire, form, version="2025-06-18", can={"elicitation": {}})
    assert events(wire)[1][1]["params"] == {"message": "?"}


def test_a_client_that_refuses_ends_the_call(wire: Wire) -> None:
    asked(wire, ("r", "roots/list", "{}"), can={"roots": {}})
    pending = events(wire)[0][1]
    answers = [{"jsonrpc": "2.0", "id": pending["ids"][0], "error": {"code": -32600, "message": "no roots here"}}]
    resumed = record(continuation=json.dumps(pending["continuation"]), answers=json.dumps(answers))
    opened = wire.open(older(), "2025-11-25", Variant("messages", 7), resumed=resumed)
    result = wire.answer(opened, wire.refused)["result"]
    assert result["isError"] is True
    assert "no roots here" in result["content"][0]["text"]


@pytest.mark.parametrize(
    ("can", "method", "params", "version", "missing"),
    [
        (None, "elicitation/create", "{}", "2025-11-25", "elicitation"),
        ({"elicitation": {"url": {}}}, "elicitation/create", "{}", "2025-11-25", "elicitation"),
        ({"elicitation": {}}, "elicitation/create", '{"mode":"url"}', "2025-11-25", "url"),
        ({"elicitation": {"url": {}}}, "elicitation/create", '{"mode":"url"}', "2025-06-18", "url"),
        ({"sampling": {}}, "sampling/createMessage", '{"tools":[]}', "2025-11-25", "tools"),
        ({"sampling": {}}, "roots/list", "{}", "2024-11-05", "roots"),
    ],
)
def test_an_older_client_that_cannot_gets_an_error_result(  # noqa: PLR0917 - one argument a column
    wire: Wire, can: Any, method: str, params: str, version: str, missing: str
) -> None:
    result = json.loads(asked(wire, ("k", method, params), version=version, can=can).body)["result"]
    assert result["isError"] is True
    assert missing in result["content"][0]["text"]
    assert events(wire) == []


def test_a_component_cannot_ask_for_ever(wire: Wire) -> None:
    kept = record(continuation='{"round":32,"keys":{}}', answers="[]")
    answer = asked(wire, ELICIT, can={"elicitation": {}}, resumed=kept)
    assert "too often" in json.loads(answer.body)["result"]["content"][0]["text"]


def test_progress_goes_on_where_it_was(wire: Wire) -> None:
    params = {"_meta": {"progressToken": 1}}
    opened = wire.open(older(**params), "2025-11-25", Variant("messages", 7), capabilities='{"roots":{}}')
    wire.request(opened, "progress", 0.5, None, None)
    wire.finish(opened, wire.reply("input-required", ask(("k", "roots/list", "{}"))))
    pending = next(value for kind, value in events(wire) if kind == "ask")
    kept = record(continuation=json.dumps(pending["continuation"]), answers="[]")
    opened = wire.open(older(**params), "2025-11-25", Variant("messages", 7), resumed=kept)
    for value in (0.25, 0.5, 0.75):
        wire.request(opened, "progress", value, None, None)
    wire.finish(opened)
    assert [value["params"]["progress"] for _, value in events(wire)] == [0.75]


def test_only_what_the_client_declared_is_asked(wire: Wire) -> None:
    opened = wire.open(asking({"roots": {}}))
    error = wire.answer(opened, wire.reply("input-required", ask(ELICIT)))["error"]
    assert error["code"] == -32021
    assert error["data"] == {"requiredCapabilities": {"elicitation": {}}}


@pytest.mark.parametrize(
    ("body", "given", "version"),
    [
        (asking({"elicitation": {}}, method="tools/list"), ask(ELICIT), LATEST),
        (asking({}), ask(), LATEST),
        (asking({"ping": {}}), ask(("k", "ping", "{}")), LATEST),
        (asking({"elicitation": {}}), ask(("k", "elicitation/create", "nope")), LATEST),
    ],
    ids=["a list", "nothing asked", "unknown kind", "bad params"],
)
def test_what_cannot_be_asked_is_an_internal_error(wire: Wire, body: str, given: Any, version: str) -> None:
    opened = wire.open(body, version)
    assert wire.answer(opened, wire.reply("input-required", given))["error"]["code"] == -32603
