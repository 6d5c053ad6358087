"""Server-to-client requests in the middle of a function: `request.client-request` and the values between its runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.server_io_wire import LATEST, META, Wire, record, text, tool_result
from wasmtime.component import Variant

ABLE = {"elicitation": {"form": {}, "url": {}}, "sampling": {"tools": {}}, "roots": {}}
FORM = '{"message":"?","requestedSchema":{"type":"object","properties":{}}}'
ACCEPT = {"action": "accept", "content": {}}
PENDING = record(requests=[], state=None)


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


class Call:
    """The runs of a function for a client of 2026-07-28."""

    def __init__(self, wire: Wire, capabilities: dict[str, Any] | None = None, method: str = "tools/call") -> None:
        self.wire = wire
        self.capabilities = ABLE if capabilities is None else capabilities
        self.method = method
        self.state: str | None = None

    def run(self, **responses: Any) -> Run:
        meta = {**META, "io.modelcontextprotocol/clientCapabilities": self.capabilities}
        target = {"uri": "a:b"} if self.method == "resources/read" else {"name": "t"}
        params = {**target, "_meta": meta, "inputResponses": responses}
        if self.state is not None:
            params["requestState"] = self.state
        opened = self.wire.open(json.dumps({"jsonrpc": "2.0", "id": 1, "method": self.method, "params": params}))
        assert self.wire.refused is None
        return Run(self, opened)


class Run:
    """One run of a function."""

    def __init__(self, call: Call, opened: Any) -> None:
        self.call = call
        self.opened = opened

    def ask(self, method: str, params: str = "{}", key: str | None = None) -> tuple[str, Any]:
        """Return the key and the result of a request; of an error the code and the message."""
        found = self.call.wire.request(self.opened, "client-request", method, params, key)
        if found.tag == "err":
            return found.payload.code, found.payload.message
        found = found.payload
        return found.key, None if found.value is None else json.loads(found.value)

    def stored(self, name: str) -> Any:
        found = self.call.wire.request(self.opened, "stored-value", name)
        return None if found is None else json.loads(found)

    def store(self, name: str, value: Any) -> Any:
        return self.call.wire.request(self.opened, "store-value", name, json.dumps(value))

    def wait(self, given: Any = PENDING) -> dict[str, Any]:
        """End the run with an `input-required`; return the requests to the client."""
        result = self.call.wire.answer(self.opened, self.call.wire.reply("input-required", given))["result"]
        self.call.state = result.get("requestState")
        requests: dict[str, Any] = result.get("inputRequests", {})
        return requests

    def end(self) -> None:
        self.call.wire.finish(self.opened, self.call.wire.reply("tool-result", tool_result(text("done"))))


def test_a_request_without_a_result_is_sent_and_its_result_found(wire: Wire) -> None:
    call = Call(wire)
    run = call.run()
    key, result = run.ask("elicitation/create", FORM)
    assert key.startswith("elicitation-1-")
    assert result is None
    assert run.wait() == {key: {"method": "elicitation/create", "params": json.loads(FORM)}}
    assert call.state is None  # nothing to keep yet
    run = call.run(**{key: ACCEPT})
    assert run.ask("elicitation/create", FORM) == (key, ACCEPT)
    run.end()


def test_requests_of_one_run_are_sent_together(wire: Wire) -> None:
    run = Call(wire).run()
    keys = [run.ask("elicitation/create", FORM)[0], run.ask("roots/list", key="mine")[0], run.ask("roots/list")[0]]
    assert keys[1:2] == ["mine"]
    assert keys[2].startswith("roots-1-")
    assert list(run.wait()) == keys


def test_used_results_are_kept_and_cannot_be_replaced(wire: Wire) -> None:
    call = Call(wire)
    run = call.run()
    run.ask("roots/list", key="first")
    run.wait()
    run = call.run(first={"roots": []}, unknown=ACCEPT)
    assert run.ask("roots/list", key="first") == ("first", {"roots": []})
    run.ask("elicitation/create", FORM, key="second")
    assert list(run.wait()) == ["second"]
    run = call.run(first={"roots": [{"uri": "a:b"}]}, second=ACCEPT)
    assert run.ask("roots/list", key="first") == ("first", {"roots": []})
    assert run.ask("elicitation/create", FORM, key="second") == ("second", ACCEPT)
    assert run.ask("elicitation/create", FORM, key="unknown") == ("unknown", None)  # was not used: not kept
    run.wait()


def test_a_result_is_not_used_for_another_request(wire: Wire) -> None:
    call = Call(wire)
    run = call.run()
    first, _ = run.ask("elicitation/create", FORM)
    run.wait()
    run = call.run(**{first: ACCEPT})
    other, result = run.ask("elicitation/create", FORM.replace("?", "!"))
    assert other != first
    assert result is None
    run.wait()


def test_values_are_stored_between_runs(wire: Wire) -> None:
    call = Call(wire)
    run = call.run()
    assert run.stored("a") is None
    assert run.store("a", {"n": [1, "é\n"]}) is None
    assert run.stored("a") == {"n": [1, "é\n"]}
    run.store("b", 1)
    run.store("b", 2)
    run.ask("roots/list", key="k")
    run.wait()
    run = call.run()
    assert (run.stored("a"), run.stored("b"), run.stored("c")) == ({"n": [1, "é\n"]}, 2, None)
    run.end()


@pytest.mark.parametrize("own", [None, b"", b"\x00own", b"{}"])
def test_state_of_the_component_is_kept_next_to_it(wire: Wire, own: bytes | None) -> None:
    call = Call(wire)
    run = call.run()
    run.store("a", 1)
    assert run.wait(record(requests=[record(key="k", method="roots/list", params="{}")], state=own))
    run = call.run()
    assert wire.request(run.opened, "input-state") == own
    assert run.stored("a") == 1
    run.end()


def test_a_key_is_used_once_in_a_run(wire: Wire) -> None:
    run = Call(wire).run()
    run.ask("roots/list", key="k")
    code, words = run.ask("elicitation/create", FORM, key="k")
    assert (code, words) == (-32603, "two requests of this call have the key `k`: each needs its own")
    run.end()


def test_a_second_function_of_a_call_starts_with_its_first_request(wire: Wire) -> None:
    """A middleware can call the next component twice, for example after an error."""
    call = Call(wire)
    run = call.run(k=ACCEPT)
    assert run.ask("elicitation/create", FORM, key="k") == ("k", ACCEPT)
    generated, _ = run.ask("roots/list")
    wire.reply("tool-result", tool_result(text("first")))
    assert run.ask("elicitation/create", FORM, key="k") == ("k", ACCEPT)
    assert run.ask("roots/list")[0] == generated
    assert list(run.wait()) == [generated]


def test_requests_and_values_are_limited(wire: Wire) -> None:
    run = Call(wire).run()
    for number in range(64):
        assert run.ask("roots/list", key=str(number))[1] is None
        assert run.store(str(number), number) is None
    assert run.ask("roots/list", key="more") == (-32603, "more than 64 requests to the client in one call")
    assert run.store("more", 1).message == "more than 64 stored values in one call"
    assert run.store("1", 1) is None
    assert len(run.wait()) == 64


def test_a_stored_value_is_json(wire: Wire) -> None:
    run = Call(wire).run()
    found = wire.request(run.opened, "store-value", "a", "{")
    assert (found.code, found.message) == (-32603, "the value to store as `a` is not JSON")
    run.end()


@pytest.mark.parametrize(
    ("method", "params", "words"),
    [
        ("ping", "{}", "`ping` is not a server-to-client request"),
        ("roots/list", "[]", "its parameters are not a JSON object"),
        ("elicitation/create", "{", "its parameters are not a JSON object"),
        *(
            ("elicitation/create", json.dumps({"mode": "url", "message": "?", "url": url}), "must be an absolute URL")
            for url in (
                "",
                "x",
                "/pay",
                "https:",
                "https://",
                ":x",
                "1a:b",
                "https://a b",
                "https://a\n",
                'https://"',
                5,
            )
        ),
    ],
)
def test_invalid_requests_are_errors(wire: Wire, method: str, params: str, words: str) -> None:
    run = Call(wire).run()
    code, message = run.ask(method, params)
    assert code == -32603
    assert words in message
    run.end()


def test_a_link_is_sent(wire: Wire) -> None:
    run = Call(wire).run()
    params = {"mode": "url", "message": "?", "url": "https://example.com/pay?a=1#b"}
    run.ask("elicitation/create", json.dumps(params), key="k")
    assert run.wait()["k"]["params"] == params


@pytest.mark.parametrize("method", ["tools/list", "completion/complete"])
def test_lists_and_completions_send_no_requests(wire: Wire, method: str) -> None:
    params = {"ref": {"type": "ref/prompt", "name": "p"}, "argument": {"name": "a", "value": ""}}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": META}}
    opened = wire.open(json.dumps(body))
    found = wire.request(opened, "client-request", "roots/list", "{}", None).payload
    assert (found.code, found.message) == (-32603, "only tools, resources and prompts can send requests to the client")
    wire.finish(opened)


@pytest.mark.parametrize("method", ["resources/read", "prompts/get"])
def test_resources_and_prompts_send_requests(wire: Wire, method: str) -> None:
    run = Call(wire, method=method).run()
    key, _ = run.ask("roots/list")
    assert list(run.wait()) == [key]


@pytest.mark.parametrize(
    ("method", "result", "words"),
    [
        ("elicitation/create", {}, "has no `action` that is known"),
        ("elicitation/create", {"action": "accept", "content": []}, "has no object as its `content`"),
        (
            "sampling/createMessage",
            {"content": {"type": "text"}},
            "is not a message of a model: its content needs `text`",
        ),
        ("roots/list", {"roots": [{}]}, "is not a list of roots: each root needs `uri`, a string"),
    ],
)
def test_results_of_another_form_are_invalid_params(wire: Wire, method: str, result: Any, words: str) -> None:
    run = Call(wire).run(k=result)
    code, message = run.ask(method, FORM, key="k")
    assert code == -32602
    assert message.startswith(f"the input response `k` {words}")
    run.end()


MISSING = [
    ({}, "elicitation/create", FORM, {"elicitation": {}}, "elicitation"),
    ({"elicitation": {"url": {}}}, "elicitation/create", FORM, {"elicitation": {}}, "elicitation"),
    (
        {"elicitation": {}},
        "elicitation/create",
        '{"mode":"url","url":"a:b"}',
        {"elicitation": {"url": {}}},
        "elicitation.url",
    ),
    ({"sampling": {}}, "sampling/createMessage", '{"tools":[]}', {"sampling": {"tools": {}}}, "sampling.tools"),
    ({}, "sampling/createMessage", "{}", {"sampling": {}}, "sampling"),
    ({}, "roots/list", "{}", {"roots": {}}, "roots"),
]


@pytest.mark.parametrize(("capabilities", "method", "params", "required", "name"), MISSING)
def test_missing_capability_is_an_error_that_can_be_passed_on(  # noqa: PLR0917 - one argument per column
    wire: Wire, capabilities: Any, method: str, params: str, required: Any, name: str
) -> None:
    run = Call(wire, capabilities).run()
    error = wire.request(run.opened, "client-request", method, params, "k").payload
    assert (error.code, error.message) == (-32021, f"the client does not support `{name}`")
    assert json.loads(error.data) == {"requiredCapabilities": required}
    sent = wire.answer(run.opened, wire.reply("failure", error))["error"]
    assert sent == {"code": -32021, "message": error.message, "data": {"requiredCapabilities": required}}


def test_missing_capability_of_a_handshake_revision_is_an_error_result(wire: Wire) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "t"}})
    opened = wire.open(body, "2025-11-25", Variant("messages", 7), capabilities="{}")
    error = wire.request(opened, "client-request", "roots/list", "{}", None).payload
    result = wire.answer(opened, wire.reply("failure", error))["result"]
    assert result["isError"] is True
    assert result["content"][0]["text"].endswith("the client does not support `roots`")


def test_handshake_revisions_keep_results_and_values() -> None:
    wire = Wire()
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "t"}})
    seen: list[Any] = []
    resumed = None
    for _ in range(3):
        opened = wire.open(body, "2025-11-25", Variant("messages", 7), capabilities=json.dumps(ABLE), resumed=resumed)
        run = Run(Call(wire), opened)
        if run.stored("ticket") is None:
            run.store("ticket", len(seen) + 1)
        found = [run.ask("roots/list", key="a")[1], run.ask("sampling/createMessage", key="b")[1], run.stored("ticket")]
        seen.append(found)
        if found[0] is not None and found[1] is not None:
            run.end()
            break
        pending = wire.finish(opened, wire.reply("input-required", PENDING)).pending
        results = [{"roots": []}, {"content": {"type": "text", "text": "x"}}]
        answers = [
            {"jsonrpc": "2.0", "id": id_, "result": result} for id_, result in zip(pending.ids, results, strict=False)
        ]
        resumed = record(continuation=pending.continuation, answers=json.dumps(answers))
    assert seen == [[None, None, 1], [{"roots": []}, {"content": {"type": "text", "text": "x"}}, 1]]
    wire.close()


def test_state_larger_than_a_message_is_an_error() -> None:
    wire = Wire()
    assert wire.call("wire", "configure", [("WASMCP_MAX_BODY", "4096")]) is None
    run = Call(wire).run()
    run.store("a", "x" * 5000)
    run.ask("roots/list")
    error = wire.answer(run.opened, wire.reply("input-required", PENDING))["error"]
    assert error["code"] == -32603
    assert "WASMCP_MAX_BODY" in wire.log
    wire.close()


def test_memory_of_ended_calls_is_freed(wire: Wire) -> None:
    assert LATEST == "2026-07-28"
    call = Call(wire)
    for _ in range(50):
        run = call.run()
        run.store("a", "x" * 10_000)
        run.ask("roots/list")
        run.wait()
        call.state = None
