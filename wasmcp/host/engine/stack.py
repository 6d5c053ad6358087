"""Stacks: the limit of guest code, and threads that have room for it.

Deep recursion has to end in the guest: CPython raises `RecursionError` when 1 MB of its own stack, in the memory of the
instance, is in use. Compiled code uses the stack of the thread at the same time, up to twice as much. Below the limit
the engine traps; beyond the end of the thread's stack the process would crash. So guest code runs only on threads with
room for the limit.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

GUEST_STACK = 4 << 20
"""Limit of the stack that guest code uses, in bytes: `RecursionError` of CPython needs 2 MB."""

_HOST_STACK = 1 << 20  # for the host below the guest, and for its functions that the guest calls
_NEEDED = GUEST_STACK + _HOST_STACK
_THREAD_STACK = 2 * GUEST_STACK
_LOCK = threading.Lock()


class _Current(threading.local):
    """Facts about the current thread.

    Attributes:
        is_sufficient: Result of `is_sufficient`; None before its first call.
    """

    is_sufficient: bool | None = None


_CURRENT = _Current()


def start_thread(run: Callable[[], None], name: str) -> threading.Thread:
    """Start a daemon thread that has room for guest code."""
    thread = threading.Thread(target=run, name=name, daemon=True)
    with _LOCK:  # the size applies to all threads of the process that start meanwhile
        before = threading.stack_size(_THREAD_STACK)
        try:
            thread.start()
        finally:
            threading.stack_size(before)
    return thread


def is_sufficient() -> bool:
    """Return whether the current thread has room for guest code; False if its size cannot be found out."""
    if _CURRENT.is_sufficient is None:
        _CURRENT.is_sufficient = _size() >= _NEEDED
    return _CURRENT.is_sufficient


def _size() -> int:
    """Return the size of the current thread's stack in bytes; 0 if unknown."""
    try:
        library = ctypes.CDLL(None)
        if sys.platform == "darwin":
            library.pthread_get_stacksize_np.restype = ctypes.c_size_t
            library.pthread_get_stacksize_np.argtypes = [ctypes.c_void_p]
            return int(library.pthread_get_stacksize_np(threading.get_ident()))
        return _size_of_attributes(library)
    except (AttributeError, OSError, TypeError):
        return 0


def _size_of_attributes(library: Any) -> int:
    """Return the size of the stack as ``pthread_getattr_np`` (glibc, musl) has it; 0 if it fails."""
    attributes = ctypes.create_string_buffer(256)  # `pthread_attr_t` has at most 64 bytes
    address, size = ctypes.c_void_p(), ctypes.c_size_t()
    if library.pthread_getattr_np(ctypes.c_void_p(threading.get_ident()), attributes):
        return 0
    failed = library.pthread_attr_getstack(attributes, ctypes.byref(address), ctypes.byref(size))
    library.pthread_attr_destroy(attributes)
    return 0 if failed else size.value
