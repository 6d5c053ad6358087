"""HTTP client for components with the grant ``http``.

.. code-block:: python

    from wasmcp.guest import http, tool

    @tool
    def weather(city: str) -> str:
        '''Return a summary of the weather.'''
        response = http.get("https://api.example.org/weather", params={"city": city}, timeout=5)
        return response.raise_for_status().json()["summary"]

`AsyncClient` is for ``async def`` functions. In unit tests `wasmcp.guest.testing` has `fake_http` and `real_http`.
Source: `wasi:http/outgoing-handler` 0.2; RFC 9110.
"""

from __future__ import annotations

from wasmcp.guest.errors import NotGrantedError
from wasmcp.guest.http.client import AsyncClient, Client, Options
from wasmcp.guest.http.messages import (
    BodyTooLargeError,
    ConnectError,
    Headers,
    HttpError,
    InvalidContentError,
    InvalidRequestError,
    ProtocolError,
    RequestDeniedError,
    Timeout,
    TlsError,
    TooManyRedirectsError,
    TransferError,
    TransferTimeoutError,
)
from wasmcp.guest.http.responses import AsyncStreamedResponse, Response, StatusError, StreamedResponse

__all__ = [
    "AsyncClient",
    "AsyncStreamedResponse",
    "BodyTooLargeError",
    "Client",
    "ConnectError",
    "Headers",
    "HttpError",
    "InvalidContentError",
    "InvalidRequestError",
    "NotGrantedError",
    "Options",
    "ProtocolError",
    "RequestDeniedError",
    "Response",
    "StatusError",
    "StreamedResponse",
    "Timeout",
    "TlsError",
    "TooManyRedirectsError",
    "TransferError",
    "TransferTimeoutError",
    "delete",
    "get",
    "head",
    "options",
    "patch",
    "post",
    "put",
    "request",
    "stream",
]

_client = Client()
request = _client.request
get = _client.get
head = _client.head
options = _client.options
post = _client.post
put = _client.put
patch = _client.patch
delete = _client.delete
stream = _client.stream
