"""Cost of access rules: requests to a server with a policy of 100 rules, or with a filter, and to one without either.

All three have authorization, and the requests a token whose verdict is cached. The calls run on the thread of the
caller, as short calls do in servers with several instances. Instructions of WebAssembly do not depend on the machine.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from benchmarks import guards
from benchmarks.measure import Row, least_in_turns
from wasmcp.auth.issuer import Issuer
from wasmcp.compose import Catalogue, ComponentSpec, ServerMetadata, compose_server
from wasmcp.compose.access import Access, Condition, Filter, Policy, Rule, Selector
from wasmcp.compose.grant_rules import read_grants
from wasmcp.host import Cost, Server, open_server

RULES = 100
LIMIT = 10.0
"""Most microseconds that a policy of 100 rules may add to a request."""
CALLED = "values"
PATH = "/mcp/few"
META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
BODIES = {
    "tools/call": {"name": CALLED, "arguments": {"count": 0}, "_meta": META},
    "tools/list": {"_meta": META},
}
FIELDS = (
    ("host", "127.0.0.1"),
    ("content-type", "application/json"),
    ("accept", "application/json, text/event-stream"),
    ("mcp-protocol-version", "2026-07-28"),
)


def rules() -> dict[str, Access]:
    """Return the access rules of each server; the last rule of the policy permits the call."""
    names = (*(f"tool-{number}" for number in range(1, RULES)), CALLED)
    allow = tuple(Rule(Selector(tools=(name,)), condition=Condition((f"use:{name}",))) for name in names)
    few = Filter(allow=(Selector(tools=(CALLED, "st*")),))
    return {"none": Access(), "policy": Access(policy=Policy(allow)), "filter": Access({PATH: few})}


def sender(server: Server, method: str, path: str, token: str) -> Callable[[], None]:
    """Return a function that calls the tool, or lists all tools, once."""
    fields = [*FIELDS, ("mcp-method", method), ("authorization", f"Bearer {token}")]
    if method == "tools/call":
        fields.append(("mcp-name", CALLED))
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": BODIES[method]})

    def send() -> None:
        response = server.http("POST", path, fields, body)
        assert response.status == 200, response.body

    return send


def instructions(path: Path, issuer: Issuer, send: Callable[[Server], Callable[[], None]]) -> tuple[int, int]:
    """Return the numbers of WebAssembly instructions of the first request of an instance and of a later one."""
    costs: list[Cost] = []
    with open_server(path, settings=issuer.settings(), on_cost=costs.append) as server:
        request = send(server)
        for _ in range(3):
            request()
    return costs[1].fuel, costs[-1].fuel  # after the start of the instance


def rows(project: Path) -> list[Row]:
    """Return the time and the instructions that access rules add to a call and to a list of all tools."""
    data = guards.component(project / "zig" / "guarded.zig")
    families, limits = read_grants(guards.WHOLE, print)
    named = [*guards.TOOLS, *(f"tool-{number}" for number in range(1, RULES))]
    catalogue = Catalogue(tools=tuple({"name": name, "inputSchema": {"type": "object"}} for name in named))
    spec = ComponentSpec("guarded", data, catalogue, families, rules=limits)
    issuer = Issuer("https://issuer.example.com")
    token = issuer.token(scopes=[f"use:{CALLED}"])
    times: dict[str, dict[str, float]] = {}
    counts: dict[str, dict[str, tuple[int, int]]] = {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        files, servers = {}, {}
        for kind, access in rules().items():
            files[kind] = Path(folder) / f"{kind}.wasm"
            compose_server([spec], ServerMetadata("access", "1"), access=access).write(files[kind])
            servers[kind] = stack.enter_context(open_server(files[kind], instances=2, settings=issuer.settings()))
        for method in BODIES:
            sends = {kind: partial(sender, method=method, path=path_of(kind), token=token) for kind in files}
            times[method] = least_in_turns({kind: send(servers[kind]) for kind, send in sends.items()})
            counts[method] = {kind: instructions(files[kind], issuer, send) for kind, send in sends.items()}
    found = []
    for method, words in (("tools/call", "a call"), ("tools/list", f"a list of {len(named)} tools")):
        plain, (first, later) = times[method].pop("none"), counts[method].pop("none")
        found.append(Row(f"{words}, authorized, without access rules", plain * 1e6, "us"))
        found.append(Row("  in instructions", later, ""))
        for kind, text in (
            ("policy", f"policy of {RULES} rules, per {words[2:]}"),
            ("filter", f"filter, per {words[2:]}"),
        ):
            limit = LIMIT if (method, kind) == ("tools/call", "policy") else None
            found.append(Row(text, (times[method][kind] - plain) * 1e6, "us", limit))
            found.append(Row("  in instructions", counts[method][kind][1] - later, ""))
            found.append(Row("  in the first request of an instance", counts[method][kind][0] - first, ""))
    return found


def path_of(kind: str) -> str:
    """Return the path of the endpoint in the requests to a server."""
    return PATH if kind == "filter" else "/mcp"
