"""Round trips: any JSON is passed on as the same JSON, in one line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.server_io_wire import META, Wire, message, text, tool, tool_result
from wasmtime.component import Variant

CHARACTERS = st.characters(codec="utf-8")
STRINGS = st.text(CHARACTERS, max_size=40)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | STRINGS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(STRINGS, inner, max_size=5), max_leaves=30
)
OBJECTS = st.dictionaries(STRINGS, VALUES, max_size=5)
WRITTEN = {"indent": st.sampled_from([None, 0, 1, "\t"]), "ensure_ascii": st.booleans()}
PROPERTY = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


@PROPERTY
@given(value=VALUES, **WRITTEN)
def test_structured_content(wire: Wire, value: Any, indent: Any, ensure_ascii: bool) -> None:
    written = json.dumps(value, indent=indent, ensure_ascii=ensure_ascii)
    result = wire.result("tool-result", tool_result(structured_content=written))
    assert result["structuredContent"] == value
    assert result["content"][0]["text"] == written


@PROPERTY
@given(words=STRINGS, meta=OBJECTS)
def test_texts_and_meta(wire: Wire, words: str, meta: dict[str, Any]) -> None:
    result = wire.result("tool-result", tool_result(text(words), meta=json.dumps(meta)))
    assert result["content"] == [{"type": "text", "text": words}]
    assert {**result["_meta"], **meta} == {**result["_meta"]}


@PROPERTY
@given(arguments=OBJECTS, name=STRINGS, id_=STRINGS | st.integers(), ensure_ascii=st.booleans())
def test_arguments_names_and_ids(
    wire: Wire, arguments: dict[str, Any], name: str, id_: Any, ensure_ascii: bool
) -> None:
    sent = json.dumps(arguments, indent=1, ensure_ascii=ensure_ascii)
    rest = json.dumps({"name": name, "_meta": META}, ensure_ascii=ensure_ascii)[1:]
    call = json.dumps({"jsonrpc": "2.0", "method": "tools/call", "id": id_}, ensure_ascii=ensure_ascii)[:-1]
    opened = wire.open(f'{call},"params":{{"arguments":{sent},{rest}}}')
    assert wire.request(opened, "arguments") == sent
    assert wire.request(opened, "target") == name
    answer = wire.answer(opened)
    assert answer["id"] == id_
    assert type(answer["id"]) is type(id_)


@PROPERTY
@given(first=st.lists(STRINGS, max_size=4), second=st.lists(STRINGS, max_size=4), extra=OBJECTS)
def test_lists_through_append_and_back(wire: Wire, first: list[str], second: list[str], extra: dict[str, Any]) -> None:
    opened = wire.open(message("tools/list"))
    taken = {"name", "title", "description", "inputSchema", "outputSchema", "annotations", "icons", "_meta"}
    extra = {key: value for key, value in extra.items() if key not in taken}
    items = json.dumps([{"name": name, "inputSchema": {}, **extra} for name in first], indent=1)
    whole = wire.reply("tools-json", items, None, None)
    wire.method(whole, "append", wire.reply("tools", [tool(name) for name in second], None, None))
    tools = wire.method(whole, "as-tools")
    # Of two with one name the first is kept; a list with nothing before it is unchanged.
    merged = [*first, *(name for name in dict.fromkeys(second) if name not in first)] if first else second
    assert [each.name for each in tools] == merged
    assert all(json.loads(each.extra or "{}") == extra for each in tools[: len(first)])
    assert [each["name"] for each in wire.answer(opened, whole)["result"]["tools"]] == merged


@PROPERTY
@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_round_trip(wire: Wire, value: float) -> None:
    wire.lines_bytes.clear()
    opened = wire.open(message("tools/call", {"name": "t"}, meta={"progressToken": 1}), output=Variant("stdio"))
    wire.request(opened, "progress", value, value, None)
    params = json.loads(wire.lines[0])["params"]
    assert (params["progress"], params["total"]) == (value, value)
    wire.finish(opened)
