"""Who carries requests: the host of the component, or what a unit test puts in its place."""

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
class Outgoing:
    """A request to one server.

    Attributes:
        method: In capital letters.
        url: Where it goes.
        headers: All but those that the host sets.
        body: Bytes, their pieces as they come, or None.
    """

    method: str
    url: Url
    headers: Headers
    body: bytes | AsyncIterator[bytes] | None


class Pace:
    """How long a transport may take, and how it waits.

    Args:
        timeout: As asked for.
        concurrent: Whether other tasks may go on meanwhile: the caller is a coroutine.

    Attributes:
        timeout: As asked for.
        concurrent: See above.
        deadline: When the total runs out, on the clock of `time.monotonic`; None: never.
    """

    def __init__(self, timeout: Timeout, *, concurrent: bool) -> None:
        self.timeout = timeout
        self.concurrent = concurrent
        self.deadline = None if timeout.total is None else monotonic() + timeout.total

    def left(self, *phases: str) -> tuple[float | None, str]:
        """Return how many seconds there are, and which member of the timeout they come from.

        Args:
            phases: Members that count beside the total.

        Raises:
            TransferTimeoutError: There are none.
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
            raise over(phase)
        return seconds, phase

    def stop(self) -> None:
        """Forget the total: from now on the reader decides."""
        self.deadline = None


def over(phase: str) -> TransferTimeoutError:
    """Return the exception for a member of the timeout that has run out."""
    code = "connection-timeout" if phase == "connect" else "HTTP-response-timeout"
    return TransferTimeoutError(phase, code, f"`{phase}` of the timeout has run out")


class Arriving(Protocol):
    """A response whose body is still arriving."""

    status: int
    headers: Headers

    async def read(self, size: int, pace: Pace) -> bytes:
        """Return some bytes, at most `size`; none at the end.

        Raises:
            HttpError: They do not come.
        """
        ...

    def close(self) -> None:
        """Let go of what is left; harmless when there is nothing."""


class Transport(Protocol):
    """Carries requests."""

    async def send(self, request: Outgoing, pace: Pace) -> Arriving:
        """Send a request and wait for its response to begin.

        Raises:
            HttpError: It did not get through.
        """
        ...


class _Denied:
    """Carries nothing."""

    async def send(self, request: Outgoing, pace: Pace) -> Arriving:
        del request, pace
        raise NotGrantedError("http")


def _own() -> Transport:
    if sys.platform == "wasi":
        try:
            from wasmcp.guest.http.wasi import WasiTransport
        except ImportError:  # the component was built without the grant: it does not import the interface
            return _Denied()
        return WasiTransport()
    return _Denied()


TRANSPORTS: list[Transport] = [_own()]
"""The last one carries; unit tests add theirs."""
