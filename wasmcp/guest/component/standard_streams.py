"""Standard output and standard error of a component, which know if there is something to flush.

The interpreter does not flush them at the end of a call, so that each call has to: without output this takes 6,000
instructions of WebAssembly for the streams of the standard library.
"""

from __future__ import annotations

import io
import sys
from typing import Any


class StandardStream(io.TextIOWrapper):
    """Text stream with the buffer and the settings of another, which is detached."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        encoding, errors, is_by_line = stream.encoding, stream.errors, stream.line_buffering
        super().__init__(stream.detach(), encoding, errors, newline="\n", line_buffering=is_by_line)
        self._is_clean = False
        self._is_shared = False  # True if other code can write to the buffer

    @property
    def mode(self) -> str:
        """The mode, as of the streams of the interpreter."""
        return "w"

    @property
    def buffer(self) -> Any:
        """The binary stream. Once it was read, each flush writes it."""
        self._is_shared = True
        self._is_clean = False
        return super().buffer

    def write(self, text: str) -> int:
        """Write a text."""
        self._is_clean = False
        return super().write(text)

    def flush(self) -> None:
        """Write what was written to the stream since the last flush."""
        if not self._is_clean:
            super().flush()
            self._is_clean = not self._is_shared


def install() -> None:
    """Replace the standard streams, before other code can keep them."""
    for name in ("stdout", "stderr"):
        stream = StandardStream(getattr(sys, name))
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
