"""Prerequisites of Rust components, which pip cannot install."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from wasmcp.toolchains.rust import TARGET


def missing() -> str:
    """Return what this machine lacks for Rust; the empty string if nothing."""
    if not (shutil.which("cargo") and shutil.which("rustc")):
        return "SKIPPED LOUDLY: Rust (cargo, rustc) was not found on this machine"
    root = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, check=False).stdout.strip()
    there = (Path(root) / "lib" / "rustlib" / TARGET).is_dir()
    return "" if there else f"SKIPPED LOUDLY: Rust's target is not installed: `rustup target add {TARGET}`"


MISSING = missing()
