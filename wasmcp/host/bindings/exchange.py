"""Bindings to the `wasmcp:embedding/exchange` export of a server, through wasmtime's C API.

The types of these functions never change, so their arguments are laid out once; `_capi` has the reason for not using
`Func.__call__`. Errors are returned to the thread that called.
"""

from __future__ import annotations

import ctypes
import struct
from typing import TYPE_CHECKING, Any

from wasmcp.errors import ArtifactError, ResponseTooLargeError
from wasmcp.host.bindings import _capi

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wasmtime import Store
    from wasmtime.component import Instance

EXCHANGE = "wasmcp:embedding/exchange@0.1.0"
TASKS = "wasmcp:embedding/tasks@0.1.0"

_PADDING = ctypes.sizeof(_capi.Value) - 24  # the size of a value without its kind, size and pointer

# Values of a call, written and read at once: ctypes creates objects for each member of a structure.
_TOKEN = f"B7xI{_PADDING + 12}x"
_TEXT = f"B7xNP{_PADDING}x"
_MESSAGE = struct.Struct(f"@{_TOKEN}{2 * _TEXT}")
_HTTP = struct.Struct(f"@{_TOKEN}{4 * _TEXT}")
_RETURNED = struct.Struct(f"@8xNP{_PADDING}x")
_PAIR = struct.Struct("@" + 2 * f"8xNP{_PADDING}x")
_RESPONSE = struct.Struct("@" + 3 * f"16x8xNP{_PADDING}x")  # fields of a record: the name, then the value

_ROOM = 8 << 10  # maximum bytes of all texts of a call that are copied next to each other
_U32, _STRING = _capi.U32, _capi.STRING
_MEMORY = _capi.MEMORY


class _Text(ctypes.Structure):
    """A string argument: borrowed for the call, never freed by the callee."""

    _fields_ = (
        ("kind", ctypes.c_uint8),
        ("size", ctypes.c_size_t),
        ("data", ctypes.c_char_p),
        ("rest", ctypes.c_uint8 * _PADDING),
    )


class CallError(Exception):
    """A call that ended in a trap.

    Attributes:
        message: wasmtime's message, with the backtrace.
        frames: The frames of the backtrace, the innermost first.
    """

    def __init__(self, message: str, frames: Sequence[_capi.Frame] = ()) -> None:
        self.message = message
        self.frames = frames
        super().__init__(message)


