"""Input required: server-to-client requests and their responses. Specification: basic/patterns/mrtr."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.server_io_wire import LATEST, META, SERVER_INFO, Wire, record, text, tool_result
from support.waiting import wait_until
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


def test_input_is_required_and_used(wire: Wire) -> None:
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
    """Return an instance with these keys."""
    wire = Wire(implementation=implementation)
    given = {"WASMCP_STATE_KEYS": ",".join(keys), **settings} if keys else settings
    assert wire.call("wire", "configure", list(given.items())) is None
    return wire


def principal(subject: str) -> Any:
    return record(subject=subject, issuer="https://issuer.test", scopes=[], claims="{}")


def issued_state(wire: Wire, **circumstances: Any) -> str:
    """Return the request state of a call."""
    opened = wire.open(asking({"elicitation": {}}, arguments={"a": 1, "b": [2]}), http=HTTP, **circumstances)
    state: str = wire.answer(opened, wire.reply("input-required", ask(ELICIT, state=b"s")))["result"]["requestState"]
    return state


def accepted(wire: Wire, state: str, arguments: Any = {"a": 1, "b": [2]}, **circumstances: Any) -> bool:  # noqa: B006
    """Return whether the state is accepted."""
    opened = wire.open(asking({"elicitation": {}}, arguments=arguments, requestState=state), http=HTTP, **circumstances)
    if wire.refused is None:
        assert wire.request(opened, "input-state") == b"s"
        wire.finish(opened)
        return True
    assert wire.answer(opened, wire.refused)["error"]["code"] == -32602
    return False


def test_instances_with_a_shared_key_accept_each_others_state() -> None:
    both, first, turned, other = (
        configured(*KEYS),
        configured(KEYS[0]),
        configured(KEYS[1], KEYS[0]),
        configured("c" * 32),
    )
    old, new = issued_state(first), issued_state(turned)
    assert old != issued_state(first)
    assert [accepted(each, old) for each in (both, first, turned, other)] == [True, True, True, False]
    assert [accepted(each, new) for each in (both, first, turned, other)] == [True, False, True, False]
    for each in (both, first, turned, other):
        each.close()


def test_state_is_bound_to_request_and_principal() -> None:
    wire = configured(*KEYS)
    state = issued_state(wire, identity=principal("alice"))
    assert accepted(wire, state, identity=principal("alice"))
    assert accepted(wire, state, {"b": [2], "a": 1}, identity=principal("alice"))
    assert not accepted(wire, state, identity=principal("bob"))
    assert not accepted(wire, state)
    assert not accepted(wire, state, {"a": 1, "b": [3]}, identity=principal("alice"))
    for at in (0, len(state) // 2, len(state) - 2):
        tampered = state[:at] + ("A" if state[at] != "A" else "B") + state[at + 1 :]
        assert not accepted(wire, tampered, identity=principal("alice")), at
    wire.close()


def test_state_is_bound_to_its_server() -> None:
    """Two servers of one operator can have the same keys; the processes of one server can have several versions."""
    named = {
        "calc": '{"name":"calc","version":"1"}',
        "newer": '{"version":"2","title":"Calc","name":"calc"}',
        "escaped": '{"name":"\\u0063alc","version":"1"}',
        "other": '{"name":"mail","version":"1"}',
        "nameless": '{"version":"1"}',
        "damaged": "[]",
    }
    wires = {name: configured(*KEYS, implementation=text) for name, text in named.items()}
    state = issued_state(wires["calc"])
    assert {name for name, wire in wires.items() if accepted(wire, state)} == {"calc", "newer", "escaped"}
    state = issued_state(wires["other"])
    assert {name for name, wire in wires.items() if accepted(wire, state)} == {"other"}
    for wire in wires.values():
        wire.close()


def test_state_expires() -> None:
    wire = configured(*KEYS, WASMCP_STATE_TTL="1")
    state = issued_state(wire)
    assert accepted(wire, state)
    wait_until(lambda: not accepted(wire, state))
    wire.close()


def test_state_over_http_needs_configured_keys() -> None:
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
def test_invalid_setting_is_named(wire: Wire, name: str, value: str) -> None:
    problem = wire.call("wire", "configure", [(name, value)])
    assert problem.startswith(f"{name} must be")


def test_answers_are_objects(wire: Wire) -> None:
    opened = wire.open(asking({"elicitation": {}}, inputResponses={"k": 1}))
    assert wire.answer(opened, wire.refused)["error"]["code"] == -32602


# -------------------------------------------------------------------------------------------- handshake revisions


def older(**params: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "t", **params}})


def suspended(wire: Wire, *requests: tuple[str, str, str], version: str = "2025-11-25", can: Any, **more: Any) -> Any:
    """Suspend a call of a handshake revision for input; return the result of `finish`."""
    opened = wire.open(
        older(), version, Variant("messages", 7), capabilities=json.dumps(can) if can is not None else None, **more
    )
    return wire.finish(opened, wire.reply("input-required", ask(*requests, state=b"\x00state")))


def events(wire: Wire) -> list[tuple[str, Any]]:
    parts = [line.split(" ", 2) for line in wire.lines]
    wire.lines_bytes.clear()
    assert {token for token, _, _ in parts} <= {"7"}
    return [(kind, json.loads(text)) for _, kind, text in parts]


def test_handshake_revisions_get_requests() -> None:
    wire = Wire()
    url = ("u", "elicitation/create", '{"mode":"url","message":"?","url":"https://a.test"}')
    form = ("f", "elicitation/create", '{"mode":"form","message":"?","requestedSchema":{"type":"object"}}')
    answer = suspended(wire, url, form, can={"elicitation": {"form": {}, "url": {}}})
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


def test_requests_have_the_form_of_the_revision(wire: Wire) -> None:
    form = ("f", "elicitation/create", '{"mode":"form","message":"?"}')
    suspended(wire, form, version="2025-06-18", can={"elicitation": {}})
    assert events(wire)[1][1]["params"] == {"message": "?"}


def test_error_response_ends_the_call(wire: Wire) -> None:
    suspended(wire, ("r", "roots/list", "{}"), can={"roots": {}})
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
def test_missing_client_capability_is_an_error_result(  # noqa: PLR0917 - one argument per column
    wire: Wire, can: Any, method: str, params: str, version: str, missing: str
) -> None:
    result = json.loads(suspended(wire, ("k", method, params), version=version, can=can).body)["result"]
    assert result["isError"] is True
    assert missing in result["content"][0]["text"]
    assert events(wire) == []


def test_rounds_are_limited(wire: Wire) -> None:
    kept = record(continuation='{"round":32,"keys":{}}', answers="[]")
    answer = suspended(wire, ELICIT, can={"elicitation": {}}, resumed=kept)
    assert "too many rounds" in json.loads(answer.body)["result"]["content"][0]["text"]


def test_progress_continues_after_input(wire: Wire) -> None:
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


def test_undeclared_client_capabilities_are_not_used(wire: Wire) -> None:
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
    ids=["a list", "no requests", "unknown kind", "bad params"],
)
def test_invalid_input_request_is_an_internal_error(wire: Wire, body: str, given: Any, version: str) -> None:
    opened = wire.open(body, version)
    assert wire.answer(opened, wire.reply("input-required", given))["error"]["code"] == -32603
