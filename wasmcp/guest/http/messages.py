"""Messages between clients and transports: outgoing requests, their timeouts, and incoming responses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from wasmcp.guest.http.errors import TransferTimeoutError
from wasmcp.guest.http.headers import Headers
from wasmcp.guest.http.urls import Url


@dataclass(frozen=True)
class Timeout:
    """Timeouts in seconds; None for no limit.

    Attributes:
        total: The whole request and response, including redirects and the body. The body of a streamed response is
            not included: its reader determines the time.
        connect: Until the connection is established.
        first_byte: From the connection to the first byte of the response.
        between_bytes: Between two parts of a body.
    """

    total: float | None = 30.0
    connect: float | None = None
    first_byte: float | None = None
    between_bytes: float | None = None


def timeout_of(given: float | Timeout | None) -> Timeout:
    """Return a `Timeout`; a number becomes its ``total``."""
    return given if isinstance(given, Timeout) else Timeout(total=None if given is None else float(given))


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
