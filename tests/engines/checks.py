"""Assertions of the matrix: those of each case about a running server."""

from __future__ import annotations

import json
import time
from urllib.parse import urlsplit

import anyio
from mcp import Client
from support.conversations import OlderClient
from support.entry_points import Served, mirrored, request
from support.tokens import claims, signed

from engines.running import KEY, Servers
from engines.table import ERAS, LANGUAGES

SECONDS = 240
"""Time limit of a request; a good one takes milliseconds."""


def check(case: str, port: int, servers: Servers) -> None:
    """Check a case.

    Raises:
        AssertionError: The server behaves otherwise.
    """
    language, _, version = case.partition("-")
    if language in LANGUAGES:
        mode = next(mode for mode, revision in ERAS.items() if revision == version)
        anyio.run(_language, f"http://127.0.0.1:{port}/mcp", language, mode)
    else:
        _CHECKS[case](port, servers)


async def _language(url: str, language: str, mode: str) -> None:
    async with Client(url, mode=mode, read_timeout_seconds=SECONDS) as client:
        assert client.protocol_version == ERAS[mode]
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert [name for name in names if name.startswith(language)] == [f"{language}_add", f"{language}_fail"]
        for first in (1, 2):  # two requests: runtimes differ in the use of instances
            added = await client.call_tool(f"{language}_add", {"a": first, "b": 2})
            assert added.structured_content == {"result": first + 2}
        failed = await client.call_tool(f"{language}_fail", {"why": "because"})
        assert (failed.is_error, failed.content[0].text) == (True, "because")
        wrong = await client.call_tool(f"{language}_add", {"a": "x", "b": 2})
        assert wrong.is_error
        (contents,) = (await client.read_resource(f"{language}://host")).contents
        assert contents.text == language


def _call(port: int, tool: str, token: str | None = None, **arguments: object) -> tuple[int, str]:
    """Call a tool by a request of 2026-07-28; return the status, and the text of the result."""
    message = request("tools/call", {"name": tool, "arguments": arguments})
    headers = mirrored(message) | ({} if token is None else {"Authorization": f"Bearer {token}"})
    response = Served(port).http("POST", "/mcp", headers, json.dumps(message))
    if response.status != 200:
        return response.status, ""
    return 200, response.message["result"]["content"][0]["text"]


def _kv(port: int, **arguments: object) -> str:
    status, text = _call(port, "do", on="kv", **arguments)
    assert status == 200
    return text


def _kv_in_request(port: int, _: Servers) -> None:
    found = _kv(port, bucket="", do="many")
    assert found.startswith("json [1]"), found


def _kv_lasting(port: int, _: Servers) -> None:
    steps: list[tuple[dict[str, str], str]] = [
        ({"do": "set", "key": "name", "text": "Ada"}, "ok"),
        ({"do": "get", "key": "name"}, "string Ada"),
        *(({"do": "increment", "key": "visits"}, str(number)) for number in (1, 2, 3)),
        ({"do": "delete", "key": "name"}, "ok"),
        ({"do": "get", "key": "name"}, "none"),
    ]
    for arguments, expected in steps:
        found = _kv(port, **arguments)
        assert found == expected, f"{arguments} gives `{found}`, not `{expected}`"


def _sessions(port: int, _: Servers) -> None:
    OlderClient(port)  # the first one in an empty store of a runtime has none: it is not known to last yet
    client, other = OlderClient(port), OlderClient(port)
    assert client.session, "`initialize` gives no session"
    assert client(do="has") == "yes"
    assert client(do="set", key="name", text="Ada") == "ok"
    assert client(do="get", key="name") == "string Ada"
    assert other(do="get", key="name") == "none"
    assert client.send("DELETE")[0] in {200, 204}
    assert client.send("POST", request("tools/list", meta=None))[0] == 404


def _http(port: int, servers: Servers) -> None:
    status, text = _call(port, "send", authority=urlsplit(servers.web).netloc, path="/")
    assert (status, text) == (200, "200"), f"the request gives `{text}`"


def _http_denied(port: int, servers: Servers) -> None:
    _, _, number = urlsplit(servers.web).netloc.rpartition(":")
    for authority in (f"localhost:{number}", f"127.0.0.1:{int(number) - 1}", "example.com"):
        status, text = _call(port, "send", authority=authority)
        assert (status, text) == (200, "http_request_denied"), f"a request to `{authority}` gives `{text}`"


def _authorization(port: int, _: Servers) -> None:
    header = {"alg": "ES256", "typ": "JWT", "kid": "k"}
    valid = signed(KEY, "ES256", header, claims(scope="read"))
    late = signed(KEY, "ES256", header, claims(exp=int(time.time()) - 600))
    assert _call(port, "whoami")[0] == 401
    status, text = _call(port, "whoami", valid)
    assert (status, text.split("|")[0]) == (200, "alice read")
    for wrong in (late, f"{valid[:-8]}AAAAAAAA", signed(KEY, "ES256", header, claims(aud="https://other.test"))):
        assert _call(port, "whoami", wrong)[0] == 401


_CHECKS = {
    "kv-in-request": _kv_in_request,
    "kv-lasting": _kv_lasting,
    "sessions": _sessions,
    "http": _http,
    "http-denied": _http_denied,
    "authorization": _authorization,
}
