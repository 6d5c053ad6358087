"""The workflow of `example-servers/tested`: its commands on a machine without anything but Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
import yaml
from support.tested_server import SOURCE

WORKFLOW = yaml.safe_load((SOURCE / ".github/workflows/ci.yml").read_text("utf-8"))


def steps() -> list[str]:
    (job,) = WORKFLOW["jobs"].values()
    return [step["run"] for step in job["steps"] if "run" in step]


def test_its_steps() -> None:
    (job,) = WORKFLOW["jobs"].values()
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert all(("uses" in step) != ("run" in step) for step in job["steps"])
    assert all("${{" not in run for run in steps())
    kept = {step["with"]["path"] for step in job["steps"] if "upload-artifact" in step.get("uses", "")}
    assert kept == {"reports/", "dist/"}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_its_commands_in_an_empty_environment(tmp_path: Path, with_our_wheel: dict[str, str]) -> None:
    ignored = shutil.ignore_patterns("_wasmcp", "dist", "__pycache__", ".*_cache")
    project = Path(shutil.copytree(SOURCE, tmp_path / "project", ignore=ignored))
    venv.create(tmp_path / "environment", with_pip=True)
    programs = tmp_path / "environment" / ("Scripts" if sys.platform == "win32" else "bin")
    kept = ("LANG", "SYSTEMROOT", "PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_CONFIG_FILE", "PIP_CERT", "SSL_CERT_FILE")
    environment = {name: value for name in kept if (value := with_our_wheel.get(name)) is not None}
    environment |= {
        "PATH": os.pathsep.join([str(programs), os.defpath]),
        "HOME": str(tmp_path / "home"),
        "WASMCP_CACHE_DIR": str(tmp_path / "cache"),
        "CI": "true",
    }
    for run in steps():
        done = subprocess.run(
            ["bash", "-e", "-c", run],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=800,
        )
        assert done.returncode == 0, f"{run}\n{done.stdout[-6000:]}{done.stderr[-3000:]}"
    assert sorted(path.suffix for path in (project / "dist").iterdir()) == [".gz", ".whl"]
    assert (project / "reports/junit.xml").is_file()
    assert not (tmp_path / "home").exists() or not any((tmp_path / "home").rglob("*.wasm"))
