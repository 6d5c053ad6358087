"""Report sections of a failed test for its servers: messages, the guest's standard error, the trap."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from wasmcp.errors import GuestTrapError
    from wasmcp.host import Server

MESSAGES = 20
LONGEST = 2_000

RECORDINGS: pytest.StashKey[list[Recording]] = pytest.StashKey()
SHARED: pytest.StashKey[list[Recording]] = pytest.StashKey()
"""Recordings of the servers that the tests of a class, a module or a session share, at that node."""


class Recording:
    """Recording of the last messages of one server, with the server itself for its standard error.

    Attributes:
        label: The name of the server's file.
        node: The test that opened the server, or that uses it now, if it is shared.
        path: The file of the server.
        server: The server; None until it is open.
    """

    def __init__(self, node: Any, path: Path) -> None:
        """Record for a server.

        Args:
            node: The test that opens it.
            path: The file of the server.
        """
        self.label = path.name
        self.node = node
        self.path = path
        self.server: Server | None = None
        self._hook = node.ihook
        self._is_heard = bool(self._hook.pytest_wasmcp_message.get_hookimpls())
        self._messages: deque[tuple[str, str]] = deque(maxlen=MESSAGES)
        self._seen = 0
        self._lock = threading.RLock()

    def begin(self, item: pytest.Item) -> None:
        """Record for another test."""
        self.node = item
        self._messages.clear()
        self._seen = 0

    def on_wire(self, direction: str, text: str, client: object = None) -> None:
        """Record a message; called by the server for each one, on any thread."""
        with self._lock:
            self._seen += 1
            self._messages.append((direction, text))
            if self._is_heard:
                self._hook.pytest_wasmcp_message(recording=self, direction=direction, text=text, client=client)

    def opening(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the options of `wasmcp.host.open_server`, after the hooks."""
        self._hook.pytest_wasmcp_server_options(recording=self, options=options)
        return options

    def opened(self, server: Server) -> Server:
        """Take the server that was opened."""
        self.server = server
        self._hook.pytest_wasmcp_server_opened(recording=self)
        return server

    def closing(self) -> None:
        """Call the hooks before the server is closed."""
        self._hook.pytest_wasmcp_server_closing(recording=self)

    def wire(self) -> str:
        """Return the last messages, one per line, each shortened to a readable length."""
        messages = list(self._messages)  # other threads can add further ones
        lines = [f"{direction} {shortened(text)}" for direction, text in messages]
        left_out = self._seen - len(messages)
        return "\n".join([f"({left_out} earlier messages)", *lines] if left_out else lines)

    def stderr(self) -> str:
        """Return the guest's standard error."""
        return self.server.stderr if self.server is not None else ""


def shortened(text: str) -> str:
    """Return a text without its middle if it is too long."""
    if len(text) <= LONGEST:
        return text
    half = LONGEST // 2
    return f"{text[:half]} ... {len(text) - LONGEST} characters ... {text[-half:]}"


def attach_shared(item: pytest.Item, *, begin: bool = False) -> None:
    """Add the recordings of servers that a test shares with others to those of the test.

    Args:
        item: The test.
        begin: True before the test, to drop the messages of the test before.
    """
    for node in item.listchain()[:-1]:
        for recording in node.stash.get(SHARED, ()):
            own = item.stash.setdefault(RECORDINGS, [])
            if recording not in own:
                own.append(recording)
                if begin:
                    recording.begin(item)
                recording.node = item


def add_sections(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Append the recordings of a test's servers to its failed report."""
    from wasmcp.terminal import printable

    for recording in item.stash.get(RECORDINGS, []):
        for title, text in (("wasmcp wire", recording.wire()), ("wasmcp guest stderr", recording.stderr())):
            if text:
                report.sections.append((f"{title}: {recording.label}", printable(text, keep="\n\t")))
    error = trap_of(call.excinfo.value if call.excinfo is not None else None)
    if error is not None and error.backtrace:
        report.sections.append(("wasmcp trap", printable(error.backtrace, keep="\n")))


def properties_of(terminalreporter: pytest.TerminalReporter, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the test and the value of each property of a name, of all workers."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                yield from ((report.nodeid, value) for key, value in report.user_properties if key == name)


def trap_of(error: BaseException | None) -> GuestTrapError | None:
    """Return the trap that an exception is, has as a cause or context, or groups; None without one."""
    from wasmcp.errors import GuestTrapError

    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, GuestTrapError):
            return one
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        waiting += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
    return None


def messages_of(text: str) -> list[Any]:
    """Return the JSON-RPC messages of a body: JSON, or server-sent events."""
    found = []
    for part in [text] if text.lstrip()[:1] in {"{", "["} else _events(text):
        try:
            found.append(json.loads(part))
        except (ValueError, RecursionError):
            continue
    return found


def _events(text: str) -> list[str]:
    from wasmcp.client.transport import events

    if "data:" not in text:
        return []
    return [event.data for event in events(line.encode() for line in text.splitlines(keepends=True)) if event.data]
