from __future__ import annotations

import sys
from pathlib import Path

import pytest

from wasmcp.errors import MissingToolchainError, ToolchainError
from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.programs import Program, find_program, run_compiler, version_of

SOURCE = ComponentSource("shop", Path("/p/src/shop.x"), Path("/p"))


def program(folder: Path, text: str) -> Path:
    path = folder / "xc"
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_program_next_to_python_takes_precedence_over_the_search_path(tmp_path):
    path = program(tmp_path, "echo 'xc (X compiler) 1.20.3'")
    found = find_program(Program("xc", "install it", (1, 9)), SOURCE, "x", directory=tmp_path)
    assert (found.path, found.version) == (path, "1.20.3")


def test_environment_variable_takes_precedence(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    monkeypatch.setenv("WASMCP_XC", str(program(tmp_path / "a", "echo 2.0")))
    found = find_program(Program("xc", "install it", override="WASMCP_XC"), SOURCE, "x", directory=tmp_path)
    assert found.version == "2.0"
    monkeypatch.setenv("WASMCP_XC", str(tmp_path / "gone"))
    with pytest.raises(MissingToolchainError, match="but `WASMCP_XC` does not name a file: install it"):
        find_program(Program("xc", "install it", override="WASMCP_XC"), SOURCE, "x")


def test_missing_program(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolchainError) as caught:
        find_program(Program("xc", "`apt install xc`"), SOURCE, "x")
    message = "component `shop` (`src/shop.x`) is built with `xc`, which is not installed: `apt install xc`"
    assert str(caught.value) == message


def test_program_is_too_old(tmp_path):
    program(tmp_path, "echo v9.11")
    with pytest.raises(MissingToolchainError, match=r"`xc`, 20\.1 or newer, and 9\.11 is installed: get it"):
        find_program(Program("xc", "get it", (20, 1)), SOURCE, "x", directory=tmp_path)


def test_program_without_a_version(tmp_path):
    assert version_of(str(program(tmp_path, "echo hello"))) == ""
    with pytest.raises(MissingToolchainError, match="one without a version is installed"):
        find_program(Program("xc", "get it", (1,)), SOURCE, "x", directory=tmp_path)


def test_compiler_output_keeps_its_order(tmp_path):
    code = "import os, sys; print(os.environ['X']); sys.stdout.flush(); print('b', file=sys.stderr); sys.exit(3)"
    found = run_compiler([sys.executable, "-c", code], SOURCE, "x", folder=tmp_path, environment={"X": "a"})
    assert found == (3, "a\nb\n")


def test_compiler_timeout(tmp_path):
    with pytest.raises(ToolchainError, match=r"`src/shop\.x`: `python.*` did not end within 0 s"):
        run_compiler([sys.executable, "-c", "import time; time.sleep(60)"], SOURCE, "x", folder=tmp_path, timeout=0.1)


def test_a_compiler_that_does_not_start(tmp_path):
    with pytest.raises(MissingToolchainError, match="`gone` does not start"):
        run_compiler([tmp_path / "gone"], SOURCE, "x", folder=tmp_path)
