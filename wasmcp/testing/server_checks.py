"""Problems of a server as its clients see them: capabilities, error responses, and texts that it must not send.

Each check returns problems as sentences. Specification: basic (JSON-RPC), basic/transports, server.
"""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.client import HTTPException
from typing import Any

from wasmcp.client.connection import Client
from wasmcp.client.http import opener_to
from wasmcp.client.targets import Target
from wasmcp.errors import ConnectionFailedError, RequestError
from wasmcp.protocol import CODES, HANDSHAKE, LATEST, LISTS

Lists = dict[str, list[dict[str, Any]]]
_CODE_NAMES = {code: name for name, code in CODES.items()}
_NO_REVISION = "1999-01-01"
_UNKNOWN = "wasmcp-suite-no-such-entry"
_LEAKS = {
    "a Python traceback": re.compile(r"Traceback \(most recent call last\)|File \"[^\"]+\", line \d+"),
    "a JavaScript stack": re.compile(r"\n\s+at .+ \(?(?:file://|node:|/)[^\s)]+:\d+:\d+\)?"),
    "a Rust panic": re.compile(r"panicked at .+:\d+:\d+"),
    "a path of its machine": re.compile(
        r"(?:/home/|/Users/|/root/|/usr/lib/|site-packages/|node_modules/|[A-Z]:\\Users\\)"
    ),
    "a memory address": re.compile(r" object at 0x[0-9a-fA-F]{6,}"),
}


def lists_of(client: Client) -> tuple[Lists, list[str]]:
    """Return the lists of a server, and the problems of its capabilities and lists."""
    lists: Lists = {}
    problems: list[str] = []
    for one in LISTS:
        declared = one.capability in client.capabilities
        try:
            lists[one.kind] = client.list_all(one.method, one.member)
        except RequestError as error:
            lists[one.kind] = []
            is_optional = one.kind == "templates"  # servers with resources alone may not have the method
            if declared and not (is_optional and error.code == CODES["method_not_found"]):
                problems.append(f"it declares `{one.capability}`, and `{one.method}` ends in {_shown(error)}")
            elif not declared and error.code != CODES["method_not_found"]:
                problems.append(
                    f"`{one.method}` without the capability `{one.capability}` ends in {_shown(error)}, not in -32601"
                )
            continue
        if lists[one.kind] and not declared:
            problems.append(f"it lists {one.kind} and does not declare the capability `{one.capability}`")
    return lists, problems


def error_problems(client: Client) -> list[str]:
    """Return the problems of the responses to requests that must be refused."""
    invalid = (CODES["invalid_params"],)
    lost = invalid if client.revision == LATEST else (CODES["resource_not_found"], CODES["invalid_params"])
    cases: list[tuple[str, dict[str, Any], tuple[int, ...]]] = [
        ("wasmcp-suite/no-such-method", {}, (CODES["method_not_found"],))
    ]
    if "tools" in client.capabilities:
        cases.append(("tools/call", {"name": _UNKNOWN, "arguments": {}}, invalid))
        cases.append(("tools/call", {"arguments": {}}, invalid))
    if "resources" in client.capabilities:
        cases.append(("resources/read", {"uri": f"{_UNKNOWN}://none"}, lost))
    if "prompts" in client.capabilities:
        cases.append(("prompts/get", {"name": _UNKNOWN}, invalid))
    problems = []
    for method, params, expected in cases:
        text = f"`{method}` with {json.dumps(params)}"
        try:
            result = client.request(method, params)
        except RequestError as error:
            if error.code not in expected:
                wanted = " or ".join(str(code) for code in expected)
                problems.append(f"{text} ends in {_shown(error)}, and the specification has {wanted}")
            problems += [f"{text}: its error has {leak}" for leak in leaks(_text_of(error))]
        else:
            found = "a tool error" if result.get("isError") else "a result"
            problems.append(f"{text} ends in {found}, and the specification has an error response ({expected[0]})")
    return problems


def leaks(text: str, canary: str = "") -> list[str]:
    """Return what a text has that a client must not see, in words."""
    found = [f"{name}: {match[0].strip()[:80]!r}" for name, one in _LEAKS.items() if (match := one.search(text))]
    if canary and canary in text:
        found.append("the value of an environment variable")
    return found


