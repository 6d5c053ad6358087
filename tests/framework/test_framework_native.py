"""The framework's Zig tests: pure logic, compiled for this machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from wasmcp.bindgen import protocol_table
from wasmcp.toolchains.zig import zig

FRAMEWORK = Path(__file__).parents[2] / "framework"
URIS = FRAMEWORK.parent / "guests" / "zig" / "uris.zig"


@pytest.mark.parametrize(
    "root",
    [
        "lib/lib.zig",
        "server-io/envelope.zig",
        "server-io/revision.zig",
        "server-io/Changes.zig",
        "server-io/capabilities.zig",
        "server-io/client_results.zig",
        "transport/protocol.zig",
        "lib/Target.zig",
        "guards/fs-guard/paths.zig",
    ],
)
def test_zig(root: str, tmp_path: Path) -> None:
    # Kept between runs: compiling takes most of the time.
    cache = Path(os.environ["WASMCP_CACHE_DIR"]) / "zig-test"
    table = tmp_path / "protocol_table.zig"
    table.write_text(protocol_table.zig())
    names = ["lib", "uris", "protocol_table", "json_scan"]
    needs = [part for name in names for part in ("--dep", name)]
    modules = [*needs, f"-Mlib={FRAMEWORK / 'lib' / 'lib.zig'}", f"-Muris={URIS}", f"-Mprotocol_table={table}"]
    modules.append(f"-Mjson_scan={URIS.parent / 'json_scan.zig'}")
    command = [*zig(), "test", *needs, f"-Mroot={FRAMEWORK / root}", *modules, "--cache-dir", str(cache)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"})
    assert done.returncode == 0, done.stderr
    # `zig test` of a file without tests also succeeds.
    assert " passed" in done.stderr
