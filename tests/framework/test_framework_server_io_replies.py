"""Replies: every constructor, in the form of every revision, as the client reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.server_io_wire import LATEST, REVISIONS, SERVER_INFO, Wire, hint, message, record, text, tool, tool_result
from wasmtime.component import Variant

INFO = {"io.modelcontextprotocol/serverInfo": SERVER_INFO}
COMPLETE = {"resultType": "complete", "_meta": INFO}
ANNOTATIONS = {"audience": ["user", "assistant"], "priority": 0.5, "last_modified": "2026-01-01T00:00:00Z"}
ICON = {"src": "https://e.example/i.png", "mime_type": "image/png", "sizes": ["48x48"], "theme": "dark"}
ICON_JSON = [{"src": "https://e.example/i.png", "mimeType": "image/png", "sizes": ["48x48"], "theme": "dark"}]


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


def since(version: str, first: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields, in revisions that have them."""
    return fields if version >= first else {}


def ending(version: str, **more: Any) -> dict[str, Any]:
    """Return the members that 2026-07-28 adds to every result."""
    return {**COMPLETE, **more} if version == LATEST else {}


@pytest.mark.parametrize("version", REVISIONS)
def test_tool_lists(wire: Wire, version: str) -> None:
    full = tool(
        "full",
        title="T",
        description="D\n",
        input_schema='{"type":"object",\n "properties":{}}',
        output_schema='{"type":"object"}',
        annotations=record(title="A", read_only=True, destructive=False, idempotent=None, open_world=True),
        icons=[record(**ICON)],
        meta='{"k":1.10}',
        extra='{"later":[1],"name":"not this"}',
    )
    result = wire.result("tools", [full, tool("bare")], "next", hint(5000), method="tools/list", version=version)
    assert wire.unsealed(result["nextCursor"]) == "next"
    assert result == {
        "tools": [
            {
                "name": "full",
                "description": "D\n",
                "inputSchema": {"type": "object", "properties": {}},
                **since(
                    version,
                    "2025-03-26",
                    {
                        "annotations": {
                            "title": "A",
                            "readOnlyHint": True,
                            "destructiveHint": False,
                            "openWorldHint": True,
                        }
                    },
                ),
                **since(version, "2025-06-18", {"title": "T", "outputSchema": {"type": "object"}, "_meta": {"k": 1.1}}),
                **since(version, "2025-11-25", {"icons": ICON_JSON}),
                **since(version, LATEST, {"later": [1]}),
            },
            {"name": "bare", "inputSchema": {"type": "object"}},
        ],
        "nextCursor": result["nextCursor"],
        **ending(version, ttlMs=5000, cacheScope="private"),
    }


@pytest.mark.parametrize("version", REVISIONS)
@pytest.mark.parametrize(
    ("value", "is_json", "sent"),
    [
        ('q"\\\n\x01\u2028é', False, 'q"\\\n\x01\u2028é'),
        ("", False, ""),
        (" 1.10 ", True, 1.10),
        ('{"a":\n[1, "x"]}', True, {"a": [1, "x"]}),
        ('"x"', True, "x"),
        ('["\\ud83d\\ude00","\\ud800"]', True, ["😀", "\ufffd"]),
    ],
)
def test_values_of_tools(wire: Wire, version: str, value: str, is_json: bool, sent: Any) -> None:
    assert wire.result("tool-value", value, is_json, version=version) == {
        "content": [{"type": "text", "text": value}],
        **since(version, "2025-06-18", {"structuredContent": {"result": sent}}),
        **ending(version),
    }


@pytest.mark.parametrize("version", REVISIONS)
def test_output_schemas_of_other_types_came_with_the_latest(wire: Wire, version: str) -> None:
    given = tool("t", output_schema='{"type":"array"}')
    result = wire.result("tools", [given], None, None, method="tools/list", version=version)
    assert ("outputSchema" in result["tools"][0]) == (version == LATEST)


def test_results_without_a_hint_are_not_cacheable(wire: Wire) -> None:
    result = wire.result("tools", [], None, None, method="tools/list")
    assert result == {"tools": [], "ttlMs": 0, "cacheScope": "private", **COMPLETE}


