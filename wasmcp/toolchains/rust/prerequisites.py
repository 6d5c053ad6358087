"""Diagnosis of the Rust installation of a machine, without a source: for `wasmcp doctor`."""

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
    """Prerequisite of Rust components.

    Attributes:
        name: Its name.
        found: Its version, or the problem.
        advice: Instruction to fix the problem; empty without one.
    """

    name: str
    found: str
    advice: str = ""


def needs() -> Iterator[Need]:
    """Check the compiler, then its target."""
    cargo = os.environ.get(CARGO.override) or shutil.which("cargo")
    output = _output(cargo, *CARGO.version_arguments)
    if output is None:
        yield Need("cargo", f"`{cargo}` does not start" if cargo else "not installed", CARGO.advice)
        return
    number = version_in(output)
    if not CARGO.takes(number):
        least = ".".join(map(str, CARGO.least))
        yield Need("cargo", f"{number or 'one without a version'} is installed, {least} is needed", CARGO.advice)
        return
    yield Need("cargo", number)
    root = _output(os.environ.get("RUSTC") or shutil.which("rustc"), "--print", "sysroot")
    if root is not None and holds_target(root):
        yield Need(TARGET, "installed")
    else:
        yield Need(TARGET, "not installed", f"`rustup target add {TARGET}`")


def _output(program: str | None, *arguments: str) -> str | None:
    """Return the output of a program; None if it is not installed or fails."""
    if program is None:
        return None
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
