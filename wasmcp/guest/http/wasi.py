"""Transport over `wasi:http/outgoing-handler`. Only for components with the grant ``http``.

A handle must be dropped before the handle that it was made from: a stream before its body, a body before its message.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from typing import Any

from componentize_py_types import Err, Ok  # type: ignore[import-not-found]
from wit_world.imports import http_types as types  # type: ignore[import-not-found]
from wit_world.imports import outgoing_handler
from wit_world.imports.streams import StreamError_LastOperationFailed  # type: ignore[import-not-found]

from wasmcp.guest.component.pollables import wait
from wasmcp.guest.http.messages import (
    Headers,
    HttpError,
    IncomingResponse,
    InvalidRequestError,
    OutgoingRequest,
    ProtocolError,
    RequestTimeouts,
    timeout_error,
    transfer_failed,
)

_METHODS = {
    "GET": types.Method_Get,
    "HEAD": types.Method_Head,
    "POST": types.Method_Post,
    "PUT": types.Method_Put,
    "DELETE": types.Method_Delete,
    "OPTIONS": types.Method_Options,
    "TRACE": types.Method_Trace,
    "PATCH": types.Method_Patch,
}
_NANOSECONDS = 1_000_000_000
_WORDS = re.compile(r"(?<!^)(?=[A-Z])")
_CAPITALS = {"Dns": "DNS", "Tls": "TLS", "Http": "HTTP", "Ip": "IP", "Uri": "URI"}


class WasiTransport:
    """Transport by the component's host."""

    async def send(self, request: OutgoingRequest, timeouts: RequestTimeouts) -> IncomingResponse:
        """Send a request; see `Transport.send`."""
        seconds, phase = timeouts.remaining("connect")
        options = types.RequestOptions()
        if seconds is not None and phase == "connect":  # `RequestTimeouts` enforces the total in every phase
            _try(options.set_connect_timeout, int(seconds * _NANOSECONDS))
        outgoing = _outgoing(request)
        body = outgoing.body() if request.body is not None else None
        try:
            future = outgoing_handler.handle(outgoing, options)
        except Err as error:
            _drop(body)
            raise _failure(error.value) from None
        try:
            if body is not None and request.body is not None:
                await _write(body, request.body, timeouts)
            response = await _response(future, timeouts)
        finally:
            _drop(future)
        return _IncomingResponse(response)


def _outgoing(request: OutgoingRequest) -> Any:
    pairs = [(name, value.encode("latin-1" if _is_latin(value) else "utf-8")) for name, value in request.headers.pairs]
    try:
        fields = types.Fields.from_list(pairs)
    except Err:
        raise InvalidRequestError(f"the host refuses one of the headers {', '.join(request.headers)}") from None
    outgoing = types.OutgoingRequest(fields)
    known = _METHODS.get(request.method)
    url = request.url
    try:
        outgoing.set_method(known() if known else types.Method_Other(request.method))
        outgoing.set_scheme(types.Scheme_Https() if url.scheme == "https" else types.Scheme_Http())
        outgoing.set_authority(url.authority)
        outgoing.set_path_with_query(url.target)
    except Err:
        _drop(outgoing)
        raise InvalidRequestError("the host refuses the method or the URL") from None
    return outgoing


def _is_latin(value: str) -> bool:
    return all(character < "\u0100" for character in value)


async def _write(body: Any, data: bytes | AsyncIterator[bytes], timeouts: RequestTimeouts) -> None:
    """Send a body and end it. A server can stop reading before the end of the body, and still respond."""
    stream = body.write()
    try:
        if isinstance(data, bytes):
            whole = await _write_piece(stream, data, timeouts)
        else:
            whole = True
            async for piece in data:
                whole = await _write_piece(stream, piece, timeouts)
                if not whole:
                    break
        if whole:
            stream.flush()
    except Err:
        whole = False
    except BaseException:
        _drop(stream)
        _drop(body)
        raise
    _drop(stream)
    if whole:
        _try(types.OutgoingBody.finish, body, None)
    else:
        _drop(body)


