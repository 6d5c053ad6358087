"""Cost of access rules: a call in a server with a policy of 100 rules, or with a filter, against one without either."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks import guards
from benchmarks.measure import Row, least_seconds
from wasmcp.auth.issuer import Issuer
from wasmcp.compose import Catalogue, ComponentSpec, ServerMetadata, compose_server
from wasmcp.compose.access import Access, Filter, Policy, Selector
from wasmcp.compose.grant_rules import read_grants
from wasmcp.compose.policy import Condition, Rule
from wasmcp.host import Server, open_server

RULES = 100
LIMIT = 10.0
"""Most microseconds that a policy of 100 rules may add to a request."""
ROUNDS = 60
CALLED = "values"
PATH = "/mcp/few"
META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
PARAMS = {"name": CALLED, "arguments": {"count": 0}, "_meta": META}
BODY = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": PARAMS})
FIELDS = (
    ("host", "127.0.0.1"),
    ("content-type", "application/json"),
    ("accept", "application/json, text/event-stream"),
    ("mcp-protocol-version", "2026-07-28"),
    ("mcp-method", "tools/call"),
    ("mcp-name", CALLED),
)


def rules() -> dict[str, Access]:
    """Return the access rules of each server; the last rule of the policy permits the call."""
    names = (*(f"tool-{number}" for number in range(1, RULES)), CALLED)
    allow = tuple(Rule(Selector(tools=(name,)), condition=Condition((f"use:{name}",))) for name in names)
    few = Filter(allow=(Selector(tools=(CALLED, "st*")),))
    return {"none": Access(), "policy": Access(policy=Policy(allow)), "filter": Access({PATH: few})}


def call(server: Server, path: str, token: str) -> Callable[[], None]:
    """Return a function that calls the tool once."""
    fields = [*FIELDS, ("authorization", f"Bearer {token}")]

    def send() -> None:
        response = server.http("POST", path, fields, BODY)
        assert response.status == 200, response.body

    return send


def rows(project: Path) -> list[Row]:
    """Return the time that access rules add to a call."""
    data = guards.component(project / "zig" / "guarded.zig")
    families, limits = read_grants(guards.WHOLE, print)
    named = [*guards.TOOLS, *(f"tool-{number}" for number in range(1, RULES))]
    catalogue = Catalogue(tools=tuple({"name": name, "inputSchema": {"type": "object"}} for name in named))
    spec = ComponentSpec("guarded", data, catalogue, families, rules=limits)
    issuer = Issuer("https://issuer.example.com")
    token = issuer.token(scopes=[f"use:{CALLED}"])
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        calls, least = {}, {}
        for kind, access in rules().items():
            path = Path(folder) / f"{kind}.wasm"
            compose_server([spec], ServerMetadata("access", "1"), access=access).write(path)
            server = stack.enter_context(open_server(path, instances=1, settings=issuer.settings()))
            calls[kind] = call(server, PATH if kind == "filter" else "/mcp", token)
            least[kind] = float("inf")
        for _ in range(ROUNDS):  # in turns: the load of the machine changes
            for kind, send in calls.items():
                least[kind] = min(least[kind], least_seconds(send, runs=1, inner=20) * 1e6)
    plain = least["none"]
    return [
        Row(f"policy of {RULES} rules, the last permits", least["policy"] - plain, "us", LIMIT, "without", plain),
        Row("filter of a path", least["filter"] - plain, "us", None, "without", plain),
    ]
