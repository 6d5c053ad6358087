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
    from wasmtime import Store
    from wasmtime.component import Instance

EXCHANGE = "wasmcp:embedding/exchange@0.1.0"
TASKS = "wasmcp:embedding/tasks@0.1.0"

_PADDING = ctypes.sizeof(_capi.Value) - 24  # the size of a value without its kind, size and pointer

_call = _capi.call_function
_delete_value = _capi.delete_value
_string_at = ctypes.string_at


class _Text(ctypes.Structure):
    """A string argument: borrowed for the call, never freed by the callee."""

    _fields_ = (
        ("kind", ctypes.c_uint8),
        ("size", ctypes.c_size_t),
        ("data", ctypes.c_char_p),
        ("rest", ctypes.c_uint8 * _PADDING),
    )


class _Returned(ctypes.Structure):
    """A returned value: a string, an integer, or a list of values."""

    _fields_ = (
        ("kind", ctypes.c_uint8),
        ("size", ctypes.c_size_t),
        ("data", ctypes.c_void_p),
        ("rest", ctypes.c_uint8 * _PADDING),
    )


class _Entry(ctypes.Structure):
    """A field of a returned record: its name, then its value."""

    _fields_ = (("name", ctypes.c_size_t * 2), ("value", _Returned))


# Size and pointer of each value of a returned tuple of two, and of a record of three: unpacked at once, because each
# access to a member of a structure of ctypes creates an object.
_VALUE = f"{_Returned.size.offset}xNP{_PADDING}x"
_Pair = struct.Struct("@" + 2 * _VALUE)
_Response = struct.Struct("@" + 3 * f"{_Entry.value.offset}x{_VALUE}")
_Pointer = ctypes.POINTER(_capi.Value)


class CallError(Exception):
    """A call that ended in a trap. `message` is wasmtime's message, with the backtrace."""

    def __init__(self, message: str) -> None:
        self.message = message
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
        exchange = instance.get_export_index(store, EXCHANGE)
        found = []
        for function in ("message", "http"):
            index = exchange and instance.get_export_index(store, function, exchange)
            func = index and instance.get_func(store, index)
            if not func:
                raise ArtifactError(
                    name,
                    f"is not an MCP server: it does not export `{EXCHANGE}`. Compose one with `wasmcp compose server`",
                )
            found.append(_capi.raw_function(func))
        self._functions = found
        self._message, self._http = (ctypes.byref(function) for function in found)
        self._message_values = (_Text * 3)()
        self._http_values = (_Text * 5)()
        for values in (self._message_values, self._http_values):
            values[0].kind = _capi.U32
            for value in values[1:]:
                value.kind = _capi.STRING
        self._message_texts = tuple(self._message_values)
        self._http_texts = tuple(self._http_values)
        self._exchange = exchange
        self._store = store
        self._instance = instance
        self._rare: dict[str, Any] = {}
        self._tasks: Any = None
        self._result = _Returned()
        self._message_pointer = ctypes.cast(self._message_values, _Pointer)
        self._http_pointer = ctypes.cast(self._http_values, _Pointer)
        self._result_pointer = ctypes.cast(ctypes.byref(self._result), _Pointer)

    def message(self, token: int, line: bytes, state: bytes) -> tuple[bytes, bytes]:
        """Call `exchange.message` and return the response and the new state.

        Both texts must be valid UTF-8: wasmtime aborts the process otherwise.

        Raises:
            CallError: The call trapped.
            ResponseTooLargeError: The response is above the limit.
        """
        first, second, third = self._message_texts
        first.size = token
        second.size, second.data = len(line), line
        third.size, third.data = len(state), state
        result = self._run(self._message, self._message_pointer, 3)
        try:
            return self._pair(result)
        finally:
            _delete_value(self._result_pointer)

    def http(self, token: int, method: bytes, target: bytes, headers: bytes, body: bytes) -> tuple[int, bytes, bytes]:
        """Call `exchange.http` and return status, header lines and body. All texts must be valid UTF-8.

        Raises:
            CallError: The call trapped.
            ResponseTooLargeError: The body is above the limit.
        """
        first, second, third, fourth, fifth = self._http_texts
        first.size = token
        second.size, second.data = len(method), method
        third.size, third.data = len(target), target
        fourth.size, fourth.data = len(headers), headers
        fifth.size, fifth.data = len(body), body
        result = self._run(self._http, self._http_pointer, 5)
        try:
            return self._response(result)
        finally:
            _delete_value(self._result_pointer)

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
        result = self._call_resumed("resume-message", token, (line, state, continuation, answers))
        try:
            return self._pair(result)
        finally:
            _delete_value(self._result_pointer)

    def resume_http(self, token: int, *texts: bytes) -> tuple[int, bytes, bytes]:
        """Call `exchange.resume-http` with the arguments of `http`, the continuation and the client's responses.

        Returns and raises the same as `http`.
        """
        result = self._call_resumed("resume-http", token, texts)
        try:
            return self._response(result)
        finally:
            _delete_value(self._result_pointer)

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
        result = self._call(func, None if function == "pending" else token, texts)
        try:
            return self._text(result.size, result.data)
        finally:
            _delete_value(self._result_pointer)

    def _optional(self, name: str, interface: Any = None) -> Any:
        if name not in self._rare:
            index = self._instance.get_export_index(self._store, name, interface or self._exchange)
            self._rare[name] = index and self._instance.get_func(self._store, index)
        return self._rare[name]

    def _call_resumed(self, name: str, token: int, texts: tuple[bytes, ...]) -> Any:
        function = self._optional(name)
        if function is None:
            raise CallError(f"the server sends requests to its client, but does not export `{name}`")
        return self._call(function, token, texts)

    def _call(self, function: Any, token: int | None, texts: tuple[bytes, ...]) -> Any:
        """Call a function whose arguments are texts, after a token if it has one."""
        first = 0 if token is None else 1
        values = (_Text * (first + len(texts)))()
        if token is not None:
            values[0].kind = _capi.U32
            values[0].size = token
        for value, text in zip(values[first:], texts, strict=True):
            value.kind = _capi.STRING
            value.size = len(text)
            value.data = text
        return self._run(ctypes.byref(_capi.raw_function(function)), ctypes.cast(values, _Pointer), len(values))

    def _run(self, function: Any, values: Any, count: int) -> Any:
        result = self._result
        error = _call(function, self._context, values, count, self._result_pointer, 1)
        if error:
            raise CallError(_capi.take_error_message(error))
        return result

    def _pair(self, result: Any) -> tuple[bytes, bytes]:
        size, data, after_size, after = _Pair.unpack(_string_at(result.data, _Pair.size))
        return self._text(size, data), self._text(after_size, after)

    def _response(self, result: Any) -> tuple[int, bytes, bytes]:
        status, _, fields_size, fields, size, data = _Response.unpack(_string_at(result.data, _Response.size))
        return status & 0xFFFF, self._text(fields_size, fields), self._text(size, data)

    def _text(self, size: int, data: int) -> bytes:
        if size > self._limit:
            raise ResponseTooLargeError(size, self._limit)
        return _string_at(data, size) if size else b""
