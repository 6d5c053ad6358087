"""Exceptions of HTTP requests.

.. code-block:: text

    HttpError                 base class
      InvalidRequestError       invalid URL, method, header or body; nothing was sent (also a ValueError)
      RequestDeniedError        the request is not permitted (also a NotGrantedError)
      TransferError             the request or the response was not transferred; `code` is the reason
        ConnectError              no connection: name resolution, routing, connection refused
        TlsError                  no TLS connection
        TransferTimeoutError      a timeout (also a TimeoutError)
        ProtocolError             the response is not HTTP, or is incomplete
      TooManyRedirectsError     more redirects than allowed
      BodyTooLargeError         the response is larger than allowed
      InvalidContentError       the body cannot be decoded as requested (also a ValueError)
      StatusError               raised by `raise_for_status`: the status is 400 or above; of `responses`
"""

from __future__ import annotations

from wasmcp.guest.errors import NotGrantedError


class HttpError(Exception):
    """A request that failed.

    Attributes:
        method: The method of the request.
        url: The URL of the request, without user and password; after redirects the last URL.
    """

    def __init__(self, message: str, *, method: str = "", url: str = "") -> None:
        # Not `super().__init__`: some of the subclasses have a second base class with other arguments.
        Exception.__init__(self, f"{method} {url}: {message}" if url else message)
        self.method = method
        self.url = url


class InvalidRequestError(HttpError, ValueError):
    """A request that is invalid; nothing was sent."""


class RequestDeniedError(HttpError, NotGrantedError):
    """A request that is not permitted: the grant ``http`` is missing, or the host refuses the destination.

    Attributes:
        grant: ``http``.
        rule: The scheme and host of the request, as in a rule of the grant.
        code: ``HTTP-request-denied``.
    """

    code = "HTTP-request-denied"

    def __init__(self, *, method: str = "", url: str = "") -> None:
        scheme, separator, rest = url.partition("://")
        host = rest.partition("/")[0].partition("?")[0].partition("#")[0]
        NotGrantedError.__init__(self, "http", f"{scheme}://{host}" if separator else "")
        HttpError.__init__(self, str(self), method=method, url=url)


class TransferError(HttpError):
    """A request or response that was not transferred.

    Attributes:
        code: The case of ``error-code`` of `wasi:http/types`, for example ``connection-refused``: a name of the IANA
            registry "HTTP Proxy Error Types" (RFC 9209).
        detail: Further information for a log; can be empty.
    """

    def __init__(self, code: str, detail: str = "", *, method: str = "", url: str = "") -> None:
        super().__init__(f"{code} ({detail})" if detail else code, method=method, url=url)
        self.code = code
        self.detail = detail


class ConnectError(TransferError):
    """A failed connection to the server."""


class TlsError(TransferError):
    """A failed TLS connection to the server, because of its certificate or the TLS protocol."""


class ProtocolError(TransferError):
    """A response that is not valid HTTP, exceeds a limit, or is incomplete."""


class TransferTimeoutError(TransferError, TimeoutError):
    """A request that took longer than allowed.

    Attributes:
        phase: The member of `Timeout` that was exceeded: ``total``, ``connect``, ``first_byte`` or ``between_bytes``.
    """

    def __init__(self, phase: str, code: str, detail: str = "", *, method: str = "", url: str = "") -> None:
        super().__init__(code, detail, method=method, url=url)
        self.phase = phase


class TooManyRedirectsError(HttpError):
    """A request with more redirects than allowed.

    Attributes:
        limit: The maximum number of redirects.
    """

    def __init__(self, limit: int, *, method: str = "", url: str = "") -> None:
        super().__init__(f"more than {limit} redirects", method=method, url=url)
        self.limit = limit


class BodyTooLargeError(HttpError):
    """A response whose body is larger than allowed; the rest of the body was not read.

    Attributes:
        limit: The maximum size in bytes.
    """

    def __init__(self, limit: int, *, method: str = "", url: str = "") -> None:
        super().__init__(f"the body of the response has more than {limit} bytes", method=method, url=url)
        self.limit = limit


class InvalidContentError(HttpError, ValueError):
    """A body that cannot be decoded as requested, for example because it is not JSON."""


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
        detail: The content of the case, as a text.
        method: The method of the request.
        url: The URL of the request.
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