def rejected_call_problems(
    client: Client, tools: Sequence[Mapping[str, Any]], arguments: Callable[[Mapping[str, Any]], Any], canary: str
) -> Iterator[str]:
    """Yield the problems of calls with arguments that a tool's schema rejects.

    Args:
        client: The client.
        tools: The tools as listed.
        arguments: Returns such arguments of a tool, with the name of the wrong one; None without any.
        canary: The value of an environment variable of the server.
    """
    for tool in tools:
        pair = arguments(tool)
        if pair is None:
            continue
        given, member = pair
        text = f"tool `{tool['name']}` with {json.dumps(given, ensure_ascii=False)[:200]}"
        try:
            result = client.request("tools/call", {"name": tool["name"], "arguments": given})
        except RequestError as error:
            answer = _text_of(error)
            if error.code != CODES["invalid_params"]:
                yield f"{text} ends in {_shown(error)}, and not in a tool error or -32602"
        else:
            answer = json.dumps(result, ensure_ascii=False)
            blocks = result.get("content")
            answer = (
                "\n".join(str(one.get("text", "")) for one in blocks if isinstance(one, dict)) if blocks else answer
            )
            if not result.get("isError"):
                yield f"{text} is accepted, and its `inputSchema` rejects it (`{member}`)"
                continue
        if member not in answer:
            yield f"{text}: its error does not name `{member}`: {answer[:120]}"
        for leak in leaks(answer, canary):
            yield f"{text}: its error has {leak}"


def http_problems(target: Target) -> Iterator[str]:
    """Yield the problems of the HTTP endpoint with requests that are not valid messages, or come from a web page.

    Raises:
        ConnectionFailedError: The endpoint does not answer.
    """
    ping = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"})
    status, _ = _posted(target, "{")
    if not 400 <= status < 500:
        yield f"a body that is not JSON gets status {status}, and not 400"
    status, _ = _posted(target, ping, {"MCP-Protocol-Version": _NO_REVISION})
    if not 400 <= status < 500:
        yield f"an unknown `MCP-Protocol-Version` gets status {status}, and not 400"
    hello = _initialize(HANDSHAKE[-1])
    status, _ = _posted(target, hello, {"Origin": "https://attacker.example"})
    if status < 400:
        yield (
            f"a request of a web page (`Origin: https://attacker.example`) gets status {status}, and not 403: any page "
            "that a user opens can use a server on their machine (DNS rebinding)"
        )
    answer = _answered(target, _initialize(_NO_REVISION))
    version = ((answer or {}).get("result") or {}).get("protocolVersion")
    code = ((answer or {}).get("error") or {}).get("code")
    if version == _NO_REVISION:
        yield f"`initialize` accepts the revision {_NO_REVISION}, which does not exist"
    elif version is None and code not in {CODES["invalid_params"], CODES["unsupported_version"]}:
        shown = str(answer)[:200]
        yield f"`initialize` with the unknown revision {_NO_REVISION} gets {shown}, and not a revision of the server"


def _answered(target: Target, body: str) -> Any:
    """Return the JSON-RPC message that answers a body over HTTP; None without one."""
    from wasmcp.client.messages import events, parsed

    _, content = _posted(target, body)
    found = parsed(content)
    if found is None:
        found = next((one for event in events(content.splitlines(keepends=True)) if (one := parsed(event.data))), None)
    return found


def _posted(target: Target, body: str, fields: Mapping[str, str] | None = None) -> tuple[int, bytes]:
    given = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        **target.fields,
        **(fields or {}),
    }
    request = urllib.request.Request(target.url, body.encode(), given, method="POST")  # noqa: S310 - HTTP only
    try:
        with opener_to(target.url).open(request, timeout=30) as response:
            return response.status, response.read(1 << 20)
    except (OSError, HTTPException) as error:
        raise ConnectionFailedError(target.shown, f"does not answer a request over HTTP: {error}") from None


def _initialize(revision: str) -> str:
    params = {
        "protocolVersion": revision,
        "capabilities": {},
        "clientInfo": {"name": "wasmcp-suite", "version": "0"},
    }
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})


def _text_of(error: RequestError) -> str:
    return f"{error.message} {json.dumps(error.data, ensure_ascii=False) if error.data is not None else ''}"


def _shown(error: RequestError) -> str:
    name = _CODE_NAMES.get(error.code)
    return f"the error response {error.code}{f' ({name})' if name else ''}: {error.message[:100]}"
