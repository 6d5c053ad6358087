"""Warning of a server that is older than its sources."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from support.projects import ZIG_PROJECT, write_project
from support.server_processes import WASMCP

from wasmcp.host.configuration.staleness import changed_sources
from wasmcp.project import ensure_built


@pytest.fixture
def project(tmp_path: Path, zig_server: Path) -> Path:
    """A built copy of the Zig project; its component is in the cache."""
    root = write_project(tmp_path / "project", ZIG_PROJECT)
    ensure_built(root)
    return root


def server_of(project: Path) -> Path:
    return project / "src" / "zig_project" / "_wasmcp" / "default.wasm"


def run(project: Path) -> str:
    """Start the package like its console script, and return standard error."""
    environment = {**os.environ, "PYTHONPATH": str(project / "src")}
    done = subprocess.run([*WASMCP, "run", "zig_project"], input=b"", capture_output=True, env=environment, check=True)
    return done.stderr.decode()


def test_changed_source_is_named_until_the_next_build(project: Path) -> None:
    assert changed_sources(server_of(project)) == []
    assert "warning" not in run(project)
    source = project / "zig" / "calc.zig"
    time.sleep(0.02)
    source.write_text(source.read_text().replace("Add two numbers.", "Add numbers."))
    assert changed_sources(server_of(project)) == ["zig/calc.zig"]
    assert "wasmcp: warning: `zig/calc.zig` changed after the server was built: run `wasmcp build`" in run(project)
    source.write_text(source.read_text().replace("Add numbers.", "Add two numbers."))
    assert changed_sources(server_of(project)) == []
    source.unlink()
    assert changed_sources(server_of(project)) == ["zig/calc.zig"]


def test_server_outside_a_project_has_no_sources(project: Path, tmp_path: Path) -> None:
    (project / "zig" / "calc.zig").unlink()
    (project / "pyproject.toml").unlink()
    assert changed_sources(server_of(project)) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"servers": {"default": {"components": [[]]}}}'])
def test_malformed_manifest_has_no_sources(project: Path, text: str) -> None:
    server_of(project).with_name("manifest.json").write_text(text)
    assert changed_sources(server_of(project)) == []
