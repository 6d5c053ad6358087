"""Guest library inside WebAssembly, in a composed server with the component of `example-servers/everything`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.npm_packages import javascript_client

import wasmcp.host
from wasmcp.errors import RequestError
from wasmcp.guest.testing import accept, roots, sampled
from wasmcp.host import Server
from wasmcp.project import ensure_built

pytestmark = pytest.mark.slow

EVERYTHING = Path(__file__).parents[2] / "example-servers" / "everything"
ABLE = {"elicitation": {"form": {}, "url": {}}, "sampling": {"tools": {}}, "roots": {}}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with wasmcp.host.open_server(ensure_built(EVERYTHING), instances=1) as opened:
        yield opened


def ask(server: Server, method: str, name: str, able: Any = ABLE, **params: Any) -> dict[str, Any]:
    meta = {"io.modelcontextprotocol/clientCapabilities": able}
    return server.request(method, {"name": name, "_meta": meta, **params})


def converse(server: Server, method: str, name: str, *rounds: dict[str, Any]) -> tuple[list[list[str]], dict[str, Any]]:
    """Return the keys of the client requests of each round, and the result."""
    pending = []
    result = ask(server, method, name)
    for answers in rounds:
        assert result["resultType"] == "input_required"
        pending.append(list(result["inputRequests"]))
        state = {"requestState": result["requestState"]} if "requestState" in result else {}
        result = ask(server, method, name, inputResponses=answers, **state)
    return pending, result


def test_resources_are_listed(server: Server) -> None:
    listed = server.request("resources/list")["resources"]
    assert [item["uri"] for item in listed] == [
        "test://static-text",
        "test://static-binary",
        "test://watched-resource",
        "test://folder",
        "test://menu/caf%C3%A9%20du%20jour",
        "ui://everything/temperatures",
        "skill://try-a-client/SKILL.md",
    ]
    assert listed[0] == {
        "uri": "test://static-text",
        "name": "static_text",
        "title": "Static text",
        "description": "A text that is always the same.",
        "mimeType": "text/plain",
        "size": 48,
        "annotations": {
            "audience": ["user", "assistant"],
            "priority": 0.8,
            "lastModified": "2026-01-01T00:00:00Z",
        },
    }
    templates = server.request("resources/templates/list")["resourceTemplates"]
    assert [item["uriTemplate"] for item in templates] == ["test://template/{id}/data", "test://files/{+path}{?line}"]


@pytest.mark.parametrize("kind", ["tools", "prompts", "resources", "resources/templates"])
def test_cache_hints_of_lists(server: Server, kind: str) -> None:
    listed = server.request(f"{kind}/list")
    assert (listed["ttlMs"], listed["cacheScope"]) == (30_000, "private")


def test_official_typescript_client_compiles_every_schema(server: Server) -> None:
    tools = server.list_tools()
    schemas = [schema for tool in tools for schema in (tool.input_schema, tool.output_schema) if schema is not None]
    found = javascript_client().problems([(schema, []) for schema in schemas])
    assert [(schemas[index], problem) for index, problem in enumerate(found) if problem is not None] == []


def test_resources_are_read(server: Server) -> None:
    read = server.request("resources/read", {"uri": "test://static-text"})
    assert read["contents"] == [
        {
            "uri": "test://static-text",
            "mimeType": "text/plain",
            "text": "This is the content of the static text resource.",
        }
    ]
    assert (read["ttlMs"], read["cacheScope"]) == (60000, "public")
    (blob,) = server.request("resources/read", {"uri": "test://static-binary"})["contents"]
    assert blob["blob"].startswith("iVBORw0KGgo")
    first, second = server.request("resources/read", {"uri": "test://folder"})["contents"]
    assert (first["uri"], first["text"]) == ("test://folder/first", "first")
    assert (second["blob"], second["_meta"]) == ("c2Vjb25k", {"example.com/part": 2})
    (part,) = server.request("resources/read", {"uri": "test://files/a/b%20c?line=3"})["contents"]
    assert part == {"uri": "test://files/a/b%20c?line=3", "mimeType": "text/plain", "text": "line 3 of a/b c"}


@pytest.mark.parametrize(
    "uri", ["test://menu/caf%C3%A9%20du%20jour", "test://menu/café du jour", "TEST://menu/x/../caf%c3%a9%20du%20%6aour"]
)
def test_resource_is_read_by_equivalent_uris(server: Server, uri: str) -> None:
    (part,) = server.request("resources/read", {"uri": uri})["contents"]
    assert (part["uri"], part["text"]) == (uri, "soup")


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("test://nothing", "Resource not found"),
        ("test://files/a/.hidden", "Resource not found"),
        ("test://files/a?line=x", "line: expected integer"),
    ],
)
def test_unknown_resources(server: Server, uri: str, message: str) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        server.request("resources/read", {"uri": uri})
    assert (caught.value.code, caught.value.data) == (-32602, {"uri": uri})


def test_prompts(server: Server) -> None:
    listed = {item["name"]: item for item in server.request("prompts/list")["prompts"]}
    assert listed["test_prompt_with_arguments"]["arguments"] == [
        {"name": "arg1", "description": "First test argument", "required": True},
        {"name": "arg2", "description": "Second test argument", "required": True},
    ]
    got = server.request("prompts/get", {"name": "test_conversation", "arguments": {"tone": "friendly"}})
    assert got["description"] == "A prompt of several messages."
    assert [(item["role"], item["content"]["text"]) for item in got["messages"]] == [
        ("user", "Answer in a friendly tone."),
        ("assistant", "I will."),
    ]
    with pytest.raises(RequestError, match='tone: expected one of "formal", "friendly", got "x"') as caught:
        server.request("prompts/get", {"name": "test_conversation", "arguments": {"tone": "x"}})
    assert caught.value.code == -32602


@pytest.mark.parametrize(
    ("reference", "argument", "value", "values"),
    [
        ("test_prompt_with_arguments", "arg1", "par", ["paris", "park city", "parma"]),
        ("test_prompt_with_arguments", "arg2", "x", ["bremen x"]),
        ("test_conversation", "tone", "fr", ["friendly"]),
        ("test_prompt_with_embedded_resource", "resourceUri", "", []),
        ("test://files/{+path}{?line}", "path", "src/m", ["src/main.py"]),
        ("test://template/{id}/data", "id", "", []),
    ],
)
def test_completions(server: Server, reference: str, argument: str, value: str, values: list[str]) -> None:
    kind = (
        {"type": "ref/resource", "uri": reference} if "://" in reference else {"type": "ref/prompt", "name": reference}
    )
    params = {
        "ref": kind,
        "argument": {"name": argument, "value": value},
        "context": {"arguments": {"arg1": "bremen"}},
    }
    assert server.request("completion/complete", params)["completion"] == {
        "values": values,
        "total": len(values),
        "hasMore": False,
    }


def test_unknown_argument_is_not_completed(server: Server) -> None:
    params = {"ref": {"type": "ref/prompt", "name": "test_conversation"}, "argument": {"name": "x", "value": ""}}
    with pytest.raises(RequestError, match="`test_conversation` has no argument `x`"):
        server.request("completion/complete", params)


def test_elicitation(server: Server) -> None:
    name = "test_input_required_result_elicitation"
    pending = ask(server, "tools/call", name)
    assert pending["inputRequests"] == {
        "user_name": {
            "method": "elicitation/create",
            "params": {
                "message": "What is your name?",
                "requestedSchema": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}},
                    "required": ["name"],
                },
            },
        }
    }
    assert "requestState" not in pending
    _, result = converse(server, "tools/call", name, {"user_name": accept(name="Ada")})
    assert result["content"] == [{"type": "text", "text": "Hello, Ada!"}]


def test_requests_over_several_rounds(server: Server) -> None:
    pending, result = converse(
        server,
        "tools/call",
        "test_input_required_result_multi_round",
        {"step1": accept(name="Ada")},
        {"step2": accept(color="blue")},
    )
    assert pending == [["step1"], ["step2"]]
    assert result["content"][0]["text"] == "Ada likes blue"


def test_concurrent_requests_of_an_async_function(server: Server) -> None:
    pending, result = converse(
        server,
        "tools/call",
        "test_input_required_result_multiple_inputs",
        {"user_name": accept(name="Ada"), "greeting": sampled("Hello")},
        {"client_roots": roots("file:///a", "file:///b")},
    )
    assert pending == [["user_name", "greeting", "client_roots"], ["client_roots"]]
    assert result["content"][0]["text"] == "Hello Ada, you work in 2 folders"


def test_prompt_sends_requests(server: Server) -> None:
    _, result = converse(
        server, "prompts/get", "test_input_required_result_prompt", {"user_context": accept(context="tea")}
    )
    assert result["messages"][0]["content"]["text"] == "Use this context: tea"


def test_state_of_the_author(server: Server) -> None:
    _, result = converse(server, "tools/call", "test_input_required_result_request_state", {"confirm": accept(ok=True)})
    assert result["content"][0]["text"] == "state-ok"


def test_unsupported_requests_are_not_sent(server: Server) -> None:
    name = "test_input_required_result_capabilities"
    assert list(ask(server, "tools/call", name, {"sampling": {}})["inputRequests"]) == ["greeting"]
    with pytest.raises(RequestError) as caught:
        ask(server, "tools/call", "test_missing_capability", {})
    assert (caught.value.code, caught.value.data) == (-32021, {"requiredCapabilities": {"sampling": {}}})


def test_invalid_result_is_an_error(server: Server) -> None:
    with pytest.raises(RequestError, match="`user_name` does not fit: name: required") as caught:
        converse(server, "tools/call", "test_input_required_result_elicitation", {"user_name": accept()})
    assert caught.value.code == -32602


def test_given_schema_is_sent_unchanged(server: Server) -> None:
    (found,) = [tool for tool in server.list_tools() if tool.name == "json_schema_2020_12_tool"]
    assert list(found.input_schema)[:3] == ["$schema", "type", "$defs"]
    assert found.input_schema["$defs"]["address"]["$anchor"] == "addressDef"
    assert server.call_tool(found.name, {"name": "n", "phone": "1", "x": 2}).text == "n ['phone', 'x']"
    assert server.call_tool(found.name, {"name": 5}).is_error


def test_tests_of_the_example_pass() -> None:
    environment = {**os.environ, "PYTHONPATH": str(EVERYTHING / "src")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(command, cwd=EVERYTHING, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_nothing_was_written_to_stderr(server: Server) -> None:
    assert "Traceback" not in server.stderr
