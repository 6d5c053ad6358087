"""Suite without code: the servers that it tests, and their problems as clients see them.

Each check returns problems as sentences, or remarks with a level. Specification: basic (JSON-RPC), basic/transports,
server; server/tools, "Tool Names" and "Tool"; JSON Schema 2020-12; names that APIs of models take as functions.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

from wasmcp.client.connection import Callbacks, Client
from wasmcp.client.http import opener_to
from wasmcp.client.targets import Target, is_url, of_command, of_url
from wasmcp.errors import ConnectionFailedError, RequestError
from wasmcp.protocol import CODES, HANDSHAKE, LATEST, LISTS

STDIO, HTTP = "stdio", "http"
_START = 20.0  # seconds for the first response
_TIMEOUT = 30.0  # seconds for a request
_SERVED = 60.0  # seconds until `wasmcp serve` answers


@dataclass
class SuiteTarget:
    """Server under test.

    Attributes:
        shown: The server, as the user named it, without passwords.
        path: The file of a composed server; None for a URL or a command.
        transports: `stdio` and `http`, as far as the server can be reached over them.
        canary: A text that the process of a command or file gets in its environment; responses must not have it.
    """

    shown: str
    path: Path | None
    transports: tuple[str, ...]
    canary: str
    _targets: dict[str, Target]
    _served: _Served | None = field(default=None)
    _failure: ConnectionFailedError | None = field(default=None)

    @classmethod
    def of(cls, text: str, *, base: Path, token: str | None = None) -> SuiteTarget:
        """Return the server that a user named: a `.wasm` file, a URL, or a command with its arguments.

        Args:
            text: The name.
            base: The directory of a relative file.
            token: A bearer token for a URL.

        Raises:
            ConnectionFailedError: The text is none of these.
        """
        canary = f"canary-{os.urandom(8).hex()}"
        environment = {"MCP_SUITE_CANARY": canary}
        if is_url(text):
            fields = {} if token is None else {"Authorization": f"Bearer {token}"}
            target = of_url(text, fields)
            return cls(target.shown, None, (HTTP,), canary, {HTTP: target})
        if text.endswith(".wasm"):
            path = base / text
            if not path.is_file():
                raise ConnectionFailedError(text, "is not a file")
            run = of_command([sys.executable, "-m", "wasmcp", "run", str(path)], environment)
            return cls(text, path, (STDIO, HTTP), canary, {STDIO: run})
        try:
            command = shlex.split(text)
        except ValueError as error:
            raise ConnectionFailedError(text, f"is not a command: {error}") from None
        if not command:
            raise ConnectionFailedError(text, "is empty: give a .wasm file, a URL, or a command with its arguments")
        return cls(text, None, (STDIO,), canary, {STDIO: of_command(command, environment)})

    def connect(self, transport: str, revision: str | None = None) -> Client:
        """Connect with a revision, or with the latest that both support.

        Raises:
            ConnectionFailedError: The server cannot be reached, or does not have the revision.
            RequestError: The server refuses the connection.
        """
        opened = self.target(transport).open(_TIMEOUT)
        return Client(self.shown, opened, Callbacks(), timeout=_TIMEOUT, start_timeout=_START, revision=revision)

    def target(self, transport: str) -> Target:
        """Return the target of a transport; a file is served over HTTP from now on.

        Raises:
            ConnectionFailedError: `wasmcp serve` does not answer.
        """
        if self._failure is not None and transport == HTTP:
            raise self._failure
        if transport not in self._targets and self.path is not None:
            try:
                self._served = _Served(self.path, {"MCP_SUITE_CANARY": self.canary})
            except ConnectionFailedError as error:
                self._failure = error
                raise
            self._targets[transport] = of_url(self._served.url, {})
        return self._targets[transport]

    def close(self) -> None:
        """End the process that serves a file."""
        if self._served is not None:
            self._served.close()


class _Served:
    """Process of `wasmcp serve` on a free port."""

    def __init__(self, path: Path, environment: Mapping[str, str]) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/mcp"
        command = [sys.executable, "-m", "wasmcp", "serve", str(path), "--port", str(port)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **environment},
        )
        opener = opener_to(self.url)
        ends = time.monotonic() + _SERVED
        while True:
            with (
                suppress(OSError, HTTPException),
                opener.open(f"http://127.0.0.1:{port}/healthz", timeout=5) as response,
            ):
                if response.status == 200:
                    return
            if self._process.poll() is not None or time.monotonic() > ends:
                self.close()
                raise ConnectionFailedError(
                    str(path), "is not served: run `wasmcp serve` with it for the reason, and install `wasmcp[serve]`"
                )
            time.sleep(0.05)

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


ERROR, WARNING = "error", "warning"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_FUNCTION_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LEVELS = 16  # of nested schemas


@dataclass(frozen=True)
class Remark:
    """Remark about an entry.

    Attributes:
        level: `error` or `warning`.
        entry: The entry: ``tool `add` ``.
        text: The problem, and its consequence.
    """

    level: str
    entry: str
    text: str

    def __str__(self) -> str:
        return f"{self.entry}: {self.text}"


def tools_size(tools: Sequence[Mapping[str, Any]]) -> int:
    """Return the bytes of the list of tools as compact JSON; a fourth of it is an estimate of its tokens."""
    return len(json.dumps(list(tools), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))


def remarks(lists: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[Remark]:
    """Yield the remarks about the lists of a server, by kind as in `wasmcp.protocol.LISTS`."""
    for kind, noun, identity in (
        ("tools", "tool", "name"),
        ("resources", "resource", "uri"),
        ("templates", "resource template", "uriTemplate"),
        ("prompts", "prompt", "name"),
    ):
        seen: set[str] = set()
        for item in lists.get(kind, ()):
            name = item.get(identity)
            entry = f"{noun} `{name}`"
            if not isinstance(name, str) or not name:
                yield Remark(ERROR, entry, f"has no `{identity}`")
                continue
            if name in seen:
                yield Remark(ERROR, entry, "is listed twice")
            seen.add(name)
            if kind in {"resources", "templates"} and not item.get("name"):
                yield Remark(ERROR, entry, "has no `name`")
            if not str(item.get("description") or "").strip():
                level = ERROR if kind == "tools" else WARNING
                yield Remark(level, entry, "has no description: a model cannot tell what it is for")
            if kind == "tools":
                yield from _tool(entry, name, item)
            if kind == "prompts":
                for argument in item.get("arguments") or ():
                    if not argument.get("description"):
                        yield Remark(WARNING, entry, f"argument `{argument.get('name')}` has no description")


def _tool(entry: str, name: str, tool: Mapping[str, Any]) -> Iterator[Remark]:
    if not _NAME.fullmatch(name):
        yield Remark(ERROR, entry, "its name is not 1 to 128 letters, digits, `_`, `-` and `.`")
    elif not _FUNCTION_NAME.fullmatch(name):
        yield Remark(WARNING, entry, "its name has a `.` or more than 64 characters, which APIs of models do not take")
    schema = tool.get("inputSchema")
    if not isinstance(schema, dict) or schema.get("type") != "object":
        yield Remark(ERROR, entry, '`inputSchema` is not an object schema (`"type": "object"`)')
        return
    for member in ("inputSchema", "outputSchema"):
        if tool.get(member) is not None:
            yield from _schema(entry, member, tool[member])
    if schema.get("additionalProperties") is not False:
        yield Remark(
            WARNING, entry, "accepts arguments with any other name (`additionalProperties`): typing errors pass"
        )
    properties = schema.get("properties")
    for argument, value in (properties if isinstance(properties, dict) else {}).items():
        if isinstance(value, dict) and not value.get("description") and "$ref" not in value:
            yield Remark(WARNING, entry, f"argument `{argument}` has no description")


def _schema(entry: str, member: str, schema: Any) -> Iterator[Remark]:
    reference = _external(schema, 0)
    if reference is not None:
        yield Remark(ERROR, entry, f"`{member}` refers to another document: `{reference}`")
        return
    try:
        from wasmcp.schemas.strategies import Schema
    except ImportError:  # without the extra `fuzz`
        return
    try:
        Schema(schema)
    except ValueError as error:
        yield Remark(ERROR, entry, f"`{member}` is not a JSON Schema of 2020-12: {error}")


def _external(schema: Any, level: int) -> str | None:
    if level > _LEVELS or not isinstance(schema, (dict, list)):
        return None
    if isinstance(schema, dict) and isinstance(schema.get("$ref"), str) and not schema["$ref"].startswith("#"):
        return str(schema["$ref"])
    parts = schema.values() if isinstance(schema, dict) else schema
    return next((found for part in parts if (found := _external(part, level + 1)) is not None), None)


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


def implementation(server: Mapping[str, Any]) -> str:
    """Return the name and version of a server, given its `serverInfo`; many servers leave the version empty."""
    return " ".join(str(server[key]) for key in ("name", "version") if server.get(key)) or "a server without a name"


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
    from wasmcp.client.transport import events, parsed

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
