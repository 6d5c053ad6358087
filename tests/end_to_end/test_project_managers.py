"""A new project under uv and hatch: they install the test dependencies from its `pyproject.toml`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from wasmcp.project.scaffold import new_project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SEARCH = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


@pytest.mark.parametrize("command", ["uv run pytest -q", "hatch test"])
def test_a_new_project_is_tested(command: str, tmp_path: Path, with_our_wheel: dict[str, str]) -> None:
    program, *arguments = command.split()
    found = shutil.which(program, path=SEARCH)
    if found is None or shutil.which("uv", path=SEARCH) is None:
        pytest.skip(f"`{program}` is not installed: it is among the requirements of `wasmcp[dev]`")
    root = new_project("my-server", "zig", output=tmp_path).root
    environment = {
        **with_our_wheel,
        "PATH": SEARCH,
        "UV_FIND_LINKS": ",".join(with_our_wheel["PIP_FIND_LINKS"].split()),
        "UV_PYTHON": sys.executable,
        "HATCH_DATA_DIR": str(tmp_path / "hatch"),
        "VIRTUAL_ENV": "",
    }
    done = subprocess.run(
        [found, *arguments], cwd=root, env=environment, capture_output=True, text=True, timeout=800, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout
    assert (root / "src/my_server/_wasmcp/default.wasm").is_file()