@pytest.mark.parametrize("version", REVISIONS)
def test_content(wire: Wire, version: str) -> None:
    notes = record(**ANNOTATIONS)
    media = record(data=b"\x00\xffwav", mime_type="audio/wav", annotations=None, meta='{"m":1}')
    link = {
        "uri": "a:b",
        "name": "n",
        "title": "T",
        "description": None,
        "mime_type": "text/plain",
        "size": 7,
        "icons": [record(**ICON)],
    }
    blob = record(uri="a:c", mime_type=None, data=b"\x01", meta=None)
    plain = record(uri="a:d", mime_type="text/x", data="é", meta="{}")
    result = wire.result(
        "tool-result",
        tool_result(
            text('q"\\\n\x01\u2028', annotations=notes, meta='{"a":[1,\n2]}'),
            Variant("image", media),
            Variant("audio", media),
            Variant("resource-link", record(**link, annotations=None, meta=None)),
            Variant("embedded-resource", record(contents=blob, annotations=None, meta=None)),
            Variant("embedded-resource", record(contents=plain, annotations=None, meta="{}")),
            Variant("other", '{"type":"later"}'),
        ),
        version=version,
    )
    meta = since(version, "2025-06-18", {"_meta": {"m": 1}})
    empty = since(version, "2025-06-18", {"_meta": {}})
    sound = {"type": "audio", "data": "AP93YXY=", "mimeType": "audio/wav", **meta}
    linked = {
        "type": "resource_link",
        "uri": "a:b",
        "name": "n",
        "title": "T",
        "mimeType": "text/plain",
        "size": 7,
        **since(version, "2025-11-25", {"icons": ICON_JSON}),
    }
    assert result == {
        "content": [
            {
                "type": "text",
                "text": 'q"\\\n\x01\u2028',
                "annotations": {
                    "audience": ["user", "assistant"],
                    "priority": 0.5,
                    **since(version, "2025-06-18", {"lastModified": "2026-01-01T00:00:00Z"}),
                },
                **since(version, "2025-06-18", {"_meta": {"a": [1, 2]}}),
            },
            {"type": "image", "data": "AP93YXY=", "mimeType": "audio/wav", **meta},
            sound if version >= "2025-03-26" else {"type": "text", "text": "[5 bytes of audio]"},
            linked if version >= "2025-06-18" else {"type": "text", "text": "a:b"},
            {"type": "resource", "resource": {"uri": "a:c", "blob": "AQ=="}},
            {"type": "resource", "resource": {"uri": "a:d", "mimeType": "text/x", "text": "é", **empty}, **empty},
            {"type": "later"} if version == LATEST else {"type": "text", "text": '{"type":"later"}'},
        ],
        **ending(version),
    }


@pytest.mark.parametrize("version", REVISIONS)
@pytest.mark.parametrize("structured", ['{"a":\r\n1.10}', "[1]", "null", '"x"'])
def test_structured_content(wire: Wire, version: str, structured: str) -> None:
    given = tool_result(structured_content=structured, is_error=True, meta='{"m":1}', extra='{"later":1}')
    result = wire.result("tool-result", given, version=version)
    fits = version == LATEST or (version >= "2025-06-18" and structured.startswith("{"))
    assert result == {
        # Repeated as text: some clients do not read structured content.
        "content": [{"type": "text", "text": structured}],
        **({"structuredContent": json.loads(structured)} if fits else {}),
        "isError": True,
        **({"later": 1, **COMPLETE, "_meta": {"m": 1, **INFO}} if version == LATEST else {"_meta": {"m": 1}}),
    }


def test_numbers_stay_as_their_author_wrote_them(wire: Wire) -> None:
    opened = wire.open(message("tools/call", {"name": "t"}))
    reply = wire.reply("tool-result", tool_result(text("x"), structured_content='{"a": 1.10, "b": 1E5}'))
    assert '{"a": 1.10, "b": 1E5}' in wire.finish(opened, reply).body


