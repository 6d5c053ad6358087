"""Sealed servers without grants, as booted by commands that inspect a server."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.compose_inputs import METADATA, catalogue, probe, spec, tools_beside, validate
from support.web_server import web_server
from support.zig_servers import keeping_server
from wasmtime import wat2wasm

from wasmcp.component.decode import decode
from wasmcp.component.encode import encode
from wasmcp.component.graph import Graph
from wasmcp.compose import ComponentSpec, compose_server, inspect_component
from wasmcp.compose.deny_stubs import sealed
from wasmcp.compose.grants import families
from wasmcp.compose.interfaces import ENTRY_POINTS
from wasmcp.host import open_server
from wasmcp.insight.surface import booted_offers
from wasmcp.project.catalogue_recording import boot
from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.zig import ZigToolchain, user_cache

FETCHING = """\
const mcp = @import("wasmcp");

pub const tools = .{mcp.tool("fetch", "Get a page.", fetch)};

fn fetch(arguments: struct { url: []const u8 }) ![]const u8 {
    return (try mcp.http.fetch(.{ .url = arguments.url })).body;
}
"""


def test_sealed_server_imports_no_granted_interface(tmp_path: Path) -> None:
    for server in (
        compose_server([ComponentSpec("nosy", probe(), catalogue("probe"), frozenset({"env"}))], METADATA).data,
        compose_server([spec("calc", "a", "add")], METADATA, environment=True).data,
        keeping_server(tmp_path / "server.wasm", "kv", "sessions").read_bytes(),
    ):
        assert families(inspect_component(server).imports)
        found = sealed(server, "server")
        validate(found)
        inspection = inspect_component(found)
        assert not families(inspection.imports)
        assert inspection.is_server


def test_server_without_grants_is_unchanged() -> None:
    server = compose_server([spec("calc", "a", "add")], METADATA).data
    assert sealed(server, "server") == server


def test_an_unknown_interface_is_denied_too() -> None:
    text = '(component (import "acme:secrets/store@1.0.0" (instance (export "get" (func (result string))))))'
    graph = Graph()
    graph.instantiate(graph.add("imports", bytes(wat2wasm(text))))
    server = graph.instantiate(graph.add("server", compose_server([spec("calc", "a", "add")], METADATA).data))
    for entry_point in ENTRY_POINTS:
        value = server.export(entry_point)
        graph.export(value.name, value)
    data = encode(graph).to_bytes()
    assert decode(data).find_import("acme:secrets/store@1.0.0")
    assert decode(sealed(data, "server")).find_import("acme:secrets/store@1.0.0") is None
    assert [tool["name"] for tool in booted_offers("server", data, is_server=True).lists["tools"]] == ["add"]


def test_environment_variables_are_not_seen() -> None:
    server = compose_server([ComponentSpec("nosy", probe(), catalogue("probe"), frozenset({"env"}))], METADATA).data
    for data, sees in ((server, "sees an environment\n"), (sealed(server, "server"), "sees no environment\n")):
        with open_server(data, instances=1, quick=True, env={"A": "B"}) as running:
            assert running.call_tool("probe").text == "probed"
            assert running.stderr == sees


@pytest.mark.slow
def test_the_network_is_not_reached(tmp_path: Path) -> None:
    (tmp_path / "fetching.zig").write_text(FETCHING, "utf-8")
    source = ComponentSource("fetching", tmp_path / "fetching.zig", tmp_path)
    ZigToolchain().build(source, tmp_path / "fetching.wasm", cache=user_cache(), progress=lambda _: None)
    component = (tmp_path / "fetching.wasm").read_bytes()
    fetching = ComponentSpec("fetching", component, boot("fetching", component), frozenset({"http"}))
    server = compose_server([fetching], METADATA).data
    with web_server() as url:
        with open_server(server, instances=1, quick=True) as running:
            assert "GET" in running.call_tool("fetch", {"url": f"{url}/page"}).text
        with open_server(sealed(server, "server"), instances=1, quick=True) as running:
            assert running.call_tool("fetch", {"url": f"{url}/page"}).text == "Denied"


def test_an_inspected_server_sees_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that `inspect`, `diff` and `push` boot are sealed."""
    import wasmcp.host

    opened: list[bytes] = []
    original = wasmcp.host.open_server

    def opening(data: bytes, **given: object) -> object:
        opened.append(data)
        return original(data, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(wasmcp.host, "open_server", opening)
    nosy = ComponentSpec("nosy", tools_beside_environment(), catalogue("probe"), frozenset({"env"}))
    booted_offers("server", compose_server([nosy], METADATA).data, is_server=True)
    (data,) = opened
    assert not families(inspect_component(data).imports)


def tools_beside_environment() -> bytes:
    function = '(export "get-environment" (func (result (list (tuple string string)))))'
    return tools_beside(f'(component (import "wasi:cli/environment@0.2.8" (instance {function})))', "probe")
