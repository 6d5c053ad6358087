"""Inputs of the fuzzer: five kinds, each closer to a valid message than the one before."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

MODERN = "2026-07-28"
REVISIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", MODERN)
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}
METHODS = (
    "initialize",
    "ping",
    "server/discover",
    "tools/list",
    "tools/call",
    "resources/list",
    "resources/read",
    "resources/templates/list",
    "prompts/list",
    "prompts/get",
    "completion/complete",
    "logging/setLevel",
    "resources/subscribe",
    "resources/unsubscribe",
    "subscriptions/listen",
    "notifications/initialized",
    "notifications/cancelled",
    "nope",
)
# Without settings and frames of in-process calls: the host writes those, clients cannot.
STATES = ("", "2024-11-05", "2025-03-26", "2025-06-18 info", "2025-11-25 debug", "2026-07-28", "2025-11-25")

NUMBERS = (
    "0",
    "-0",
    "1",
    "1e400",
    "-1e400",
    "9007199254740993",
    "1" * 400,
    "1e-400",
    "0.1",
    "1.0",
    "01",
    "-",
    "+1",
    ".5",
    "1.",
    "1E5",
)
STRINGS = (
    '""',
    '"a"',
    r'"\ud800"',
    r'"\udc00\ud800"',
    r'"\ud83d\ude00"',
    r'"\u0000"',
    '"\x00"',
    '"\x1f"',
    '"\x7f"',
    '"é"',
    '"\U0010ffff"',
    '"' + "x" * 300 + '"',
    r'"\/\b\f\n\r\t\\\""',
    r'"\x"',
    r'"\u12"',
    '"__proto__"',
    '"add"',
    '"echo"',
    '"2025-06-18"',
    '"test://static-text"',
)
ATOMS = (*NUMBERS, *STRINGS, "null", "true", "false", "[]", "{}", "nul", "NaN", "Infinity", "")
PIECES = (
    *ATOMS,
    *'{}[]":,\\ \t\r\n',
    '"id":',
    '"method":',
    '"params":',
    '"_meta":',
    '"jsonrpc":"2.0"',
    "\ufeff",
    "//",
    "'",
)

MESSAGE_HEADERS = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
HEADER_NAMES = (
    "Content-Type",
    "content-type",
    "Accept",
    "Origin",
    "Host",
    "Content-Length",
    "MCP-Protocol-Version",
    "mcp-method",
    "Mcp-Name",
    "Mcp-Param-Region",
    "Mcp-Session-Id",
    "Last-Event-ID",
    "Authorization",
    "X",
    "Transfer-Encoding",
    "wasmcp-session",
)
HEADER_VALUES = (
    "",
    " ",
    "application/json",
    "text/plain",
    "application/json; charset=utf-8",
    "text/event-stream",
    "*/*",
    "*/*;q=0",
    "a/b;q=0.000, application/json;q=1",
    "http://localhost:1",
    "http://evil.example",
    "http://localhost.evil.example",
    "http://[::1]:99999999",
    "null",
    "tools/call",
    "tools/list",
    "add",
    "=?base64?YWRk?=",
    "=?base64?!!?=",
    "=?base64?",
    *REVISIONS,
    "9999-99-99",
    "9" * 40,
    "-1",
    "\tadd\t",
    "é",
    "x" * 5000,
)


@dataclass
class Input:
    """One input: a body and, by entry point, the rest of an HTTP request or the state of a stdio client."""

    body: bytes
    state: str = ""
    method: str = "POST"
    target: str = "/mcp"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Words:
    """Names that a server knows, and calls that it answers with a result, from which inputs are built."""

    tools: tuple[str, ...] = ("add", "echo", "sum")
    prompts: tuple[str, ...] = ("a",)
    uris: tuple[str, ...] = ("a:b",)
    templates: tuple[str, ...] = ("a{b}",)
    arguments: tuple[str, ...] = ("a", "b", "text")


EVERYTHING = Words(
    tools=(
        "test_simple_text",
        "test_multiple_content_types",
        "test_structured_content",
        "test_error_handling",
        "test_custom_header",
        "json_schema_2020_12_tool",
        "test_elicitation",
        "test_sampling",
        "test_input_required_result_multi_round",
        "test_input_required_result_request_state",
        "test_trigger_resource_change",
    ),
    prompts=(
        "test_simple_prompt",
        "test_prompt_with_arguments",
        "test_conversation",
        "test_input_required_result_prompt",
    ),
    uris=(
        "test://static-text",
        "test://folder",
        "test://template/7/data",
        "test://template/%00%ff/data",
        "test://files/a/b?line=3",
        "test://files/a?line=x",
        "test://files/.b",
        "test://files/%zz",
        "TEST://STATIC-TEXT",
    ),
    templates=("test://template/{id}/data", "test://files/{+path}{?line}"),
    arguments=("name", "message", "prompt", "region", "retries", "arg1", "arg2", "tone", "path", "address"),
)
"""For `example-servers/everything`."""


class Generator:
    """Endless sequence of inputs, the same for the same seed."""

    def __init__(self, seed: int, words: Words | None = None) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - the run must be repeatable
        self.words = words or Words()
        self._kinds: tuple[Callable[[], bytes], ...] = (
            self.noise,
            self.json,
            self.rpc,
            self.mcp,
            self.mcp,
            self.right,
            self.right,
            self.mutated,
            self.mutated,
        )

    def next(self) -> Input:
        """Return the next input."""
        rng = self.rng
        self.states: tuple[str, ...] = STATES
        body = rng.choice(self._kinds)()
        made = Input(body, state=rng.choice(self.states))
        made.headers = self._headers(body)
        if rng.random() < 0.1:
            made.method = rng.choice(("GET", "DELETE", "OPTIONS", "PUT", "HEAD", "post"))
        if rng.random() < 0.1:
            made.target = rng.choice(
                ("/", "/mcp/", "/mcp?x=1", "/mcpx", "/mcp/%00", "//mcp", "/" + "a" * 3000, "/mcp/../x")
            )
        return made

    def noise(self) -> bytes:
        """Return bytes, and pieces of JSON in random order."""
        rng = self.rng
        if rng.random() < 0.5:
            return rng.randbytes(rng.randrange(64))
        return "".join(rng.choices(PIECES, k=rng.randrange(24))).encode("utf-8", "surrogatepass")

    def value(self, depth: int = 0) -> str:
        """Return a JSON value, or a text that resembles one."""
        rng = self.rng
        kind = rng.random()
        if depth > 3 or kind < 0.5:
            return rng.choice(ATOMS)
        if kind < 0.51:
            nesting = rng.choice((10, 126, 127, 128, 129, 130, 500))
            return rng.choice(("[", '{"a":')) * nesting + rng.choice(
                ("", "1", "]" * nesting, "}" * nesting, "1" + "}" * nesting)
            )
        if kind < 0.75:
            return "[" + ",".join(self.value(depth + 1) for _ in range(rng.randrange(4))) + "]"
        return "{" + ",".join(f"{rng.choice(STRINGS)}:{self.value(depth + 1)}" for _ in range(rng.randrange(4))) + "}"

    def json(self) -> bytes:
        """Return a JSON value, in most cases."""
        return self.value().encode()

    def rpc(self) -> bytes:
        """Return an object with JSON-RPC members of any type, sometimes duplicated; or an array of them."""
        rng = self.rng

        def one() -> str:
            members = [
                f'"jsonrpc":{rng.choice(("2.0", chr(34) + "2.0" + chr(34), chr(34) + "2.0" + chr(34), self.value(3)))}',
                f'"id":{rng.choice(("1", chr(34) + "a" + chr(34), "null", "1.5", "1e2", self.value(2)))}',
                f'"method":{rng.choice((json.dumps(rng.choice(METHODS)), self.value(3)))}',
                f'"params":{self.value(1)}',
                f'"result":{self.value(2)}',
                f'"error":{self.value(2)}',
            ]
            return "{" + ",".join(rng.choices(members, k=rng.randrange(1, 7))) + "}"

        if rng.random() < 0.2:
            return ("[" + ",".join(one() for _ in range(rng.randrange(4))) + "]").encode()
        return one().encode()

    def _params(self, method: str) -> dict[str, Any]:
        rng = self.rng
        odd = json.loads(
            rng.choice(("0", '"a"', "null", "[]", "{}", "[1]", "true", '"\\u0000"', "1.5", '"' + "k" * 200 + '"'))
        )
        if method == "tools/call":
            arguments = rng.choice(
                (
                    {"a": 1, "b": 2},
                    {"a": 1e300, "b": -0.0},
                    {"a": odd, "b": 1},
                    {"text": "x\u0000\ud83d\ude00"},
                    {"text": odd},
                    {},
                    odd,
                )
            )
            if rng.random() < 0.5:
                arguments = {rng.choice(self.words.arguments): odd, rng.choice(self.words.arguments): "x"}
            made = {"name": rng.choice((*self.words.tools, "nope", odd)), "arguments": arguments}
            if rng.random() < 0.1:
                made["inputResponses"] = rng.choice((odd, {"step1": odd}, {"confirm": {"action": "accept"}}))
                made["requestState"] = odd
            return made
        if method == "prompts/get":
            texts = {rng.choice(self.words.arguments): odd, rng.choice(self.words.arguments): "x"}
            return {"name": rng.choice((*self.words.prompts, odd)), "arguments": rng.choice((texts, odd))}
        if method == "resources/read":
            return {"uri": rng.choice((*self.words.uris, "a:b", odd))}
        if method == "initialize":
            return {
                "protocolVersion": rng.choice((*REVISIONS, odd)),
                "capabilities": rng.choice(({}, odd)),
                "clientInfo": {"name": "f", "version": "1"},
            }
        if method == "completion/complete":
            return {
                "ref": rng.choice(
                    (
                        {"type": "ref/prompt", "name": rng.choice(self.words.prompts)},
                        {"type": "ref/resource", "uri": rng.choice(self.words.templates)},
                        odd,
                    )
                ),
                "argument": rng.choice(({"name": rng.choice(self.words.arguments), "value": "b"}, odd)),
                "context": rng.choice(({}, {"arguments": {"arg1": odd}}, odd)),
            }
        if method == "subscriptions/listen":
            wanted = {"toolsListChanged": True, "resourceSubscriptions": ["a:b"]}
            return {"notifications": rng.choice(({}, wanted, {"resourceSubscriptions": odd}, odd))}
        if method in ("resources/subscribe", "resources/unsubscribe"):
            return {"uri": rng.choice(("a:b", odd))}
        if method == "logging/setLevel":
            return {"level": rng.choice(("info", "debug", odd))}
        return rng.choice(({}, {"cursor": rng.choice(("", "x", odd))}, {"requestId": rng.choice((1, odd))}))

    def right(self) -> bytes:
        """Return a valid message, for a client of the revision in `states`."""
        rng = self.rng
        method = rng.choice((*METHODS, *["tools/call"] * 10))
        fitting = {
            "tools/call": rng.choice(
                (
                    {"name": "add", "arguments": {"a": rng.random() * 10 ** rng.randrange(-300, 300), "b": -1}},
                    {
                        "name": "echo",
                        "arguments": {
                            "text": "".join(
                                chr(rng.choice((0, 10, 34, 92, 127, 233, 0x2028, 0x1F600)))
                                for _ in range(rng.randrange(50))
                            )
                        },
                    },
                    {"name": "sum", "arguments": {"values": [rng.randrange(-5, 50) for _ in range(rng.randrange(6))]}},
                )
            ),
            "initialize": {
                "protocolVersion": rng.choice(REVISIONS),
                "capabilities": {},
                "clientInfo": {"name": "f", "version": "1"},
            },
            "logging/setLevel": {"level": "info"},
            "prompts/get": {"name": rng.choice(self.words.prompts), "arguments": {"arg1": "a", "arg2": "b"}},
            "resources/read": {"uri": rng.choice(self.words.uris)},
            "completion/complete": {
                "ref": {"type": "ref/prompt", "name": rng.choice(self.words.prompts)},
                "argument": {"name": rng.choice(self.words.arguments), "value": "p"},
            },
        }
        if "add" not in self.words.tools:
            named = {name: "x" for name in self.words.arguments if name not in ("retries", "address")}
            fitting["tools/call"] = {"name": rng.choice(self.words.tools), "arguments": rng.choice(({}, named))}
        params: dict[str, Any] = dict(fitting.get(method, {}))
        if rng.random() < 0.6:
            params["_meta"] = dict(META)
            if rng.random() < 0.5:
                params["_meta"]["progressToken"] = rng.choice((0, "p", 2**40))
            if rng.random() < 0.3:
                able: dict[str, Any] = {"elicitation": {}, "sampling": {}, "roots": {}}
                params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = able
        else:
            self.states = tuple(state for state in STATES if state and not state.startswith(MODERN))
        message: dict[str, Any] = {"jsonrpc": "2.0", "id": rng.randrange(1000), "method": method, "params": params}
        if method.startswith("notifications/"):
            del message["id"]
        return json.dumps(message, ensure_ascii=rng.random() < 0.5).encode()

    def mcp(self) -> bytes:
        """Return a message of MCP: valid except for a member or two."""
        rng = self.rng
        method = rng.choice(METHODS)
        params = self._params(method)
        if rng.random() < 0.7:
            params["_meta"] = dict(META)
            if rng.random() < 0.3:
                key = rng.choice((*META, "progressToken", "io.modelcontextprotocol/logLevel", "traceparent"))
                params["_meta"][key] = rng.choice((1, "a", None, {}, [], "debug", 1.5, "2025-11-25", True))
        message: dict[str, Any] = {
            "jsonrpc": "2.0",
            "id": rng.choice((1, 2**53 + 1, "a", "é", "")),
            "method": method,
            "params": params,
        }
        if method.startswith("notifications/") or rng.random() < 0.05:
            del message["id"]
        if rng.random() < 0.1:
            message[rng.choice(("id", "method", "params", "jsonrpc", "x"))] = rng.choice(
                (None, 1, 1.5, [], {}, "", True)
            )
        return json.dumps(
            message, ensure_ascii=rng.random() < 0.5, separators=rng.choice(((",", ":"), (", ", ": ")))
        ).encode("utf-8", "surrogatepass")

    def mutated(self) -> bytes:
        """Return a message of MCP with some bytes removed, duplicated or replaced."""
        rng = self.rng
        data = bytearray(self.mcp())
        for _ in range(rng.randrange(1, 5)):
            at, size = rng.randrange(len(data) + 1), rng.randrange(8)
            change = rng.randrange(4)
            if change == 0:
                del data[at : at + size]
            elif change == 1:
                data[at:at] = data[at : at + size]
            elif change == 2:
                data[at : at + size] = rng.choice(PIECES).encode()
            else:
                data[at : at + 1] = rng.randbytes(1)
        return bytes(data)

    def _headers(self, body: bytes) -> dict[str, str]:
        rng = self.rng
        headers = dict(MESSAGE_HEADERS)
        if rng.random() < 0.6:
            try:
                message = json.loads(body)
                headers["MCP-Protocol-Version"] = message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"]
                headers["Mcp-Method"] = message["method"]
                headers["Mcp-Name"] = message["params"]["name"]
            except (ValueError, LookupError, TypeError, RecursionError):
                pass
            headers = {
                name: value
                for name, value in headers.items()
                if isinstance(value, str) and value.isascii() and value.isprintable()
            }
        elif rng.random() < 0.5:
            headers["MCP-Protocol-Version"] = rng.choice(REVISIONS)
        for _ in range(rng.choice((0, 0, 0, 1, 2))):
            headers[rng.choice(HEADER_NAMES)] = rng.choice(HEADER_VALUES)
        return headers