@pytest.mark.parametrize("version", REVISIONS)
def test_resources(wire: Wire, version: str) -> None:
    names = {"name": "n", "title": "T", "description": "D", "mime_type": "text/x"}
    rest = {
        "icons": [record(**ICON)],
        "annotations": record(audience=[], priority=1.0, last_modified=None),
        "meta": "{}",
        "extra": None,
    }
    common = {
        "name": "n",
        "description": "D",
        "mimeType": "text/x",
        "annotations": {"priority": 1},
        **since(version, "2025-06-18", {"title": "T", "_meta": {}}),
        **since(version, "2025-11-25", {"icons": ICON_JSON}),
    }
    result = wire.result(
        "resources",
        [record(uri="a:b", size=2**53, **names, **rest)],
        None,
        hint(1),
        method="resources/list",
        version=version,
    )
    assert result == {
        "resources": [{"uri": "a:b", "size": 2**53, **common}],
        **ending(version, ttlMs=1, cacheScope="public"),
    }
    given = [record(uri_template="a:{b}", **names, **rest)]
    result = wire.result("templates", given, None, None, method="resources/templates/list", version=version)
    assert result == {
        "resourceTemplates": [{"uriTemplate": "a:{b}", **common}],
        **ending(version, ttlMs=0, cacheScope="private"),
    }
    contents = [record(uri="a:b", mime_type=None, data=b"\xff", meta='{"x":1}')]
    given = record(contents=contents, cache=hint(9, "private"), meta=None, extra='{"more":1,"contents":2,"ttlMs":3}')
    result = wire.result("contents", given, method="resources/read", version=version)
    assert result == {
        "contents": [{"uri": "a:b", "blob": "/w==", **since(version, "2025-06-18", {"_meta": {"x": 1}})}],
        **ending(version, ttlMs=9, cacheScope="private", **since(version, "2026-07-28", {"more": 1})),
    }


@pytest.mark.parametrize("version", REVISIONS)
def test_prompts(wire: Wire, version: str) -> None:
    arguments = [
        record(name="a", title="A", description=None, required=True),
        record(name="b", title=None, description="B", required=False),
    ]
    given = record(name="p", title="T", description=None, arguments=arguments, icons=[], meta=None, extra=None)
    title = since(version, "2025-06-18", {"title": "A"})
    result = wire.result("prompts", [given], None, None, method="prompts/list", version=version)
    assert result == {
        "prompts": [
            {
                "name": "p",
                "arguments": [{"name": "a", "required": True, **title}, {"name": "b", "description": "B"}],
                **since(version, "2025-06-18", {"title": "T"}),
            }
        ],
        **ending(version, ttlMs=0, cacheScope="private"),
    }
    messages = [record(role="assistant", content=text("hi"))]
    result = wire.result(
        "prompt-result",
        record(description="D", messages=messages, meta=None, extra=None),
        method="prompts/get",
        version=version,
    )
    assert result == {
        "description": "D",
        "messages": [{"role": "assistant", "content": {"type": "text", "text": "hi"}}],
        **ending(version),
    }


def test_completion_holds_at_most_100(wire: Wire) -> None:
    result = wire.result("completion", record(values=["a"], total=3, has_more=False), method="completion/complete")
    assert result == {"completion": {"values": ["a"], "total": 3, "hasMore": False}, **COMPLETE}
    values = [str(i) for i in range(101)]
    result = wire.result("completion", record(values=values, total=None, has_more=None), method="completion/complete")
    assert result["completion"] == {"values": values[:100], "hasMore": True}


@pytest.mark.parametrize("version", REVISIONS)
def test_raw_results(wire: Wire, version: str) -> None:
    result = wire.result("raw", '{"a":\n1,"_meta":{"m":1}}', version=version)
    assert result == {"a": 1, **({**COMPLETE, "_meta": {"m": 1, **INFO}} if version == LATEST else {"_meta": {"m": 1}})}
    whole = {"resultType": "complete", "ttlMs": 7, "cacheScope": "public", "_meta": INFO}
    assert wire.result("raw", json.dumps(whole), method="server/discover", version=version) == whole
    assert wire.result("raw", "{}", method="server/discover", version=version) == ending(
        version, ttlMs=0, cacheScope="private"
    )
    assert wire.result("raw", '{"resultType":"task"}', version=version) == {
        "resultType": "task",
        **({"_meta": INFO} if version == LATEST else {}),
    }


