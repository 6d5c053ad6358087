"""Servers with more components than fit into one segment."""

from __future__ import annotations

import pytest
from support.compose_inputs import METADATA, catalogue, spec, tools_beside, validate

from wasmcp.component.topology import MAX_DEFINITIONS, count
from wasmcp.compose import ComponentSpec, compose_server
from wasmcp.compose.chain_plan import ADAPTER_MEMORIES
from wasmcp.compose.composition import compose_handler
from wasmcp.errors import LimitExceededError
from wasmcp.host import open_server


@pytest.mark.slow  # wasmtime compiles for seconds
def test_a_hundred_components_boot_and_answer() -> None:
    """A hundred members in one segment would have 101 memories, and wasmtime would abort the process."""
    specs = [spec(f"c{number}", f"from {number}", f"t{number}") for number in range(ADAPTER_MEMORIES)]
    with open_server(compose_server(specs, METADATA).data, quick=True, instances=1) as server:
        assert [tool.name for tool in server.list_tools()] == [f"t{number}" for number in range(ADAPTER_MEMORIES)]
        assert [server.call_tool(f"t{number}").text for number in (0, 98, 99)] == ["from 0", "from 98", "from 99"]


def big(name: str, modules: int) -> ComponentSpec:
    """Return a component with a tool and this number of different modules."""
    text = "".join(f"(core module (global i32 (i32.const {number})))" for number in range(modules))
    return ComponentSpec(name, tools_beside(f"(component {text})", f"t-{name}"), catalogue(f"t-{name}"))


def test_too_many_modules_are_refused() -> None:
    small = count(compose_server([big("a", 1), big("b", 1)], METADATA).data).definitions
    room = MAX_DEFINITIONS - small
    data = compose_server([big("a", 1 + room), big("b", 1)], METADATA).data
    assert count(data).definitions == MAX_DEFINITIONS
    validate(data, compiled=False)
    for compose in (lambda specs: compose_server(specs, METADATA), compose_handler):
        with pytest.raises(LimitExceededError) as caught:
            compose([big("a", 2000), big("b", 1)])
        assert (caught.value.limit, caught.value.allowed) == ("core modules and components", MAX_DEFINITIONS)
        assert f"{caught.value.found:,} core modules and components; engines accept 1,000" in str(caught.value)
        assert "most are in `a` 2,0" in str(caught.value)
    with pytest.raises(LimitExceededError, match="has 1,001 core modules and components"):
        compose_server([big("a", 2 + room), big("b", 1)], METADATA)


def test_too_many_instances_are_refused() -> None:
    text = f"(component (component $c) {'(instance (instantiate $c))' * 5000})"
    one = ComponentSpec("one", tools_beside(text, "a"), catalogue("a"))
    with pytest.raises(LimitExceededError, match=r"has 5,0\d\d instances; engines accept 4,096 in one file"):
        compose_server([one], METADATA)


@pytest.mark.slow  # wasmtime compiles for seconds
def test_chains_of_many_components_and_full_segments_boot() -> None:
    """Check consecutive segments of 99 members, the largest number of small components within the limits."""
    specs = [spec(f"c{number}", f"from {number}", f"t{number}") for number in range(220)]
    while True:
        try:
            data = compose_server(specs, METADATA).data
            break
        except LimitExceededError:
            specs.pop()
    with open_server(data, quick=True, instances=1) as server:
        last = len(specs) - 1
        assert [server.call_tool(f"t{number}").text for number in (0, 99, last)] == [
            "from 0",
            "from 99",
            f"from {last}",
        ]
