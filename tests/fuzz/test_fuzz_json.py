"""Edge cases of JSON, through a whole server to a tool and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fuzz.inputs import META
from wasmcp.host import Limits, Server, open_server


@pytest.fixture(scope="module")
def server(fuzzed: tuple[Path, Path]) -> Iterator[Server]:
    with open_server(fuzzed[0], limits=Limits(timeout=10), instances=1) as server:
        yield server


def ask(server: Server, name: str, arguments: str, identifier: str = "1") -> Any:
    """Call a tool with the text of its arguments; return the answer."""
    line = (
        f'{{"jsonrpc":"2.0","id":{identifier},"method":"tools/call",'
        f'"params":{{"name":"{name}","arguments":{arguments},"_meta":{json.dumps(META)}}}}}'
    )
    answer = server.send(line)
    assert answer is not None
    return json.loads(answer)


def result(answer: Any) -> Any:
    """Return the result of the tool."""
    assert not answer["result"].get("isError"), answer
    return answer["result"]["structuredContent"]["result"]


@pytest.mark.parametrize("identifier", ["9007199254740993", "-9007199254740993", "18446744073709551616", "0"])
def test_integer_ids_are_returned_exactly(server: Server, identifier: str) -> None:
    assert ask(server, "add", '{"a":1,"b":2}', identifier)["id"] == int(identifier)


@pytest.mark.parametrize("identifier", ["1.5", "1e2", "1e400", "true", "[]", "{}", "null", "01"])
def test_other_ids_are_refused(server: Server, identifier: str) -> None:
    answer = ask(server, "add", '{"a":1,"b":2}', identifier)
    assert answer["error"]["code"] in (-32600, -32700)
    assert "id" not in answer


def test_integers_beyond_2_to_53_reach_the_tool_exactly(server: Server) -> None:
    assert result(ask(server, "sum", '{"values":[9007199254740993]}')) == 9007199254740993
    assert result(ask(server, "sum", '{"values":[9223372036854775807]}')) == 2**63 - 1


@pytest.mark.parametrize("value", ["9223372036854775808", "1" * 400, "1e400", "1.5", '"1"', "null"])
def test_non_integers_are_an_error_of_the_call(server: Server, value: str) -> None:
    answer = ask(server, "sum", f'{{"values":[{value}]}}')
    assert answer["result"]["isError"] is True
    assert "values" in answer["result"]["content"][0]["text"]


@pytest.mark.parametrize("value", ["1e400", "-1e400", "1" * 400])
def test_numbers_beyond_the_range_are_valid_json(server: Server, value: str) -> None:
    answer = ask(server, "add", f'{{"a":{value},"b":1}}')
    # JSON has no infinity: the result is the tool's own error or a protocol error, but a readable answer.
    assert "error" in answer or answer["result"]["isError"] or isinstance(result(answer), float)


@pytest.mark.parametrize(
    "text", ["\x00", "a\x00b", "\x1f\x7f", "\u2028\u2029", "\U0001f600", "\ufeff", "\\", '"', "\ud7ff\ue000"]
)
@pytest.mark.parametrize("escaped", [True, False])
def test_every_character_is_returned(server: Server, text: str, escaped: bool) -> None:
    written = json.dumps({"text": text}, ensure_ascii=escaped)
    assert result(ask(server, "echo", written)) == text


@pytest.mark.parametrize("text", [r"\ud800", r"\udc00", r"\ud800\u0041", r"\udc00\ud800", r"a\ud83d"])
def test_lone_surrogates_are_rejected(server: Server, text: str) -> None:
    answer = ask(server, "echo", f'{{"text":"{text}"}}')
    assert "error" in answer or answer["result"]["isError"]


@pytest.mark.parametrize("control", ["\x00", "\x1f", "\t"])
def test_raw_control_characters_are_rejected(server: Server, control: str) -> None:
    assert ask(server, "echo", f'{{"text":"{control}"}}')["error"]["code"] == -32700


def test_duplicate_keys_have_one_meaning(server: Server) -> None:
    """Parsers differ in which of two duplicates counts; the parts of one server must agree."""
    twice = ask(server, "sum", '{"values":[1],"values":[2]}')
    assert "error" in twice or twice["result"].get("isError") or result(twice) in (1, 2)
    line = '{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/list","method":"ping"}'
    answer = json.loads(server.send(line) or "{}")
    assert answer.get("id") in (None, 1, 2)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_nesting(server: Server, opening: str) -> None:
    closing = "]" if opening == "[" else "}"

    def nested(levels: int) -> Any:
        return ask(server, "sum", f'{{"any":{opening * levels}0{closing * levels}}}')

    # The message, its params, the arguments: three levels around the value.
    assert result(nested(125)) == 0
    assert nested(126)["error"]["code"] == -32600
    assert nested(100_000)["error"]["code"] == -32600


def test_the_largest_message_and_one_byte_more(server: Server) -> None:
    around = len(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "x", "params": ""}))
    for size, refused in ((4 << 20, False), ((4 << 20) + 1, True)):
        line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "x", "params": "y" * (size - around)})
        assert len(line) == size
        found = json.loads(server.send(line) or "{}")["error"]
        assert ("larger" in found["message"]) == refused
