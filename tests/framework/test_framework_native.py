"""The framework's Zig tests: pure logic, compiled for this machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from wasmcp.toolchains.zig import zig

FRAMEWORK = Path(__file__).parents[2] / "framework"
URIS = FRAMEWORK.parent / "guests" / "zig" / "uris.zig"
LIB = ["--dep", "lib", "--dep", "uris"], [f"-Mlib={FRAMEWORK / 'lib' / 'lib.zig'}", f"-Muris={URIS}"]


@pytest.mark.parametrize(
    "root",
    [
        "lib/lib.zig",
        "server-io/envelope.zig",
        "server-io/revision.zig",
        "server-io/Changes.zig",
        "server-io/capabilities.zig",
        "catalogue/Index.zig",
    ],
)
def test_zig(root: str) -> None:
    # Kept between runs: compiling takes most of the time.
    cache = Path(os.environ["WASMCP_CACHE_DIR"]) / "zig-test"
    before, after = LIB if not root.startswith("lib/") else ([], [])
    command = [*zig(), "test", *before, f"-Mroot={FRAMEWORK / root}", *after, "--cache-dir", str(cache)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"})
    assert done.returncode == 0, done.stderr
    # `zig test` of a file without tests also succeeds.
    assert " passed" in done.stderr
