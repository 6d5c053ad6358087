"""Which package may import which: the arrows of the map in CONTRIBUTING.md."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "wasmcp"
BELOW = {
    "component": {"errors", "terminal"},
    "bindgen": {"errors", "terminal"},
    "toolchains": {
        "errors",
        "terminal",
        "environment",
        "package_data",
        "bindgen",
        "component",
        "declaration_section",
        "guest",
    },
    "compose": {"errors", "terminal", "package_data", "revision_views", "declaration_section", "wasi", "component"},
    "host": {"errors", "terminal", "environment", "revision_views", "wasi"},
    "storage": {"errors", "terminal", "environment", "package_data", "host"},
    "registry": {"errors", "terminal", "environment", "package_data", "storage", "compose", "component", "toolchains"},
    "guest": set[str](),
}
"""What each may import beside itself and the version; what is above (`project`, `insight`, `cli`) may import all."""


def imported(folder: str) -> Iterator[tuple[Path, str]]:
    """The parts of wasmcp that the modules of a package import, also inside functions."""
    for path in (PACKAGE / folder).rglob("*.py"):
        if "templates" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
                if node.module == "wasmcp":
                    names = [f"wasmcp.{alias.name}" for alias in node.names]
            for name in names:
                if name.startswith("wasmcp."):
                    yield path, name.split(".")[1]


@pytest.mark.parametrize("folder", BELOW)
def test_arrows_point_one_way(folder: str) -> None:
    allowed = BELOW[folder] | {folder, "__version__"}
    wrong = [f"{path.relative_to(PACKAGE)} imports {part}" for path, part in imported(folder) if part not in allowed]
    assert not wrong
