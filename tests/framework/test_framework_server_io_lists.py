"""Lists: appending replies to each other, and reading them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from support.server_io_wire import Wire, hint, message, record, tool, tool_result

ICON = {"src": "https://e.example/i.png", "mime_type": "image/png", "sizes": ["48x48"], "theme": "dark"}


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


def test_lists_are_appended(wire: Wire) -> None:
    opened = wire.open(message("tools/list"))
    first = wire.reply(
        "tools-json", ' [ {"name":"a","inputSchema":{}} ,\n{"name":"b","inputSchema":{}} ] ', "x", hint(300)
    )
    for more in (
        wire.reply("tools", [], None, hint(500)),
        wire.reply("tools", [tool("c")], "y", hint(100)),
        wire.reply("tools-json", "[]", None, hint(200, "private")),
        wire.reply("tools", [tool("d")], None, hint(400)),
    ):
        wire.method(first, "append", more)
    assert [each.name for each in wire.method(first, "as-tools")] == ["a", "b", "c", "d"]
    as_json = json.loads(wire.method(first, "as-json"))
    result = wire.answer(opened, first)["result"]
    assert {**as_json, "nextCursor": ""} == {**result, "nextCursor": ""}
    assert [each["name"] for each in result["tools"]] == ["a", "b", "c", "d"]
    assert (wire.unsealed(result["nextCursor"]), result["ttlMs"], result["cacheScope"]) == ("y", 100, "private")


def test_append_to_an_empty_list(wire: Wire) -> None:
    opened = wire.open(message("tools/list"))
    first = wire.reply("tools", [], None, hint(300))
    wire.method(first, "append", wire.reply("tools-json", '[{"name":"a","inputSchema":{}}]', None, None))
    result = wire.answer(opened, first)["result"]
    assert [each["name"] for each in result["tools"]] == ["a"]
    assert (result["ttlMs"], result["cacheScope"]) == (0, "private")


@pytest.mark.parametrize(
    ("method", "member", "item"),
    [
        ("tools/list", "tools", {"name": "a", "inputSchema": {}}),
        ("resources/list", "resources", {"name": "a", "uri": "a:b"}),
        ("resources/templates/list", "resourceTemplates", {"name": "a", "uriTemplate": "a:{b}"}),
        ("prompts/list", "prompts", {"name": "a"}),
    ],
)
@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28"])
def test_a_raw_list_is_a_list(wire: Wire, method: str, member: str, item: dict[str, object], version: str) -> None:
    whole = {member: [item], "nextCursor": 'm"ore', "ttlMs": 7, "cacheScope": "public"}
    opened = wire.open(message(method), version=version)
    first = wire.reply("raw", json.dumps(whole))
    assert wire.method(first, "next") == 'm"ore'
    wire.method(first, "append", wire.reply("raw", json.dumps({member: [{**item, "name": "b", "uri": "c:d"}]})))
    result = wire.answer(opened, first)["result"]
    assert result[member][0] == item
    # All pages of a list share one scope: a list with several pages is private. Without a hint nothing is cacheable.
    assert wire.unsealed(result["nextCursor"], method=method) == 'm"ore'
    if version == "2026-07-28":
        assert (result["ttlMs"], result["cacheScope"]) == (0, "private")


def test_a_raw_list_keeps_its_hint(wire: Wire) -> None:
    for hints, expected in (
        ({"ttlMs": 7, "cacheScope": "public"}, (7, "public")),
        ({"ttlMs": 7, "cacheScope": "private"}, (7, "private")),
        ({"ttlMs": 1.5, "cacheScope": "public"}, (0, "private")),
        ({"ttlMs": 7, "cacheScope": 1}, (7, "private")),
        ({"nextCursor": 1}, (0, "private")),
    ):
        opened = wire.open(message("tools/list"))
        result = wire.answer(opened, wire.reply("raw", json.dumps({"tools": [], **hints})))["result"]
        assert (result["ttlMs"], result["cacheScope"]) == expected
        assert "nextCursor" not in result
    opened = wire.open(message("tools/list"))
    assert wire.answer(opened, wire.reply("raw", '{"tools":{}}'))["error"]["code"] == -32603


@pytest.mark.parametrize("failure_first", [True, False])
def test_failure_in_a_list_fails_the_list(wire: Wire, failure_first: bool) -> None:
    opened = wire.open(message("tools/list"))
    failure = wire.reply("failure", record(code=-5, message="no", data=None))
    listed = wire.reply("tools", [tool("a")], "cursor", None)
    first, second = (failure, listed) if failure_first else (listed, failure)
    wire.method(first, "append", second)
    wire.method(first, "append", wire.reply("tools", [tool("b")], None, None))
    assert wire.answer(opened, first)["error"] == {"code": -5, "message": "no"}


def test_lists_of_different_kinds_do_not_mix(wire: Wire) -> None:
    opened = wire.open(message("tools/list"))
    first = wire.reply("tools", [tool("a")], None, None)
    wire.method(first, "append", wire.reply("prompts", [], None, None))
    assert wire.answer(opened, first)["error"]["code"] == -32603


def test_tools_can_be_read_from_a_reply(wire: Wire) -> None:
    opened = wire.open(message("tools/list"))
    full = tool(
        "full",
        title="T\n",
        description="D",
        output_schema='{"type":"array"}',
        annotations=record(title="A", read_only=True, destructive=False, idempotent=None, open_world=None),
        icons=[record(**ICON), record(src="x", mime_type=None, sizes=[], theme=None)],
        meta='{"k":1.10}',
        extra='{"later":[1]}',
    )
    reply = wire.reply("tools", [full, tool("bare")], None, None)
    read = wire.method(reply, "as-tools")
    again = wire.reply("tools", read, None, None)
    assert wire.method(again, "as-json") == wire.method(reply, "as-json")
    assert read[0].extra == '{"later":[1]}'
    assert read[0].meta == '{"k":1.10}'
    assert wire.method(wire.reply("tool-result", tool_result()), "as-tools") is None
    again.drop(wire.store)
    wire.finish(opened, reply)


def test_first_of_two_items_with_one_name_is_kept(wire: Wire) -> None:
    opened = wire.open(message("tools/list"))
    first = wire.reply("tools-json", '[{"name":"a","title":"1"} , {"name":"\\u0062"}]', None, None)
    more = '[{"name":"b"},{"x":[{"name":"c"},2],"name":"\\u0061"},{"name":"c"},{"name":"c"}]'
    wire.method(first, "append", wire.reply("tools-json", more, None, None))
    assert wire.answer(opened, first)["result"]["tools"] == [{"name": "a", "title": "1"}, {"name": "b"}, {"name": "c"}]


@pytest.mark.parametrize(
    ("constructor", "method", "member", "identity"),
    [
        ("resources-json", "resources/list", "resources", "uri"),
        ("templates-json", "resources/templates/list", "resourceTemplates", "uriTemplate"),
        ("prompts-json", "prompts/list", "prompts", "name"),
    ],
)
def test_every_list_has_its_own_identity(wire: Wire, constructor: str, method: str, member: str, identity: str) -> None:
    opened = wire.open(message(method))
    first = wire.reply(constructor, json.dumps([{identity: "a"}]), None, hint(7))
    wire.method(first, "append", wire.reply(constructor, json.dumps([{identity: "a"}, {identity: "b"}]), None, hint(9)))
    result = wire.answer(opened, first)["result"]
    assert result[member] == [{identity: "a"}, {identity: "b"}]
    assert (result["ttlMs"], result["cacheScope"]) == (7, "public")


def test_next_cursor_is_read_and_changed(wire: Wire) -> None:
    opened = wire.open(message("tools/list"))
    reply = wire.reply("tools", [], "x", hint(7))
    assert wire.method(reply, "next") == "x"
    wire.method(reply, "set-next", ">x")
    assert wire.method(reply, "next") == ">x"
    wire.method(reply, "set-next", None)
    assert wire.method(reply, "next") is None
    assert "nextCursor" not in wire.answer(opened, reply)["result"]
    other = wire.reply("failure", record(code=-5, message="no", data=None))
    wire.method(other, "set-next", "x")
    assert wire.method(other, "next") is None
    other.drop(wire.store)


def test_pages_are_private(wire: Wire) -> None:
    opened = wire.open(message("tools/list"))
    assert wire.answer(opened, wire.reply("tools", [], "x", hint(7)))["result"]["cacheScope"] == "private"
    opened = wire.open(message("tools/list"))
    assert wire.answer(opened, wire.reply("tools", [], None, hint(7)))["result"]["cacheScope"] == "public"


@pytest.mark.parametrize("cursor", ["x", "", None])
def test_the_same_request_for_another_page(wire: Wire, cursor: str | None) -> None:
    first = wire.open(message("tools/list"))
    mine = wire.answer(first, wire.reply("tools", [], "mine", None))["result"]["nextCursor"]
    opened = wire.open(message("tools/list", {"cursor": mine, "other": 1}))
    derived = wire.request(opened, "derive-page", cursor)
    assert wire.request(derived, "cursor") == cursor
    params = json.loads(wire.request(derived, "params"))
    assert params.get("cursor") == cursor
    assert params["other"] == 1
    assert wire.request(opened, "cursor") == "mine"
    derived.drop(wire.store)
    wire.finish(opened, wire.reply("tools", [], None, None))
