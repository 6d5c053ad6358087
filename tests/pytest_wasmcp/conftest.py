"""Server of the tests of the world around servers."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.zig_servers import world_server


@pytest.fixture(scope="session")
def world_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server with one Zig component that uses HTTP, clocks, random numbers, stored values and its client."""
    return world_server(tmp_path_factory.mktemp("world") / "world.wasm")


@pytest.fixture
def world_tests(pytester: pytest.Pytester, world_file: Path) -> pytest.Pytester:
    """A test run whose server is that one."""
    pytester.makeini(f"[pytest]\nwasmcp_server = {world_file}\n")
    return pytester