class ExchangeBindings:
    """Functions of the `exchange` export of one instance. Only one thread can use them at a time."""

    def __init__(self, store: Store, instance: Instance, name: str, response_limit: int | None) -> None:
        """Look up the functions.

        Raises:
            ArtifactError: The component does not export the interface.
        """
        self._limit = (1 << 62) if response_limit is None else response_limit
        self._context = _capi.context_of(store)
        self._exchange = instance.get_export_index(store, EXCHANGE)
        self._store = store
        self._instance = instance
        self._rare: dict[str, Any] = {}
        self._tasks: Any = None
        self._result, result = _capi.buffer(_RETURNED.size)
        self._delete_result = _capi.prepared_deletion(result)
        self._texts, self._at = _capi.buffer(_ROOM)
        self._message_values, message_values = _capi.buffer(_MESSAGE.size)
        self._http_values, http_values = _capi.buffer(_HTTP.size)
        found = [self._optional(function) for function in ("message", "http")]
        if not all(found):
            raise ArtifactError(
                name,
                f"is not an MCP server: it does not export `{EXCHANGE}`. Compose one with `wasmcp compose server`",
            )
        self._message, self._http = found
        self._result_address = result
        self._call_message = self._prepared(self._message, message_values, 3)
        self._call_http = self._prepared(self._http, http_values, 5)

    def _prepared(self, function: Any, values: int, count: int) -> Callable[[], int | None]:
        return _capi.prepared_call(function, self._context, values, count, self._result_address)

    def message(self, token: int, line: bytes, state: bytes) -> tuple[bytes, bytes]:
        """Call `exchange.message` and return the response and the new state.

        Both texts must be valid UTF-8: wasmtime aborts the process otherwise.

        Raises:
            CallError: The call trapped.
            ResponseTooLargeError: The response is above the limit.
        """
        first, second = len(line), len(state)
        if first + second > _ROOM:
            self._call(self._message, token, (line, state))
        else:
            at = self._at
            self._texts[: first + second] = line + state
            _MESSAGE.pack_into(self._message_values, 0, _U32, token, _STRING, first, at, _STRING, second, at + first)
            error = self._call_message()
            if error:
                raise CallError(*_capi.take_error(error))
        try:
            return self._pair()
        finally:
            self._delete_result()

    def http(self, token: int, method: bytes, target: bytes, headers: bytes, body: bytes) -> tuple[int, bytes, bytes]:
        """Call `exchange.http` and return status, header lines and body. All texts must be valid UTF-8.

        Raises:
            CallError: The call trapped.
            ResponseTooLargeError: The body is above the limit.
        """
        first, second, third, fourth = len(method), len(target), len(headers), len(body)
        size = first + second + third + fourth
        if size > _ROOM:
            self._call(self._http, token, (method, target, headers, body))
        else:
            self._texts[:size] = b"".join((method, target, headers, body))
            at = self._at
            after_first = at + first
            after_second = after_first + second
            _HTTP.pack_into(
                *(self._http_values, 0, _U32, token),
                *(_STRING, first, at, _STRING, second, after_first),
                *(_STRING, third, after_second, _STRING, fourth, after_second + third),
            )
            error = self._call_http()
            if error:
                raise CallError(*_capi.take_error(error))
        try:
            return self._response()
        finally:
            self._delete_result()

    def configure(self, settings: tuple[tuple[str, str], ...]) -> str | None:
        """Call `exchange.configure` and return the problem with the settings, or None."""
        func = self._optional("configure")
        if func is None or not settings:
            return None
        problem = func(self._store, list(settings))
        func.post_return(self._store)
        return problem if isinstance(problem, str) else None

    def authorization(self) -> dict[str, str]:
        """Call `exchange.authorization` and return the settings of authorization in effect; empty without any."""
        func = self._optional("authorization")
        if func is None:
            return {}
        pairs = func(self._store)
        func.post_return(self._store)
        return dict(pairs)

    def set_keys(self, document: str) -> str | None:
        """Call `exchange.set-keys` and return the reason why the keys cannot be used, or None."""
        func = self._optional("set-keys")
        if func is None:
            return None
        problem = func(self._store, document)
        func.post_return(self._store)
        return problem if isinstance(problem, str) else None

    def resume_message(
        self, token: int, line: bytes, state: bytes, continuation: bytes, answers: bytes
    ) -> tuple[bytes, bytes]:
        """Call `exchange.resume-message`; returns and raises the same as `message`."""
        self._call_resumed("resume-message", token, (line, state, continuation, answers))
        try:
            return self._pair()
        finally:
            self._delete_result()

    def resume_http(self, token: int, *texts: bytes) -> tuple[int, bytes, bytes]:
        """Call `exchange.resume-http` with the arguments of `http`, the continuation and the client's responses.

        Returns and raises the same as `http`.
        """
        self._call_resumed("resume-http", token, texts)
        try:
            return self._response()
        finally:
            self._delete_result()

    def attach(self, host: str) -> bool:
        """Call `tasks.attach`. Return False if the server has no tools that can run as tasks."""
        self._tasks = self._instance.get_export_index(self._store, TASKS)
        func = self._tasks and self._optional("attach", self._tasks)
        if not func:
            return False
        func(self._store, host)
        func.post_return(self._store)
        return True

    def task(self, token: int, function: str, *texts: bytes) -> bytes:
        """Call a function of `tasks` and return its outcome, or the JSON of a page of tasks.

        Raises:
            CallError: The call trapped.
            ResponseTooLargeError: The page is above the limit.
        """
        func = self._tasks and self._optional(function, self._tasks)
        if not func:
            raise CallError(f"the server does not export `{TASKS}`")
        self._call(func, None if function == "pending" else token, texts)
        try:
            return self._text(*_RETURNED.unpack(self._result))
        finally:
            self._delete_result()

    def _optional(self, name: str, interface: Any = None) -> Any:
        if name not in self._rare:
            index = self._instance.get_export_index(self._store, name, interface or self._exchange)
            self._rare[name] = index and self._instance.get_func(self._store, index)
        return self._rare[name]

    def _call_resumed(self, name: str, token: int, texts: tuple[bytes, ...]) -> None:
        function = self._optional(name)
        if function is None:
            raise CallError(f"the server sends requests to its client, but does not export `{name}`")
        self._call(function, token, texts)

    def _call(self, function: Any, token: int | None, texts: tuple[bytes, ...]) -> None:
        """Call a function whose arguments are texts of any size, after a token if it has one."""
        first = 0 if token is None else 1
        values = (_Text * (first + len(texts)))()
        if token is not None:
            values[0].kind = _U32
            values[0].size = token
        for value, text in zip(values[first:], texts, strict=True):
            value.kind = _STRING
            value.size = len(text)
            value.data = text
        error = self._prepared(function, ctypes.addressof(values), len(values))()
        if error:
            raise CallError(*_capi.take_error(error))

    def _pair(self) -> tuple[bytes, bytes]:
        _, at = _RETURNED.unpack(self._result)
        size, data, after_size, after = _PAIR.unpack_from(_MEMORY, at)
        return self._text(size, data), self._text(after_size, after)

    def _response(self) -> tuple[int, bytes, bytes]:
        _, at = _RETURNED.unpack(self._result)
        status, _, fields_size, fields, size, data = _RESPONSE.unpack_from(_MEMORY, at)
        if fields_size > self._limit or size > self._limit:
            raise ResponseTooLargeError(max(fields_size, size), self._limit)
        lines, body = _MEMORY[fields : fields + fields_size].tobytes(), _MEMORY[data : data + size].tobytes()
        return status & 0xFFFF, lines, body

    def _text(self, size: int, data: int) -> bytes:
        if size > self._limit:
            raise ResponseTooLargeError(size, self._limit)
        return _MEMORY[data : data + size].tobytes()
