"""The chain: middleware composed with the real composer around test components."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.compose_inputs import MIDDLEWARE
from support.entry_points import META, Embedded, request

from wasmcp.compose import Catalogue, ComponentSpec, ServerMetadata, compose_server
from wasmcp.package_data import wit_directory
from wasmcp.toolchains.zig import build_component

SOURCES = Path(__file__).parent / "chain"
NAMES = ["echo", "events", "wait", "refuse", "later", "ask", "broken"]
METADATA = ServerMetadata(name="chain", version="1")


@pytest.fixture(scope="session")
def guests(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the components of this folder, by name."""
    folder = tmp_path_factory.mktemp("chain")
    worlds = {"probe": "tools-component", "rewriter": "middleware"}
    return {
        name: build_component(SOURCES / f"{name}.zig", wit_directory(), world, folder / f"{name}.wasm").read_bytes()
        for name, world in worlds.items()
    }


def catalogue(*names: str) -> Catalogue:
    """Return the recorded catalogue of components."""
    tools = tuple({"name": name, "inputSchema": {"type": "object"}, "title": name.upper()} for name in names)
    return Catalogue(tools=tools, digest="sha256:0")


def serve(tmp_path: Path, *specs: ComponentSpec) -> Embedded:
    """Compose and boot a server."""
    path = tmp_path / "server.wasm"
    compose_server(specs, METADATA, on_duplicate="first").write(path)
    return Embedded(path)


def ask(server: Embedded, method: str, params: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Send one request as a message; extra `_meta` by keyword."""
    line, _ = server.message(json.dumps(request(method, params, meta={**META, **more})))
    answer: dict[str, Any] = json.loads(line)
    return answer


def call(server: Embedded, name: str, **more: Any) -> dict[str, Any]:
    """Send one `tools/call`."""
    return ask(server, "tools/call", {"name": name, "arguments": {"a": 1}}, **more)


def all_pages(server: Embedded, method: str = "tools/list", **more: Any) -> list[dict[str, Any]]:
    """Return the pages of a list."""
    pages = [ask(server, method, dict(more))]
    while cursor := pages[-1]["result"].get("nextCursor"):
        pages.append(ask(server, method, {"cursor": cursor, **more}))
    return pages


def names(answer: dict[str, Any]) -> list[str]:
    """Return the names in a list of tools."""
    return [tool["name"] for tool in answer["result"]["tools"]]


def text(answer: dict[str, Any]) -> str:
    """Return the first text of a tool's result."""
    words: str = answer["result"]["content"][0]["text"]
    return words


@pytest.fixture(params=["dynamic", "recorded"])
def server(request: pytest.FixtureRequest, guests: dict[str, bytes], tmp_path: Path) -> Embedded:
    """Serve the probe alone: as a dynamic component, and with a recorded catalogue."""
    known = catalogue(*NAMES) if request.param == "recorded" else None
    return serve(tmp_path, ComponentSpec("probe", guests["probe"], known, MIDDLEWARE, known is None))


def test_lists_are_complete(server: Embedded) -> None:
    pages = all_pages(server)
    assert [name for page in pages for name in names(page)] == NAMES
    # A dynamic component decides on its pages; a recorded list has one page.
    assert [len(names(page)) for page in pages] in ([7], [2, 2, 2, 1])
    expected = [(300_000, "public")] if len(pages) == 1 else [(1000 - at, "private") for at in (0, 2, 4, 6)]
    assert [(page["result"]["ttlMs"], page["result"]["cacheScope"]) for page in pages] == expected


def test_unknown_cursor_is_rejected(server: Embedded) -> None:
    assert ask(server, "tools/list", {"cursor": "x"})["error"]["code"] == -32602
    assert ask(server, "tools/list", {"cursor": ""})["error"]["code"] == -32602


def test_calls_reach_their_owner_with_the_arguments_as_sent(server: Embedded) -> None:
    assert text(call(server, "echo")) == '{"a": 1}'


def test_unknown_names(server: Embedded) -> None:
    for name in ("nope", "", "ech", "echo2", "é\n"):
        assert call(server, name)["error"] == {"code": -32602, "message": f"Unknown tool: {name}"}
    assert ask(server, "unknown/method")["error"] == {"code": -32601, "message": "Method not found: unknown/method"}
    assert ask(server, "completion/complete")["error"]["code"] == -32601


@pytest.mark.parametrize(
    "method", ["resources/list", "resources/templates/list", "resources/read", "prompts/list", "prompts/get"]
)
def test_methods_of_missing_capabilities_are_not_found(server: Embedded, method: str) -> None:
    answer = ask(server, method, {"uri": "a:b", "name": "x"})
    assert answer["error"] == {"code": -32601, "message": f"Method not found: {method}"}


def test_protocol_errors_of_tools(server: Embedded) -> None:
    assert call(server, "refuse")["error"] == {"code": 7, "message": "refused", "data": [1]}


def test_complete_results_of_tools(server: Embedded) -> None:
    result = call(server, "later")["result"]
    assert (result["resultType"], result["x"]) == ("later", 1)


def test_broken_json_of_tools_is_an_internal_error(server: Embedded) -> None:
    assert call(server, "broken")["error"]["code"] == -32603
    assert text(call(server, "echo")) == '{"a": 1}'


def test_input_required(server: Embedded) -> None:
    assert call(server, "ask")["error"]["code"] == -32021
    able = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}
    result = call(server, "ask", **able)["result"]
    assert result["inputRequests"] == {"k": {"method": "elicitation/create", "params": {}}}
    call_params = {"name": "ask", "arguments": {"a": 1}}
    again = ask(server, "tools/call", {**call_params, "requestState": result["requestState"]}, **able)
    assert text(again) == "remembered"
    forged = ask(server, "tools/call", {**call_params, "requestState": "AAAA"}, **able)
    assert forged["error"]["code"] == -32602


