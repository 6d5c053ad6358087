"""Seam between `asyncio` and the component: the loops of `asyncio.run` and `asyncio.Runner`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from wasmcp.guest.network.seams import Patch

if TYPE_CHECKING:
    from wasmcp.guest.component.event_loop import TimerLoop


def patches(module: Any) -> Iterator[Patch]:
    """Yield the replacements of the functions that make a loop: the standard loops need sockets.

    Args:
        module: The module `asyncio`.
    """

    def new_event_loop() -> TimerLoop:
        """Return a new event loop; see `asyncio.new_event_loop`."""
        from wasmcp.guest.component.event_loop import TimerLoop  # it imports `asyncio`

        return TimerLoop()

    yield Patch(module, "new_event_loop", new_event_loop)
    yield Patch(module.events, "new_event_loop", new_event_loop)
