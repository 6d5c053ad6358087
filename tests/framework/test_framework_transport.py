"""The transport's Zig tests, compiled for this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FRAMEWORK = Path(__file__).parent.parent.parent / "framework"


def test_zig(tmp_path: Path) -> None:
    zig = [sys.executable, "-m", "ziglang", "test", "--cache-dir", str(tmp_path)]
    uris = Path("..") / "guests" / "zig" / "uris.zig"
    dependencies = ["--dep", "lib", "--dep", "uris"]
    modules = [*dependencies, "-Mroot=transport/protocol.zig", "-Mlib=lib/lib.zig", f"-Muris={uris}"]
    done = subprocess.run([*zig, *modules], cwd=FRAMEWORK, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "tests passed" in done.stderr
