"""Resources, prompts, completions and questions of the TypeScript guest library, in a server, as clients see them."""

from __future__ import annotations

from typing import Any

import pytest

from wasmcp.errors import RequestError
from wasmcp.host import Server

pytestmark = pytest.mark.slow

CAPABLE = {"elicitation": {"form": {}}, "sampling": {}, "roots": {}}
META = {"io.modelcontextprotocol/clientCapabilities": CAPABLE}


def read(server: Server, uri: str) -> dict[str, Any]:
    return server.request("resources/read", {"uri": uri})


def ask(server: Server, name: str, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
    return server.request("tools/call", {"name": name, "arguments": arguments, "_meta": META, **more})


def answered(server: Server, name: str, arguments: dict[str, Any], *rounds: dict[str, Any]) -> dict[str, Any]:
    """Call a tool and answer its server-to-client requests, round by round: method -> result."""
    result = ask(server, name, arguments)
    for answers in rounds:
        assert result["resultType"] == "input_required"
        responses = {key: answers[asked["method"]] for key, asked in result["inputRequests"].items()}
        more = {"requestState": result["requestState"]} if "requestState" in result else {}
        result = ask(server, name, arguments, inputResponses=responses, **more)
    return result


def accept(**content: Any) -> dict[str, Any]:
    return {"elicitation/create": {"action": "accept", "content": content}}


def test_lists_of_resources(server: Server) -> None:
    listed = server.request("resources/list")
    every = {one["uri"]: one for one in listed["resources"]}
    assert every["notes://all"]["title"] == "All"
    assert (every["notes://all"]["size"], every["notes://all"]["annotations"]) == (9, {"priority": 1})
    assert every["notes://blob"]["description"] == "Bytes."
    assert (listed["ttlMs"], listed["cacheScope"]) == (60000, "public")
    templates = {one["uriTemplate"]: one for one in server.request("resources/templates/list")["resourceTemplates"]}
    assert templates["notes://note/{name}"]["name"] == "note"
    assert templates["notes://note/{name}"]["mimeType"] == "text/plain"
    assert templates["notes://note/{name}"]["_meta"] == {"wasmcp/tags": ["notes"], "wasmcp/scopes": ["notes:read"]}


def test_reading(server: Server) -> None:
    whole = read(server, "notes://all")
    assert whole["contents"] == [{"uri": "notes://all", "mimeType": "application/json", "text": '["milk","tea"]'}]
    assert (whole["ttlMs"], whole["cacheScope"]) == (5000, "private")
    blob = {"uri": "notes://blob", "mimeType": "application/octet-stream", "blob": "AP8="}
    assert read(server, "notes://blob")["contents"] == [blob]
    assert read(server, "notes://several")["contents"] == [
        {"uri": "notes://several/1", "mimeType": "text/x", "text": "one"},
        {"uri": "notes://several", "mimeType": "application/json", "text": '{"two":2}'},
    ]


def test_templates(server: Server) -> None:
    assert read(server, "notes://note/tea")["contents"][0]["text"] == "Drink tea."
    page = read(server, "notes://page/3?size=small&tags=a,b")["contents"][0]["text"]
    assert page == '{"number":3,"size":"small","tags":["a","b"]}'


def test_uris_are_listed_and_compared_in_normal_form(server: Server) -> None:
    assert "docs://caf%C3%A9/a%20b" in [one.uri for one in server.list_resources()]
    assert "docs://Caf%C3%A9/{+path}" in [one.uri_template for one in server.list_resource_templates()]
    for uri in ("docs://café/a b", "docs://caf%c3%a9/%61 b", "DOCS://CAF%C3%A9/a%20b"):
        assert read(server, uri)["contents"][0]["text"] == "page"
    assert read(server, "docs://caf%C3%A9/x/é%20y")["contents"][0]["text"] == "x/é y"


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("notes://note/gin", -32602),
        ("notes://note/..%2Fx", -32602),
        ("notes://note/%ff", -32602),
        ("docs://café/a/%2e%2e/b", -32602),
        ("notes://page/x", -32602),
        ("notes://broken", -32603),
    ],
)
def test_unreadable_resources(server: Server, uri: str, code: int) -> None:
    with pytest.raises(RequestError) as caught:
        read(server, uri)
    assert caught.value.code == code
    assert "1234" not in str(caught.value)


