"""Values of a client's session, for clients before 2026-07-28: the interface ``sessions`` of wit/key-value.wit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from wasmcp.guest.kv.buckets import Values
from wasmcp.guest.kv.raw import RawValues


class RawSession(RawValues, Protocol):
    """The interface ``sessions``, bound to one request."""

    def keys(self) -> list[str]: ...  # noqa: D102 - documented in the WIT


class Session(Values):
    """Key-value store of a component for one client's session: values are kept until the session ends.

    Each component has separate values, and so has each authenticated user. Get it from `Context.session`; it is valid
    as long as the context. Every method raises `StoreError` when the operation fails, and `NotGrantedError` without
    the grant ``sessions``.

    Args:
        request: A function that returns the request of the call, and raises `ExpiredContextError` after its end.
        raw: The values.
    """

    def __init__(self, request: Callable[[], Any], raw: RawSession) -> None:
        self._request = request
        self._values = raw

    @property
    def id(self) -> str:
        """The identifier of the session: for logs, do not send it to clients.

        Raises:
            ExpiredContextError: The call has ended.
        """
        return self._request().session() or ""

    @property
    def _raw(self) -> RawSession:
        self._request()  # raises after the end of the call
        return self._values

    def keys(self) -> list[str]:
        """Return all keys, in the order of the store."""
        return self._raw.keys()

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys, in the order of the store."""
        return iter(self.keys())
