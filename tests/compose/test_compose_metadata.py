from __future__ import annotations

import json
from typing import Any

import pytest
from support.compose_inputs import MIDDLEWARE, dead_end, spec, tools_component

from wasmcp.compose import ComponentSpec, ServerMetadata, compose_server
from wasmcp.compose.component_reader import read_components, server_capabilities
from wasmcp.compose.metadata import metadata_values
from wasmcp.declaration_section import Declares
from wasmcp.errors import CompositionError


def test_unset_members_are_omitted() -> None:
    values = metadata_values(ServerMetadata("a", "1"), {"tools": {}})
    assert json.loads(values["implementation"]) == {"name": "a", "version": "1"}
    assert values["instructions"] is None
    assert values["capabilities"] == '{"tools":{}}'


@pytest.mark.parametrize(("name", "version"), [("", "1"), ("a", "")])
def test_name_and_version_are_required(name: str, version: str) -> None:
    with pytest.raises(ValueError, match="a server needs a"):
        ServerMetadata(name, version)


def test_capabilities() -> None:
    def capabilities(*specs: ComponentSpec) -> dict[str, object]:
        return server_capabilities(read_components(specs))

    assert capabilities(spec("a", "1", "x")) == {"tools": {}}
    assert capabilities(ComponentSpec("wall", dead_end())) == {"tools": {}}
    assert capabilities(ComponentSpec("both", tools_component("1", "x", handler=True))) == {"tools": {}}


def test_logging_is_declared_if_a_component_can_log() -> None:
    from support.compose_inputs import dummy

    read = read_components([spec("a", "1", "x"), ComponentSpec("logs", dummy("tools-component"))])
    assert server_capabilities(read) == {"logging": {}, "tools": {"listChanged": True}}


def test_unused_notifications_are_not_declared() -> None:
    from support.compose_inputs import dummy

    def capabilities(uses: frozenset[str]) -> dict[str, object]:
        data = dummy("tools-component") + Declares(uses=uses).section()
        return server_capabilities(read_components([ComponentSpec("quiet", data)]))

    assert capabilities(frozenset()) == {"tools": {}}
    assert capabilities(frozenset({"log"})) == {"logging": {}, "tools": {}}
    assert capabilities(frozenset({"notify-tools-changed", "progress"})) == {"tools": {"listChanged": True}}


def test_a_component_cannot_use_what_it_does_not_import() -> None:
    silent = spec("a", "1", "x")
    assert isinstance(silent.data, bytes)
    said = ComponentSpec("a", silent.data + Declares(uses=frozenset({"log"})).section())
    assert server_capabilities(read_components([said])) == {"tools": {}}


def test_extensions() -> None:
    def announced(own: dict[str, dict[str, object]], *settings: dict[str, dict[str, object]]) -> object:
        specs = [
            ComponentSpec(
                f"c{n}", tools_component(str(n), f"t{n}") + Declares(extensions=each).section(), grants=MIDDLEWARE
            )
            for n, each in enumerate(settings)
        ]
        metadata = ServerMetadata("a", "1", extensions=own)
        return compose_server(specs, metadata).capabilities.get("extensions")

    assert announced({}, {}) is None
    assert announced({"a/b": {}}, {}) == {"a/b": {}}
    assert announced({"z/z": {}}, {"a/b": {"c": [1]}}, {"a/b": {"c": [1]}, "d/e": {}}) == {
        "a/b": {"c": [1]},
        "d/e": {},
        "z/z": {},
    }
    with pytest.raises(CompositionError, match="`c0` and `c1` announce the extension `a/b` with different settings"):
        announced({}, {"a/b": {}}, {"a/b": {"c": 1}})
    assert announced({"a/b": {"own": True}}, {"a/b": {}}, {"a/b": {"c": 1}}) == {"a/b": {"own": True}}


@pytest.mark.parametrize("extensions", [{"b": {}}, {"a/b": 1}])
def test_invalid_extensions(extensions: Any) -> None:
    with pytest.raises(ValueError, match=r"`(b|a/b)` "):
        ServerMetadata("a", "1", extensions=extensions)
