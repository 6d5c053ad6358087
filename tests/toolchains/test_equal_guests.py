"""Behaviour that the guest libraries of all languages share: tables of cases against one component in each language."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import argument_table, client_request_table, guest_tables
from support.guest_tables import LANGUAGES
from support.projects import project_files, write_project

from wasmcp.errors import RequestError
from wasmcp.host import Server, open_server
from wasmcp.project import ensure_built
from wasmcp.protocol import META_KEYS, TASK_DEFAULTS

SOURCES = Path(__file__).parent / "equal"


@pytest.fixture(scope="module", params=LANGUAGES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    language = request.param
    source = (SOURCES / f"main.{language}").read_text("utf-8")
    files = project_files("equal", {f"src/equal/main.{language}": source})
    path = ensure_built(write_project(tmp_path_factory.mktemp(language), files))
    with open_server(path, instances=1, settings={"WASMCP_STATE_KEYS": "k" * 40}) as opened:
        yield opened


def answer(server: Server, method: str, params: dict[str, Any]) -> dict[str, Any] | str:
    """Return the result, or the message of an error -32602."""
    try:
        return server.request(method, params)
    except RequestError as error:
        if error.code != -32602:
            raise
        return error.message


def test_completions(server: Server) -> None:
    wrong = []
    for reference, argument, typed, filled, expected in guest_tables.COMPLETIONS:
        params = {"ref": reference, "argument": {"name": argument, "value": typed}, "context": {"arguments": filled}}
        found = answer(server, "completion/complete", params)
        if (found if isinstance(found, str) else found["completion"]) != expected:
            wrong.append((reference, argument, typed, found))
    assert not wrong


def test_failing_completions(server: Server) -> None:
    for typed, message in guest_tables.FAILURES.items():
        params = {"ref": guest_tables.TRIP, "argument": {"name": "pages", "value": typed}}
        with pytest.raises(RequestError) as caught:
            server.request("completion/complete", params)
        assert (caught.value.code, caught.value.message) == (-32603, message)
    assert "xyzzy" in server.stderr


def test_generated_skills(server: Server) -> None:
    listed = server.request("skills/list")["skills"]
    assert listed == guest_tables.ENTRIES
    for entry in listed:
        assert server.request("skills/get", {"uri": entry["uri"]})["skill"] == entry
        (contents,) = server.request("resources/read", {"uri": entry["uri"]})["contents"]
        assert contents["mimeType"] == "text/markdown"
        empty, front_matter, text = contents["text"].split("---\n", 2)
        assert empty == ""
        assert yaml.safe_load(front_matter) == entry["frontmatter"]
        assert text == f"\n{guest_tables.TEXTS[entry['uri']]}"
    inside = server.request("resources/directory/read", {"uri": "skill://reports/daily-report"})["resources"]
    assert [one["uri"].rpartition("/")[2] for one in inside] == ["SKILL.md", "references"]
    (note,) = server.request("resources/directory/read", {"uri": "skill://reports/daily-report/references"})[
        "resources"
    ]
    assert server.request("resources/read", {"uri": note["uri"]})["contents"][0]["text"] == "plain"
    (tagged,) = [one for one in server.request("resources/list")["resources"] if one["name"] == "true"]
    assert tagged["_meta"]["wasmcp/tags"] == ["x"]


def test_cache_hints(server: Server) -> None:
    for method in ("tools/list", "prompts/list", "resources/list", "resources/templates/list"):
        listed = server.request(method)
        assert (listed["ttlMs"], listed["cacheScope"]) == (60_000, "public"), method
    read = server.request("resources/read", {"uri": "skill://reports/daily-report/references/note.md"})
    assert (read["ttlMs"], read["cacheScope"]) == (30_000, "private")


def test_protocol_errors(server: Server) -> None:
    with pytest.raises(RequestError) as caught:
        server.request("tools/call", {"name": "refuse", "arguments": {}})
    assert (caught.value.code, caught.value.message, caught.value.data) == (-32001, "gone", {"id": 1})


def test_known_references_without_arguments_have_no_values(server: Server) -> None:
    assert server.complete({"type": "ref/prompt", "name": "plain"}, "x").values == []


def test_variables_have_the_values_of_their_types(server: Server) -> None:
    read = server.request("resources/read", {"uri": "trips://night/true/7"})["contents"][0]["text"]
    assert json.loads(read) == {"kind": "night", "open": True, "name": "7"}


@pytest.mark.parametrize("uri", ["trips://week/true/7", "trips://day/yes/7", "trips://day/1/7"])
def test_invalid_variables_are_invalid_params(server: Server, uri: str) -> None:
    with pytest.raises(RequestError) as caught:
        server.request("resources/read", {"uri": uri})
    assert caught.value.code == -32602


def test_errors_of_the_arguments_of_tools(server: Server) -> None:
    rows = [({**argument_table.VALID, **given}, error) for given, error in argument_table.TOOL]
    wrong = []
    for arguments, error in [*rows, ({}, argument_table.NOTHING)]:
        result = server.call_tool("check", arguments)
        if (result.is_error, result.text) != (True, f"Invalid arguments for tool check: {error}"):
            wrong.append((arguments, result.text))
    assert not wrong
    assert not server.call_tool("check", argument_table.VALID).is_error


def test_errors_of_limits(server: Server) -> None:
    if "limits" not in [tool.name for tool in server.list_tools()]:
        pytest.skip("this language has no such types")
    wrong = []
    for arguments, error in argument_table.LIMITS:
        result = server.call_tool("limits", arguments)
        if (result.is_error, result.text) != (True, f"Invalid arguments for tool limits: {error}"):
            wrong.append((arguments, result.text))
    assert not wrong
    assert not server.call_tool("limits", {}).is_error


def test_a_tool_without_arguments_takes_none(server: Server) -> None:
    assert (
        server.call_tool("nothing", {"x": 1}).text
        == "Invalid arguments for tool nothing: x: unexpected; expected nothing"
    )


def test_errors_of_the_arguments_of_prompts(server: Server) -> None:
    wrong = []
    for arguments, error in argument_table.PROMPT:
        found = answer(server, "prompts/get", {"name": "trip", "arguments": arguments})
        if found != f"Invalid arguments for prompt trip: {error}":
            wrong.append((arguments, found))
    assert not wrong


def rounds(server: Server, case: client_request_table.Case) -> str | tuple[int, str]:
    """Send the results of a case; return the text of the result, or the code and the message of the error."""
    meta = {"io.modelcontextprotocol/clientCapabilities": case.capabilities}
    params: dict[str, Any] = {**case.params, "_meta": meta}
    keys: list[str] = []
    try:
        for expected in case.rounds:
            asked = server.request(case.method, params)
            requests = asked["inputRequests"]
            assert [(item["method"], item["params"]) for item in requests.values()] == [item for item, _ in expected]
            keys.extend(requests)
            params["inputResponses"] = dict(zip(requests, [result for _, result in expected], strict=True))
            params["requestState"] = asked.get("requestState")
            if params["requestState"] is None:
                del params["requestState"]
        result = server.request(case.method, params)
    except RequestError as error:
        return error.code, error.message
    for key, pattern in zip(keys, case.keys, strict=False):
        assert re.fullmatch(pattern, key)
    if "contents" in result:
        return str(result["contents"][0]["text"])
    return str(result["messages"][0]["content"]["text"] if "messages" in result else result["content"][0]["text"])


def test_server_to_client_requests(server: Server) -> None:
    wrong = []
    for case in client_request_table.CASES:
        try:
            found = rounds(server, case)
        except (AssertionError, KeyError) as error:
            wrong.append((case, repr(error)))
            continue
        expected = case.outcome
        if isinstance(expected, str) or isinstance(found, str):
            same = found == expected
        else:
            same = found[0] == expected[0] and re.fullmatch(expected[1], found[1]) is not None
        if not same:
            wrong.append((case, found))
    assert not wrong


def test_steps_and_options_of_tasks(server: Server) -> None:
    meta = {tool["name"]: tool.get("_meta") for tool in server.request("tools/list")["tools"]}
    times = {"ttlMs": 60_000, "pollIntervalMs": 1000}
    assert meta["count"] == {
        "wasmcp/task": {"mode": "steps", **times, "required": False},
        "wasmcp/tags": ["slow"],
    }
    assert meta["work"] == {"wasmcp/task": {"mode": "run", **TASK_DEFAULTS, "required": True}}
    assert meta["both"] is None
    able = {"elicitation": {"form": {}}}
    params: dict[str, Any] = {"name": "count", "_meta": {META_KEYS["client_capabilities"]: able}}
    methods: list[str] = []
    while (result := server.request("tools/call", params))["resultType"] == "input_required":
        methods.extend(item["method"] for item in result.get("inputRequests", {}).values())
        answers = {key: {"action": "accept", "content": {"name": "Ada"}} for key in result.get("inputRequests", {})}
        params.update(requestState=result["requestState"], inputResponses=answers)
    assert methods == ["elicitation/create"]
    assert result["content"][0]["text"] == "3 steps"


def test_mistakes_in_requests_are_not_sent_to_the_client(server: Server) -> None:
    for (method, params), words in client_request_table.MISTAKES:
        case = client_request_table.Case(method, params, [[(client_request_table.ROOTS, {"roots": []})]], "")
        try:
            found = rounds(server, case)
        except (AssertionError, KeyError):
            found = rounds(server, case._replace(rounds=[]))
        assert words not in str(found)
        assert words in server.stderr
