"""`wire.parse`: classification of bodies. The grammar is tested natively, in framework/server-io/envelope_test.zig."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator

import pytest
from support.server_io_wire import META, Wire, message

LIMIT = 4 << 20


@pytest.fixture(scope="module")
def shared() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


def raw(params: str, id: str = "1") -> str:  # noqa: A002 - the protocol's name
    """Return a call from the texts of its parts."""
    return f'{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{params}}}'


def test_a_request_is_opened(shared: Wire) -> None:
    opened = shared.open(message("tools/call", {"name": "add", "arguments": {"a": 1}}, id="x"))
    assert (opened.method, opened.target, opened.version, opened.fault) == ("tools/call", "add", "2026-07-28", None)
    assert shared.request(opened, "method") == "tools-call"
    assert shared.request(opened, "name") == "tools/call"
    assert shared.request(opened, "id") == '"x"'
    assert shared.request(opened, "protocol-version") == "2026-07-28"
    assert shared.answer(opened)["id"] == "x"


def test_texts_are_passed_on_byte_for_byte(shared: Wire) -> None:
    arguments = '{ "a":1.10,\t"b" : [ 1e5 , "\\u00e9\\n" ],"a":2}'
    capabilities = '{ "elicitation" : {} }'
    prefix = "io.modelcontextprotocol/"
    meta = f'{{"{prefix}protocolVersion":"2026-07-28","{prefix}clientCapabilities":{capabilities} ,"k":[ ]}}'
    params = f'{{"name":"n","arguments":{arguments} , "_meta":{meta}}}'
    opened = shared.open(raw(params, id="12345678901234567890123"))
    assert shared.request(opened, "arguments") == arguments
    assert shared.request(opened, "params") == params
    assert shared.request(opened, "meta") == meta
    assert shared.request(opened, "client-capabilities") == capabilities
    assert shared.request(opened, "id") == "12345678901234567890123"
    assert '"id":12345678901234567890123,' in shared.finish(opened).body


def test_target_of_a_completion_is_its_reference(shared: Wire) -> None:
    for reference, target in (
        ({"type": "ref/prompt", "name": "p", "uri": "u"}, "p"),
        ({"type": "ref/resource", "uri": "u:{x}", "name": "p"}, "u:{x}"),
        ({"name": "p"}, None),
        ([], None),
    ):
        params = {"ref": reference, "argument": {"name": "a", "value": ""}}
        opened = shared.open(message("completion/complete", params))
        assert shared.request(opened, "target") == target
        derived = shared.request(opened, "derive", "other", None)
        assert shared.request(derived, "target") == "other"
        assert json.loads(shared.request(derived, "params"))["ref"] == reference
        assert "name" not in json.loads(shared.request(derived, "params"))
        shared.finish(opened)


def test_missing_values_are_none(shared: Wire) -> None:
    opened = shared.open('{"jsonrpc":"2.0","id":1,"method":"later/method"}', version="2024-11-05")
    assert opened.version is None
    for name in ("target", "arguments", "cursor", "meta", "identity", "session", "http", "input-state"):
        assert shared.request(opened, name) is None, name
    assert shared.request(opened, "params") == "{}"
    assert shared.request(opened, "method") == "other"
    assert shared.request(opened, "input-responses") == []
    assert shared.answer(opened) == {
        "jsonrpc": "2.0",
        "id": 1,
        "error": {"code": -32601, "message": "Method not found: later/method"},
    }


def test_the_empty_cursor_is_a_cursor(shared: Wire) -> None:
    opened = shared.open(message("tools/list"))
    sealed = shared.answer(opened, shared.reply("tools", [], "", None))["result"]["nextCursor"]
    assert shared.unsealed(sealed) == ""


@pytest.mark.parametrize("method", ["tools/list", "prompts/list"])
@pytest.mark.parametrize("cursor", ["", "x", None])
def test_unknown_cursor_is_rejected(shared: Wire, method: str, cursor: str | None) -> None:
    if cursor is None:
        opened = shared.open(message("resources/list"))
        cursor = shared.answer(opened, shared.reply("resources", [], "page", None))["result"]["nextCursor"]
    opened = shared.open(message(method, {"cursor": cursor}))
    assert shared.answer(opened, shared.refused)["error"]["code"] == -32602


@pytest.mark.parametrize(
    ("body", "code", "id_"),
    [
        ("", -32700, None),
        ("{", -32700, None),
        ('{"jsonrpc":"2.0","id":1,"method":"x"} x', -32700, None),
        ('{"jsonrpc":"2.0","id":1,"method":"\\ud800"}', -32700, None),
        ("[]", -32600, None),
        ('[{"jsonrpc":"2.0","id":1,"method":"x"}]', -32600, None),
        ('{"jsonrpc":"2.0","id":null,"method":"x"}', -32600, None),
        ('{"jsonrpc":"2.0","id":1.5,"method":"x"}', -32600, None),
        ('{"jsonrpc":"1.0","id":"a","method":"x"}', -32600, "a"),
        ('{"jsonrpc":"2.0","id":7}', -32600, 7),
        ("[" * 129 + "]" * 129, -32600, None),
        ('"' + "a" * LIMIT + '"', -32600, None),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else None,
)
def test_invalid_messages_are_answered(shared: Wire, body: str, code: int, id_: object) -> None:
    incoming = shared.parse(body)
    assert incoming.tag == "invalid"
    assert incoming.payload[0] == code
    answer = json.loads(incoming.payload[1])
    assert answer["error"]["code"] == code
    # Without a readable id the response has no `id`, not null: specification, basic/transports/streamable-http.
    assert answer == {"jsonrpc": "2.0", **({} if id_ is None else {"id": id_}), "error": answer["error"]}


def test_notifications_and_responses(shared: Wire) -> None:
    assert shared.parse('{"jsonrpc":"2.0","method":"notifications/initialized"}').payload == "notifications/initialized"
    assert shared.parse('{"jsonrpc":"2.0","id":1,"result":{}}').tag == "response"


def test_invalid_messages_have_the_code_invalid_params(shared: Wire) -> None:
    meta = {**META, "io.modelcontextprotocol/logLevel": "loud"}
    incoming = shared.parse(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}))
    fault = incoming.payload.fault
    assert fault.code == -32602
    assert "logLevel" in fault.message
    # A refusal needs no `begin`.
    answer = shared.answer(incoming.payload, shared.reply("failure", fault))
    assert answer == {"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": fault.message}}


def test_refusals_of_unread_messages(shared: Wire) -> None:
    error = shared.open(message("tools/call", {})).fault
    error.data = "[1,\n2]"
    assert json.loads(shared.call("wire", "refusal", error)) == {
        "jsonrpc": "2.0",
        "error": {"code": -32602, "message": error.message, "data": [1, 2]},
    }


def test_derived_requests(shared: Wire) -> None:
    opened = shared.open(message("tools/call", {"name": "a", "arguments": {"x": 1}, "more": True}))
    derived = shared.request(opened, "derive", "b", '{"y":\n2}')
    again = shared.request(derived, "derive", None, None)
    for request in (derived, again):
        assert shared.request(request, "target") == "b"
        assert shared.request(request, "arguments") == '{"y":\n2}'
        assert json.loads(shared.request(request, "params")) == {
            "name": "b",
            "arguments": {"y": 2},
            "more": True,
            "_meta": META,
        }
        assert shared.request(request, "method") == "tools-call"
    assert shared.request(opened, "target") == "a"
    broken = shared.request(opened, "derive", None, "{")
    assert shared.request(broken, "arguments") == "{"
    assert "arguments" not in json.loads(shared.request(broken, "params"))
    shared.finish(opened)
    # They can outlive the call safely, but no longer have an effect.
    assert shared.request(derived, "target") == "b"
    shared.request(derived, "progress", 1.0, None, None)
    for request in (derived, again, broken):
        request.drop(shared.store)


def test_input_responses(shared: Wire) -> None:
    answers = '{"a":{"action" : "accept"},"b\\u0062":1,"a":[2]}'
    opened = shared.open(raw(f'{{"name":"t","inputResponses":{answers},"_meta":{json.dumps(META)}}}'))
    assert [tuple(pair) for pair in shared.request(opened, "input-responses")] == [("bb", "1"), ("a", "[2]")]
    shared.finish(opened)


def test_input_responses_are_limited(shared: Wire) -> None:
    answers = json.dumps({str(number): 0 for number in range(200_000)})
    opened = shared.open(raw(f'{{"name":"t","inputResponses":{answers},"_meta":{json.dumps(META)}}}'))
    assert len(shared.request(opened, "input-responses")) == 1000
    shared.finish(opened)


def mutated(rng: random.Random, seeds: list[str]) -> str:
    """Return a seed with a few characters, or pieces of other seeds, inserted, removed or duplicated."""
    text = list(rng.choice(seeds))
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(text) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            text[at:at] = rng.choice(
                [
                    '"',
                    "{",
                    "}",
                    "[",
                    "]",
                    ",",
                    ":",
                    "\\",
                    "\\u",
                    "\\ud800",
                    "0",
                    "-",
                    "e",
                    "null",
                    "\x00",
                    "é",
                    "😀",
                    " ",
                    "\n",
                ]
            )
        elif kind == 1:
            del text[at : at + rng.randint(1, 8)]
        elif kind == 2:
            other = rng.choice(seeds)
            start = rng.randrange(len(other))
            text[at:at] = other[start : start + rng.randint(1, 20)]
        else:
            text[at:at] = text[at : at + rng.randint(1, 30)]
    return "".join(text)


def grafted(rng: random.Random, seeds: list[str]) -> str:
    """Return a seed with one value replaced, removed or added: still JSON."""
    values = [None, True, 0, -1, 1.5, 1e300, 10**30, "", "x", [], {}, [{}], {"a": 1}, "2026-07-28"]
    document = json.loads(rng.choice(seeds))
    node = document
    while True:
        if not node or not isinstance(node, dict):
            break
        key = rng.choice(list(node))
        if isinstance(node[key], dict) and node[key] and rng.random() < 0.7:
            node = node[key]
            continue
        if rng.random() < 0.2:
            del node[key]
        else:
            node[key if rng.random() < 0.8 else rng.choice(["id", "method", "params", "_meta", "name"])] = rng.choice(
                values
            )
        break
    return json.dumps(document, ensure_ascii=rng.random() < 0.5, indent=rng.choice([None, 1]))


def test_random_and_mutated_bodies_never_trap() -> None:
    rng = random.Random(20260728)  # noqa: S311 - the same bodies every time
    seeds = [
        message(
            "tools/call",
            {
                "name": "add",
                "arguments": {"a": [1.5, "é", None, True]},
                "inputResponses": {"k": {}},
                "requestState": "AAAA",
            },
        ),
        message("tools/list", {"cursor": "x"}, meta={"progressToken": "t", "io.modelcontextprotocol/logLevel": "info"}),
        message("resources/read", {"uri": "file:///x"}, id="\U0001f600"),
        '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}',
        '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}',
        '{"jsonrpc":"2.0","id":"a","result":{}}',
        '[{"jsonrpc":"2.0"}]',
    ]
    alphabet = '{}[]",:\\ujsonrpc2.0idmethod -eE+tfn \n\x01é😀'
    wire = Wire()
    kinds: dict[str, int] = {}
    for _ in range(int(os.environ.get("WASMCP_FUZZ", "20000"))):
        way = rng.random()
        if way < 0.1:
            body = "".join(rng.choices(alphabet, k=rng.randrange(60)))
        else:
            body = (mutated if way < 0.6 else grafted)(rng, seeds)
        incoming = wire.parse(body)
        kinds[incoming.tag] = kinds.get(incoming.tag, 0) + 1
        try:
            parsed = json.loads(body)
        except ValueError:
            assert incoming.tag == "invalid", body
            assert incoming.payload[0] == -32700, body
            continue
        if incoming.tag == "request":
            answer = wire.answer(incoming.payload)
            assert answer["id"] == parsed["id"], body
            assert answer["error"]["message"] == f"Method not found: {parsed['method']}", body
        elif incoming.tag == "notification":
            assert incoming.payload == parsed["method"], body
    assert min(kinds.get(kind, 0) for kind in ("request", "notification", "response", "invalid")) > 50, kinds
    wire.close()
