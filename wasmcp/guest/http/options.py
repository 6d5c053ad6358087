"""Options of HTTP requests."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from dataclasses import dataclass
from typing import Any, TypedDict

from wasmcp.guest.http.headers import HeadersLike
from wasmcp.guest.http.urls import Params

Body = bytes | bytearray | memoryview | str | Iterable[bytes] | AsyncIterable[bytes]
"""A body: bytes, a string (sent as UTF-8), or an iterable of bytes (an async one with an `AsyncClient` only)."""

MAX_BODY = 16 * 1024 * 1024
"""The default of ``max_body``: 16 MiB of a response are read into memory at most."""

MAX_REDIRECTS = 10
"""The default of ``max_redirects``."""


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


class Options(TypedDict, total=False):
    """Keyword arguments of every request.

    Attributes:
        params: Query parameters, added to those of the URL.
        headers: Header fields; a name can have several values.
        json: A value that is sent as JSON: any type that a tool can return.
        form: Fields of a form, sent as ``application/x-www-form-urlencoded``.
        body: The body. ``json``, ``form`` and ``body`` are mutually exclusive.
        timeout: Seconds for the whole request and response, or a `Timeout`; None for no limit.
        max_redirects: The maximum number of redirects to follow; 0 to get the redirect as the response.
        max_body: The maximum size of a body that is read as a whole, in bytes; None for no limit.
    """

    params: Params | None
    headers: HeadersLike | None
    json: Any
    form: Params | None
    body: Body | None
    timeout: float | Timeout | None
    max_redirects: int
    max_body: int | None


def timeout_of(given: float | Timeout | None) -> Timeout:
    """Return a `Timeout`; a number becomes its ``total``."""
    return given if isinstance(given, Timeout) else Timeout(total=None if given is None else float(given))
