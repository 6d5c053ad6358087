"""wasmtime's C API, and the private parts of wasmtime-py: the only module that uses either.

wasmtime-py's public API is not sufficient in these places:

* `exchange`: `Func.__call__` queries the function's type and copies every string twice, which takes four times as long
  as the call itself. It also raises errors through a slot that is global to the process
  (``wasmtime.component._enter``), so that one thread could get the error of another.
* `component_values` and `wasi_keyvalue`: `LinkerInstance.add_func` converts a `list<u8>` one element at a time, at 2.5
  microseconds a byte.
* `wasmcp.host.engine.loaded_code`: `Component` has no method for another reference to the same code.
* `wasmcp.host.engine.backtraces`: `WasmtimeError` has no frames, as `Trap` has.
* `wasmcp.host.engine.engine`: `Store` has no method for the callback at an epoch deadline, and `Config` none for the
  size of the stacks of asynchronous calls, to leave out their support, and for the compiler.

The module can be removed when wasmtime-py calls functions without these costs, passes `list<u8>` as bytes, and has
methods for `wasmtime_store_epoch_deadline_callback`, `wasmtime_config_async_stack_size_set`,
`wasmtime_config_concurrency_support_set`, `wasmtime_config_strategy_set` and `wasmtime_component_clone`. Until then an
update of wasmtime-py must be checked against it.
"""

from __future__ import annotations

import ctypes
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from wasmtime import WasmtimeError, _ffi
from wasmtime.component import Component, ResourceAny, ResourceHost, ResourceType

if TYPE_CHECKING:
    from collections.abc import Callable

    from wasmtime import Config, Engine, Module, Store, StoreContext
    from wasmtime.component import Func

Value = _ffi.wasmtime_component_val_t
BOOL: int = _ffi.WASMTIME_COMPONENT_BOOL.value
U8: int = _ffi.WASMTIME_COMPONENT_U8.value
U32: int = _ffi.WASMTIME_COMPONENT_U32.value
S64: int = _ffi.WASMTIME_COMPONENT_S64.value
U64: int = _ffi.WASMTIME_COMPONENT_U64.value
STRING: int = _ffi.WASMTIME_COMPONENT_STRING.value
LIST: int = _ffi.WASMTIME_COMPONENT_LIST.value
RECORD: int = _ffi.WASMTIME_COMPONENT_RECORD.value
TUPLE: int = _ffi.WASMTIME_COMPONENT_TUPLE.value
VARIANT: int = _ffi.WASMTIME_COMPONENT_VARIANT.value
OPTION: int = _ffi.WASMTIME_COMPONENT_OPTION.value
RESULT: int = _ffi.WASMTIME_COMPONENT_RESULT.value
RESOURCE: int = _ffi.WASMTIME_COMPONENT_RESOURCE.value

call_function = _ffi.dll.wasmtime_component_func_call
delete_value = _ffi.dll.wasmtime_component_val_delete
read_string = _ffi.to_str
new_string = _ffi.str_to_capi

_FINALIZER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
"""Type of the null finalizer. A finalizer in Python could run on any thread, with a signal pending."""


def context_of(store: Store) -> Any:
    """Return the context of a store, which callbacks and calls get."""
    return store._context()  # noqa: SLF001


def raw_function(func: Func) -> Any:
    """Return the C structure of a function."""
    return func._func  # noqa: SLF001


def set_async_stack_size(config: Config, size: int) -> None:
    """Set the size of the stacks of asynchronous calls, in bytes: the maximum of `Config.max_wasm_stack`."""
    function = _ffi.dll.wasmtime_config_async_stack_size_set
    function.restype, function.argtypes = None, [ctypes.c_void_p, ctypes.c_size_t]
    function(config.ptr(), size)


def disable_concurrency(config: Config) -> None:
    """Leave out the support of asynchronous functions of components, whose tasks cost time in each call."""
    _ffi.wasmtime_config_concurrency_support_set(config.ptr(), 0)


_WINCH = 2  # `WASMTIME_STRATEGY_WINCH`


def use_winch(config: Config) -> None:
    """Compile with Winch, wasmtime's compiler of one pass."""
    _ffi.wasmtime_config_strategy_set(config.ptr(), _WINCH)