def test_prompts(server: Server) -> None:
    listed = {one["name"]: one for one in server.request("prompts/list")["prompts"]}
    assert listed["review"]["description"] == "Have code reviewed."
    assert listed["review"]["_meta"] == {"wasmcp/tags": ["code"], "wasmcp/scopes": ["code:read"]}
    assert listed["review"]["arguments"] == [
        {"name": "code", "description": "The code.", "required": True},
        {"name": "language"},
        {"name": "depth"},
    ]
    got = server.request("prompts/get", {"name": "review", "arguments": {"code": "x", "language": "ts", "depth": "2"}})
    assert got["messages"] == [
        {"role": "user", "content": {"type": "text", "text": "Review x ts number"}},
        {"role": "assistant", "content": {"type": "text", "text": "Gladly."}},
        {"role": "user", "content": {"type": "image", "data": "AQ==", "mimeType": "image/png"}},
    ]
    assert server.request("prompts/get", {"name": "plain"})["description"] == "Greeting"
    # A field of a form that was left empty.
    got = server.request("prompts/get", {"name": "review", "arguments": {"code": "", "language": "", "depth": ""}})
    assert got["messages"][0]["content"]["text"] == "Review  ? undefined"


@pytest.mark.parametrize(
    ("name", "arguments", "problem"),
    [
        ("review", {}, "code: required, but missing"),
        ("review", {"code": "x", "language": "c"}, 'language: expected one of "ts", "py", "zig", got "c"'),
        ("review", {"code": "x", "depth": "deep"}, "depth: expected integer, got string"),
        ("review", {"code": "x", "more": "y"}, "more: unexpected"),
        (
            "review",
            {"a": "", "b": "", "depth": "x", "language": 1},
            "a: unexpected; expected only code, language, depth; b: ",
        ),
        (
            "review",
            {"depth": "x", "language": 1},
            "language: expected string, got integer; depth: expected integer, got string; code: required, but missing",
        ),
        ("failing", {}, "Error getting prompt failing"),
    ],
)
def test_prompts_that_cannot_be_had(server: Server, name: str, arguments: dict[str, str], problem: str) -> None:
    with pytest.raises(RequestError) as caught:
        server.request("prompts/get", {"name": name, "arguments": arguments})
    assert problem in caught.value.message


def test_completions(server: Server) -> None:
    review = {"type": "ref/prompt", "name": "review"}
    assert server.complete(review, "language", "").values == ["ts", "py", "zig"]
    assert server.complete(review, "language", "P").values == ["py"]
    params = {"ref": review, "argument": {"name": "code", "value": "v"}, "context": {"arguments": {"language": "ts"}}}
    found = server.request("completion/complete", params)["completion"]
    assert found == {"values": ["v!", "ts", "review"], "total": 7, "hasMore": True}
    note = {"type": "ref/resource", "uri": "notes://note/{name}"}
    assert server.complete(note, "name", "m").values == ["milk"]


def test_asking_twice(server: Server) -> None:
    result = answered(server, "book", {"what": "a table"}, accept(name="Ada"), accept())
    found = result["structuredContent"]
    assert found["text"] == "a table for Ada"
    assert len(found["ticket"]) == 36


def test_once_keeps_values(server: Server) -> None:
    tickets = {
        answered(server, "book", {"what": "x"}, accept(name="A"), accept())["structuredContent"]["ticket"] for _ in "ab"
    }
    assert len(tickets) == 2


def test_declining(server: Server) -> None:
    result = answered(server, "book", {"what": "x"}, {"elicitation/create": {"action": "decline"}})
    assert result["isError"]
    assert result["content"][0]["text"] == "the user did not agree: decline"


def test_an_answer_that_does_not_fit(server: Server) -> None:
    with pytest.raises(RequestError, match="does not fit: name: expected string, got integer"):
        answered(server, "book", {"what": "x"}, accept(name=1))


def test_two_questions_at_once(server: Server) -> None:
    said = {"role": "assistant", "content": {"type": "text", "text": "Hello."}, "model": "m"}
    answers = {"roots/list": {"roots": [{"uri": "file:///a"}]}, "sampling/createMessage": said}
    assert answered(server, "both", {}, answers)["content"][0]["text"] == "file:///a Hello. m"


def test_asking_by_hand(server: Server) -> None:
    assert answered(server, "raw", {}, accept())["content"][0]["text"] == "accept my state"


def test_a_resource_that_asks(server: Server) -> None:
    result = server.request("resources/read", {"uri": "notes://asked", "_meta": META})
    (key,) = result["inputRequests"]
    more = {"inputResponses": {key: {"action": "accept", "content": {"name": "Ada"}}}}
    if "requestState" in result:
        more["requestState"] = result["requestState"]
    found = server.request("resources/read", {"uri": "notes://asked", "_meta": META, **more})
    assert found["contents"][0]["text"] == "for Ada"


def test_client_without_the_capability(server: Server) -> None:
    with pytest.raises(RequestError) as caught:
        server.request("tools/call", {"name": "book", "arguments": {"what": "x"}})
    assert caught.value.code == -32021
