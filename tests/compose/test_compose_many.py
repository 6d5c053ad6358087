"""Servers of more components than one segment may have."""

from __future__ import annotations

import pytest
from compose_inputs import METADATA, spec

from wasmcp.compose import compose_server
from wasmcp.compose.chain import ADAPTER_MEMORIES
from wasmcp.host import open_server


@pytest.mark.slow  # wasmtime compiles for seconds
def test_a_hundred_components_boot_and_answer() -> None:
    """In one segment a hundred members make 101 memories, on which wasmtime aborts the process."""
    specs = [spec(f"c{number}", f"from {number}", f"t{number}") for number in range(ADAPTER_MEMORIES)]
    with open_server(compose_server(specs, METADATA).data, quick=True, instances=1) as server:
        assert [tool.name for tool in server.list_tools()] == [f"t{number}" for number in range(ADAPTER_MEMORIES)]
        assert [server.call_tool(f"t{number}").text for number in (0, 98, 99)] == ["from 0", "from 98", "from 99"]
