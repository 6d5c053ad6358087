"""Which servers' calls are quick enough to run on the thread that submits them, an event loop's for example.

Two things must hold, so that nobody else has to wait for it:

* The server imports nothing in which its code could wait. Then the interruption of the engine reaches it wherever it
  is, and a call that has used up its slice is interrupted, and runs again on a thread of its own. Nothing has happened
  in between that could not happen twice: what such code does to the world is its answer and its events, and events
  that were told are not told again.
* Its calls have been quick so far.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

SLICE = 0.005  # seconds that a call may keep the submitter's thread
_QUICK = 0.0005  # seconds: what handing over costs at worst
_NEEDED = 16  # calls in a row
_MOST = 64
_SLOW = 8  # quick calls that make up for a slow one
_NEVER_WAIT = (
    "wasi:cli/environment@",
    "wasi:cli/stderr@",
    "wasi:cli/stdin@",  # the frames of the embedding host, read without blocking
    "wasi:cli/stdout@",
    "wasi:clocks/wall-clock@",
    "wasi:http/types@",
    "wasi:io/error@",
    "wasi:io/streams@",
    "wasi:random/",
)


def can_wait(imports: Iterable[str]) -> bool:
    """Tell whether code with these imports can wait in the host, for time or the outside world."""
    return not all(name.startswith(_NEVER_WAIT) for name in imports)


class Pace:
    """How quick the calls of a server have been lately. Approximate where threads compete, and that is enough."""

    def __init__(self, *, trusted: bool) -> None:
        """Begin. Without trust no call is ever expected to be quick."""
        self._trusted = trusted
        self._score = 0

    @property
    def quick(self) -> bool:
        """Whether the next call should be quick."""
        return self._score >= _NEEDED

    def took(self, seconds: float, events: int) -> None:
        """Note how long a call took, and how many events it sent: one that streams is for a thread of its own."""
        if not self._trusted:
            return
        if seconds < _QUICK and not events:
            self._score = min(self._score + 1, _MOST)
        else:
            self._score = max(self._score - _SLOW, 0)

    def failed(self) -> None:
        """Note that a call was expected to be quick, and was not: each time it costs an instance."""
        self._score = -_MOST