def keep(owner: Engine | Module) -> None:
    """Keep an object of wasmtime, which lives as long as the process.

    At the end of the process wasmtime's module is cleared before the last reference to its objects, and their
    destructors would fail with a message on standard error.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(owner))


def clone_component(component: Component) -> Component:
    """Return another reference to the code of a component, which is freed with the last one."""
    kind = ctypes.POINTER(_ffi.wasmtime_component_t)
    function = _ffi.dll.wasmtime_component_clone
    function.restype, function.argtypes = kind, [kind]
    return Component._from_ptr(function(component.ptr()))  # noqa: SLF001


MEMORY = memoryview((ctypes.c_ubyte * (1 << 47)).from_address(0)).cast("B")
"""The memory of the process, by address. Reading values from it takes a third of the time of `ctypes.string_at`."""

_call = ctypes.CFUNCTYPE(ctypes.c_void_p)(("wasmtime_component_func_call", _ffi.dll))
_delete = ctypes.CFUNCTYPE(None)(("wasmtime_component_val_delete", _ffi.dll))


def buffer(size: int) -> tuple[bytearray, int]:
    """Return memory for values, and its address, which stays the same."""
    data = bytearray(size)
    return data, ctypes.addressof((ctypes.c_ubyte * size).from_buffer(data))


def prepared_call(func: Func, context: Any, values: int, count: int, result: int) -> Callable[[], int | None]:
    """Return a function that calls a function of a component, whose arguments of ctypes are converted once.

    It returns the address of the error; None or 0 without one.

    Args:
        func: The function, which has one result.
        context: The context of its store.
        values: The address of the values.
        count: Their number.
        result: The address of the result.
    """
    pointer, number = ctypes.c_void_p.from_param, ctypes.c_size_t.from_param
    arguments = pointer(values), number(count), pointer(result), number(1)
    return partial(_call, ctypes.byref(raw_function(func)), context, *arguments)


def prepared_deletion(value: int) -> Callable[[], None]:
    """Return a function that frees what the value at an address owns."""
    return partial(_delete, ctypes.c_void_p.from_param(value))


class Frame(NamedTuple):
    """Frame of a backtrace.

    Attributes:
        offset: The offset of its instruction in the file that was compiled.
        module: The name of its core module; None if it has none.
        function: The symbol of its function in that module; None if it has none.
        function_index: The index of its function in that module.
    """

    offset: int
    module: str | None
    function: str | None
    function_index: int


def frames_of(error: Any) -> list[Frame]:
    """Return the frames of an error, the innermost first; none of an error that is not a trap."""
    frames = _ffi.wasm_frame_vec_t()
    _ffi.wasmtime_error_wasm_trace(error, ctypes.byref(frames))
    found = []
    for index in range(frames.size):
        one = frames.data[index]
        module, function = _ffi.wasmtime_frame_module_name(one), _ffi.wasmtime_frame_func_name(one)
        found.append(
            Frame(
                _ffi.wasm_frame_module_offset(one),
                _ffi.to_str(module.contents) if module else None,
                _ffi.to_str(function.contents) if function else None,
                _ffi.wasm_frame_func_index(one),
            )
        )
    _ffi.wasm_frame_vec_delete(ctypes.byref(frames))
    return found


def take_error(address: int) -> tuple[str, list[Frame]]:
    """Return the message and the frames of the error at an address, and free the error."""
    error = ctypes.cast(address, ctypes.POINTER(_ffi.wasmtime_error_t))
    message = _ffi.wasm_byte_vec_t()
    _ffi.wasmtime_error_message(error, ctypes.byref(message))
    text = bytes(_ffi.to_bytes(message)).decode("utf-8", "replace")
    _ffi.wasm_byte_vec_delete(ctypes.byref(message))
    frames = frames_of(error)
    _ffi.wasmtime_error_delete(error)
    return text, frames


def take_resource(value: Any) -> ResourceAny:
    """Take the handle out of a value of kind `RESOURCE`."""
    return ResourceAny._from_ptr(_ffi.take_pointer(value.of, "resource"))  # noqa: SLF001


def new_handle(context: Any, representation: int, kind: int) -> Any:
    """Return an `own` handle of a resource of this host.

    Raises:
        RuntimeError: wasmtime refuses the handle.
    """
    made = ResourceHost.own(representation, kind)
    handle = ctypes.POINTER(_ffi.wasmtime_component_resource_any_t)()
    if _ffi.wasmtime_component_resource_host_to_any(context, made.ptr(), ctypes.byref(handle)):
        raise RuntimeError("a handle could not be made")
    return handle


def new_list(length: int) -> Any:
    """Return a list with uninitialized elements."""
    made = _ffi.wasmtime_component_vallist_t()
    _ffi.wasmtime_component_vallist_new_uninit(made, length)
    return made


def new_tuple(length: int) -> Any:
    """Return a tuple with uninitialized elements."""
    made = _ffi.wasmtime_component_valtuple_t()
    _ffi.wasmtime_component_valtuple_new_uninit(made, length)
    return made


def new_record(length: int) -> Any:
    """Return a record with uninitialized fields."""
    made = _ffi.wasmtime_component_valrecord_t()
    _ffi.wasmtime_component_valrecord_new_uninit(made, length)
    return made


def boxed(value: Any) -> Any:
    """Move a value to the heap, for the payload of an option, result or variant."""
    return _ffi.wasmtime_component_val_new(ctypes.byref(value))


def invalidate(context: StoreContext) -> None:
    """End the use of a context at the end of a callback."""
    context._invalidate()  # noqa: SLF001


def error_address(message: str) -> int:
    """Return the address of a new error, for a callback to return."""
    return ctypes.cast(WasmtimeError(message)._consume(), ctypes.c_void_p).value or 0  # noqa: SLF001


def function_callback(called: Callable[..., int]) -> Any:
    """Return the callback of a function for `define_function`, which several linkers can share."""
    return _ffi.wasmtime_component_func_callback_t(called)


def define_function(instance: Any, name: str, called: Callable[..., int]) -> Any:
    """Define a function in an instance of a linker. Return the callback, which must live as long as the linker."""
    kind = _ffi.wasmtime_component_func_callback_t
    callback = called if isinstance(called, kind) else kind(called)
    encoded = name.encode()
    buffer = ctypes.create_string_buffer(encoded)
    error = _ffi.wasmtime_component_linker_instance_add_func(
        instance.ptr(), buffer, len(encoded), callback, None, _FINALIZER(0)
    )
    if error:
        raise WasmtimeError._from_ptr(error)  # noqa: SLF001
    return callback


def define_resource(instance: Any, name: str, kind: int, dropped: Callable[..., int]) -> Any:
    """Define a resource in an instance of a linker. Return the callback, which must live as long as the linker."""
    resource = ResourceType.host(kind)  # freed with its last reference
    callback = _ffi.wasmtime_component_resource_destructor_t(dropped)
    encoded = name.encode()
    buffer = ctypes.create_string_buffer(encoded)
    error = _ffi.wasmtime_component_linker_instance_add_resource(
        instance.ptr(), buffer, len(encoded), resource.ptr(), callback, None, _FINALIZER(0)
    )
    if error:
        raise WasmtimeError._from_ptr(error)  # noqa: SLF001
    return callback


def epoch_callback(called: Callable[..., int]) -> tuple[Any, Any]:
    """Return the arguments of `set_epoch_callback` for a function: a callback, and a null finalizer.

    Their types are those of wasmtime-py, so that both always agree.
    """
    kinds = _ffi.dll.wasmtime_store_epoch_deadline_callback.argtypes
    return kinds[1](called), kinds[3](0)


def set_epoch_callback(store: Store, callback: tuple[Any, Any], key: int) -> None:
    """Have wasmtime call a callback with `key` when a store reaches its epoch deadline."""
    _ffi.wasmtime_store_epoch_deadline_callback(store.ptr(), callback[0], key, callback[1])


def error_constructor() -> Callable[[bytes], int | None]:
    """Return a function that creates an error and returns its address, without running Python code."""
    make: Callable[[bytes], int | None] = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_char_p)(
        ("wasmtime_error_new", _ffi.dll)
    )
    return make
