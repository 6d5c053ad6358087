"""Server parts, composed in advance."""

from __future__ import annotations

import pytest
from support.compose_inputs import METADATA, MIDDLEWARE, dead_end, dummy, probe, spec, validate

from wasmcp.compose import ComponentSpec, compose_server, inspect_component
from wasmcp.compose.composition import compose_handler
from wasmcp.compose.interfaces import MESSAGES, SERVER_HANDLER, TYPES
from wasmcp.declaration_section import Declares, declares
from wasmcp.errors import CompositionError, DuplicateEntryError
from wasmcp.host import open_server


def test_nested_server_parts() -> None:
    inner = compose_handler([spec("a", "A", "one", "two"), spec("b", "B", "three")])
    validate(inner.data)
    outer = compose_handler([ComponentSpec("inner", inner.data, grants=MIDDLEWARE), spec("c", "C", "four")])
    validate(outer.data)
    parts = [
        spec("first", "F", "zero"),
        ComponentSpec("outer", outer.data, grants=MIDDLEWARE),
        spec("last", "L", "five"),
    ]
    server = compose_server(parts, METADATA)
    validate(server.data)
    with open_server(server.data, instances=1, quick=True) as running:
        names = ("zero", "one", "two", "three", "four", "five")
        assert tuple(tool.name for tool in running.list_tools()) == names
        assert [running.call_tool(name).text for name in names] == list("FAABCL")


def test_exports_and_imports() -> None:
    handler = compose_handler(
        [
            ComponentSpec("real", dummy("tools-component"), grants=MIDDLEWARE),
            ComponentSpec("mw", dummy("middleware"), grants=MIDDLEWARE),
        ]
    )
    validate(handler.data)
    assert handler.exports == (SERVER_HANDLER,)
    assert [name for name in handler.imports if name.startswith("wasmcp:")] == [MESSAGES, SERVER_HANDLER, TYPES]
    wasi = {name.partition("@")[0] for name in handler.imports if name.startswith("wasi:")}
    assert wasi == {"wasi:cli/stderr", "wasi:io/error", "wasi:io/streams"}
    assert inspect_component(handler.data).capabilities == ("server-handler",)
    validate(compose_server([ComponentSpec("handler", handler.data, grants=MIDDLEWARE)], METADATA).data)


@pytest.mark.parametrize(("inner", "outer", "sees"), [("", "env", "no"), ("env", "", "no"), ("env", "env", "an")])
def test_grant_needs_both_part_and_server(inner: str, outer: str, sees: str) -> None:
    handler = compose_handler([ComponentSpec("probe", probe(), grants=MIDDLEWARE | frozenset(inner.split()))])
    server = compose_server(
        [ComponentSpec("handler", handler.data, grants=MIDDLEWARE | frozenset(outer.split()))], METADATA
    )
    with open_server(server.data, instances=1, quick=True, env={"A": "B"}) as running:
        running.list_tools()
        assert f"sees {sees} environment" in running.stderr


def test_capabilities_of_a_part_are_declared() -> None:
    prompts = ComponentSpec("prompts", dummy("prompts-component"), grants=MIDDLEWARE)
    part = compose_handler([spec("a", "A", "one"), prompts])
    assert declares(part.data).offers == {"tools", "prompts"}
    outer = compose_handler(
        [
            ComponentSpec("part", part.data, grants=MIDDLEWARE),
            ComponentSpec("r", dummy("resources-component"), grants=MIDDLEWARE),
        ]
    )
    validate(outer.data)
    server = compose_server([ComponentSpec("outer", outer.data, grants=MIDDLEWARE)], METADATA)
    assert set(server.capabilities) >= {"tools", "prompts", "resources"}
    assert "completions" not in server.capabilities


def test_unknown_declared_capability_is_ignored() -> None:
    handler = dead_end() + Declares(offers=frozenset({"prompts", "everything"})).section()
    assert set(compose_server([ComponentSpec("wall", handler, grants=MIDDLEWARE)], METADATA).capabilities) == {
        "tools",
        "prompts",
    }


def test_part_repeats_declarations_of_its_components() -> None:
    quiet = dummy("tools-component") + Declares(uses=frozenset({"log"}), extensions={"a.b/c": {"d": [1]}}).section()
    part = compose_handler([ComponentSpec("quiet", quiet, grants=MIDDLEWARE)])
    said = declares(part.data)
    assert (said.offers, said.uses, said.extensions) == ({"tools"}, {"log"}, {"a.b/c": {"d": [1]}})
    server = compose_server([ComponentSpec("part", part.data, grants=MIDDLEWARE)], METADATA)
    assert server.capabilities == {"logging": {}, "tools": {}, "extensions": {"a.b/c": {"d": [1]}}}


def test_output_is_deterministic() -> None:
    parts = [spec("a", "A", "one"), spec("b", "B", "two", static=False)]
    assert compose_handler(parts).data == compose_handler(parts).data


def test_invalid_components_raise_errors() -> None:
    with pytest.raises(CompositionError, match="at least one component"):
        compose_handler([])
    with pytest.raises(DuplicateEntryError):
        compose_handler([spec("a", "A", "one"), spec("b", "B", "one")])
    assert compose_handler([spec("a", "A", "one"), spec("b", "B", "one")], on_duplicate="first").size
