"""Components in Python from the same sources have the same bytes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.python.staging import snapshot_module
from wasmcp.toolchains.python.toolchain import PythonToolchain, modules_of

TOOLS = """\
import logging
import random

import words
from wasmcp.guest import tool

GENERATOR = random.Random()
NAMES = {"ada", "grace", "barbara", "frances"}
LOG = logging.getLogger(__name__)


@tool
def greet(name: str) -> str:
    return f"{words.HELLO}, {name}"
"""


def component(root: Path, folder: Path) -> bytes:
    """Build the component of a project, with a folder for temporary files."""
    folder.mkdir(parents=True)
    source = ComponentSource(name="tools", path=root / "tools_.py", root=root)
    output = folder / "tools.wasm"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        patch.setattr("tempfile.tempdir", str(folder))
        PythonToolchain().build(source, output, cache=folder / "cache", progress=lambda _: None)
    return output.read_bytes()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "tools_.py").write_text(TOOLS)
    (root / "words.py").write_text('HELLO = "Hello"\n')
    return root


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_builds_in_other_folders_and_file_systems_have_the_same_bytes(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = component(project, tmp_path / "first")
    other = Path(shutil.copytree(project, tmp_path / "another" / "place"))
    for path in other.iterdir():
        os.utime(path, (1_000_000_000, 1_000_000_000))
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    memory = Path("/dev/shm")  # noqa: S108 - another file system, with another order of the names in a folder
    folder = memory / f"wasmcp-{os.getpid()}" if os.access(memory, os.W_OK) else tmp_path / "second"
    try:
        assert component(other, folder) == first
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_hash_seed_follows_from_the_sources(project: Path) -> None:
    source = ComponentSource(name="tools", path=project / "tools_.py", root=project)
    first = snapshot_module("tools", modules_of(source))
    assert snapshot_module("tools", modules_of(source)) == first
    assert snapshot_module("others", modules_of(source)) != first
    (project / "words.py").write_text('HELLO = "Hi"\n')
    assert snapshot_module("tools", modules_of(source)) != first
