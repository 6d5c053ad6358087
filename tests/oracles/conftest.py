"""Fixtures: the everything server, built once."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mcp import StdioServerParameters
from support.server_processes import STATE_KEYS, WASMCP, wasmcp_serve, wasmtime, wasmtime_serve

from wasmcp.project import ensure_built

EVERYTHING = Path(__file__).parents[2] / "example-servers" / "everything"


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Build the server, and compile it with the stock runtime."""
    server = ensure_built(EVERYTHING)
    compiled = tmp_path_factory.mktemp("everything") / "server.cwasm"
    subprocess.run([wasmtime(), "compile", str(server), "-o", str(compiled)], check=True)
    return server, compiled


@pytest.fixture(scope="session")
def targets(everything: tuple[Path, Path]) -> Iterator[Callable[[str], StdioServerParameters | str]]:
    """Return a function from the name of an entry point to the official client's target; servers start at first use."""
    server, compiled = everything
    with contextlib.ExitStack() as stack:
        ports: dict[str, int] = {}

        def target(entry_point: str) -> StdioServerParameters | str:
            if entry_point == "wasmcp run":
                return StdioServerParameters(command=WASMCP[0], args=[*WASMCP[1:], "run", str(server)])
            if entry_point == "wasmtime run":
                arguments = ["run", "-Shttp", "-Skeyvalue", "--allow-precompiled", str(compiled)]
                return StdioServerParameters(command=wasmtime(), args=arguments)
            if entry_point not in ports:
                serving = (
                    wasmcp_serve(server)
                    if entry_point == "wasmcp serve"
                    else wasmtime_serve(compiled, *STATE_KEYS, "--allow-precompiled")
                )
                ports[entry_point] = stack.enter_context(serving)
            return f"http://127.0.0.1:{ports[entry_point]}/mcp"

        yield target
