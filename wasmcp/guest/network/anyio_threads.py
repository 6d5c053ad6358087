"""Seam of `anyio`: functions for worker threads run in place, because a component has no threads."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from wasmcp.guest.network.seams import Patch


def patches(backend: Any) -> list[Patch]:
    """Return the replacements for the backend of `anyio` on `asyncio`. Elsewhere it has threads."""
    if sys.platform != "wasi":
        return []

    async def run_sync_in_worker_thread(
        cls: Any,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        abandon_on_cancel: bool = False,
        limiter: Any = None,
    ) -> Any:
        del abandon_on_cancel, limiter
        await cls.checkpoint()
        return func(*args)

    return [Patch(backend.AsyncIOBackend, "run_sync_in_worker_thread", classmethod(run_sync_in_worker_thread))]
