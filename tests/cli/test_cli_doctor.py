from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.projects import ZIG_PROJECT, write_project
from support.server_processes import WASMCP

from wasmcp.cli.group import commands


def run(*arguments: object) -> Result:
    return CliRunner().invoke(commands, ["doctor", "--offline", *(str(argument) for argument in arguments)])


def test_report_without_problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run()
    assert done.exit_code == 0, done.output
    assert done.output.startswith("wasmcp:\n  ✓ wasmcp: ")
    assert done.output.endswith("\nno problem\n")
    assert "project:" not in done.output


def test_report_of_a_project(tmp_path: Path) -> None:
    root = write_project(tmp_path, ZIG_PROJECT)
    done = run("--project", root)
    assert "○ server default: not built, or older than its sources\n      `wasmcp build`\n" in done.output
    (root / "pyproject.toml").write_text("[tool.wasmcp]\nnonsense = 1\n")
    broken = run("--project", root)
    assert broken.exit_code == 1
    assert "✗ configuration: " in broken.output
    assert "problem" in broken.output.splitlines()[-1]


def test_json_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WASMCP_ZIG", "/no/such/program")
    done = run("--json")
    found = json.loads(done.output)
    assert (done.exit_code, found["problems"]) == (1, 1)
    (zig,) = [one for one in found["findings"] if one["status"] == "problem"]
    assert zig["name"] == "zig: ziglang"
    assert zig["advice"] == "correct `WASMCP_ZIG`, or unset it"


def test_terminal_without_unicode(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [*WASMCP, "doctor", "--offline"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.startswith("wasmcp:\n  ok wasmcp: ")) == (0, True), done.stderr
