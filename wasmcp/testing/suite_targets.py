"""Servers that the suite without code tests: files, URLs and commands, over all of their transports."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

from wasmcp.client.connection import Callbacks, Client
from wasmcp.client.http import opener_to
from wasmcp.client.targets import Target, is_url, of_command, of_url
from wasmcp.errors import ConnectionFailedError

STDIO, HTTP = "stdio", "http"
_START = 20.0  # seconds for the first response
_TIMEOUT = 30.0  # seconds for a request
_SERVED = 60.0  # seconds until `wasmcp serve` answers


@dataclass
class SuiteTarget:
    """Server under test.

    Attributes:
        shown: The server, as the user named it, without passwords.
        path: The file of a composed server; None for a URL or a command.
        transports: `stdio` and `http`, as far as the server can be reached over them.
        canary: A text that the process of a command or file gets in its environment; responses must not have it.
    """

    shown: str
    path: Path | None
    transports: tuple[str, ...]
    canary: str
    _targets: dict[str, Target]
    _served: _Served | None = field(default=None)
    _failure: ConnectionFailedError | None = field(default=None)

    @classmethod
    def of(cls, text: str, *, base: Path, token: str | None = None) -> SuiteTarget:
        """Return the server that a user named: a `.wasm` file, a URL, or a command with its arguments.

        Args:
            text: The name.
            base: The directory of a relative file.
            token: A bearer token for a URL.

        Raises:
            ConnectionFailedError: The text is none of these.
        """
        canary = f"canary-{os.urandom(8).hex()}"
        environment = {"MCP_SUITE_CANARY": canary}
        if is_url(text):
            fields = {} if token is None else {"Authorization": f"Bearer {token}"}
            target = of_url(text, fields)
            return cls(target.shown, None, (HTTP,), canary, {HTTP: target})
        if text.endswith(".wasm"):
            path = base / text
            if not path.is_file():
                raise ConnectionFailedError(text, "is not a file")
            run = of_command([sys.executable, "-m", "wasmcp", "run", str(path)], environment)
            return cls(text, path, (STDIO, HTTP), canary, {STDIO: run})
        try:
            command = shlex.split(text)
        except ValueError as error:
            raise ConnectionFailedError(text, f"is not a command: {error}") from None
        if not command:
            raise ConnectionFailedError(text, "is empty: give a .wasm file, a URL, or a command with its arguments")
        return cls(text, None, (STDIO,), canary, {STDIO: of_command(command, environment)})

    def connect(self, transport: str, revision: str | None = None) -> Client:
        """Connect with a revision, or with the latest that both know.

        Raises:
            ConnectionFailedError: The server cannot be reached, or does not have the revision.
            RequestError: The server refuses the connection.
        """
        opened = self.target(transport).open(_TIMEOUT)
        return Client(self.shown, opened, Callbacks(), timeout=_TIMEOUT, start_timeout=_START, revision=revision)

    def target(self, transport: str) -> Target:
        """Return the target of a transport; a file is served over HTTP from now on.

        Raises:
            ConnectionFailedError: `wasmcp serve` does not answer.
        """
        if self._failure is not None and transport == HTTP:
            raise self._failure
        if transport not in self._targets and self.path is not None:
            try:
                self._served = _Served(self.path, {"MCP_SUITE_CANARY": self.canary})
            except ConnectionFailedError as error:
                self._failure = error
                raise
            self._targets[transport] = of_url(self._served.url, {})
        return self._targets[transport]

    def close(self) -> None:
        """End the process that serves a file."""
        if self._served is not None:
            self._served.close()


class _Served:
    """Process of `wasmcp serve` on a free port."""

    def __init__(self, path: Path, environment: Mapping[str, str]) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/mcp"
        command = [sys.executable, "-m", "wasmcp", "serve", str(path), "--port", str(port)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **environment},
        )
        opener = opener_to(self.url)
        ends = time.monotonic() + _SERVED
        while True:
            with (
                suppress(OSError, HTTPException),
                opener.open(f"http://127.0.0.1:{port}/healthz", timeout=5) as response,
            ):
                if response.status == 200:
                    return
            if self._process.poll() is not None or time.monotonic() > ends:
                self.close()
                raise ConnectionFailedError(
                    str(path), "is not served: run `wasmcp serve` with it for the reason, and install `wasmcp[serve]`"
                )
            time.sleep(0.05)

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
