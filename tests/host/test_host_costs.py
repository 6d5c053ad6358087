"""Costs of calls: instructions and memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from wasmcp.errors import GuestTrapError
from wasmcp.host import Cost, open_server
from wasmcp.host.engine import compile_cache
from wasmcp.host.engine.memory import memories

CONVERSION = {"degrees": 20, "from": "kelvin"}


def costs_of(path: Path, calls: int = 1) -> list[Cost]:
    costs: list[Cost] = []
    with open_server(path, on_cost=costs.append) as server:
        for _ in range(calls):
            assert not server.call_tool("convert", CONVERSION).is_error
    return costs


def test_instructions_and_memory_of_a_call_are_the_same_in_each_run(tested_server: Path) -> None:
    first, second = costs_of(tested_server, 3), costs_of(tested_server, 3)
    assert first == second
    boot, *calls = first
    assert (boot.method, boot.name) == ("boot", "")
    assert [(call.method, call.name) for call in calls] == [("tools/call", "convert")] * 3
    assert calls[1] == calls[2]
    assert calls[1].fuel > 1_000


def test_more_work_costs_more_instructions(tested_server: Path) -> None:
    costs: list[Cost] = []
    with open_server(tested_server, on_cost=costs.append) as server:
        for count in (1, 1, 1_000):
            server.call_tool("average", {"degrees": [1.5] * count})
    assert costs[3].fuel > 20 * costs[2].fuel


@pytest.mark.skipif(not memories() and not Path("/proc/self/maps").exists(), reason="only Linux reports memories")
def test_memory_is_that_of_the_instance_alone(tested_server: Path) -> None:
    with open_server(tested_server) as other:
        other.list_tools()
        costs = costs_of(tested_server, 2)
    assert [cost.memory for cost in costs] == [cost.memory for cost in costs_of(tested_server, 2)]
    assert all(cost.memory and cost.memory % 65536 == 0 for cost in costs)
    assert costs[2].growth == 0


def test_a_trap_has_a_cost(server_file: Path) -> None:
    costs: list[Cost] = []
    with open_server(server_file, on_cost=costs.append) as server:
        with pytest.raises(GuestTrapError):
            server.send("!T")
        server.send("hello")
    assert [cost.method for cost in costs] == ["boot", "", "boot", ""]


def test_code_that_counts_is_cached_apart(server_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WASMCP_CACHE_DIR", str(tmp_path))
    compile_cache.load(server_file)
    assert compile_cache.cached(server_file)
    compile_cache.load(server_file, fuel=True)
    keys = {path.name.split("-", 1)[1] for path in (tmp_path / "compiled").glob("*.cwasm")}
    assert len(keys) == 2
    assert sum("fuel" in key for key in keys) == 1


def test_bytes_are_measured(server_bytes: bytes) -> None:
    costs: list[Cost] = []
    with open_server(bytes(server_bytes), on_cost=costs.append) as server:
        server.send("hello")
    assert costs[-1].fuel > 0


@pytest.mark.slow
def test_a_call_of_a_python_tool_takes_few_instructions(example_server: Path) -> None:
    costs: list[Cost] = []
    with open_server(example_server, on_cost=costs.append) as server:
        for _ in range(40):  # the interpreter adapts its code to the first calls
            assert server.call_tool("reverse", {"text": "abc"}).structured_content == {"result": "cba"}
    assert costs[-1].fuel < 110_000
