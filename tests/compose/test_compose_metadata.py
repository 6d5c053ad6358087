from __future__ import annotations

import json

import pytest
from compose_inputs import dead_end, spec, tools_component

from wasmcp.compose import ComponentSpec, ServerMetadata
from wasmcp.compose.components import read_components
from wasmcp.compose.metadata import metadata_values
from wasmcp.compose.server import server_capabilities


def test_what_is_not_known_is_left_out() -> None:
    values = metadata_values(ServerMetadata("a", "1"), {"tools": {}})
    assert json.loads(values["implementation"]) == {"name": "a", "version": "1"}
    assert values["instructions"] is None
    assert values["capabilities"] == '{"tools":{}}'


@pytest.mark.parametrize(("name", "version"), [("", "1"), ("a", "")])
def test_a_server_has_a_name_and_a_version(name: str, version: str) -> None:
    with pytest.raises(ValueError, match="a server needs a"):
        ServerMetadata(name, version)


def test_capabilities() -> None:
    def capabilities(*specs: ComponentSpec) -> dict[str, object]:
        return server_capabilities(read_components(specs))

    assert capabilities(spec("a", "1", "x")) == {"tools": {}}
    assert capabilities(ComponentSpec("wall", dead_end())) == {"tools": {}}
    assert capabilities(ComponentSpec("both", tools_component("1", "x", handler=True))) == {"tools": {}}


def test_logging_is_declared_when_somebody_may_log() -> None:
    from compose_inputs import dummy

    read = read_components([spec("a", "1", "x"), ComponentSpec("logs", dummy("tools-component"))])
    assert server_capabilities(read) == {"logging": {}, "tools": {"listChanged": True}}
