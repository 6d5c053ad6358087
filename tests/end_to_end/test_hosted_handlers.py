"""Handlers that use HTTP, values, configuration and sessions: in wasm and natively under their fakes, one test."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from support import hosted_tools
from support.projects import write_project
from support.server_processes import wasmtime_serve
from support.web_server import web_server

from wasmcp.compose import ComponentSpec, ServerMetadata, compose_server
from wasmcp.guest.declarations import registry
from wasmcp.guest.testing import LocalContext, fake_config, fake_kv, fresh_instance, real_http
from wasmcp.host import Server, open_server
from wasmcp.project import ensure_built, load
from wasmcp.project.build_steps import Built, build_component

pytestmark = pytest.mark.slow

CONFIG = {"greeting": "Guten Tag", "retries": 3, "point": {"x": 1, "y": 2}}
ENVIRONMENT = {"VERBOSE": "yes", "TAGS": '["a", "b"]', "SECRET": "hunter2", "retries": "5"}
PROJECT = {
    "pyproject.toml": """\
[project]
name = "hosted"
version = "0.0.1"

[tool.hatch.build.targets.wheel]
packages = ["src/hosted"]

[tool.wasmcp.components.tools]
source = "src/hosted/hosted_tools.py"
grants = ["env", "http", "kv", "sessions"]

[tool.wasmcp.components.tools.config]
greeting = "Guten Tag"
retries = 3
point = {x = 1, y = 2}

