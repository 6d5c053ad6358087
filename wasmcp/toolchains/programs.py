"""External compilers that are not Python distributions: find them, read their version, run them.

Standard library only, as `wasmcp.toolchains.base`.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wasmcp.errors import MissingToolchainError, ToolchainError
from wasmcp.toolchains.base import ComponentSource

_VERSION = re.compile(r"\d+(?:\.\d+)+")
_VERSION_TIMEOUT = 30.0


@dataclass(frozen=True)
class Program:
    """Program that a toolchain needs.

    Attributes:
        name: The command in `PATH`, such as ``node``.
        advice: Instruction to install or update it, as the end of a sentence; usually one command.
        least: The minimum version.
        override: The environment variable with the path of another executable; may be empty.
        version_arguments: The arguments that print its version.
    """

    name: str
    advice: str
    least: tuple[int, ...] = ()
    override: str = ""
    version_arguments: tuple[str, ...] = ("--version",)

    def takes(self, version: str) -> bool:
        """Return whether a version is new enough; the empty string is not, if a minimum is required."""
        return not self.least or _numbers(version) >= self.least


@dataclass(frozen=True)
class Found:
    """Program that was found on this machine.

    Attributes:
        path: The file.
        version: Its version number, digits and dots; empty if unknown.
    """

    path: Path
    version: str


def find_program(program: Program, source: ComponentSource, language: str, *, directory: Path | None = None) -> Found:
    """Find a program that is new enough.

    Searched: its environment variable, then `directory`, then `PATH`.

    Args:
        program: The required program.
        source: The source to compile, for the message.
        language: The toolchain's name, for the message.
        directory: A folder searched before `PATH`.

    Raises:
        MissingToolchainError: It was not found, does not start, or is too old.
    """

    def missing(problem: str) -> MissingToolchainError:
        message = f"component `{source.name}` (`{source.label}`) is built with `{program.name}`, {problem}"
        return MissingToolchainError(f"{message}: {program.advice}", source=source.label, toolchain=language)

    named = os.environ.get(program.override, "") if program.override else ""
    near = shutil.which(program.name, path=str(directory)) if directory is not None else None
    where = named or near or shutil.which(program.name)
    if where is None or not Path(where).exists():
        raise missing(f"but `{program.override}` does not name a file" if named else "which is not installed")
    try:
        version = version_of(where, program.version_arguments)
    except (OSError, subprocess.SubprocessError) as error:
        raise missing(f"which does not start ({error})") from None
    if not program.takes(version):
        least = ".".join(map(str, program.least))
        raise missing(f"{least} or newer, and {version or 'one without a version'} is installed")
    return Found(Path(where), version)


@functools.cache
def version_of(path: str, arguments: Sequence[str] = ("--version",)) -> str:
    """Return the first version number that a program prints, or the empty string.

    Raises:
        OSError: The program does not start.
        subprocess.SubprocessError: The program does not end in time.
    """
    done = subprocess.run(
        [path, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_VERSION_TIMEOUT,
        check=False,
    )
    return version_in(done.stdout.decode("utf-8", "replace"))


def version_in(text: str) -> str:
    """Return the first version number in a text, or the empty string."""
    match = _VERSION.search(text)
    return match[0] if match else ""


def run_compiler(
    command: Sequence[str | Path],
    source: ComponentSource,
    language: str,
    *,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    timeout: float = 600.0,
) -> tuple[int, str]:
    """Run a compiler; return its exit code and its combined output, stdout and stderr in order.

    Args:
        command: The program and its arguments.
        source: The source, for the message.
        language: The toolchain's name, for the message.
        folder: The working directory.
        environment: Variables added to the environment.
        timeout: Seconds until it is killed.

    Raises:
        MissingToolchainError: The program does not start.
        ToolchainError: The program does not end within `timeout`.
    """
    program = Path(command[0]).name
    try:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        message = f"`{source.label}`: `{program}` did not end within {timeout:.0f} s"
        raise ToolchainError(message, source=source.label, toolchain=language) from None
    except OSError as error:
        message = f"`{source.label}`: `{program}` does not start: {error.strerror or error}"
        raise MissingToolchainError(message, source=source.label, toolchain=language) from None
    return done.returncode, done.stdout.decode("utf-8", "replace")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part)
