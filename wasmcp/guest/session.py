"""The values of a client's session. Clients before 2026-07-28 have one; interface ``sessions`` of wit/key-value.wit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from wasmcp.guest.kv.buckets import Values
from wasmcp.guest.kv.raw import RawValues

if TYPE_CHECKING:
    from wasmcp.guest.context import Context


class RawSession(RawValues, Protocol):
    """The interface ``sessions``, for one request."""

    def keys(self) -> list[str]: ...  # noqa: D102 - documented in the WIT


class Session(Values):
    """Values that a component keeps for one client, for as long as it stays connected.

    Each component has its own, and so has each person where somebody is authenticated. Made by `Context.session`, and
    valid as long as the context. Every function raises `StoreError` when the store cannot do it: `NotGrantedError`
    without the grant ``sessions``.
    """

    def __init__(self, context: Context, raw: RawSession) -> None:
        self._context = context
        self._values = raw

    @property
    def id(self) -> str:
        """What tells this session from others: for logs, not for clients.

        Raises:
            ExpiredContextError: The call has ended.
        """
        return self._context._request.session() or ""  # noqa: SLF001 - of this package

    @property
    def _raw(self) -> RawSession:
        self._context._request  # noqa: B018, SLF001 - raises when the call has ended
        return self._values

    def keys(self) -> list[str]:
        """Return all keys, in the store's own order."""
        return self._raw.keys()

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys."""
        return iter(self.keys())