def test_errors(wire: Wire) -> None:
    for given, data in ((None, {}), ('{"a":\n1}', {"data": {"a": 1}}), ("nonsense", {})):
        opened = wire.open(message("tools/call", {"name": "t"}, id="x"))
        reply = wire.reply("failure", record(code=-7, message='no "way"\n', data=given))
        error = wire.method(reply, "error")
        assert (error.code, error.message) == (-7, 'no "way"\n')
        assert json.loads(wire.method(reply, "as-json")) == {"code": -7, "message": 'no "way"\n', **data}
        answer = wire.finish(opened, reply)
        assert answer.code == -7
        assert json.loads(answer.body) == {
            "jsonrpc": "2.0",
            "id": "x",
            "error": {"code": -7, "message": 'no "way"\n', **data},
        }
    assert "not JSON" in wire.log


@pytest.mark.parametrize(("version", "code"), [(LATEST, -32602), ("2025-11-25", -32002)])
def test_retired_error_code(wire: Wire, version: str, code: int) -> None:
    opened = wire.open(message("resources/read", {"uri": "a:b"}), version)
    reply = wire.reply("failure", record(code=-32002, message="Resource not found", data=None))
    assert wire.answer(opened, reply)["error"]["code"] == code


BAD = ["", "{", "nope", "{}{}", '{"a":1,}', "'x'", "[" * 200]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize(
    "make",
    [
        lambda bad: ("tools", [tool("t", input_schema=bad)], None, None),
        lambda bad: ("tools", [tool("t", output_schema=bad)], None, None),
        lambda bad: ("tools", [tool("t", meta=bad)], None, None),
        lambda bad: ("tools", [tool("t", extra=bad)], None, None),
        lambda bad: ("tools-json", bad, None, None),
        lambda bad: ("tool-result", tool_result(text("x", meta=bad))),
        lambda bad: ("tool-result", tool_result(structured_content=bad)),
        lambda bad: ("tool-value", bad, True),
        lambda bad: ("tool-result", tool_result(meta=bad)),
        lambda bad: ("tool-result", tool_result(Variant("other", bad))),
        lambda bad: ("raw", bad),
    ],
)
def test_invalid_json_becomes_an_internal_error(wire: Wire, make: Any, bad: str) -> None:
    wire.stderr.clear()
    opened = wire.open(message("tools/call", {"name": "t"}))
    error = wire.answer(opened, wire.reply(*make(bad)))["error"]
    assert error == {"code": -32603, "message": "Internal error: the answer could not be put into JSON"}
    assert "rejected" in wire.log


def test_schema_must_be_an_object(wire: Wire) -> None:
    opened = wire.open(message("tools/list"))
    assert "error" in wire.answer(opened, wire.reply("tools", [tool("t", input_schema="true")], None, None))


def test_lone_surrogates_do_not_reach_the_client(wire: Wire) -> None:
    result = wire.result("tool-result", tool_result(text("x"), structured_content='["\\ud83d\\ude00","\\ud800"]'))
    assert result["structuredContent"] == ["\U0001f600", "\ufffd"]


def test_a_reply_of_another_request_is_refused(wire: Wire) -> None:
    opened = wire.open(message("tools/call", {"name": "t"}, id=1))
    kept = wire.reply("tool-result", tool_result(text("secret")))
    wire.finish(opened, wire.reply("tool-result", tool_result()))
    opened = wire.open(message("tools/call", {"name": "t"}, id=2))
    answer = wire.answer(opened, kept)
    assert answer["id"] == 2
    assert answer["error"]["code"] == -32603


def test_bad_metadata_does_not_break_the_server() -> None:
    wire = Wire(implementation="nonsense")
    assert wire.result("tool-result", tool_result())["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "unknown"
    assert "metadata" in wire.log
    wire.close()
