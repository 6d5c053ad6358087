"""Running hatchling on throw-away projects, with this checkout as the installed wasmcp."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

Hatchling = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def python_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PYTHONPATH on which hatchling finds the hook, also where wasmcp is not installed."""
    try:
        importlib.metadata.distribution("wasmcp")
    except importlib.metadata.PackageNotFoundError:
        info = tmp_path_factory.mktemp("site") / "wasmcp-0.1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wasmcp\nVersion: 0.1.0\n")
        (info / "entry_points.txt").write_text("[hatch]\nwasmcp = hatch_wasmcp.hooks\n")
        folders = [str(info.parent), str(ROOT)]
    else:
        folders = [str(ROOT)]
    # What is there already comes first: that is how these tests run with another hatchling.
    return os.pathsep.join([*filter(None, [os.environ.get("PYTHONPATH")]), *folders])


@pytest.fixture
def hatchling(python_path: str) -> Hatchling:
    """Run `hatchling build ARGUMENTS` in a project; it must succeed unless `ok` is False."""

    def run(root: Path, *arguments: str, ok: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "hatchling", "build", *arguments],
            cwd=root,
            env={**os.environ, "PYTHONPATH": python_path, "NO_COLOR": "1", **env},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode == 0) is ok, done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def project(zig_project: Path, zig_server: Path, tmp_path: Path) -> Path:
    """A project of our own, without what was built; its component is in the cache."""
    copy = tmp_path / "zig-project"
    shutil.copytree(zig_project, copy, ignore=shutil.ignore_patterns("_wasmcp", "dist"))
    return copy
