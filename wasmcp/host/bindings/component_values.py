"""Component values exchanged with functions of this host, through wasmtime's C API.

wasmtime-py converts a `list<u8>` to bytes one element at a time, at 2.5 microseconds a byte; this module does it with
one copy. `read` converts arguments by their own type tag; the other functions write results.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

from wasmcp.host.bindings import _capi

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Writer = Callable[[Any, Any], None]
    """A function that gets the store's context and the value to fill."""

_STRIDE = ctypes.sizeof(_capi.Value)
_PAYLOAD = _capi.Value.of.offset
_NUMBERS = {_capi.U64: "u64", _capi.S64: "s64"}


def read(value: Any) -> Any:
    """Convert an argument: text, bytes, integers, options, lists and tuples; a resource becomes a `ResourceAny`.

    An empty list becomes empty bytes, because the value has no element type.
    """
    kind = value.kind
    if kind == _capi.STRING:
        return _capi.read_string(value.of.string)
    if kind == _capi.LIST:
        size, data = value.of.list.size, value.of.list.data
        if size == 0:
            return b""
        if data[0].kind == _capi.U8:
            return ctypes.string_at(data, size * _STRIDE)[_PAYLOAD::_STRIDE]
        return [read(data[index]) for index in range(size)]
    if kind == _capi.TUPLE:
        return tuple(read(value.of.tuple.data[index]) for index in range(value.of.tuple.size))
    if kind == _capi.OPTION:
        return read(value.of.option.contents) if value.of.option else None
    if kind == _capi.RESOURCE:
        return _capi.take_resource(value)
    if kind in _NUMBERS:
        return getattr(value.of, _NUMBERS[kind])
    raise TypeError(f"no function of this host takes a value of kind {kind}")


def release(value: Any) -> None:
    """Free an argument that was read."""
    if value.kind != _capi.RESOURCE:
        _capi.delete_value(ctypes.byref(value))
        value.kind = _capi.BOOL  # a second release is then harmless
        value.of.boolean = False


def text(plain: str) -> Writer:
    """Write a string."""

    def write(_context: Any, value: Any) -> None:
        value.kind = _capi.STRING
        value.of.string = _capi.new_string(plain)

    return write


def data(plain: bytes) -> Writer:
    """Write a `list<u8>`."""

    def write(_context: Any, value: Any) -> None:
        raw = _capi.new_list(len(plain))
        if plain:
            image = bytearray(len(plain) * _STRIDE)
            image[::_STRIDE] = bytes((_capi.U8,)) * len(plain)
            image[_PAYLOAD::_STRIDE] = plain
            ctypes.memmove(raw.data, bytes(image), len(image))
        value.kind = _capi.LIST
        value.of.list = raw

    return write


def boolean(flag: bool) -> Writer:
    """Write a bool."""

    def write(_context: Any, value: Any) -> None:
        value.kind = _capi.BOOL
        value.of.boolean = flag

    return write


def integer(number: int, *, signed: bool) -> Writer:
    """Write an s64 or a u64."""

    def write(_context: Any, value: Any) -> None:
        value.kind = _capi.S64 if signed else _capi.U64
        setattr(value.of, "s64" if signed else "u64", number)

    return write


def small(number: int) -> Writer:
    """Write a u32."""

    def write(_context: Any, value: Any) -> None:
        value.kind = _capi.U32
        value.of.u32 = number

    return write


def resource(representation: int, kind: int) -> Writer:
    """Write an `own` handle of a resource of this host."""

    def write(context: Any, value: Any) -> None:
        value.kind = _capi.RESOURCE
        value.of.resource = _capi.new_handle(context, representation, kind)

    return write


def sequence(items: Sequence[Writer]) -> Writer:
    """Write a list whose elements are not bytes."""

    def write(context: Any, value: Any) -> None:
        raw = _capi.new_list(len(items))
        for index, item in enumerate(items):
            item(context, raw.data[index])
        value.kind = _capi.LIST
        value.of.list = raw

    return write


def both(*items: Writer) -> Writer:
    """Write a tuple."""

    def write(context: Any, value: Any) -> None:
        raw = _capi.new_tuple(len(items))
        for index, item in enumerate(items):
            item(context, raw.data[index])
        value.kind = _capi.TUPLE
        value.of.tuple = raw

    return write


def record(**fields: Writer) -> Writer:
    """Write a record. The fields must be in the order of the record type."""

    def write(context: Any, value: Any) -> None:
        raw = _capi.new_record(len(fields))
        for index, (name, item) in enumerate(fields.items()):
            raw.data[index].name = _capi.new_string(name)
            item(context, raw.data[index].val)
        value.kind = _capi.RECORD
        value.of.record = raw

    return write


def option(payload: Writer | None) -> Writer:
    """Write an option."""

    def write(context: Any, value: Any) -> None:
        value.kind = _capi.OPTION
        value.of.option = _boxed(context, payload)

    return write


def result(payload: Writer | None, *, ok: bool) -> Writer:
    """Write a result."""

    def write(context: Any, value: Any) -> None:
        value.kind = _capi.RESULT
        value.of.result.is_ok = ok
        value.of.result.val = _boxed(context, payload)

    return write


def case(name: str, payload: Writer | None = None) -> Writer:
    """Write a case of a variant."""

    def write(context: Any, value: Any) -> None:
        value.kind = _capi.VARIANT
        value.of.variant.discriminant = _capi.new_string(name)
        value.of.variant.val = _boxed(context, payload)

    return write


def _boxed(context: Any, payload: Writer | None) -> Any:
    if payload is None:
        return None
    made = _capi.Value()
    payload(context, made)
    return _capi.boxed(made)
