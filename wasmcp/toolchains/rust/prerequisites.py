"""What Rust needs of a machine, and what a machine has of it: for those who ask before there is a source."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from wasmcp.toolchains.programs import version_in
from wasmcp.toolchains.rust.toolchain import CARGO, TARGET, holds_target


@dataclass(frozen=True)
class Need:
    """One thing that Rust needs.

    Attributes:
        name: What it is.
        found: Its version, or what is wrong.
        advice: What to do; the empty string when all is right.
    """

    name: str
    found: str
    advice: str = ""


def needs() -> Iterator[Need]:
    """Look at the compiler, then at its target."""
    cargo = os.environ.get(CARGO.override) or shutil.which("cargo")
    said = _said(cargo, *CARGO.ask)
    if said is None:
        yield Need("cargo", f"`{cargo}` does not start" if cargo else "not installed", CARGO.advice)
        return
    number = version_in(said)
    if not CARGO.takes(number):
        least = ".".join(map(str, CARGO.least))
        yield Need("cargo", f"{number or 'one that says no version'} is installed, {least} is needed", CARGO.advice)
        return
    yield Need("cargo", number)
    root = _said(os.environ.get("RUSTC") or shutil.which("rustc"), "--print", "sysroot")
    if root is not None and holds_target(root):
        yield Need(TARGET, "installed")
    else:
        yield Need(TARGET, "not installed", f"`rustup target add {TARGET}`")


def _said(program: str | None, *arguments: str) -> str | None:
    """Return what a program prints; None when it is not there or fails."""
    if program is None:
        return None
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
