"""Components built for the interfaces of another tool in wasmcp servers; one test component per version."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.compose_inputs import METADATA, MIDDLEWARE, WIT
from support.server_io_wire import Wire, message, record

from wasmcp.component import interface_names
from wasmcp.component.decode import decode
from wasmcp.component.encode import encode
from wasmcp.component.graph import Graph
from wasmcp.compose import Catalogue, ComponentSpec, compose_server
from wasmcp.compose.deny_stubs import stubs
from wasmcp.compose.interfaces import KEY_VALUE, MESSAGES, SESSIONS, TOOLS, WIRE
from wasmcp.compose.upstream_adapters import CONTRACTS, Contract, adapted
from wasmcp.errors import RequestError
from wasmcp.host import Server, open_server
from wasmcp.package_data import framework_component
from wasmcp.project.catalogue_recording import boot
from wasmcp.toolchains.zig import build_component

SOURCE = Path(__file__).parent / "chain" / "foreign.zig"
OFFERS = ("tools", "resources", "prompts", "completions")
SERVICES = ("server-io", "server-auth", "sessions")


def wit(folder: Path, contract: Contract) -> Path:
    """Return a world with everything that the interface has."""
    shutil.copytree(WIT / "deps", folder / "deps")
    shutil.copytree(WIT.parent / "framework/adapters/wit/deps", folder / "deps", dirs_exist_ok=True)
    lines = [f"import {contract.interface(name)};" for name in SERVICES]
    lines += ["import wasmcp:auth/helpers@0.1.1;", "import wasmcp:keyvalue/store@0.1.0;"]
    lines += [f"export {contract.interface(name)};" for name in OFFERS]
    (folder / "world.wit").write_text("package acme:foreign;\nworld foreign {\n" + "\n".join(lines) + "\n}\n")
    return folder


@pytest.fixture(scope="module", params=CONTRACTS, ids=lambda contract: contract.revision)
def contract(request: pytest.FixtureRequest) -> Contract:
    found: Contract = request.param
    return found


@pytest.fixture(scope="module")
def component(contract: Contract, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("foreign")
    return build_component(SOURCE, wit(folder / "wit", contract), "foreign", folder / "foreign.wasm").read_bytes()


@pytest.fixture(scope="module")
def catalogue(component: bytes) -> Catalogue:
    return boot("foreign", component)


@pytest.fixture(scope="module")
def server(contract: Contract, component: bytes, catalogue: Catalogue) -> Iterator[Server]:
    """Boot two components: one dynamic, the other in a segment with its catalogue."""
    dynamic = contract is CONTRACTS[0]
    foreign = ComponentSpec("foreign", component, None if dynamic else catalogue, MIDDLEWARE, dynamic=dynamic)
    composed = compose_server([foreign], METADATA)
    assert all(name.startswith("wasi:") for name in composed.imports)
    with open_server(composed.data, instances=1, quick=True) as running:
        yield running


def test_tools(server: Server) -> None:
    assert [tool.name for tool in server.list_tools()] == ["say", "who", "count", "remember", "ask", "context"]
    assert server.call_tool("context").text == "2026-07-28"
    with pytest.raises(RequestError, match="Unknown tool"):
        server.call_tool("whisper")


def test_resources(server: Server) -> None:
    annotations = {"audience": ["user"], "priority": 0.25, "lastModified": "2026-01-01T00:00:00Z"}
    first, second = server.request("resources/list")["resources"]
    assert first == {
        "uri": "foreign:a",
        "name": "a",
        "title": "A",
        "mimeType": "text/plain",
        "size": 3,
        "annotations": annotations,
    }
    assert second == {"uri": "foreign:b", "name": "b"}
    (template,) = server.request("resources/templates/list")["resourceTemplates"]
    assert template == {"uriTemplate": "foreign:{name}", "name": "any", "description": "Any."}
    read = server.request("resources/read", {"uri": "foreign:a"})
    assert read["contents"] == [{"uri": "foreign:a", "mimeType": "text/plain", "text": "abc"}]
    assert read["_meta"]["m"] == 1
    assert server.request("resources/read", {"uri": "foreign:b"})["contents"] == [{"uri": "foreign:b", "blob": "AAE="}]
    with pytest.raises(RequestError) as raised:
        server.request("resources/read", {"uri": "foreign:bad"})
    assert (raised.value.code, raised.value.message, raised.value.data) == (-32001, "gone", {"why": 1})
    with pytest.raises(RequestError, match="ot found"):
        server.request("resources/read", {"uri": "unknown:x"})


def test_prompts(server: Server) -> None:
    greet, bare = server.request("prompts/list")["prompts"]
    assert greet == {
        "name": "greet",
        "description": "Greets.",
        "arguments": [{"name": "who", "title": "Who", "required": True}, {"name": "how"}],
    }
    assert bare == {"name": "bare"}
    got = server.request("prompts/get", {"name": "greet", "arguments": {"who": "you"}})
    assert got["description"] == "d"
    first, second = got["messages"]
    assert first["role"] == "user"
    assert json.loads(first["content"]["text"]) == {"who": "you"}
    assert second == {"role": "assistant", "content": {"type": "text", "text": "hello"}}
    with pytest.raises(RequestError, match="needs more"):
        server.request("prompts/get", {"name": "bare"})


def test_completions(server: Server, catalogue: Catalogue) -> None:
    assert list(catalogue.completions) == [
        {"type": "ref/prompt", "name": "greet"},
        {"type": "ref/resource", "uri": "foreign:{name}"},
    ]
    argument = {"name": "how", "value": "lo"}
    greet = {"ref": {"type": "ref/prompt", "name": "greet"}, "argument": argument}
    completed = server.request("completion/complete", {**greet, "context": {"arguments": {"who": "y\u00f3u"}}})
    values = completed["completion"]["values"]
    assert (values[0], json.loads(values[1])) == ("lo", {"who": "y\u00f3u"})
    assert (completed["completion"]["total"], completed["completion"]["hasMore"]) == (7, True)
    template = {"ref": {"type": "ref/resource", "uri": "foreign:{name}"}, "argument": argument}
    assert server.request("completion/complete", template)["completion"]["values"] == ["foreign:{name}"]


def test_imports_without_grant_are_denied(server: Server) -> None:
    assert server.call_tool("count").text == "access_denied"
    assert server.call_tool("remember").text == "no session"


def test_server_to_client_requests_are_rejected(server: Server) -> None:
    assert "client input cannot be requested" in server.call_tool("ask").text


def test_notifications_reach_the_client(server: Server) -> None:
    events: list[dict[str, Any]] = []
    meta = {"io.modelcontextprotocol/logLevel": "info", "progressToken": "t"}
    result = server.request("tools/call", {"name": "say", "_meta": meta}, on_event=events.append)
    assert result["content"][0]["text"] == "said"
    sent = {event["method"]: event["params"] for event in reversed(events)}
    assert sent["notifications/progress"] == {"progressToken": "t", "progress": 1, "total": 2, "message": "half"}
    logs = [event["params"] for event in events if event["method"] == "notifications/message"]
    assert logs == [
        {"level": "warning", "logger": "foreign", "data": "plain words"},
        {"level": "info", "data": {"a": 1}},
    ]


CLAIMS = {
    "sub": "ada",
    "iss": "https://id.example",
    "aud": ["here", "there"],
    "exp": 1700000000.5,
    "iat": 1600000000,
    "jti": "j1",
    "scope": "read write",
    "cnf": {"jkt": "thumb"},
    "role": "admin\u00e9",
    "nested": {"a": [1]},
}
BEARER = "aaa.bbb.ccc"


class Chain:
    """Chain of server-io and a component of the other tool, with this test as the transport."""

    def __init__(self, component: bytes) -> None:
        made, info = adapted("foreign", component, decode(component, "foreign", export_types=True))
        graph = Graph()
        io = graph.instantiate(graph.add("server-io", framework_component("server-io").read_bytes()))
        foreign = graph.instantiate(graph.add("foreign", made, info))
        foreign.set(MESSAGES, io.export(MESSAGES))
        denied = {
            name: type_ for name, type_ in info.imports.items() if interface_names.find(name, (KEY_VALUE, SESSIONS))
        }
        stub = graph.instantiate(graph.add("denied", stubs(denied)))
        stub.set(MESSAGES, io.export(MESSAGES))
        for name in denied:
            foreign.set(name, stub.export(name))
        graph.export(MESSAGES, io.export(MESSAGES))
        graph.export(WIRE, io.export(WIRE))
        graph.export(TOOLS, foreign.export(TOOLS))
        self.wire = Wire(component=encode(graph, define_types=False).to_bytes())

    def call(self, tool: str, **circumstances: Any) -> str:
        opened = self.wire.open(message("tools/call", {"name": tool}), **circumstances)
        outcome = self.wire.call("tools", "call-tool", opened.request, tool)
        self.wire.finish(opened)
        assert outcome.tag == "complete", outcome
        (block,) = outcome.payload.content
        text: str = block.payload.text
        return text


def test_identity_claims(component: bytes) -> None:
    chain = Chain(component)
    headers = [("host", "x"), ("authorization", f"Bearer {BEARER}")]
    http = record(method="POST", path="/mcp", headers=headers)
    assert chain.call("who", http=http) == "nobody"
    assert chain.call("context", http=http) == "2026-07-28 POST /mcp"
    known = {"subject": "ada", "issuer": CLAIMS["iss"], "scopes": ["read", "write"], "claims": json.dumps(CLAIMS)}
    told = chain.call("who", http=http, identity=record(**known))
    token, subject, issuer, *facts = told.split(" ", 16)
    assert (token, subject, issuer) == (BEARER, "ada", "https://id.example")
    *answers, role, nested, space, jkt, own, another, flattened = facts
    assert answers == ["yes", "yes", "no", "yes", "yes", "no", "yes"]
    assert (role, json.loads(nested + space), jkt, own, another) == ("admin\u00e9", {"a": [1]}, "thumb", "yes", "no")
    assert flattened.startswith(
        "sub=ada,iss=https://id.example,aud=here,aud=there,exp=1700000000,iat=1600000000,jti=j1,"
    )
    # Without the token of this request the claims cannot be decoded.
    assert chain.call("who", identity=record(**known)) == "not decoded"
    chain.wire.close()


def test_granted_stores_keep_values(component: bytes) -> None:
    foreign = ComponentSpec("foreign", component, None, frozenset({"kv", "sessions"}) | MIDDLEWARE, dynamic=True)
    with open_server(compose_server([foreign], METADATA).data, instances=1, quick=True) as running:
        assert running.call_tool("count").text == "two"
        assert running.call_tool("remember").text == "no session"
        assert [older(running, "remember") for _ in range(2)] == ["first", "again"]
        assert running.call_tool("count").text == "more"


def older(server: Server, tool: str) -> str:
    """Call a tool as a client of a handshake revision, whose connection is a session."""
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    for method, params in (("initialize", hello), ("tools/call", {"name": tool})):
        answer = server.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
    assert answer is not None
    text: str = json.loads(answer)["result"]["content"][0]["text"]
    return text
