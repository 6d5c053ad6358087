"""Transport that sends requests: the component's host, or a fake in a unit test."""

from __future__ import annotations

import sys
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from wasmcp.guest.errors import NotGrantedError
from wasmcp.guest.http.messages import IncomingResponse, OutgoingRequest, RequestTimeouts

T = TypeVar("T")


class Transport(Protocol):
    """Sender of requests."""

    async def send(self, request: OutgoingRequest, timeouts: RequestTimeouts) -> IncomingResponse:
        """Send a request and wait for the head of its response.

        Raises:
            HttpError: The transfer failed.
        """
        ...


class _Denied:
    """The transport of a component without the grant ``http``."""

    async def send(self, request: OutgoingRequest, timeouts: RequestTimeouts) -> IncomingResponse:
        del request, timeouts
        raise NotGrantedError("http")


def _default_transport() -> Transport:
    if sys.platform == "wasi":
        try:
            from wasmcp.guest.http.wasi import WasiTransport
        except ImportError:  # the component was built without the grant: it does not import the interface
            return _Denied()
        return WasiTransport()
    return _Denied()


TRANSPORTS: list[Transport] = [_default_transport()]
"""The last transport is used; unit tests add a fake."""


def run_blocking(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine of this package without an event loop: it waits by blocking, so that it never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        found: T = done.value
        return found
    finally:
        coroutine.close()
    raise RuntimeError("a coroutine that was to block has suspended")
