"""Servers named on the command line: files, packages, URLs and commands, and the transports to them."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from wasmcp.errors import ArtifactError, ConnectionFailedError
from wasmcp.terminal import without_password

if TYPE_CHECKING:
    from wasmcp.client.transport import Transport

_MARGIN = 5.0  # seconds: the client reports the time limit before the transport does


@dataclass(frozen=True)
class Target:
    """Server to connect to: a URL, or a command.

    Attributes:
        shown: The server, as the user named it, without passwords.
        url: The URL of its endpoint; the empty string for a command.
        command: The program and its arguments.
        environment: Variables for the program in addition to those of this process.
        fields: Header fields of requests to the URL.
        is_composed: True if the program runs a server that wasmcp has composed.
    """

    shown: str
    url: str = ""
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    is_composed: bool = False

    def open(self, timeout: float, on_stderr: Callable[[str], None] | None = None) -> Transport:
        """Return the transport to the server.

        Args:
            timeout: Maximum number of seconds without data over HTTP.
            on_stderr: Called with each line of the standard error of a command, on another thread.

        Raises:
            ConnectionFailedError: The command cannot be started.
        """
        if self.url:
            from wasmcp.client.http import HttpTransport

            return HttpTransport(self.url, self.fields, timeout + _MARGIN)
        from wasmcp.client.transport import StdioTransport

        return StdioTransport(self.shown, self.command, self.environment, on_stderr=on_stderr)


def is_url(text: str) -> bool:
    """Return True for a URL of HTTP."""
    return text.lower().startswith(("http://", "https://"))


def of_url(text: str, fields: Mapping[str, str]) -> Target:
    """Return the target of a URL. Without a path it is that of `wasmcp serve`, `/mcp`.

    Raises:
        ConnectionFailedError: The URL is not valid, or contains a password.
    """
    shown = without_password(text)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ConnectionFailedError(shown, f"is not a valid URL: {error}") from None
    if not parts.hostname or port == 0 or not text.isprintable() or " " in text:
        raise ConnectionFailedError(shown, "is not a valid URL")
    if parts.username is not None or parts.password is not None:
        raise ConnectionFailedError(shown, "contains a user name or a password: give `--header` or `--token`")
    whole = urlunsplit((parts.scheme.lower(), parts.netloc, parts.path or "/mcp", parts.query, ""))
    return Target(whole, url=whole, fields=dict(fields))


def of_command(command: Sequence[str], environment: Mapping[str, str]) -> Target:
    """Return the target of a command that runs an MCP server over stdio."""
    return Target(command[0], command=tuple(command), environment=dict(environment))


def of_name(text: str, options: Sequence[str], environment: Mapping[str, str]) -> Target:
    """Return the target of a file, an import package, a distribution or a console script.

    Args:
        text: The name.
        options: Options of `wasmcp run`, for a server of ours.
        environment: Variables of the server: options of `wasmcp run` for ours, else of the process.

    Raises:
        ConnectionFailedError: The name is none of these, or has several servers.
    """
    from wasmcp.host.transports.stdio_server import find_servers

    if _is_program(Path(text)) and os.sep in text:
        return of_command([text], environment)
    ours = ArtifactError(text, "")
    try:
        find_servers(text)
    except ArtifactError as error:
        ours = error
    else:
        return _ours(text, text, options, environment)
    if text.endswith(".wasm") or os.sep in text:
        raise ConnectionFailedError(text, ours.reason)
    distribution = _distribution(text)
    if distribution is not None:
        for package in _packages(distribution):
            try:
                find_servers(package)
            except ArtifactError:
                continue
            return _ours(text, package, options, environment)
        script = _script(text, distribution)
        return Target(text, command=(script,), environment=dict(environment))
    program = _program(text)
    if program is not None:
        return Target(text, command=(program,), environment=dict(environment))
    reason = "is neither a file, an installed package, a URL nor a command; a command with arguments follows `--`"
    raise ConnectionFailedError(text, reason)


def _is_program(path: Path) -> bool:
    """Return True if a file can be executed, and is not WebAssembly."""
    try:
        with path.open("rb") as file:
            return os.access(path, os.X_OK) and file.read(4) != b"\0asm"
    except OSError:
        return False


def _ours(shown: str, server: str, options: Sequence[str], environment: Mapping[str, str]) -> Target:
    variables = [part for name in environment for part in ("--env", name)]  # values are not shown in lists of processes
    command = (sys.executable, "-m", "wasmcp", "run", server, *options, *variables)
    return Target(shown, command=command, environment=dict(environment), is_composed=True)


def _distribution(name: str) -> metadata.Distribution | None:
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", name):
        return None
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None


def _packages(distribution: metadata.Distribution) -> list[str]:
    """Return the import packages of a distribution, which can be an editable one."""
    name = distribution.metadata["Name"]
    mapped = [package for package, owners in metadata.packages_distributions().items() if name in owners]
    guessed = re.sub(r"[-.]+", "_", name).lower()
    return list(dict.fromkeys([*mapped, guessed]))


def _script(text: str, distribution: metadata.Distribution) -> str:
    """Return the path of the console script of a distribution: the only one, or that of the same name."""
    names = [one.name for one in distribution.entry_points if one.group == "console_scripts"]
    alike = [name for name in names if _normalized(name) == _normalized(text)]
    chosen = alike[:1] or names
    if len(chosen) != 1:
        listed = ", ".join(f"`{name}`" for name in names)
        reason = f"has the console scripts {listed}: name one of them" if names else "has no server, no console script"
        raise ConnectionFailedError(text, reason)
    program = _program(chosen[0])
    if program is None:
        raise ConnectionFailedError(text, f"has the console script `{chosen[0]}`, which is not in the path")
    return program


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _program(name: str) -> str | None:
    """Return the path of a program: of this environment, or of the user's path."""
    scripts = str(Path(sys.executable).parent)
    return shutil.which(name, path=scripts) or shutil.which(name)
