"""Crates of the tests, built with cargo alone, and the prerequisites of Rust components, which pip cannot install.

Crates are built without Python, outside of a project.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from wasmcp.package_data import guest_directory
from wasmcp.toolchains.rust import TARGET


def missing() -> str:
    """Return what this machine lacks for Rust; the empty string if nothing."""
    if not (shutil.which("cargo") and shutil.which("rustc")):
        return "SKIPPED LOUDLY: Rust (cargo, rustc) was not found on this machine"
    root = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, check=False).stdout.strip()
    there = (Path(root) / "lib" / "rustlib" / TARGET).is_dir()
    return "" if there else f"SKIPPED LOUDLY: Rust's target is not installed: `rustup target add {TARGET}`"


MISSING = missing()


_MANIFEST = """\
[package]
name = "{name}"
version = "0.0.0"
edition = "2021"

[lib]
crate-type = ["cdylib", "rlib"]

[dependencies]
wasmcp-guest = {{ path = "{guest}" }}
schemars = "1"
serde = {{ version = "1", features = ["derive"] }}
serde_json = "1"

[workspace]
"""


def guest_copy(folder: Path) -> Path:
    """Copy the guest crate as the wheel has it, so that cargo writes nothing into the checkout."""
    return Path(shutil.copytree(guest_directory("rust"), folder / "guest", ignore=shutil.ignore_patterns("target")))


def write_crate(folder: Path, guest: Path, source: str, name: str) -> Path:
    """Write a crate of one source that depends on the guest crate by path."""
    (folder / "src").mkdir(parents=True)
    (folder / "Cargo.toml").write_text(_MANIFEST.format(name=name, guest=guest), "utf-8")
    (folder / "src" / "lib.rs").write_text(source, "utf-8")
    return folder


def target_directory() -> Path:
    """Return the folder that the crates of all tests share, so that common crates are compiled once."""
    return Path(os.environ["WASMCP_CACHE_DIR"]).resolve() / "cargo-target"


def cargo(folder: Path, *arguments: str, **environment: str) -> str:
    """Run cargo in a folder and return its output, with `PATH` without Python's environment.

    Raises:
        AssertionError: It has failed.
    """
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("WASMCP_", "VIRTUAL_ENV"))}
    variables |= {"CARGO_TARGET_DIR": str(target_directory()), "CARGO_TERM_COLOR": "never"}
    # Faster builds, and less on disk: the results are not debugged.
    variables |= {"CARGO_INCREMENTAL": "0", "CARGO_PROFILE_DEV_DEBUG": "0", **environment}
    done = subprocess.run(
        ["cargo", *arguments], cwd=folder, env=variables, capture_output=True, text=True, timeout=1800, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
