"""Compilation of components in a child process.

wasmtime aborts the process on a component beyond one of its own limits ("memories count exceeds limit of 100"), or when
memory runs out; no `except` clause catches that. In a child process it can be reported as an error. The end of the
child also frees the memory that compilation takes, which is many times the size of the code.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from wasmcp.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Sequence

_INVALID = 3  # the exit code for a component that is not valid, with wasmtime's message on standard error
_CHILD = """\
import sys
sys.path[:] = sys.argv[2:]
from wasmcp.host.engine.compile_process import answer
answer(quick=sys.argv[1] == "quick")
"""


def compile_component(data: bytes, name: str, *, quick: bool = False) -> bytes:
    """Return the compiled form of a component, as `Component.deserialize` takes it.

    Args:
        data: The component.
        name: The component's name for messages.
        quick: See `wasmcp.host.engine.engine.engine`.

    Raises:
        ArtifactError: The component is invalid, or the compiler failed.
    """
    if not sys.executable or getattr(sys, "frozen", False):  # no interpreter can be started
        return bytes(_compile(data, name, quick=quick))
    command = [sys.executable, "-I", "-c", _CHILD, "quick" if quick else "well", *_path()]
    environment = {**os.environ, "RUST_BACKTRACE": "0"}
    try:
        done = subprocess.run(command, input=data, capture_output=True, check=False, env=environment)
    except OSError as error:
        raise ArtifactError(name, f"cannot be compiled: no process can be started: {error.strerror}") from None
    stderr = done.stderr.decode("utf-8", "replace")
    if done.returncode == 0:
        return done.stdout
    if done.returncode == _INVALID:
        raise ArtifactError(name, stderr)
    raise ArtifactError(name, f"cannot be compiled: {_reason(done.returncode, stderr.splitlines())}")


def answer(*, quick: bool) -> None:
    """Compile standard input to standard output: the main function of the child process."""
    try:
        code = _compile(sys.stdin.buffer.read(), "", quick=quick)
    except ArtifactError as error:
        sys.stderr.write(error.reason)
        sys.stderr.flush()
        os._exit(_INVALID)
    except KeyboardInterrupt:
        os._exit(130)
    view = memoryview(code)
    while view:
        view = view[os.write(1, view) :]
    os._exit(0)  # without clean-up, which is not needed


def _compile(data: bytes, name: str, *, quick: bool) -> bytearray:
    from wasmtime import WasmtimeError
    from wasmtime.component import Component

    from wasmcp.host.engine.engine import engine

    try:
        return Component(engine(quick=quick), data).serialize()
    except WasmtimeError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ArtifactError(name, f"is not a valid component: {lines[-1] if lines else 'unknown reason'}") from None


def _path() -> list[str]:
    """Return the module search path of this process, with the absolute path of the current directory."""
    return [entry or os.getcwd() for entry in sys.path]  # noqa: PTH109 - a string


def _reason(status: int, stderr: Sequence[str]) -> str:
    """Describe the failure of the child process."""
    panic = next((index for index, line in enumerate(stderr) if "panicked at" in line), None)
    if panic is not None and panic + 1 < len(stderr):
        return (
            f"wasmtime ended on it: {stderr[panic + 1].strip()}; a server of fewer components may stay below the limit"
            if "exceeds limit" in stderr[panic + 1]
            else f"wasmtime ended on it: {stderr[panic + 1].strip()}"
        )
    if status == -9:
        return "the compiler was killed; is there too little memory?"
    last = next((line.strip() for line in reversed(stderr) if line.strip()), "")
    ended = f"signal {-status}" if status < 0 else f"exit code {status}"
    return f"the compiler ended with {ended}{': ' + last if last else ''}"
