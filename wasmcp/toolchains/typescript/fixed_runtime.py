"""Runtime of QuickJS whose memory is the same in each build of the same script.

componentize-qjs has no option for it: a component contains the memory of the engine after the script was evaluated,
with keys of hash tables and times that it took from the system. Its package contains the engine as side modules. From
one of them a runtime is made that has constant keys and a clock of its own until the script was evaluated. The finished
component calls the system.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wasmcp.component.binary_format import MODULE_PREAMBLE, Reader, sleb128
from wasmcp.component.core_module import (
    I32,
    I64,
    call,
    global_get,
    global_set,
    i32_const,
    i32_eqz,
    i32_store,
    i32_wrap_i64,
    if_,
    local_get,
)
from wasmcp.component.side_module import Original, SideModule, interpose, read
from wasmcp.errors import ComponentError

START = 1_580_601_600
"""Time at which a script begins, in seconds since 1970: 2 February 2020, the date of files in wheels of hatchling."""

_TICK = 1_000_000  # nanoseconds between two readings of the clock: loops that wait for a time end
_SECOND = 1_000_000_000
_EXPORTS = frozenset({"init", "wit_dylib_initialize"})
_ASYNCHRONOUS = "$root"  # module of the imports that runtimes with asynchronous functions have
_SEED, _MONOTONIC, _WALL = (
    ("wasi:random/insecure-seed", "insecure-seed"),
    ("wasi:clocks/monotonic-clock", "now"),
    ("wasi:clocks/wall-clock", "now"),
)
_LAST_SECTION = 13


def fixed_runtime(packages: Path, *, small: bool) -> bytes | None:
    """Return the runtime for the synchronous functions of a script; None if the packages have no known engine.

    Args:
        packages: The folder ``node_modules`` with componentize-qjs.
        small: True for the smaller one of the two runtimes.
    """
    for path in sorted(packages.glob("@andreiltd/componentize-qjs-binding-*/*.node")):
        found = sorted(_runtimes(path.read_bytes()), key=len)
        if len(found) == 2:  # optimised for size, and for speed
            return fixed(found[0 if small else 1])
    return None


def fixed(runtime: bytes) -> bytes:
    """Return a runtime with constant keys, and its own clock, until the export `init` has ended.

    Raises:
        ComponentError: It is not a runtime of componentize-qjs.
    """
    variables = [(I32, i32_const(0)), (I64, _i64_const(0))]  # 1 after `init`; nanoseconds since the start
    return interpose(
        runtime, variables, imports={_SEED: _seed, _MONOTONIC: _monotonic, _WALL: _wall}, exports={"init": _init}
    )


def _runtimes(library: bytes) -> Iterator[bytes]:
    """Yield the runtimes without asynchronous functions in a library."""
    start = library.find(MODULE_PREAMBLE)
    while start >= 0:
        module = _module(library, start)
        try:
            interface = read(module)
        except ComponentError:
            interface = None
        if interface is not None and _is_runtime(interface):
            yield module
        start = library.find(MODULE_PREAMBLE, start + len(MODULE_PREAMBLE))


def _is_runtime(interface: SideModule) -> bool:
    return interface.exports >= _EXPORTS and not any(one.module == _ASYNCHRONOUS for one in interface.imports)


def _module(library: bytes, start: int) -> bytes:
    """Return a core module in a library: all bytes from its start that are sections."""
    reader = Reader(memoryview(library), start + len(MODULE_PREAMBLE), len(library))
    end = reader.position
    try:
        while reader.byte() <= _LAST_SECTION:
            code = library[reader.position - 1]
            section = reader.part(reader.u32(), "a section")
            if code == 0:
                section.name()
            end = reader.position
    except ComponentError:
        pass  # other data follows the module
    return library[start:end]


# The functions. `variables` is 1 after `init`, `variables + 1` the nanoseconds since the start.


def _while_built(original: Original, instructions: bytes) -> bytes:
    """Run instructions instead of the original while the component is built."""
    arguments = b"".join(local_get(index) for index in range(original.params))
    instead = if_(instructions + b"\x0f")  # return
    return global_get(original.variables) + i32_eqz() + instead + arguments + call(original.index)


def _seed(original: Original) -> bytes:
    return _while_built(original, b"".join(local_get(0) + _i64_const(0) + _i64_store(offset) for offset in (0, 8)))


def _monotonic(original: Original) -> bytes:
    return _while_built(original, _tick(original) + global_get(original.variables + 1))


def _wall(original: Original) -> bytes:
    """Store the seconds and nanoseconds of the record `datetime`."""
    elapsed = global_get(original.variables + 1) + _i64_const(_SECOND)
    seconds = elapsed + b"\x80" + _i64_const(START) + b"\x7c"  # i64.div_u, i64.add
    nanoseconds = elapsed + b"\x82" + i32_wrap_i64()  # i64.rem_u
    stored = local_get(0) + seconds + _i64_store(0) + local_get(0) + nanoseconds + i32_store(8)
    return _while_built(original, _tick(original) + stored)


def _init(original: Original) -> bytes:
    arguments = b"".join(local_get(index) for index in range(original.params))
    return arguments + call(original.index) + i32_const(1) + global_set(original.variables)


def _tick(original: Original) -> bytes:
    elapsed = original.variables + 1
    return global_get(elapsed) + _i64_const(_TICK) + b"\x7c" + global_set(elapsed)  # i64.add


def _i64_const(value: int) -> bytes:
    return b"\x42" + sleb128(value)


def _i64_store(offset: int) -> bytes:
    return b"\x37\x03" + bytes([offset])
