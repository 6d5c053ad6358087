"""Component values exchanged with functions of this host, through wasmtime's C API.

wasmtime-py converts a `list<u8>` to bytes one element at a time, at 2.5 microseconds a byte; this module does it with
one copy. `read` converts arguments by their own type tag; the other functions write results.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

from wasmtime import _ffi as ffi
from wasmtime.component import ResourceAny, ResourceHost

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Writer = Callable[[Any, Any], None]
    """A function that gets the store's context and the value to fill."""

_Value = ffi.wasmtime_component_val_t
_STRIDE = ctypes.sizeof(_Value)
_PAYLOAD = _Value.of.offset
_U8 = ffi.WASMTIME_COMPONENT_U8.value
_BOOL = ffi.WASMTIME_COMPONENT_BOOL.value
_STRING = ffi.WASMTIME_COMPONENT_STRING.value
_LIST = ffi.WASMTIME_COMPONENT_LIST.value
_TUPLE = ffi.WASMTIME_COMPONENT_TUPLE.value
_RECORD = ffi.WASMTIME_COMPONENT_RECORD.value
_VARIANT = ffi.WASMTIME_COMPONENT_VARIANT.value
_OPTION = ffi.WASMTIME_COMPONENT_OPTION.value
_RESULT = ffi.WASMTIME_COMPONENT_RESULT.value
_RESOURCE = ffi.WASMTIME_COMPONENT_RESOURCE.value
_NUMBERS = {ffi.WASMTIME_COMPONENT_U64.value: "u64", ffi.WASMTIME_COMPONENT_S64.value: "s64"}


def read(value: Any) -> Any:
    """Convert an argument: text, bytes, integers, options, lists and tuples; a resource becomes a `ResourceAny`.

    An empty list becomes empty bytes, because the value has no element type.
    """
    kind = value.kind
    if kind == _STRING:
        return ffi.to_str(value.of.string)
    if kind == _LIST:
        size, data = value.of.list.size, value.of.list.data
        if size == 0:
            return b""
        if data[0].kind == _U8:
            return ctypes.string_at(data, size * _STRIDE)[_PAYLOAD::_STRIDE]
        return [read(data[index]) for index in range(size)]
    if kind == _TUPLE:
        return tuple(read(value.of.tuple.data[index]) for index in range(value.of.tuple.size))
    if kind == _OPTION:
        return read(value.of.option.contents) if value.of.option else None
    if kind == _RESOURCE:
        return ResourceAny._from_ptr(ffi.take_pointer(value.of, "resource"))  # noqa: SLF001 - wasmtime-py has no public constructor
    if kind in _NUMBERS:
        return getattr(value.of, _NUMBERS[kind])
    raise TypeError(f"no function of this host takes a value of kind {kind}")


def release(value: Any) -> None:
    """Free an argument that was read."""
    if value.kind != _RESOURCE:
        ffi.wasmtime_component_val_delete(ctypes.byref(value))
        value.kind = _BOOL  # a second release is then harmless
        value.of.boolean = False


def text(plain: str) -> Writer:
    """Write a string."""

    def write(_context: Any, value: Any) -> None:
        value.kind = _STRING
        value.of.string = ffi.str_to_capi(plain)

    return write


def data(plain: bytes) -> Writer:
    """Write a `list<u8>`."""

    def write(_context: Any, value: Any) -> None:
        raw = ffi.wasmtime_component_vallist_t()
        ffi.wasmtime_component_vallist_new_uninit(raw, len(plain))
        if plain:
            image = bytearray(len(plain) * _STRIDE)
            image[::_STRIDE] = bytes((_U8,)) * len(plain)
            image[_PAYLOAD::_STRIDE] = plain
            ctypes.memmove(raw.data, bytes(image), len(image))
        value.kind = _LIST
        value.of.list = raw

    return write


def boolean(flag: bool) -> Writer:
    """Write a bool."""

    def write(_context: Any, value: Any) -> None:
        value.kind = _BOOL
        value.of.boolean = flag

    return write


def integer(number: int, *, signed: bool) -> Writer:
    """Write an s64 or a u64."""

    def write(_context: Any, value: Any) -> None:
        value.kind = (ffi.WASMTIME_COMPONENT_S64 if signed else ffi.WASMTIME_COMPONENT_U64).value
        setattr(value.of, "s64" if signed else "u64", number)

    return write


def resource(representation: int, kind: int) -> Writer:
    """Write an `own` handle of a resource of this host."""

    def write(context: Any, value: Any) -> None:
        made = ResourceHost.own(representation, kind)
        handle = ctypes.POINTER(ffi.wasmtime_component_resource_any_t)()
        error = ffi.wasmtime_component_resource_host_to_any(context, made.ptr(), ctypes.byref(handle))
        if error:
            raise RuntimeError("a handle could not be made")
        value.kind = _RESOURCE
        value.of.resource = handle

    return write


def sequence(items: Sequence[Writer]) -> Writer:
    """Write a list whose elements are not bytes."""

    def write(context: Any, value: Any) -> None:
        raw = ffi.wasmtime_component_vallist_t()
        ffi.wasmtime_component_vallist_new_uninit(raw, len(items))
        for index, item in enumerate(items):
            item(context, raw.data[index])
        value.kind = _LIST
        value.of.list = raw

    return write


def both(*items: Writer) -> Writer:
    """Write a tuple."""

    def write(context: Any, value: Any) -> None:
        raw = ffi.wasmtime_component_valtuple_t()
        ffi.wasmtime_component_valtuple_new_uninit(raw, len(items))
        for index, item in enumerate(items):
            item(context, raw.data[index])
        value.kind = _TUPLE
        value.of.tuple = raw

    return write


def record(**fields: Writer) -> Writer:
    """Write a record. The fields must be in the order of the record type."""

    def write(context: Any, value: Any) -> None:
        raw = ffi.wasmtime_component_valrecord_t()
        ffi.wasmtime_component_valrecord_new_uninit(raw, len(fields))
        for index, (name, item) in enumerate(fields.items()):
            raw.data[index].name = ffi.str_to_capi(name)
            item(context, raw.data[index].val)
        value.kind = _RECORD
        value.of.record = raw

    return write


def option(payload: Writer | None) -> Writer:
    """Write an option."""

    def write(context: Any, value: Any) -> None:
        value.kind = _OPTION
        value.of.option = _boxed(context, payload)

    return write


def result(payload: Writer | None, *, ok: bool) -> Writer:
    """Write a result."""

    def write(context: Any, value: Any) -> None:
        value.kind = _RESULT
        value.of.result.is_ok = ok
        value.of.result.val = _boxed(context, payload)

    return write


def case(name: str, payload: Writer | None = None) -> Writer:
    """Write a case of a variant."""

    def write(context: Any, value: Any) -> None:
        value.kind = _VARIANT
        value.of.variant.discriminant = ffi.str_to_capi(name)
        value.of.variant.val = _boxed(context, payload)

    return write


def _boxed(context: Any, payload: Writer | None) -> Any:
    if payload is None:
        return None
    made = _Value()
    payload(context, made)
    return ffi.wasmtime_component_val_new(ctypes.byref(made))
