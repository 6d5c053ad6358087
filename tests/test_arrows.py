"""Import directions between packages, as in the map of CONTRIBUTING.md, and import cycles within them."""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "wasmcp"
BELOW = {
    "component": {"errors", "terminal"},
    "bindgen": {"errors", "terminal", "environment", "protocol"},
    "toolchains": {
        "errors",
        "terminal",
        "environment",
        "protocol",
        "package_data",
        "bindgen",
        "component",
        "declaration_section",
        "guest",
    },
    "compose": {
        "errors",
        "terminal",
        "protocol",
        "package_data",
        "revision_views",
        "declaration_section",
        "wasi",
        "component",
    },
    "host": {"errors", "terminal", "environment", "protocol", "revision_views", "wasi"},
    "storage": {"errors", "terminal", "environment", "package_data", "host"},
    "registry": {"errors", "terminal", "environment", "package_data", "storage", "compose", "component", "toolchains"},
    "guest": set[str](),
}
"""Parts of wasmcp that each package can import, in addition to itself and the version.

The packages above (`project`, `insight`, `cli`) can import all of them.
"""

ACYCLIC = ("component", "compose", "project")
"""Packages without import cycles, imports under `TYPE_CHECKING` and inside functions included."""


def modules(folder: str) -> dict[str, Path]:
    """Return the files of a package's modules by name."""
    paths = (path for path in (PACKAGE / folder).rglob("*.py") if "templates" not in path.parts)
    return {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in paths
    }


def imported(folder: str) -> Iterator[tuple[Path, str]]:
    """Yield the parts of wasmcp that the modules of a package import, also inside functions."""
    for path in modules(folder).values():
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


def dependencies(path: Path, names: Container[str]) -> set[str]:
    """Return the modules among `names` that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            members = (f"{node.module}.{alias.name}" for alias in node.names)
            found |= {member if member in names else node.module for member in members}
    return {name for name in found if name in names}


def test_modules_do_not_import_each_other_in_a_cycle() -> None:
    paths = {name: path for folder in ACYCLIC for name, path in modules(folder).items()}
    try:
        tuple(TopologicalSorter({name: dependencies(path, paths) for name, path in paths.items()}).static_order())
    except CycleError as error:
        pytest.fail(f"import cycle: {' -> '.join(error.args[1])}")
