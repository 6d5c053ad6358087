"""Imports that a cheap operation must not cause: packages import their public names when they are used (PEP 562)."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

import pytest

COMPOSER = ("wasmcp.compose.composition", "wasmcp.compose.component_reader", "wasmcp.component")


def imported_by(module: str) -> set[str]:
    """Return the modules of wasmcp that importing one of them in a new interpreter imports."""
    return {name for name in modules_of(module) if name.partition(".")[0] == "wasmcp"}


def modules_of(module: str) -> set[str]:
    """Return all modules of a new interpreter that has imported one of wasmcp. Coverage is not measured: it imports."""
    code = f"import sys, {module}; print(*sys.modules)"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return set(result.stdout.split())


def test_reading_a_configuration_does_not_import_the_composer() -> None:
    found = imported_by("wasmcp.project.config")
    assert not [name for name in found if name.startswith(COMPOSER)]
    assert len(found) <= 35


def test_reading_a_configuration_does_not_import_what_builds_need() -> None:
    assert not {"hashlib", "lzma", "shutil", "tempfile"} & modules_of("wasmcp.project.config")


def test_names_of_interfaces_import_nothing_else() -> None:
    found = imported_by("wasmcp.compose.interfaces")
    assert {name for name in found if not name.startswith("wasmcp.errors")} == {
        "wasmcp",
        "wasmcp.compose",
        "wasmcp.compose.interfaces",
    }


@pytest.mark.parametrize("package", ["wasmcp.compose", "wasmcp.host", "wasmcp.project"])
def test_public_names_are_found_where_they_are_defined(package: str) -> None:
    module = importlib.import_module(package)
    assert sorted(module._HOMES) == sorted(module.__all__)
    assert all(getattr(module, name) is not None for name in module.__all__)
    with pytest.raises(AttributeError, match=f"`{package}` has no attribute `nothing`"):
        _ = module.nothing
