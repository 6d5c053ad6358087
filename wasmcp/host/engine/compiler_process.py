"""Child processes that compile: one for each compilation, and one that fills the compile cache.

wasmtime aborts the process on a component beyond one of its own limits ("memories count exceeds limit of 100"), or when
memory runs out; no `except` clause catches that. In a child process it can be reported as an error. The end of the
child also frees the memory that compilation takes, which is many times the size of the code.

A server that is compiled better in the background can end before the compilation does. So the process that fills the
cache for it is a session of its own, which signals of the terminal do not reach, and ends by itself.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from wasmcp.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Sequence

_INVALID = 3  # the exit code for a component that is not valid, with wasmtime's message on standard error
_CHILD = """\
import sys
sys.path[:] = sys.argv[2:]
from wasmcp.host.engine.compiler_process import answer
words = sys.argv[1].split()
answer(**{word: word in words for word in ("quick", "fuel", "background", "is_module")})
"""


_FILL = """\
import sys
sys.path[:] = sys.argv[3:]
from wasmcp.host.engine.compile_cache import fill
fill(sys.argv[1], fuel=bool(sys.argv[2]))
"""


def compile_component(
    data: bytes,
    name: str,
    *,
    quick: bool = False,
    fuel: bool = False,
    background: bool = False,
    is_module: bool = False,
) -> bytes:
    """Return the compiled form of a component, as `Component.deserialize` takes it.

    Args:
        data: The component.
        name: The component's name for messages.
        quick: See `wasmcp.host.engine.engine.engine`.
        fuel: See there.
        background: Compile with a low priority.
        is_module: The data is a core module, compiled for `Module.deserialize`.

    Raises:
        ArtifactError: The component is invalid, or the compiler failed.
    """
    import subprocess  # lazy: a server whose compiled form is in the cache does not need it to start

    if not can_start():
        return bytes(_compile(data, name, quick=quick, fuel=fuel, is_module=is_module))
    words = {"quick": quick, "fuel": fuel, "background": background, "is_module": is_module}
    command = [
        sys.executable,
        "-I",
        "-c",
        _CHILD,
        " ".join(word for word, given in words.items() if given),
        *_path(),
    ]
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


def can_start() -> bool:
    """Return True if an interpreter can be started."""
    return bool(sys.executable) and not getattr(sys, "frozen", False)


def fill_cache(path: str | os.PathLike[str], *, fuel: bool) -> None:
    """Compile a component into the cache, in a process that continues with a low priority when this one ends.

    Wait for its end. Its errors are not reported: the cache does not have the component then.

    Args:
        path: The component.
        fuel: See `wasmcp.host.engine.engine.engine`.
    """
    import subprocess

    command = [sys.executable, "-I", "-c", _FILL, os.path.abspath(path), "fuel" if fuel else "", *_path()]  # noqa: PTH100 - a string
    with suppress(OSError):
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            start_new_session=True,
        )


def answer(*, quick: bool, fuel: bool, background: bool, is_module: bool) -> None:
    """Compile standard input to standard output: the main function of the child process."""
    if background and hasattr(os, "nice"):
        os.nice(10)
    try:
        code = _compile(sys.stdin.buffer.read(), "", quick=quick, fuel=fuel, is_module=is_module)
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


def _compile(data: bytes, name: str, *, quick: bool, fuel: bool, is_module: bool) -> bytearray:
    from wasmtime import Module, WasmtimeError
    from wasmtime.component import Component

    from wasmcp.host.engine.engine import engine

    try:
        kind = Module if is_module else Component
        return kind(engine(quick=quick, fuel=fuel), data).serialize()
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
