"""Invocation of componentize-py."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from wasmcp import development_builds
from wasmcp.errors import ToolchainError
from wasmcp.package_data import wit_directory
from wasmcp.toolchains.base import IMPORTED_GRANTS, ComponentSource
from wasmcp.toolchains.python.module_ast import Module
from wasmcp.toolchains.python.staging import APPLICATION, DECLARED
from wasmcp.toolchains.python.stdlib_limits import HTTP_LIBRARIES

_TIMEOUT = 600.0
_PACKAGE = "wasmcp:mcp-v20260728"
_MERGED = "wasmcp:merged/merged"

DEVELOPMENT = "wasmcp:development/development-imports@0.1.0"
"""World of development builds, in addition to the others."""


def componentize(source: ComponentSource, worlds: list[str], stage: Path, output: Path) -> str | None:
    """Run the compiler; return its output if it failed, else None."""
    script = "import sys; from componentize_py import script; sys.argv[0] = 'componentize-py'; sys.exit(script())"
    command = [sys.executable, "-c", script, "-q", "-d", str(wit_directory())]
    if DEVELOPMENT in worlds:
        command += ["-d", str(_development(stage))]
    if len(worlds) > 1:
        command += ["-d", str(_merged(worlds, stage)), "-w", _MERGED]
    else:
        command += ["-w", *worlds]
    if "http-imports" in worlds:  # both interfaces are named `types`: without this, both get longer names
        command += ["--import-interface-name", f"{_PACKAGE}/types@0.1.0=types"]
        command += ["--import-interface-name", "wasi:http/types@0.2.8=http_types"]
    command += ["componentize", APPLICATION, "-p", str(stage / "app"), "-o", str(output)]
    environment = {**os.environ, "VIRTUAL_ENV": str(stage / "environment")}
    try:
        done = subprocess.run(
            command,
            cwd=stage / "environment",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        message = f"`{source.label}`: the component was not built within {_TIMEOUT:.0f} s; does a module never end?"
        raise ToolchainError(message, source=source.label, toolchain="python") from None
    return None if done.returncode == 0 else done.stdout.decode("utf-8", "replace")


def _merged(worlds: list[str], stage: Path) -> Path:
    """Write a world that includes others: componentize-py cannot merge several worlds that have resources."""
    folder = stage / "world"
    folder.mkdir()
    names = [world if ":" in world else f"{_PACKAGE}/{world}@0.1.0" for world in worlds]
    included = "".join(f"  include {name};\n" for name in names)
    package, _, world = _MERGED.partition("/")
    (folder / "world.wit").write_text(f"package {package};\n\nworld {world} {{\n{included}}}\n", encoding="utf-8")
    return folder


def _development(stage: Path) -> Path:
    """Write the WIT of development builds, which is not among the interfaces of wasmcp."""
    folder = stage / "development"
    folder.mkdir()
    (folder / "development.wit").write_text(development_builds.WIT, encoding="utf-8")
    return folder


def worlds_of(source: ComponentSource, modules: Mapping[str, Module]) -> list[str]:
    """Return the worlds to compile for.

    For declarations with decorators: `component`, the imports of the grants, and the configuration if it is imported.
    """
    if source.world not in DECLARED:
        return [source.world]
    imported = sorted(source.grants & IMPORTED_GRANTS)
    if any(_line_of(module, "config") for module in modules.values()):
        imported.append("config")
    return ["component", *(f"{name}-imports" for name in imported)]


def ungranted(source: ComponentSource, modules: Mapping[str, Module]) -> list[str]:
    """Return a warning for each import that needs a missing grant: of the guest library, or of an HTTP library."""
    warnings = [
        f'warning: `{module.label}`, line {line}: `wasmcp.guest.{grant}` needs `grants = ["{grant}"]` in '
        f"`[tool.wasmcp.components.{source.name}]`"
        for module in modules.values()
        for grant in sorted(IMPORTED_GRANTS - source.grants)
        if (line := _line_of(module, grant)) is not None
    ]
    if "http" in source.grants:
        return warnings
    return warnings + [
        f'warning: `{module.label}`, line {line}: `{name}` needs `grants = ["http"]` in '
        f"`[tool.wasmcp.components.{source.name}]`"
        for module in modules.values()
        if not module.fetched
        for name, line in _http_libraries(module).items()
    ]


def _http_libraries(module: Module) -> dict[str, int]:
    """Return the HTTP libraries that a module imports, with the first line of each."""
    found: dict[str, int] = {}
    for statement in module.imports:
        top = statement.module.partition(".")[0]
        names = {statement.module, *(f"{statement.module}.{name}" for name in statement.names)}
        for name in sorted({top} & HTTP_LIBRARIES) + sorted(names & {"http.client", "urllib.request"}):
            found.setdefault(name, statement.line)
    return found


def _line_of(module: Module, name: str) -> int | None:
    """Return the first line in which a module imports a submodule of the guest library, or None."""
    wanted = f"wasmcp.guest.{name}"
    lines = (
        statement.line
        for statement in module.imports
        if f"{statement.module}.".startswith(f"{wanted}.")
        or (statement.module == "wasmcp.guest" and name in statement.names)
    )
    return next(lines, None)
