"""Transport of a client: its messages, server-sent events, and the transport to a child process over stdio.

Specification: basic/transports, stdio.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import IO, Any, NamedTuple, Protocol, TypeAlias, cast

from wasmcp.errors import ConnectionFailedError, WasmcpError
from wasmcp.terminal import printable

Message: TypeAlias = dict[str, Any]

MOST = 64 << 20
"""Maximum size of one message, in bytes."""


class Failure(NamedTuple):
    """Failure of one request, or of the connection.

    Attributes:
        request: The id of the request; None for the whole connection.
        error: The error to raise.
    """

    request: int | None
    error: WasmcpError


class Note(NamedTuple):
    """Remark about the connection for the user."""

    text: str


Inbox: TypeAlias = "SimpleQueue[Message | Failure | Note]"


class Transport(Protocol):
    """Transport of a client. What arrives is put into `inbox` by threads of the transport.

    Attributes:
        inbox: Messages of the server, and failures.
        is_http: True for HTTP, whose requests need header fields.
    """

    inbox: Inbox
    is_http: bool

    def send(self, message: Message, fields: dict[str, str]) -> None:
        """Send a message, with header fields for HTTP."""

    def adopt(self, revision: str) -> None:
        """Use a revision for all further messages; the empty string stands for none."""

    def forget(self, request: int) -> None:
        """Stop waiting for the response to a request."""

    def close(self) -> None:
        """Close the connection."""

    def diagnostics(self) -> list[str]:
        """Return the last lines that the server has written to standard error."""


@dataclass(frozen=True)
class Event:
    """Server-sent event (WHATWG HTML, section 9.2).

    Attributes:
        data: The data; the empty string for an event without data.
        id: The id that a client sends as `Last-Event-ID`.
        retry: Milliseconds until a reconnection; None if not given.
    """

    data: str
    id: str
    retry: int | None


def events(lines: Iterable[bytes]) -> Iterator[Event]:
    """Yield the events of a stream.

    Args:
        lines: Lines with their ends; CR, LF and CRLF end a line.
    """
    data: list[str] = []
    last, retry = "", None
    is_first = True
    for line in _split(lines):
        text = line.decode("utf-8", "replace")
        if is_first:
            text, is_first = text.removeprefix("\ufeff"), False
        if not text:
            if data or retry is not None or last:
                yield Event("\n".join(data), last, retry)
            data, retry = [], None
            continue
        name, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "id" and "\0" not in value:
            last = value
        elif name == "retry" and value.isascii() and value.isdigit() and len(value) < 10:
            retry = int(value)


def _split(lines: Iterable[bytes]) -> Iterator[bytes]:
    for line in lines:
        parts = line.removesuffix(b"\n").removesuffix(b"\r").split(b"\r")
        yield from parts


def parsed(text: bytes | str) -> Message | None:
    """Parse a JSON-RPC message; None if the text is not one."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    is_message = isinstance(found, dict) and ("method" in found or "result" in found or "error" in found)
    return found if is_message else None


def encoded(message: Message) -> bytes:
    """Return a message as one line of JSON, without its line feed."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


_KEPT = 20  # lines of standard error
_LINE = 8192  # bytes of a line of standard error
_ENDING = 3.0  # seconds for each step of the end of a server
_NOTES = 5  # lines of output that are not messages, and are reported


class StdioTransport:
    """Child process with an MCP server on its standard input and output."""

    is_http = False

    def __init__(
        self,
        target: str,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        *,
        on_stderr: Callable[[str], None] | None = None,
    ) -> None:
        """Start the process.

        Args:
            target: The server, as the user named it.
            command: The program and its arguments.
            environment: Variables in addition to those of this process.
            on_stderr: Called with each line of its standard error, on another thread.

        Raises:
            ConnectionFailedError: The program cannot be started.
        """
        self.inbox: Inbox = SimpleQueue()
        self._target = target
        self._on_stderr = on_stderr
        self._last: deque[str] = deque(maxlen=_KEPT)
        self._notes = 0
        try:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, **(environment or {})},
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise ConnectionFailedError(target, f"cannot be started: `{command[0]}`: {reason or error}") from None
        self._input, self._output, self._errors = cast(
            "tuple[IO[bytes], ...]", (self._process.stdin, self._process.stdout, self._process.stderr)
        )
        self._threads = [
            threading.Thread(target=step, name=f"wasmcp-client-{step.__name__}", daemon=True)
            for step in (self._read_errors, self._read)
        ]
        for thread in self._threads:
            thread.start()

    def send(self, message: Message, fields: dict[str, str]) -> None:
        """Send a message."""
        del fields
        with suppress(OSError, ValueError):  # the process has ended: the reading thread reports it
            self._input.write(encoded(message) + b"\n")
            self._input.flush()

    def adopt(self, revision: str) -> None:
        """Messages over stdio do not depend on the revision."""

    def forget(self, request: int) -> None:
        """Nothing waits for one request."""

    def close(self) -> None:
        """End the process: close its input, then terminate it, then kill it."""
        with suppress(OSError, ValueError):
            self._input.close()
        for end in (self._process.terminate, self._process.kill):
            try:
                self._process.wait(_ENDING)
            except subprocess.TimeoutExpired:
                end()
        self._process.wait()
        for thread in self._threads:  # a child of the process can hold the pipes open
            thread.join(0.5)

    def diagnostics(self) -> list[str]:
        """Return the last lines of its standard error."""
        self._threads[0].join(0.2)
        return list(self._last)

    def _read_errors(self) -> None:
        while line := self._errors.readline(_LINE):
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            self._last.append(text)
            if self._on_stderr is not None:
                self._on_stderr(text)

    def _read(self) -> None:
        while line := self._output.readline(MOST):
            if len(line) == MOST and not line.endswith(b"\n"):
                self._fail(f"sent a message above {MOST:,} bytes")
                return
            if not line.strip():
                continue
            message = parsed(line)
            if message is not None:
                self.inbox.put(message)
            elif self._notes < _NOTES:
                self._notes += 1
                shown = printable(line[:200].decode("utf-8", "replace").rstrip("\r\n"))
                self.inbox.put(Note(f"the server wrote a line to standard output that is not a message: {shown}"))
        try:
            status = self._process.wait(_ENDING)
        except subprocess.TimeoutExpired:
            self._fail("closed its output")
        else:
            self._fail(f"ended with exit code {status}")

    def _fail(self, reason: str) -> None:
        self.inbox.put(Failure(None, ConnectionFailedError(self._target, reason)))
