"""Policy for running short calls inline, on the submitting thread, for example that of an event loop.

Two conditions must hold, so that a call does not block other work of that thread:

* The server has no imports that can block. Then the engine can interrupt its code everywhere: a call that exceeds its
  slice is interrupted, and runs again on another thread. It is safe to run it twice: the only effects of such code are
  its response and its events, and events that were sent are not sent again.
* Its recent calls were short.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

SLICE = 0.005  # maximum seconds of an inline call
_QUICK = 0.0005  # maximum seconds of a short call: the most that handing it to another thread costs
_NEEDED = 16  # score from which calls run inline; a short call adds 1
_MOST = 64  # maximum score
_SLOW = 8  # deduction for a long call
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
    """Return True if code with these imports can block in the host, for example on a clock or a socket."""
    return not all(name.startswith(_NEVER_WAIT) for name in imports)


class InlinePolicy:
    """Policy for the calls of one server, based on their recent durations. It is approximate if threads compete."""

    def __init__(self, *, trusted: bool) -> None:
        """Create a policy; without `trusted` it never allows inline calls."""
        self._trusted = trusted
        self._score = 0

    @property
    def allows_inline(self) -> bool:
        """True if the next call is expected to be short."""
        return self._score >= _NEEDED

    def record(self, seconds: float, events: int) -> None:
        """Record the duration of a call and the number of its events: calls with events do not count as short."""
        if not self._trusted:
            return
        if seconds < _QUICK and not events:
            self._score = min(self._score + 1, _MOST)
        else:
            self._score = max(self._score - _SLOW, 0)

    def record_overrun(self) -> None:
        """Record an inline call that exceeded its slice, which costs an instance."""
        self._score = -_MOST
