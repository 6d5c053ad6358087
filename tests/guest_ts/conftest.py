"""One server of everything that the TypeScript guest library can declare, built once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.projects import project_files, write_project

from wasmcp.host import Server, open_server
from wasmcp.project import ensure_built

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's file. Slow."""
    sources = {f"src/everything/{name}": (HERE / name).read_text("utf-8") for name in ("everything.ts", "helper.ts")}
    return ensure_built(write_project(tmp_path_factory.mktemp("everything"), project_files("everything", sources)))


@pytest.fixture(scope="session")
def server(path: Path) -> Iterator[Server]:
    """The server, booted once."""
    with open_server(path) as opened:
        yield opened
