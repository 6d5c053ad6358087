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
    "bindgen": {"errors", "file_writing", "terminal", "environment", "protocol"},
    "toolchains": {
        "file_writing",
        "app_pages",
        "errors",
        "wasi",
        "terminal",
        "environment",
        "protocol",
        "package_data",
        "bindgen",
        "component",
        "declaration_section",
        "skills_section",
        "guest",
    },
    "compose": {
        "file_writing",
        "apps_section",
        "environment",
        "errors",
        "terminal",
        "protocol",
        "package_data",
        "revision_views",
        "declaration_section",
        "skills_section",
        "wasi",
        "component",
        "guest",
    },
    "host": {
        "component",
        "errors",
        "terminal",
        "environment",
        "protocol",
        "schemas",
        "revision_views",
        "wasi",
    },
    "client": {"errors", "terminal", "protocol", "host"},
    "playground": {"apps_section", "protocol", "errors", "environment", "host", "project", "insight"},
    "deploy": {
        "errors",
        "file_writing",
        "terminal",
        "environment",
        "component",
        "compose",
        "storage",
        "host",
        "insight",
    },
    "storage": {"errors", "file_writing", "terminal", "environment", "package_data", "host"},
    "registry": {
        "file_writing",
        "errors",
        "wasi",
        "terminal",
        "environment",
        "package_data",
        "revision_views",
        "storage",
        "compose",
        "component",
        "toolchains",
    },
    "auth": {"errors", "terminal", "host"},
    "guest": set[str](),
    "errors": {"terminal"},
    "schemas": set[str](),
    "testing": {"errors", "terminal", "protocol", "package_data", "schemas", "host", "client", "guest", "insight"},
    "protocol": set[str](),
    "terminal": set[str](),
    "file_writing": set[str](),
    "wasi": set[str](),
    "package_data": {"errors"},
    "environment": {"errors", "terminal"},
    "revision_views": {"protocol"},
    "app_pages": set[str](),
    "apps_section": {"component", "errors", "protocol", "revision_views"},
    "skills_section": {"component", "errors", "protocol", "revision_views"},
    "declaration_section": {"errors", "revision_views", "component"},
    "distribution": {
        "errors",
        "file_writing",
        "terminal",
        "environment",
        "host",
        "storage",
        "registry",
        "project",
        "insight",
    },
    "project": {
        "file_writing",
        "errors",
        "wasi",
        "terminal",
        "environment",
        "protocol",
        "package_data",
        "declaration_section",
        "skills_section",
        "app_pages",
        "apps_section",
        "registry",
        "storage",
        "compose",
        "toolchains",
        "host",
        "component",
    },
    "insight": {
        "skills_section",
        "apps_section",
        "errors",
        "schemas",
        "terminal",
        "environment",
        "protocol",
        "package_data",
        "project",
        "registry",
        "storage",
        "compose",
        "toolchains",
        "host",
        "component",
        "wasi",
    },
}
"""Parts of wasmcp that each package or module can import, in addition to itself and the version.

Above them, `cli`, `hatch_wasmcp` and `pytest_wasmcp` can import all.
"""

ROOMS = (
    "stores",
    "bindings",
    "engine",
    "authorization",
    "operations",
    "configuration",
    "scheduling",
    "mcp",
    "client",
    "transports",
)
"""Packages of `wasmcp.host`, lowest first: each imports only itself and those before it, also under `TYPE_CHECKING`."""


def modules(folder: str) -> dict[str, Path]:
    """Return the files of a package's modules by name."""
    root = (PACKAGE / folder).resolve()
    found = [root.with_suffix(".py")] if root.with_suffix(".py").is_file() else root.rglob("*.py")
    paths = (path for path in found if "templates" not in path.parts)
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
    """Check all packages; imports under `TYPE_CHECKING` count."""
    paths = {
        name: path for folder in (".", "../hatch_wasmcp", "../pytest_wasmcp") for name, path in modules(folder).items()
    }
    graph = {name: dependencies(path, paths) - {name} for name, path in paths.items()}
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"import cycle: {' -> '.join(error.args[1])}")


def test_rooms_of_the_host_import_one_way() -> None:
    paths = modules("host")
    rooms = {name: name.split(".")[2] for name in paths if len(name.split(".")) > 2}
    assert set(rooms.values()) == set(ROOMS)
    wrong = [
        f"{name} imports {found}"
        for name, room in rooms.items()
        for found in dependencies(paths[name], paths)
        if ROOMS.index(rooms.get(found, ROOMS[-1])) > ROOMS.index(room) or found == "wasmcp.host"
    ]
    assert not wrong
