"""Protocols of the transport that sends requests: the component's host, or a fake in a unit test."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from wasmcp.guest.errors import NotGrantedError
from wasmcp.guest.http.errors import TransferTimeoutError
from wasmcp.guest.http.headers import Headers
from wasmcp.guest.http.options import Timeout
from wasmcp.guest.http.urls import Url


@dataclass(frozen=True)
class OutgoingRequest:
    """A request to one server.

    Attributes:
        method: In capital letters.
        url: The URL.
        headers: All header fields except those that the host sets.
        body: Bytes, an iterator of bytes, or None.
    """

    method: str
    url: Url
    headers: Headers
    body: bytes | AsyncIterator[bytes] | None


class RequestTimeouts:
    """Timeouts of one request, and its way of waiting.

    Args:
        timeout: The timeouts.
        concurrent: True if other tasks can run while the request waits: the caller is a coroutine.

    Attributes:
        timeout: The timeouts.
        concurrent: See above.
        deadline: The end of ``total``, on the clock of `time.monotonic`; None for no limit.
    """

    def __init__(self, timeout: Timeout, *, concurrent: bool) -> None:
        self.timeout = timeout
        self.concurrent = concurrent
        self.deadline = None if timeout.total is None else monotonic() + timeout.total

    def remaining(self, *phases: str) -> tuple[float | None, str]:
        """Return the remaining seconds, and the member of the timeout that determines them.

        Args:
            phases: Members that apply in addition to ``total``.

        Raises:
            TransferTimeoutError: No time remains.
        """
        found: list[tuple[float, str]] = []
        if self.deadline is not None:
            found.append((self.deadline - monotonic(), "total"))
        for phase in phases:
            seconds = getattr(self.timeout, phase)
            if seconds is not None:
                found.append((seconds, phase))
        if not found:
            return None, ""
        seconds, phase = min(found)
        if seconds <= 0:
            raise timeout_error(phase)
        return seconds, phase

    def disable_total(self) -> None:
        """Disable ``total``: from now on the reader determines the time."""
        self.deadline = None


def timeout_error(phase: str) -> TransferTimeoutError:
    """Return the exception for a member of the timeout that was exceeded."""
    code = "connection-timeout" if phase == "connect" else "HTTP-response-timeout"
    return TransferTimeoutError(phase, code, f"`{phase}` of the timeout has run out")


class IncomingResponse(Protocol):
    """A response whose body is still being received."""

    status: int
    headers: Headers

    async def read(self, size: int, timeouts: RequestTimeouts) -> bytes:
        """Return at most `size` bytes; empty bytes at the end.

        Raises:
            HttpError: The transfer failed.
        """
        ...

    def close(self) -> None:
        """Close the response and drop the rest of its body; it can be called several times."""


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