[tool.wasmcp.servers.default]
components = ["tools"]
""",
    "src/hosted/__init__.py": "",
}
Call = Callable[..., Any]
TOOLS = {
    name: tool for name, tool in registry.registered().items() if tool.function.__module__ == hosted_tools.__name__
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_project(tmp_path_factory.mktemp("hosted"), PROJECT)
    shutil.copy(hosted_tools.__file__, root / "src/hosted/hosted_tools.py")
    return root


@pytest.fixture(scope="module")
def path(project: Path) -> Path:
    return ensure_built(project)


@pytest.fixture(scope="module")
def server(path: Path) -> Iterator[Server]:
    with open_server(path, instances=1, env=ENVIRONMENT) as running:
        yield running


@pytest.fixture(params=["native", "wasm"])
def call(request: pytest.FixtureRequest) -> Iterator[Call]:
    """Calls a tool; its result, read from the structured content."""
    with contextlib.ExitStack() as stack:
        if request.param == "native":
            for fake in (real_http(), fake_kv(), fake_config(CONFIG, environment=ENVIRONMENT), fresh_instance()):
                stack.enter_context(fake)

            def native(name: str, /, **arguments: Any) -> Any:
                called = TOOLS[name].call(json.dumps(arguments), LocalContext())
                assert not called.is_error, called
                return _plain(json.loads(called.structured or "null"))

            yield native
        else:
            running: Server = request.getfixturevalue("server")

            def hosted(name: str, /, **arguments: Any) -> Any:
                called = running.call_tool(name, arguments)
                assert not called.is_error, (called, running.stderr)
                return _plain(called.structured_content)

            yield hosted


def _plain(structured: Any) -> Any:
    return structured["result"] if set(structured) == {"result"} else structured


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    with web_server() as other, web_server(other) as url:
        yield url


def test_fetch_keep_and_read_the_configuration(call: Call, web: str, request: pytest.FixtureRequest) -> None:
    key = request.node.name
    kept = call("keep_page", url=f"{web}/lines", key=key)
    assert kept["kept"] == {"text": "one\r\ntwö\nthree", "greeting": "Guten Tag"}
    assert call("keep_page", url=f"{web}/lines", key=key)["count"] == kept["count"] + 1


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"])
def test_methods_headers_and_bodies(call: Call, web: str, method: str) -> None:
    headers = [("x-one", "1"), ("X-Many", "a"), ("x-many", "b"), ("x-text", "grün")]
    got = call(
        "fetch",
        wanted={"url": f"{web}/?q=ä b".replace(" ", "%20"), "method": method, "headers": headers, "body": "grüße"},
    )
    command, path, fields, credentials, body = json.loads(got.pop("text"))
    assert (command, path, body, credentials) == (method, "/?q=%C3%A4%20b", "grüße", [])
    assert (fields["x-one"], fields["x-many"]) == (["1"], ["a", "b"])
    assert got == {
        "status": 200,
        "reason": "OK",
        "cookies": ["a=1", "b=2"],
        "path": "?q=%C3%A4%20b",
        "redirects": 0,
    }


def test_a_head_has_no_body(call: Call, web: str) -> None:
    assert call("fetch", wanted={"url": web, "method": "HEAD"})["text"] == ""


def test_errors_have_the_same_names_everywhere(call: Call, web: str) -> None:
    with socket.socket() as closed:  # bound, but not listening
        closed.bind(("127.0.0.1", 0))
        refusing = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        expected: list[tuple[dict[str, Any], dict[str, Any]]] = [
            ({"url": refusing}, {"error": "ConnectError", "code": "connection-refused"}),
            ({"url": "http://nobody.invalid/"}, {"error": "ConnectError", "code": "DNS-error"}),
            ({"url": web.replace("http", "https")}, {"error": "TlsError", "code": "TLS-protocol-error"}),
            ({"url": f"{web}/nonsense"}, {"error": "ProtocolError", "code": "HTTP-protocol-error"}),
            ({"url": f"{web}/short"}, {"error": "ProtocolError", "code": "HTTP-response-incomplete"}),
            ({"url": f"{web}/never", "timeout": 0.1}, _timeout("total")),
            ({"url": f"{web}/never", "first_byte": 0.1}, _timeout("first_byte")),
            ({"url": f"{web}/stalls", "between_bytes": 0.1}, _timeout("between_bytes")),
            ({"url": f"{web}/round"}, {"error": "TooManyRedirectsError", "limit": 10}),
            ({"url": web, "max_body": 3}, {"error": "BodyTooLargeError", "limit": 3}),
            ({"url": f"{web}/lines", "max_body": 3}, {"error": "BodyTooLargeError", "limit": 3}),
            ({"url": "ftp://example.org/"}, {"error": "InvalidRequestError"}),
            ({"url": web, "headers": [("host", "example.org")]}, {"error": "InvalidRequestError"}),
            ({"url": web, "headers": [("x-a", "1\r\nx-b: 2")]}, {"error": "InvalidRequestError"}),
        ]
        for arguments, outcome in expected:
            assert call("fetch", wanted=arguments) == outcome, arguments


def _timeout(phase: str) -> dict[str, Any]:
    return {"error": "TransferTimeoutError", "code": "HTTP-response-timeout", "phase": phase}


def test_a_status_is_no_error(call: Call, web: str) -> None:
    got = call("fetch", wanted={"url": f"{web}/missing"})
    assert (got["status"], got["reason"], got["text"]) == (404, "Not Found", "not here")


def test_redirects(call: Call, web: str) -> None:
    def sent_on(status: int) -> tuple[str, str]:
        got = call(
            "fetch",
            wanted={"url": f"{web}/moved?{status}", "method": "POST", "body": "x", "headers": [("authorization", "y")]},
        )
        assert (got["redirects"], got["path"]) == (1, "?moved")
        command, _, _, credentials, body = json.loads(got["text"])
        assert credentials == ["authorization"]
        return command, body

    assert [sent_on(status) for status in (301, 302, 303)] == [("GET", "")] * 3
    assert [sent_on(status) for status in (307, 308)] == [("POST", "x")] * 2
    assert call("fetch", wanted={"url": f"{web}/moved", "max_redirects": 0})["status"] == 302
    secrets = [("authorization", "y"), ("cookie", "z"), ("x-kept", "1")]
    away = call("fetch", wanted={"url": f"{web}/away", "method": "POST", "body": "x", "headers": secrets})
    _, path, fields, credentials, body = json.loads(away["text"])
    assert (path, fields, credentials, body) == ("/?away", {"x-kept": ["1"]}, [], "x")


def test_several_at_a_time(call: Call, web: str) -> None:
    told = call("fetch_all", urls=[*[f"{web}/together"] * 3, f"{web}/short"])
    assert told == ["together"] * 3 + ["ProtocolError"]


def test_bodies_in_pieces(call: Call, web: str) -> None:
    assert call("echo", url=f"{web}/echo", count=300, size=10_000) == 3_000_000
    assert call("lines", url=f"{web}/lines") == ["one", "twö", "three"]


def test_unread_responses_are_closed(call: Call, web: str) -> None:
    told = ["given up", "given up", "o", "begun", "one", "False"]
    assert [call("give_up", url=web) for _ in range(2)] == [told] * 2
    assert call("lines", url=f"{web}/lines") == ["one", "twö", "three"]


def test_values(call: Call) -> None:
    found = call("values")
    *errors, denied = found.pop("errors")
    assert denied.startswith("StoreError: ")
    assert denied.endswith("names that begin with `wasmcp:` are reserved for the framework")
    assert errors == [
        "NotACounterError: the value of this key is not a counter, a signed integer of 64 bits",
        "OutOfRangeError: the counter would need more than 64 bits",
        "LimitExceededError: a key, a value or a batch is too large: a key has 1 to 1024 bytes",
        "LimitExceededError: a key, a value or a batch is too large: a key has 1 to 1024 bytes",
        "LimitExceededError: a key, a value or a batch is too large: a value has at most 2 MiB",
        "LimitExceededError: a key, a value or a batch is too large: a batch has at most 1000 keys and 2 MiB",
        "KeyError: 'absent'",
        "ValueError: expected `Point`: expected object, got number",
        "LimitExceededError: a key, a value or a batch is too large: the name of a bucket has at most 512 bytes",
    ]
    assert found == {
        "kept": True,
        "point": True,
        "bytes": True,
        "counted": [1, 6, -1],
        "swapped": [True, False, False, True],
        "updated": [1, {"a": None}, "more"],
        "listed": True,
        "there": [True, False, None, 7],
        "gone": [False, False],
    }


def test_settings(call: Call) -> None:
    found = call("settings")
    assert "hunter2" not in str(found)
    assert found.pop("absent as str").startswith("MissingConfigError: configuration `absent`: it is not set")
    assert found == {
        "greeting": "Guten Tag",
        "retries": 5,
        "point": 1,
        "verbose": True,
        "tags": ["a", "b"],
        "default": None,
        "all": ["greeting", "point", "retries"],
        "greeting as int": (
            "InvalidConfigError: configuration `greeting`: in the table: expected `int`: expected integer, got string"
        ),
        "SECRET as int": "InvalidConfigError: configuration `SECRET`: in the environment: expected the type `int`",
    }


def test_a_provider_is_called_once(call: Call) -> None:
    made = call("remember", name="a")["made"]
    assert call("remember", name="b") == {"seen": ["a", "b"], "made": made}


def test_no_session_without_one(call: Call) -> None:
    assert call("visit") == {"session": None}


def test_the_values_of_a_session(path: Path) -> None:
    """An older client has one; what is kept in it is the same in a unit test."""
    context = LocalContext(session="s", session_values={"count": 1})
    local = json.loads(TOOLS["visit"].call("{}", context).structured or "")
    assert context.session_values == {"count": 2, "last": {"number": 2}}
    with open_server(path, instances=1) as running:
        _initialize(running)
        first, second = (_legacy(running, "visit") for _ in range(2))
    assert second == local
    assert first["count"] == 1


def _initialize(running: Server) -> None:
    params = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }
    running.send(json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}))
    running.send(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}))


def _legacy(running: Server, name: str, /, **arguments: Any) -> Any:
    params = {"name": name, "arguments": arguments}
    line = running.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}))
    assert line is not None
    result = json.loads(line)["result"]
    assert "structuredContent" in result, (result, running.stderr)
    return result["structuredContent"]


@pytest.fixture(scope="module")
def built(project: Path) -> Built:
    """The component by itself."""
    return build_component(load(project), "tools")


def test_granted_when_built_and_denied_when_composed(built: Built, web: str) -> None:
    spec = ComponentSpec("tools", built.data, built.catalogue, config=CONFIG)
    data = compose_server([spec], ServerMetadata("denied", "1")).data
    with open_server(data, instances=1, quick=True) as running:
        got = running.call_tool("fetch", {"wanted": {"url": web}}).structured_content
        assert got == {"error": "RequestDeniedError", "code": "HTTP-request-denied", "grant": "http"}
        assert running.call_tool("values", {}).is_error
        assert "AccessDeniedError: `kv` for `bucket:values` is not granted to this component" in running.stderr
        _initialize(running)
        assert _legacy(running, "visit") == {"session": None}


def test_the_stock_runtime(built: Built, web: str, tmp_path: Path) -> None:
    """`wasmtime serve` keeps values no longer than a request lives, and has one bucket: the rest is the same."""
    grants = frozenset({"http", "kv"})
    spec = ComponentSpec("tools", built.data, built.catalogue, grants, config=CONFIG)
    composed = compose_server([spec], ServerMetadata("stock", "1"), keyvalue="0.2.0-draft")
    composed.write(tmp_path / "stock.wasm")
    params = {"name": "keep_page", "arguments": {"url": f"{web}/lines", "key": "a"}, "_meta": META}
    with wasmtime_serve(tmp_path / "stock.wasm", "-Skeyvalue", "-Oopt-level=0") as port:
        answer = _post(port, {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}, "keep_page")
    kept = {"text": "one\r\ntwö\nthree", "greeting": "Guten Tag"}
    assert answer["result"]["structuredContent"] == {"kept": kept, "count": 1}


META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


def _post(port: int, message: Any, name: str) -> Any:
    headers = {
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": message["method"],
        "mcp-name": name,
    }
    asked = Request(f"http://127.0.0.1:{port}/mcp", json.dumps(message).encode(), headers)
    with urlopen(asked, timeout=60) as response:  # noqa: S310 - of this test
        return json.loads(response.read())