def test_failing_list_does_not_affect_other_components(guests: dict[str, bytes], tmp_path: Path) -> None:
    server = serve(
        tmp_path,
        ComponentSpec("one", guests["probe"], catalogue("a")),
        ComponentSpec("dynamic", guests["probe"], grants=MIDDLEWARE, dynamic=True),
        ComponentSpec("three", guests["probe"], catalogue("b")),
    )
    result = ask(server, "tools/list", {"x": "fail"})
    assert names(result) == ["a", "b"]
    assert (result["result"]["ttlMs"], result["result"]["cacheScope"]) == (0, "private"), (
        "an incomplete list is cacheable"
    )
    strict = ask(server, "tools/list", {"x": "fail"}, **{"wasmcp/strict": True})
    assert strict["error"] == {"code": -32001, "message": "no list"}


def test_endless_list_is_paged(guests: dict[str, bytes], tmp_path: Path) -> None:
    server = serve(tmp_path, ComponentSpec("probe", guests["probe"], grants=MIDDLEWARE, dynamic=True))
    cursor = None
    for _ in range(3):
        page = ask(server, "tools/list", {"x": "endless", **({"cursor": cursor} if cursor else {})})
        assert names(page) == NAMES[:2]
        cursor = page["result"]["nextCursor"]


def test_lists_are_merged_in_the_order_of_the_chain(guests: dict[str, bytes], tmp_path: Path) -> None:
    server = serve(
        tmp_path,
        ComponentSpec("one", guests["probe"], catalogue("echo", "z")),
        ComponentSpec("two", guests["probe"], catalogue("a")),
        ComponentSpec("dynamic", guests["probe"], grants=MIDDLEWARE, dynamic=True),
        ComponentSpec("three", guests["probe"], catalogue("echo", "last")),
    )
    pages = all_pages(server)
    assert [names(page) for page in pages] == [
        ["echo", "z", "a", "events"],
        ["wait", "refuse"],
        ["later", "ask"],
        ["broken", "last"],
    ]
    assert [page["result"]["ttlMs"] for page in pages] == [1000, 998, 996, 994]
    # Recorded, but unknown to the component: the chain continues to its end.
    assert call(server, "z")["error"]["message"] == "Unknown tool: z"
    assert text(call(server, "echo")) == '{"a": 1}'


def test_cursors_record_each_position(guests: dict[str, bytes], tmp_path: Path) -> None:
    server = serve(
        tmp_path,
        ComponentSpec("first", guests["probe"], grants=MIDDLEWARE, dynamic=True),
        ComponentSpec("known", guests["probe"], catalogue("known")),
        ComponentSpec("second", guests["probe"], grants=MIDDLEWARE, dynamic=True),
        ComponentSpec("rewriter", guests["rewriter"], grants=MIDDLEWARE),
        ComponentSpec("behind", guests["probe"], catalogue("echo", "later")),
    )
    pages = [names(page) for page in all_pages(server)]
    assert pages == [
        NAMES[0:2],
        NAMES[2:4],
        NAMES[4:6],
        # Of two tools with one name on one page the first is listed, because calls are dispatched to it.
        ["broken", "known", "echo", "events"],
        ["wait", "refuse"],
        ["later", "ask"],
        ["broken", "renamed"],
        ["paged"],
    ]


@pytest.mark.parametrize(("version", "titled"), [("2025-03-26", False), ("2025-06-18", True), ("2025-11-25", True)])
def test_recorded_lists_in_the_form_of_handshake_revisions(
    guests: dict[str, bytes], tmp_path: Path, version: str, titled: bool
) -> None:
    server = serve(tmp_path, ComponentSpec("probe", guests["probe"], catalogue("echo")))
    hello = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
    _, state = server.message(json.dumps(request("initialize", hello, meta=None)))
    line, _ = server.message(json.dumps(request("tools/list", meta=None)), state)
    result = json.loads(line)["result"]
    assert set(result) == {"tools"}
    assert ("title" in result["tools"][0]) == titled


def test_custom_middleware(guests: dict[str, bytes], tmp_path: Path) -> None:
    server = serve(
        tmp_path,
        ComponentSpec("rewriter", guests["rewriter"], grants=MIDDLEWARE),
        ComponentSpec("probe", guests["probe"], catalogue(*NAMES)),
    )
    first = ask(server, "tools/list")
    assert names(first) == ["renamed", *(name for name in NAMES if name not in ("echo", "later"))]
    assert first["result"]["tools"][0]["title"] == "ECHO"
    assert first["result"]["ttlMs"] == 5
    assert names(ask(server, "tools/list", {"cursor": first["result"]["nextCursor"]})) == ["paged"]
    assert ask(server, "tools/list", {"cursor": "mine"})["error"]["code"] == -32602
    assert text(call(server, "renamed")) == '{"rewritten":true}'
    assert call(server, "echo")["error"]["code"] == -32601
    assert ask(server, "custom/method")["result"]["custom"] is True


def test_a_thousand_calls_do_not_grow_the_server(server: Embedded) -> None:
    # Each component's stack and statics take 1 MB or more; the test is that calls add nothing.
    for _ in range(50):
        call(server, "echo")
    server.store.set_limits(memory_size=16 << 20)
    for number in range(1000):
        call(server, ("echo", "refuse", "nope", "broken")[number % 4])
        if number % 10 == 0:
            ask(server, "tools/list")
    # Out of memory it would have trapped, and could not answer any more.
    assert "result" in call(server, "echo")
