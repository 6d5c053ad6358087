"""Problems that the checks of servers find, with scripted servers."""

from __future__ import annotations

from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from wasmcp.client.targets import of_url
from wasmcp.errors import ConnectionFailedError, RequestError
from wasmcp.testing.suite import (
    error_problems,
    http_problems,
    implementation,
    leaks,
    lists_of,
    rejected_call_problems,
)


class Scripted:
    """A client whose responses are scripted by method: a result, or an error."""

    def __init__(self, revision: str, capabilities: Mapping[str, Any], answers: Mapping[str, Any]) -> None:
        self.revision = revision
        self.capabilities = capabilities
        self._answers = answers

    def request(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        del params
        answer = self._answers.get(method, RequestError(-32601, "unknown method"))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def list_all(self, method: str, member: str) -> Any:
        return self.request(method)[member]


INVALID = RequestError(-32602, "unknown")


@pytest.mark.parametrize(
    ("server", "text"),
    [
        ({"name": "shop", "version": "1.2"}, "shop 1.2"),
        ({"name": "shop", "version": ""}, "shop"),
        ({"name": "shop"}, "shop"),
        ({}, "a server without a name"),
    ],
)
def test_a_server_is_named_with_the_version_that_it_has(server: dict[str, str], text: str) -> None:
    assert implementation(server) == text


def test_lists_that_do_not_fit_the_capabilities() -> None:
    client: Any = Scripted(
        "2025-11-25",
        {"tools": {}, "resources": {}},
        {
            "tools/list": RequestError(-32603, "broken"),
            "resources/list": {"resources": []},
            "prompts/list": {"prompts": [{"name": "p"}]},
        },
    )
    lists, problems = lists_of(client)
    assert lists["prompts"] == [{"name": "p"}]
    assert problems == [
        "it declares `tools`, and `tools/list` ends in the error response -32603 (internal_error): broken",
        "it lists prompts and does not declare the capability `prompts`",
    ]


def test_correct_errors_have_no_problems() -> None:
    answers = {"tools/call": INVALID, "prompts/get": INVALID, "resources/read": RequestError(-32002, "none")}
    client: Any = Scripted("2025-11-25", {"tools": {}, "prompts": {}, "resources": {}}, answers)
    assert error_problems(client) == []
    latest: Any = Scripted("2026-07-28", {"resources": {}}, answers)
    (problem,) = error_problems(latest)
    assert "ends in the error response -32002 (resource_not_found): none, and the specification has -32602" in problem


def test_results_and_leaks_in_the_place_of_errors() -> None:
    answers = {
        "wasmcp-suite/no-such-method": {},
        "tools/call": {"isError": True},
        "prompts/get": RequestError(-32602, 'File "/home/a/server.py", line 3'),
    }
    client: Any = Scripted("2025-11-25", {"tools": {}, "prompts": {}}, answers)
    problems = error_problems(client)
    assert "ends in a result, and the specification has an error response (-32601)" in problems[0]
    assert "ends in a tool error" in problems[1]
    assert "its error has a Python traceback" in problems[3]
    assert "its error has a path of its machine: '/home/'" in problems[4]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Traceback (most recent call last):\n", "a Python traceback"),
        ("Error: x\n    at run (/app/index.js:3:14)", "a JavaScript stack"),
        ("thread 'main' panicked at src/main.rs:4:5", "a Rust panic"),
        ("<Server object at 0x7f0012ab34>", "a memory address"),
        ("the value secret-1", "the value of an environment variable"),
    ],
)
def test_leaks_are_named(text: str, found: str) -> None:
    assert leaks(text, "secret-1")[0].startswith(found)


def test_usual_errors_are_no_leaks() -> None:
    assert leaks("`a`: expected a number, found a text at line 3 of /notes/today.txt", "secret-1") == []


def test_calls_that_have_to_be_refused() -> None:
    def outcome(answer: Any) -> list[str]:
        client: Any = Scripted("2025-11-25", {"tools": {}}, {"tools/call": answer})
        tools = [{"name": "t"}, {"name": "skipped"}]
        return list(
            rejected_call_problems(client, tools, lambda t: ({}, "a") if t["name"] == "t" else None, "secret-1")
        )

    assert outcome({"isError": True, "content": [{"type": "text", "text": "`a` is missing"}]}) == []
    assert outcome(RequestError(-32602, "`a` is missing")) == []
    assert "is accepted, and its `inputSchema` rejects it (`a`)" in outcome({"content": []})[0]
    assert "does not name `a`" in outcome({"isError": True, "content": [{"type": "text", "text": "no"}]})[0]
    assert "not in a tool error or -32602" in outcome(RequestError(-32603, "`a`"))[0]
    assert "environment variable" in outcome({"isError": True, "content": [{"text": "a secret-1"}]})[0]


def test_redirects_are_not_followed_with_the_access_token() -> None:
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            paths.append(self.path)
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - the name is that of the base class

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as served:
        Thread(target=served.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{served.server_port}/mcp"
        problems = list(http_problems(of_url(url, {"Authorization": "Bearer secret"})))
        served.shutdown()
    assert problems[0] == "a body that is not JSON gets status 302, and not 400"
    assert set(paths) == {"/mcp"}
    with pytest.raises(ConnectionFailedError, match="does not answer a request over HTTP"):
        list(http_problems(of_url(url, {})))
