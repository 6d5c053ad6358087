"""Programs that compile and are no distribution of Python's: found, asked for their version, run.

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
_ASKING = 30.0


@dataclass(frozen=True)
class Program:
    """A program that a toolchain needs.

    Attributes:
        name: What it is called in the search path, such as ``node``.
        advice: What to do when it is missing or too old, as the end of a sentence: mostly one command.
        least: The oldest version that will do.
        override: The environment variable that names another file; empty for none.
        ask: The arguments that make it say its version.
    """

    name: str
    advice: str
    least: tuple[int, ...] = ()
    override: str = ""
    ask: tuple[str, ...] = ("--version",)

    def takes(self, version: str) -> bool:
        """Whether a version is new enough; one that is not known is none."""
        return not self.least or _numbers(version) >= self.least


@dataclass(frozen=True)
class Found:
    """A program of this machine.

    Attributes:
        path: The file.
        version: What it says of itself, numbers and dots; empty when it says none.
    """

    path: Path
    version: str


def find_program(program: Program, source: ComponentSource, language: str, *, beside: Path | None = None) -> Found:
    """Return a program that is there and new enough.

    Looked for under its environment variable, then in a folder that the caller knows, then in the search path.

    Args:
        program: What is needed.
        source: What it is to compile, for the message.
        language: The toolchain's name, for the message.
        beside: A folder that goes before the search path.

    Raises:
        MissingToolchainError: It is not there, does not start, or is too old.
    """

    def missing(problem: str) -> MissingToolchainError:
        message = f"component `{source.name}` (`{source.label}`) is built with `{program.name}`, {problem}"
        return MissingToolchainError(f"{message}: {program.advice}", source=source.label, toolchain=language)

    named = os.environ.get(program.override, "") if program.override else ""
    near = shutil.which(program.name, path=str(beside)) if beside is not None else None
    where = named or near or shutil.which(program.name)
    if where is None or not Path(where).exists():
        raise missing(f"and `{program.override}` names no file" if named else "which is not installed")
    try:
        version = version_of(where, program.ask)
    except (OSError, subprocess.SubprocessError) as error:
        raise missing(f"which does not start ({error})") from None
    if not program.takes(version):
        least = ".".join(map(str, program.least))
        raise missing(f"{least} or newer, and {version or 'one that says no version'} is installed")
    return Found(Path(where), version)


@functools.cache
def version_of(path: str, ask: Sequence[str] = ("--version",)) -> str:
    """Return the first version number that a program prints, the empty string when it prints none.

    Raises:
        OSError: It does not start.
        subprocess.SubprocessError: It does not end.
    """
    done = subprocess.run(
        [path, *ask],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_ASKING,
        check=False,
    )
    return version_in(done.stdout.decode("utf-8", "replace"))


def version_in(text: str) -> str:
    """Return the first version number in a text, the empty string when there is none."""
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
    """Run a compiler to its end; return its exit code and all that it said, in the order it was said.

    Args:
        command: The program and its arguments.
        source: What is compiled, for the message.
        language: The toolchain's name, for the message.
        folder: Where it runs.
        environment: What is added to the environment.
        timeout: Seconds after which it is given up.

    Raises:
        MissingToolchainError: The program does not start.
        ToolchainError: It does not end.
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
