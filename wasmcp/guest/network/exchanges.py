"""Exchanges of one request and its response, in the form that the seams of HTTP libraries need."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterable
from http import HTTPStatus
from typing import Any

from wasmcp.guest.http.errors import InvalidRequestError
from wasmcp.guest.http.messages import (
    FORBIDDEN,
    Headers,
    IncomingResponse,
    OutgoingRequest,
    RequestTimeouts,
    Timeout,
    checked,
)
from wasmcp.guest.http.responses import PIECE
from wasmcp.guest.http.transport import TRANSPORTS
from wasmcp.guest.http.urls import Url

PORTS = {"http": 80, "https": 443}
"""Scheme -> default port."""

Pairs = Iterable[tuple[str, str]]
"""Header fields: names and values."""

_OF_HOST = FORBIDDEN | {"expect"}


class Exchange:
    """One request and its response, whose body is read while it arrives.

    Args:
        method: The method.
        url: The URL.
        headers: All header fields of the library; those that the host sets are left out.
        body: The body; None for a request without one.
        connect: Seconds for the connection; None for no limit.
        write: Seconds between two parts of the request's body; None for no limit.
        read: Seconds for the first byte, and between two parts of the response's body; None for no limit.
        concurrent: True if other tasks can run while the exchange waits.

    Attributes:
        response: The head of the response, after `send`.

    Raises:
        InvalidRequestError: The request is invalid, or needs something that the host does not do.
    """

    def __init__(
        self,
        method: str,
        url: Url,
        headers: Pairs,
        body: bytes | AsyncIterator[bytes] | None,
        *,
        connect: float | None,
        write: float | None,
        read: float | None,
        concurrent: bool,
    ) -> None:
        if method.upper() == "CONNECT":
            raise InvalidRequestError(PROXIES)
        fields = _sendable(url, headers)
        if isinstance(body, bytes):
            fields = fields.updated({"content-length": str(len(body))})
        self._request = OutgoingRequest(method, url, fields, body)
        sending = Timeout(total=None, connect=connect, first_byte=read, between_bytes=write)
        receiving = Timeout(total=None, between_bytes=read)
        self._sending = RequestTimeouts(sending, concurrent=concurrent)
        self._receiving = RequestTimeouts(receiving, concurrent=concurrent)
        self.response: IncomingResponse | None = None

    async def send(self) -> IncomingResponse:
        """Send the request, and return the response when its head has arrived.

        Raises:
            HttpError: The transfer failed.
            NotGrantedError: The component has no grant ``http``.
        """
        self.response = await TRANSPORTS[-1].send(self._request, self._sending)
        return self.response

    async def read(self) -> bytes:
        """Return the next part of the response's body; empty bytes at its end.

        Raises:
            HttpError: The transfer failed.
        """
        return b"" if self.response is None else await self.response.read(PIECE, self._receiving)

    def close(self) -> None:
        """Close the response and drop the rest of its body."""
        if self.response is not None:
            self.response.close()


PROXIES = "a component does not use proxies: its host decides the route of requests"
"""Message for requests through a proxy."""


def _sendable(url: Url, headers: Pairs) -> Headers:
    """Return the header fields without those that the host sets."""
    kept = []
    for name, value in headers:
        folded = name.lower()
        if folded == "upgrade":
            raise InvalidRequestError(f"a component cannot change the protocol of a connection to `{value}`")
        if folded == "host" and _authority(url.scheme, value) != url.authority:
            raise InvalidRequestError(
                f"the header `host` is set by the host, to the `{url.authority}` of the URL; it cannot be `{value}`"
            )
        if folded not in _OF_HOST:
            kept.append((name, value))
    return checked(Headers(kept))


def _authority(scheme: str, value: str) -> str:
    return value.strip().lower().removesuffix(f":{PORTS[scheme]}")


def reason_of(status: int) -> str:
    """Return the reason phrase of a status; empty for an unknown one. RFC 9110, section 15."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def check_tls(context: Any) -> None:
    """Check that a context of `ssl` does not turn off the check of certificates, which the host always makes.

    Args:
        context: The context; None for the default.

    Raises:
        ssl.SSLError: It turns off the check.
    """
    if context is None or not isinstance(context, ssl.SSLContext):
        return
    if context.verify_mode == ssl.CERT_NONE or not context.check_hostname:
        raise ssl.SSLError(
            ssl.SSL_ERROR_SSL,
            "the check of certificates cannot be turned off: the host of a component makes its secure connections, "
            "and checks certificates and names with its own authorities",
        )
