"""Requests with access tokens in this process: mirrored header fields, streamed messages, denials."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wasmcp.errors import AccessDeniedError, HostError
from wasmcp.host import HttpResponse
from wasmcp.host.client.http_messages import EventStream, denial, field_value, parameter_fields, request_fields

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("add", "add"),
        ("", ""),
        ("two words", "two words"),
        (" padded", "=?base64?IHBhZGRlZA==?="),
        ("é", "=?base64?w6k=?="),
        ("=?base64?w6k=?=", "=?base64?PT9iYXNlNjQ/dzZrPT89?="),
        ("a\nb", "=?base64?YQpi?="),
    ],
)
def test_values_of_fields_are_encoded_if_they_are_not_visible_ascii(text: str, expected: str) -> None:
    assert field_value(text) == expected


def test_fields_mirror_the_body() -> None:
    message: dict[str, Any] = {"method": "resources/read", "params": {"uri": "test://é", "_meta": META}}
    fields = dict(request_fields(message, "abc"))
    assert fields["authorization"] == "Bearer abc"
    assert (fields["mcp-method"], fields["mcp-name"]) == ("resources/read", "=?base64?dGVzdDovL8Op?=")
    assert "mcp-name" not in dict(request_fields({"method": "tools/list", "params": {"_meta": META}}, "x"))


def test_parameters_with_a_header_are_mirrored_at_every_depth() -> None:
    schema = {
        "properties": {
            "region": {"type": "string", "x-mcp-header": "Region"},
            "dry": {"type": "boolean", "x-mcp-header": "Dry"},
            "absent": {"type": "string", "x-mcp-header": "Absent"},
            "deep": {"properties": {"count": {"type": "integer", "x-mcp-header": "Count"}}},
            "odd": True,
        }
    }
    arguments = {"region": "é", "dry": True, "deep": {"count": 3}, "odd": 1}
    assert parameter_fields(schema, arguments) == [
        ("mcp-param-Region", "=?base64?w6k=?="),
        ("mcp-param-Dry", "true"),
        ("mcp-param-Count", "3"),
    ]
    assert parameter_fields(None, arguments) == parameter_fields(schema, None) == []


def test_streamed_messages_are_delivered_when_they_arrive() -> None:
    events: list[Any] = []
    stream = EventStream(events.append)
    whole = (
        'event: message\ndata: {"method":"a"}\n\n: note\n\ndata: {"method":"b"}\n\ndata: {"jsonrpc":"2.0","id":1}\n\n'
    )
    for at, character in enumerate(whole):
        stream.receive(character)
        assert len(events) == whole[: at + 1].count("}\n\n") - (at + 1 == len(whole))
    assert stream.response(HttpResponse(200, [], whole)) == {"jsonrpc": "2.0", "id": 1}


def test_a_response_without_a_message_is_an_error() -> None:
    for body in ("", "text", "[]", "{}"):
        with pytest.raises(HostError, match="HTTP status 413"):
            EventStream(None).response(HttpResponse(413, [], body))


def test_a_denial_has_the_facts_of_the_challenge() -> None:
    challenge = 'Bearer error="insufficient_scope", error_description="no", scope="a b", resource_metadata="http://x"'
    error = denial(403, challenge, "")
    assert (error.status, error.error, error.description, error.scopes) == (403, "insufficient_scope", "no", ("a", "b"))
    body = json.dumps({"error": "unauthorized", "error_description": "\x1b[2J"})
    with pytest.raises(AccessDeniedError, match=r"401 unauthorized: \\x1b\[2J"):
        EventStream(None).response(HttpResponse(401, [("WWW-Authenticate", "Bearer")], body))
