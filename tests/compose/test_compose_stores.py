"""Providers of `key-value` and `sessions` in a server."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.compose_inputs import METADATA, MIDDLEWARE, catalogue, dummy, tools_beside, validate
from support.zig_servers import keeper, keeping_server

from wasmcp.compose import Catalogue, ComponentSpec, ComposedServer, compose_server
from wasmcp.compose.composition import compose_handler
from wasmcp.compose.framework import load_framework
from wasmcp.compose.interfaces import KEY_VALUE, SESSIONS
from wasmcp.errors import CompositionError, InvalidComponentError
from wasmcp.host import open_server
from wasmcp.insight.roles import read_structure

TOOLS = Catalogue(tools=({"name": "do", "inputSchema": {"type": "object"}},))
PEEK = Catalogue(tools=({"name": "peek", "inputSchema": {"type": "object"}},))


def composed(*grants: str, **options: str) -> ComposedServer:
    specs = [
        ComponentSpec("one", keeper(), TOOLS, frozenset(grants)),
        ComponentSpec("two", keeper("peek"), PEEK, frozenset(grants)),
    ]
    server = compose_server(specs, METADATA, **options)  # type: ignore[arg-type]
    validate(server.data, compiled=False)
    return server


def stores(server: ComposedServer) -> list[str]:
    return [label for label in server.instances if "store" in label]


def kept(server: ComposedServer) -> set[str]:
    return {name for name in server.imports if name.startswith("wasi:keyvalue/")}


SECOND = {f"wasi:keyvalue/{name}@0.2.0-draft2" for name in ("store", "atomics", "batch")}
FIRST = {name.removesuffix("2") for name in SECOND}


@pytest.mark.parametrize(
    ("grants", "expected"),
    [
        ((), []),
        (("env", "fs", "http", "sockets"), []),
        (("kv",), ["kv-store"]),
        (("sessions",), ["kv-store", "session-store of one", "session-store of two"]),
        (("kv", "sessions"), ["kv-store", "session-store of one", "session-store of two"]),
    ],
)
def test_stores_of_a_server(grants: tuple[str, ...], expected: list[str]) -> None:
    server = composed(*grants)
    assert sorted(stores(server)) == expected
    assert kept(server) == (SECOND if expected else set())
    denied = any(label.startswith("denied to one") for label in server.instances)
    assert denied == ({"kv", "sessions"} - set(grants) != set())


def test_store_uses_the_first_draft_of_keyvalue() -> None:
    server = composed("kv", keyvalue="0.2.0-draft")
    assert stores(server) == ["kv-store-draft"]
    assert kept(server) == FIRST
    with pytest.raises(CompositionError, match=r"unknown draft `0\.3\.0` of `wasi:keyvalue`; known: "):
        composed("kv", keyvalue="0.3.0")


@pytest.mark.parametrize("draft", ["0.2.0-draft", "0.2.0-draft2"])
def test_replaced_store(draft: str) -> None:
    given = dummy("kv-store")
    specs = [ComponentSpec("one", keeper(), TOOLS, frozenset(["kv"]))]
    server = compose_server(specs, METADATA, keyvalue=draft, framework={"kv-store": given})
    validate(server.data, compiled=False)
    assert stores(server) == ["kv-store"]
    assert server.framework["kv-store"] != load_framework()["kv-store"].digest
    both = {"kv-store": given, "kv-store-draft": dummy("kv-store-draft")}
    server = compose_server(specs, METADATA, keyvalue=draft, framework=both)
    assert stores(server) == ["kv-store" if draft.endswith("2") else "kv-store-draft"]


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        ("kv sessions", "kv sessions", ["1", "no_session"]),
        ("kv sessions", "kv", ["1", "access_denied"]),
        ("sessions", "kv sessions", ["access_denied", "no_session"]),
        ("", "kv sessions", ["access_denied", "access_denied"]),
        ("kv sessions", "", ["access_denied", "access_denied"]),
    ],
)
def test_in_a_part_of_a_server(inner: str, outer: str, expected: list[str]) -> None:
    """The server grants the imports of a part again, or denies them."""
    part = compose_handler([ComponentSpec("keeper", keeper(), TOOLS, frozenset(inner.split()))])
    wanted = {KEY_VALUE: "kv", SESSIONS: "sessions"}
    assert {wanted[name] for name in part.imports if name in wanted} == set(inner.split())
    assert not kept(part)
    assert not stores(part)
    server = compose_server([ComponentSpec("part", part.data, grants=MIDDLEWARE | frozenset(outer.split()))], METADATA)
    validate(server.data)
    with open_server(server.data, instances=1, quick=True) as running:
        asked = [{"on": "kv", "do": "increment", "key": "n"}, {"do": "get", "key": "k"}]
        assert [running.call_tool("do", given).text for given in asked] == expected


@pytest.mark.parametrize(
    ("name", "contract"),
    [("key-value", "wasmcp:mcp-v20260728/key-value@0.1.0"), ("sessions", "wasmcp:mcp-v20260728/sessions@0.1.0")],
)
def test_store_interface_of_another_version_is_refused(name: str, contract: str) -> None:
    wanted = f'(component (import "wasmcp:mcp-v20260728/{name}@9.0.0" (instance (export "use" (func)))))'
    spec = ComponentSpec("calc", tools_beside(wanted, "a"), catalogue("a"), frozenset(["kv", "sessions"]))
    with pytest.raises(InvalidComponentError, match=r"wasmcp provides version 0\.1\.0") as caught:
        compose_server([spec], METADATA)
    assert caught.value.interface == contract.partition("@")[0]


def test_store_with_other_types() -> None:
    wanted = f'(component (import "{KEY_VALUE}" (instance (export "open" (func (param "name" u32))))))'
    spec = ComponentSpec("calc", tools_beside(wanted, "a"), catalogue("a"), frozenset(["kv"]))
    with pytest.raises(InvalidComponentError, match="with other types"):
        compose_server([spec], METADATA)


def test_report_of_denied_stores(tmp_path: Path) -> None:
    server = keeping_server(tmp_path / "server.wasm", "sessions")
    [reach] = read_structure(server.read_bytes()).components
    assert (reach.name, reach.granted, reach.refused) == ("keeper of do", ("sessions",), ("kv",))
    assert [name.partition("@")[0] for name in reach.stores] == [SESSIONS.partition("@")[0]]


def test_components_with_the_whole_of_keyvalue_are_refused_next_to_tasks() -> None:
    task = {"name": "go", "inputSchema": {"type": "object"}, "_meta": {"wasmcp/task": {"mode": "run"}}}
    working = ComponentSpec("worker", tools_beside("(component)", "go"), Catalogue((task,)))
    text = '(component (import "wasi:keyvalue/store@0.2.0-draft2" (instance (export "f" (func)))))'
    wide = ComponentSpec("wide", tools_beside(text, "peek"), PEEK, frozenset({"kv"}))
    with pytest.raises(CompositionError, match=r"^`wide` with the whole of `wasi:keyvalue` .* \(`go`\)"):
        compose_server([working, wide], METADATA)
    denied = ComponentSpec("wide", tools_beside(text, "peek"), PEEK)
    assert compose_server([working, denied], METADATA).tasks.keys() == {"go"}
