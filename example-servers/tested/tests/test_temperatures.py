"""Tests of the server in the ways that the guides "Testing" and "Snapshots, coverage and property tests" describe."""

from __future__ import annotations

import pytest

from wasmcp.errors import RequestError
from wasmcp.host import Server

SCALES = ("celsius", "fahrenheit", "kelvin")


@pytest.mark.parametrize(("scale", "degrees"), [("celsius", 0), ("fahrenheit", 32), ("kelvin", 273.15)])
def test_water_freezes(wasmcp_server: Server, scale: str, degrees: float) -> None:
    result = wasmcp_server.call_tool("convert", {"degrees": degrees, "from": scale, "digits": 2})
    assert result.structured_content == {"degrees": 0, "scale": "celsius"}


@pytest.mark.parametrize("scale", SCALES)
def test_a_scale_of_the_result(wasmcp_server: Server, scale: str) -> None:
    result = wasmcp_server.call_tool("convert", {"degrees": 300, "from": "kelvin", "to": scale, "digits": None})
    assert result.structured_content["scale"] == scale
    assert not wasmcp_server.call_tool("convert", {"degrees": 300, "from": "kelvin"}).is_error


def test_absolute_zero(wasmcp_server: Server) -> None:
    result = wasmcp_server.call_tool("convert", {"degrees": -1, "from": "kelvin"})
    assert result.is_error
    assert "below absolute zero" in result.text


@pytest.mark.wasmcp_budget(fuel=2_000_000, memory=32 << 20)
def test_an_average(wasmcp_server: Server) -> None:
    assert wasmcp_server.call_tool("average", {"degrees": [10, 20]}).structured_content == {"result": 15}
    assert wasmcp_server.call_tool("average", {"degrees": []}).is_error


def test_resources(wasmcp_server: Server) -> None:
    assert wasmcp_server.read_resource("temperatures://scales")
    assert wasmcp_server.read_resource("temperatures://scales/kelvin")
    with pytest.raises(RequestError):
        wasmcp_server.read_resource("temperatures://scales/rankine")


def test_prompts(wasmcp_server: Server) -> None:
    assert wasmcp_server.get_prompt("explain", {"scale": "kelvin"})
    assert wasmcp_server.get_prompt("explain", {"scale": "kelvin", "words": "5"})
    with pytest.raises(RequestError):
        wasmcp_server.get_prompt("explain", {"scale": "rankine"})


def test_completions(wasmcp_server: Server) -> None:
    prompt = {"type": "ref/prompt", "name": "explain"}
    assert wasmcp_server.complete(prompt, "scale", "k").values == ["kelvin"]
    assert wasmcp_server.complete(prompt, "words").values == []
    template = {"type": "ref/resource", "uri": "temperatures://scales/{scale}"}
    assert wasmcp_server.complete(template, "scale", "c").values == ["celsius"]


@pytest.mark.wasmcp_fuzz(examples=20)
def test_tools_hold_their_schemas(wasmcp_server: Server) -> None:
    assert [tool.name for tool in wasmcp_server.list_tools()] == ["convert", "average"]
