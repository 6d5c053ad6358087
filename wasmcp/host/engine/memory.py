"""Memory of this process: linear memories of instances, the number of memory mappings, and resident code.

wasmtime-py does not report the size of a linear memory of a component. On Linux the mappings of the process show it,
and after a trap whether a memory was near its limit (`wasmcp.host.engine.backtraces`). Linux limits the number of
mappings of a process, each linear memory of an instance needs several, and wasmtime aborts the process when one is
refused. So a pool stays below that limit.

Libraries stay resident in the size of what the start has run, and of what the system has mapped around it. So a server
that has started returns these pages: the system's cache of files has them, and maps those that calls need again. It
returns the memory of many connections when they have ended.

The first part can be removed when wasmtime's C API has a resource limiter with a callback (in Rust `ResourceLimiter`),
which sees refused growth; the second part when wasmtime reports a refused mapping as an error.

Source: proc(5), `/proc/PID/maps`, `/proc/PID/smaps` and `/proc/sys/vm/max_map_count`; madvise(2), `MADV_DONTNEED`.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# wasmtime reserves this much address space for each 32-bit memory, accessible or not, which identifies a memory.
_RESERVED = 4 << 30


def mappings() -> bytes:
    """Return the mappings of the process as the system describes them; empty if it does not."""
    try:
        return Path("/proc/self/maps").read_bytes()
    except OSError:
        return b""


def memories(maps: bytes | None = None) -> dict[int, int]:
    """Return the linear memories of the process, address to size in bytes; empty if the system does not report them.

    Args:
        maps: The result of `mappings` at another time; None for now.
    """
    found: dict[int, int] = {}
    start = end = 0
    for line in (mappings() if maps is None else maps).splitlines():
        addresses, permissions = line.split(b" ", 2)[:2]
        begins, ends = (int(address, 16) for address in addresses.split(b"-"))
        if permissions == b"rw-p":
            start = start if begins == end else begins
            end = ends
        elif permissions == b"---p" and begins == end and ends - start >= _RESERVED:
            found[start] = end - start
            end = 0
        else:
            end = 0
    return found


_TOTALS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def total() -> int | None:
    """Return the bytes of memory that the process can use: of its control group, or of the system; None if unknown."""
    found = []
    for path in _TOTALS:
        try:
            found.append(int(Path(path).read_text("ascii")))
        except (OSError, ValueError):  # no control group, or `max`
            continue
    with suppress(AttributeError, OSError, ValueError):
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min(found, default=None)


_SHARE = 0.9  # of the limit: code, threads and Python's heap need mappings, too


def used_mappings() -> int:
    """Return the number of mappings; 0 if the system does not report it."""
    return mappings().count(b"\n")


def allowed_mappings() -> int | None:
    """Return the maximum number of mappings of a process; None if it is unlimited or unknown."""
    try:
        return int(Path("/proc/sys/vm/max_map_count").read_text("ascii"))
    except (OSError, ValueError):
        return None


def room_for(booted: int, starting: int) -> bool:
    """Return True if one more instance can be booted.

    The mappings of one instance are estimated as those of the process divided by the number of booted instances. The
    estimate is never too low.

    Args:
        booted: Number of booted instances in the pool.
        starting: Number of instances that are being booted, whose mappings are not in the count yet.
    """
    bound = allowed_mappings()
    if bound is None:
        return True
    now = used_mappings()
    return now + (starting + 1) * now / max(1, booted) < bound * _SHARE


def return_freed() -> None:
    """Collect garbage; on another thread, return the memory of freed objects, which glibc keeps, and `release_code`.

    Source: malloc_trim(3).
    """
    import gc

    gc.collect()
    threading.Thread(target=_trim, name="wasmcp-trim", daemon=True).start()


def _trim() -> None:
    import ctypes  # lazy, as wasmtime

    with suppress(AttributeError, OSError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
    release_code()


_DONTNEED = 4  # of madvise(2), on Linux
_MAPPING = re.compile(rb"([0-9a-f]+)-([0-9a-f]+) (r-[x-]p) \S+ \S+ \S+ +(/.*)")
_LIBRARY = re.compile(rb"\.so(\.[0-9]+)*$")


def release_code() -> None:
    """Return the pages of libraries and of the interpreter that this process has mapped and not changed.

    They are loaded until the process ends, and no thread writes to them. Other files are left: compiled code is mapped,
    changed and unmapped by other threads at any time.
    """
    if not sys.platform.startswith("linux"):
        return
    import ctypes  # lazy, as wasmtime

    program = os.fsencode(os.path.realpath(sys.executable))
    advise = ctypes.CDLL(None).madvise
    advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for start, end, name in unchanged():
        if name == program or _LIBRARY.search(name):
            advise(start, end - start, _DONTNEED)


def unchanged() -> Iterator[tuple[int, int, bytes]]:
    """Yield the mappings of files that cannot be written, and of which no page has been: addresses, and the path.

    A loader writes to a mapping before it protects it; such a page is anonymous, or has been swapped out.
    """
    try:
        lines = Path("/proc/self/smaps").read_bytes().splitlines()
    except OSError:
        return
    found: tuple[int, int, bytes] | None = None
    for line in lines:
        mapping = _MAPPING.fullmatch(line)
        if mapping is not None:
            found = int(mapping[1], 16), int(mapping[2], 16), mapping[4]
        elif _is_head(line) or (line.startswith((b"Anonymous:", b"Swap:")) and line.split()[1] != b"0"):
            found = None
        elif line.startswith(b"VmFlags:") and found is not None:  # the last line of a mapping
            yield found
            found = None


def _is_head(line: bytes) -> bool:
    """Return True for the line of a mapping before those of its properties, whose names begin with a capital."""
    return not line[:1].isupper()