async def _write_piece(stream: Any, data: bytes, timeouts: RequestTimeouts) -> bool:
    view = memoryview(data)
    try:
        while view:
            allowed = stream.check_write()
            if not allowed:
                await _ready(stream, timeouts, "between_bytes")
                continue
            stream.write(bytes(view[:allowed]))
            view = view[allowed:]
    except Err:
        return False
    return True


async def _response(future: Any, timeouts: RequestTimeouts) -> Any:
    found = future.get()
    while found is None:
        await _ready(future, timeouts, "connect_and_first_byte")
        found = future.get()
    if not isinstance(found, Ok):
        raise ProtocolError("internal-error", "the response was already returned")
    if not isinstance(found.value, Ok):
        raise _failure(found.value.value)
    return found.value.value


class _IncomingResponse:
    """A response of the host."""

    def __init__(self, response: Any) -> None:
        self._response = response
        self._body: Any = None
        self._stream: Any = None
        self.status = int(response.status())
        with response.headers() as fields:
            self.headers = Headers([(name, _text(value)) for name, value in fields.entries()])
        self._body = response.consume()
        self._stream = self._body.stream()

    async def read(self, size: int, timeouts: RequestTimeouts) -> bytes:
        while self._stream is not None:
            try:
                found: bytes = self._stream.read(size)
            except Err as error:
                return _end(error.value)
            if found:
                return found
            await _ready(self._stream, timeouts, "between_bytes")
        return b""

    def close(self) -> None:
        stream, body, response = self._stream, self._body, self._response
        self._stream = self._body = self._response = None
        for handle in (stream, body, response):
            _drop(handle)

    def __del__(self) -> None:
        self.close()


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _end(error: Any) -> bytes:
    """Return empty bytes at the end of a body, or raise the error of the stream."""
    if not isinstance(error, StreamError_LastOperationFailed):
        return b""
    with error.value as held:
        code = types.http_error_code(held)
        if code is not None:
            raise _failure(code)
        raise ProtocolError("HTTP-response-incomplete", held.to_debug_string())


async def _ready(subject: Any, timeouts: RequestTimeouts, phase: str) -> None:
    """Wait until a stream or future is ready.

    Raises:
        TransferTimeoutError: A timeout was exceeded.
    """
    if phase == "connect_and_first_byte":
        seconds, which = _before_first_byte(timeouts)
    else:
        seconds, which = timeouts.remaining(phase)
    with subject.subscribe() as pollable:
        if timeouts.concurrent:
            from wasmcp.guest.component.event_loop import ready

            is_ready = await ready(pollable, seconds)
        else:
            is_ready = bool(wait([pollable], seconds))
    if not is_ready:
        raise timeout_error(which)


def _before_first_byte(timeouts: RequestTimeouts) -> tuple[float | None, str]:
    """Return the time for the first byte. It includes the connection, whose completion the host does not report."""
    connect, first = timeouts.timeout.connect, timeouts.timeout.first_byte
    seconds, which = timeouts.remaining()
    both = None if first is None else first + (connect or 0)
    return (both, "first_byte") if both is not None and (seconds is None or both < seconds) else (seconds, which)


def _failure(code: Any) -> HttpError:
    """Return the exception for an ``error-code``."""
    words = _WORDS.split(type(code).__name__.partition("_")[2])
    name = "-".join(_CAPITALS.get(word, word.lower()) for word in words)
    value = getattr(code, "value", None)
    if value is not None and not isinstance(value, (str, int)):
        facts = {key: held for key, held in vars(value).items() if held is not None}
        value = ", ".join(f"{key} {held}" for key, held in facts.items())
    return transfer_failed(name, "" if value is None else str(value))


def _try(function: Any, *arguments: Any) -> None:
    """Call a function whose failure can be ignored."""
    with contextlib.suppress(Err):
        function(*arguments)


def _drop(handle: Any) -> None:
    if handle is not None:
        handle.__exit__(None, None, None)
