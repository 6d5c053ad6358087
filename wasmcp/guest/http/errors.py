"""What goes wrong with requests.

.. code-block:: text

    HttpError             everything below
      InvalidRequestError      what cannot be sent: the URL, the method, a header, the body (a ValueError too)
      RequestDeniedError       the component may not send it (a NotGrantedError too)
      TransferError      it did not get through; `code` says why
        ConnectError  no connection: names, routes, refusals
        TlsError         no secure connection
        TransferTimeoutError   it took too long (a TimeoutError too)
        ProtocolError    what came back is not HTTP, or was cut off
      TooManyRedirectsError    it was sent on too often
      BodyTooLargeError        the response is larger than was asked for
      InvalidContentError      the body is not what it was read as (a ValueError too)
      StatusError         `raise_for_status`: the status is 400 or above
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wasmcp.guest.errors import NotGrantedError

if TYPE_CHECKING:
    from wasmcp.guest.http.responses import BaseResponse


class HttpError(Exception):
    """A request that did not succeed.

    Attributes:
        method: Of the request.
        url: Of the request, without user and password; after a redirect, where it had got to.
    """

    def __init__(self, message: str, *, method: str = "", url: str = "") -> None:
        # Not the next in line: some of the classes below are of another family too.
        Exception.__init__(self, f"{method} {url}: {message}" if url else message)
        self.method = method
        self.url = url


class InvalidRequestError(HttpError, ValueError):
    """The request cannot be sent as it is; nothing was sent."""


class RequestDeniedError(HttpError, NotGrantedError):
    """The component may not send the request: it lacks the grant ``http``, or its host refuses this destination.

    Attributes:
        grant: ``http``.
        code: ``HTTP-request-denied``.
    """

    code = "HTTP-request-denied"

    def __init__(self, *, method: str = "", url: str = "") -> None:
        NotGrantedError.__init__(self, "http")
        HttpError.__init__(self, str(self), method=method, url=url)


class TransferError(HttpError):
    """The request did not get through, or the response did not.

    Attributes:
        code: The case of ``error-code`` of `wasi:http/types`, for example ``connection-refused``: a name of the IANA
            registry "HTTP Proxy Error Types" (RFC 9209).
        detail: What else is known, for a log; may be empty.
    """

    def __init__(self, code: str, detail: str = "", *, method: str = "", url: str = "") -> None:
        super().__init__(f"{code} ({detail})" if detail else code, method=method, url=url)
        self.code = code
        self.detail = detail


class ConnectError(TransferError):
    """There is no connection to the server."""


class TlsError(TransferError):
    """There is no secure connection to the server: its certificate or the protocol."""


class ProtocolError(TransferError):
    """What came back is no HTTP response, breaks a limit, or was cut off."""


class TransferTimeoutError(TransferError, TimeoutError):
    """It took longer than allowed.

    Attributes:
        phase: The member of `Timeout` that has run out: ``total``, ``connect``, ``first_byte`` or ``between_bytes``.
    """

    def __init__(self, phase: str, code: str, detail: str = "", *, method: str = "", url: str = "") -> None:
        super().__init__(code, detail, method=method, url=url)
        self.phase = phase


class TooManyRedirectsError(HttpError):
    """The request was sent on more often than allowed.

    Attributes:
        limit: How often it may be.
    """

    def __init__(self, limit: int, *, method: str = "", url: str = "") -> None:
        super().__init__(f"more than {limit} redirects", method=method, url=url)
        self.limit = limit


class BodyTooLargeError(HttpError):
    """The body of the response is larger than allowed; the rest of it was not read.

    Attributes:
        limit: In bytes.
    """

    def __init__(self, limit: int, *, method: str = "", url: str = "") -> None:
        super().__init__(f"the body of the response has more than {limit} bytes", method=method, url=url)
        self.limit = limit


class InvalidContentError(HttpError, ValueError):
    """The body is not what it was read as: no JSON, for example."""


class StatusError(HttpError):
    """A response whose status says that the request failed. RFC 9110, section 15.

    Attributes:
        response: The response.
        status: Its status, 400 to 599.
    """

    def __init__(self, response: BaseResponse) -> None:
        super().__init__(
            f"status {response.status} {response.reason}".rstrip(), method=response.method, url=response.url
        )
        self.response = response
        self.status = response.status


_CONNECTION = ("DNS-", "destination-", "connection-")
_TIMEOUTS = {
    "DNS-timeout": "connect",
    "connection-timeout": "connect",
    "connection-read-timeout": "first_byte",
    "connection-write-timeout": "between_bytes",
    "HTTP-response-timeout": "first_byte",
}


def transfer_failed(code: str, detail: str = "", *, method: str = "", url: str = "") -> HttpError:
    """Return the exception for a case of ``error-code``.

    Args:
        code: The name of the case.
        detail: What it holds, as a text.
        method: Of the request.
        url: Of the request.
    """
    if code == RequestDeniedError.code:
        return RequestDeniedError(method=method, url=url)
    if code in _TIMEOUTS:
        return TransferTimeoutError(_TIMEOUTS[code], code, detail, method=method, url=url)
    if code.startswith("HTTP-request-"):
        return InvalidRequestError(f"{code} ({detail})" if detail else code, method=method, url=url)
    if code == "connection-terminated":
        return ProtocolError(code, detail, method=method, url=url)
    if code.startswith(_CONNECTION):
        return ConnectError(code, detail, method=method, url=url)
    if code.startswith("TLS-"):
        return TlsError(code, detail, method=method, url=url)
    return ProtocolError(code, detail, method=method, url=url)
