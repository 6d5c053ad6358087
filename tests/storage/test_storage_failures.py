"""Failures of the file system: one message that names the file and a remedy, at every entry point."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.projects import ZIG_PROJECT, write_project

from wasmcp.cli.group import commands
from wasmcp.errors import StorageError
from wasmcp.project import ensure_built
from wasmcp.storage import file_failures, storage_error


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project", ZIG_PROJECT)


@pytest.fixture
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache directory that cannot be made, as below a home that cannot be written to."""
    (tmp_path / "home").write_text("a file")
    cache = tmp_path / "home" / "cache"
    monkeypatch.setenv("WASMCP_CACHE_DIR", str(cache))
    return cache


def test_unwritable_cache(project: Path, no_cache: Path) -> None:
    with pytest.raises(StorageError) as caught:
        ensure_built(project)
    assert caught.value.reason == "Not a directory"
    assert Path(caught.value.path).is_relative_to(no_cache)
    assert str(caught.value).endswith("; set `WASMCP_CACHE_DIR` to a directory that can be written to")
    assert not (project / "src/zig_project/_wasmcp").exists()


def test_unwritable_project(project: Path) -> None:
    output = project / "src/zig_project/_wasmcp"
    output.write_text("a file")
    with pytest.raises(StorageError, match="_wasmcp`: File exists; move the existing file away"):
        ensure_built(project)
    assert output.read_text() == "a file"


@pytest.mark.usefixtures("no_cache")
def test_commands_print_a_message_without_a_traceback(project: Path) -> None:
    done = CliRunner().invoke(commands, ["build", "--project", str(project)])
    assert done.exit_code == 1
    assert done.output.startswith("Error: `")
    assert "set `WASMCP_CACHE_DIR`" in done.output


@pytest.mark.usefixtures("no_cache")
@pytest.mark.parametrize("command", ["hatchling build -t wheel", "pytest -q -p no:cacheprovider"])
def test_build_and_tests_print_a_message_without_a_traceback(project: Path, command: str) -> None:
    write_project(project, {"tests/test_it.py": "def test_it(wasmcp_server): pass\n"})
    done = subprocess.run(
        [sys.executable, "-m", *command.split()], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert "set `WASMCP_CACHE_DIR` to a directory that can be written to" in said
    assert "Traceback" not in said
    assert "pathlib" not in said


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.EROFS, "its file system is read-only: use a copy of the project that can be written to"),
        (errno.EACCES, "change its permissions, or use a copy of the project that can be written to"),
        (errno.ENOSPC, "free some space, or `wasmcp cache prune`"),
        (errno.EMFILE, "raise the limit of open files"),
    ],
)
def test_remedy_depends_on_the_reason(code: int, remedy: str) -> None:
    found = storage_error(OSError(code, os.strerror(code), "/project/x"))
    assert found is not None
    assert str(found).startswith(f"`/project/x`: {os.strerror(code)}; {remedy}")


def test_other_errors_of_the_system_pass_unchanged() -> None:
    for error in (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), BrokenPipeError(errno.EPIPE, "gone")):
        with pytest.raises(type(error)), file_failures():
            raise error
