"""Rules of grants at run time: a component reaches exactly what they name, in this host and in stock wasmtime."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.granted_servers import granted_server
from support.server_processes import wasmtime_serve
from support.web_server import web_server

from wasmcp.host import Server, open_server

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
DENIED = "http_request_denied"
Call = Callable[..., Any]


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    with web_server() as url:
        yield url.removeprefix("http://").rstrip("/")


@contextmanager
def running(path: Path, grants: Mapping[str, Any], **options: Any) -> Iterator[Call]:
    """Open a server with these grants; the function returns a tool's result, or its error's text."""
    with open_server(granted_server(path / "server.wasm", grants), instances=1, **options) as server:
        assert isinstance(server, Server)

        def call(name: str, /, **arguments: Any) -> Any:
            result = server.call_tool(name, arguments)
            if result.is_error:
                return {"error": result.content[0]["text"]}
            content = result.structured_content
            return None if content is None else content["result"]

        yield call


def test_requests_reach_only_the_named_host(tmp_path: Path, web: str) -> None:
    with running(tmp_path, {"http": [f"http://{web}"]}) as call:
        assert call("send", authority=web) == "200"
        assert json.loads(call("fetch", url=f"http://{web}/a?b=1"))[:2] == ["GET", "/a?b=1"]
        name, _, port = web.partition(":")
        number = int.from_bytes(bytes(map(int, name.split("."))), "big")
        for same in (f"{number}", "0x7f.1", "0177.0.0.1", "127.1", "127.0.0.1.", f"[::ffff:{name}]", "127.0x0001"):
            assert call("send", authority=f"{same}:{port}") == "200", same
        for other in (
            *("example.org", f"localhost:{port}", f"127.0.0.2:{port}", f"[::1]:{port}", "127.0.0.1", "127.0.0.1:1"),
            *(f"user@{web}", f"user:pw@{web}", f"{web}@example.org", f"127.0.0.1:{port}0", "127.0.0.1:0"),
        ):
            assert call("send", authority=other) in {DENIED, "authority"}, other
        for different in (
            {"scheme": "https"},
            {"scheme": "ftp"},
            {"scheme": None},
            {"authority": None},
            {"path": "@example.org/"},
            {"path": "*"},
            {"method": "CONNECT"},
            {"host": "example.org"},
        ):
            answer = call("send", **{"authority": web, **different})
            assert answer in {DENIED, "path", "scheme", "header"}, different
        assert "Denied" in str(call("fetch", url="http://example.org/"))
        assert call("send", authority=web, path=None) != DENIED


def test_a_redirect_leads_only_to_named_hosts(tmp_path: Path) -> None:
    """Redirects are followed by the libraries of the languages; each hop is a request of the component."""
    with web_server() as other, web_server(other) as own, running(tmp_path, {"http": [own]}) as call:
        web = own.removeprefix("http://")
        target = other.removeprefix("http://").rstrip("/")
        assert call("send", authority=web, path="/away") == "307"
        assert call("send", authority=target) == DENIED


def test_rules_name_methods_and_ports(tmp_path: Path, web: str) -> None:
    with running(tmp_path, {"http": [{"url": "http://127.0.0.1:*", "methods": ["GET"]}]}) as call:
        assert call("send", authority=web) == "200"
        assert call("send", authority=web, method="POST") == DENIED
        assert call("send", authority="127.0.0.1:1") != DENIED


def test_private_targets_are_denied_to_a_rule_for_every_public_host(tmp_path: Path, web: str) -> None:
    _, _, port = web.partition(":")
    with running(tmp_path, {"http": ["http://*:*", "https://*:*"]}) as call:
        for private in (
            *("127.0.0.1", "localhost", "LOCALHOST.", "a.localhost", "2130706433", "0x7f000001", "0", "[::1]", "[::]"),
            *("10.0.0.1", "192.168.1.1", "169.254.169.254", "172.16.0.1", "[fd00::1]", "[fe80::1]", "printer"),
            *("[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "metadata.google.internal", "a.local"),
        ):
            assert call("send", authority=f"{private}:{port}") == DENIED, private


def test_environment_holds_only_the_named_variables(tmp_path: Path) -> None:
    with running(tmp_path, {"env": ["TOKEN"]}, env={"TOKEN": "t", "TOKEN2": "u", "token": "v"}) as call:
        assert call("variable", name="TOKEN") == "t"
        assert [call("variable", name=name) for name in ("TOKEN2", "token", "")] == [None] * 3
        assert call("arguments") == 0


def test_buckets_and_keys_are_limited(tmp_path: Path) -> None:
    rules = [{"bucket": "", "prefix": "notes/"}, {"bucket": "", "prefix": "shared/", "access": "read"}]
    with running(tmp_path, {"kv": rules}) as call:
        assert call("keep", key="notes/a") is None
        assert call("kept", key="notes/a") == "value"
        assert call("keys") == ["notes/a"]
        assert call("keys", prefix="no") == ["notes/a"]
        assert call("kept", key="shared/a") is None
        reading = ["get", "exists", "get-many"]
        writing = ["set", "increment", "swap", "set-many", "delete-many", "delete"]
        assert call("operations", key="notes/b") == [*reading, *writing]
        assert call("operations", key="shared/a") == reading
        assert call("operations", key="other") == []
        for name, arguments in (
            ("keep", {"key": "shared/a"}),
            ("keep", {"key": "note"}),
            ("kept", {"key": ""}),
            ("keys", {"prefix": "x"}),
            ("keep", {"bucket": "other", "key": "notes/a"}),
        ):
            assert call(name, **arguments) == {"error": "AccessDenied"}, (name, arguments)


def test_nothing_is_granted_by_default(tmp_path: Path, web: str) -> None:
    with running(tmp_path, {}, env={"TOKEN": "t"}) as call:
        assert call("send", authority=web) == DENIED
        assert call("variable", name="TOKEN") is None
        assert call("keep", key="a") == {"error": "AccessDenied"}


def test_guards_hold_in_stock_wasmtime(tmp_path: Path, web: str) -> None:
    grants = {"http": [f"http://{web}"], "env": ["TOKEN"]}
    server = granted_server(tmp_path / "server.wasm", grants)
    options = ("-Scli", "--env", "TOKEN=t", "--env", "OTHER=o")
    with wasmtime_serve(server, *options) as port, closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:

        def call(name: str, /, **arguments: Any) -> Any:
            params = {"name": name, "arguments": arguments, "_meta": META}
            message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
            headers = {
                "content-type": "application/json",
                "accept": "application/json, text/event-stream",
                "mcp-protocol-version": "2026-07-28",
                "mcp-method": "tools/call",
                "mcp-name": name,
            }
            connection.request("POST", "/mcp", json.dumps(message), headers)
            body = connection.getresponse().read()
            return json.loads(body)["result"]["structuredContent"]["result"]

        assert call("send", authority=web) == "200"
        assert call("send", authority="localhost:" + web.partition(":")[2]) == DENIED
        assert call("variable", name="TOKEN") == "t"
        assert call("variable", name="OTHER") is None
