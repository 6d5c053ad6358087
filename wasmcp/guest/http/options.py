"""How a request is sent."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from dataclasses import dataclass
from typing import Any, TypedDict

from wasmcp.guest.http.headers import HeadersLike
from wasmcp.guest.http.urls import Params

Body = bytes | bytearray | memoryview | str | Iterable[bytes] | AsyncIterable[bytes]
"""A body: bytes, a text (sent as UTF-8), or its pieces as they come (async ones with an `AsyncClient` only)."""

MAX_BODY = 16 * 1024 * 1024
"""How many bytes of a response are read into memory, unless a request says otherwise."""

MAX_REDIRECTS = 10
"""How often a request is sent on, unless it says otherwise."""


@dataclass(frozen=True)
class Timeout:
    """How many seconds things may take; None: as long as they like.

    Attributes:
        total: The whole exchange, redirects and the response's body included. A streamed body is not part of it: its
            reader decides how long it takes.
        connect: Until there is a connection.
        first_byte: From then on, until the response begins.
        between_bytes: Between two pieces of a body.
    """

    total: float | None = 30.0
    connect: float | None = None
    first_byte: float | None = None
    between_bytes: float | None = None


class Options(TypedDict, total=False):
    """The keyword arguments of every request.

    Attributes:
        params: Query parameters, added to those of the URL.
        headers: Header fields; a name may have several values.
        json: A value that is sent as JSON: whatever a tool can return.
        form: Fields of a form, sent as ``application/x-www-form-urlencoded``.
        body: The body; of ``json``, ``form`` and ``body`` only one.
        timeout: Seconds for the whole exchange, or a `Timeout`; None: no limit.
        max_redirects: How often it may be sent on; 0: the redirect itself is the response.
        max_body: How many bytes a body that is read as a whole may have; None: no limit.
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
    """Return a timeout, made of seconds where it is only a number."""
    return given if isinstance(given, Timeout) else Timeout(total=None if given is None else float(given))
