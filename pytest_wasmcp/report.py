"""What a failing test shows of its servers: the wire, the guest's standard error, the trap."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from wasmcp.host import Server

MESSAGES = 20
LONGEST = 2_000

RECORDINGS: pytest.StashKey[list[Recording]] = pytest.StashKey()


class Recording:
    """The last messages of one server, and the server itself for its standard error."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.server: Server | None = None
        self._messages: deque[tuple[str, str]] = deque(maxlen=MESSAGES)
        self._seen = 0

    def on_wire(self, direction: str, text: str) -> None:
        """Keep a message; called by the server for each one."""
        self._seen += 1
        self._messages.append((direction, text))

    def wire(self) -> str:
        """The last messages, one a line, each cut to a readable length."""
        lines = [f"{direction} {shortened(text)}" for direction, text in self._messages]
        left_out = self._seen - len(self._messages)
        return "\n".join([f"({left_out} earlier messages)", *lines] if left_out else lines)

    def stderr(self) -> str:
        """What the guest wrote to its standard error."""
        return self.server.stderr if self.server is not None else ""


def shortened(text: str) -> str:
    """A text with its middle left out when it is too long to read."""
    if len(text) <= LONGEST:
        return text
    half = LONGEST // 2
    return f"{text[:half]} ... {len(text) - LONGEST} characters ... {text[-half:]}"


def add_sections(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Append to a failed report what its servers have to say."""
    from wasmcp.errors import GuestTrapError
    from wasmcp.terminal import printable

    for recording in item.stash.get(RECORDINGS, []):
        for title, text in (("wasmcp wire", recording.wire()), ("wasmcp guest stderr", recording.stderr())):
            if text:
                report.sections.append((f"{title}: {recording.label}", printable(text, keep="\n\t")))
    error = call.excinfo.value if call.excinfo is not None else None
    if isinstance(error, GuestTrapError) and error.backtrace:
        report.sections.append(("wasmcp trap", printable(error.backtrace, keep="\n")))
