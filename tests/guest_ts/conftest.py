"""One server of everything that the TypeScript guest library can declare, built once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.projects import write_project

from wasmcp.host import Server, open_server
from wasmcp.project import ensure_built

HERE = Path(__file__).parent
PYPROJECT = """\
[project]
name = "everything"
version = "1"

[tool.wasmcp.components.everything]
source = "src/everything/everything.ts"

[tool.wasmcp.servers.default]
components = ["everything"]
"""


@pytest.fixture(scope="session")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's file. Slow."""
    root = write_project(
        tmp_path_factory.mktemp("everything"), {"pyproject.toml": PYPROJECT, "src/everything/__init__.py": ""}
    )
    for name in ("everything.ts", "helper.ts"):
        shutil.copyfile(HERE / name, root / "src" / "everything" / name)
    return ensure_built(root)


@pytest.fixture(scope="session")
def server(path: Path) -> Iterator[Server]:
    """The server, booted once."""
    with open_server(path) as opened:
        yield opened
