"""Function names for backtraces, in the user's cache: a file for each core module, by the digest of its code.

Builds remove the names from components and keep them here, so that servers are smaller, and traps in them are readable
on the machine that built them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from wasmcp.component.custom_sections import read_function_names
from wasmcp.host.engine.compile_cache import cache_directory

FOLDER = "names"
"""Folder of the names in the cache."""

_LARGEST = 32 << 20  # bytes of a file
_MANGLED = re.compile(r"_?_(Z|R)[A-Z]")
_NAME = re.compile(r"<unknown>!(.*)")
_HASH = re.compile(r"::h[0-9a-f]{16}$|(?<=\w)\[[0-9a-f]{1,16}\]")  # the compiler's, of a crate or an instance
_FRAMES = 20  # in wasmtime's backtraces


def path_of(root: Path, digest: str) -> Path:
    """Return the path of a module's names.

    Args:
        root: The directory of wasmcp's caches.
        digest: The digest of the module's code, in hexadecimal.
    """
    return root / FOLDER / digest


def names_of(digest: str) -> dict[int, str]:
    """Return the function names of a module by index; empty if they are not in the cache."""
    path = path_of(cache_directory().parent, digest)
    try:
        if path.stat().st_size > _LARGEST:
            return {}
        return read_function_names(path.read_bytes())
    except OSError:
        return {}


def demangled(names: Iterable[str]) -> dict[str, str]:
    """Return the names of Rust and C++ functions as in their sources, by their names in modules.

    wasmtime demangles the names in its backtraces: a module with functions of these names traps.
    """
    mangled = [name for name in dict.fromkeys(names) if _MANGLED.match(name)][:_FRAMES]
    if not mangled:
        return {}
    import wasmtime

    calls = [f"call {index + 1}" for index in range(len(mangled) - 1)]
    functions = [
        f'(func (@name "{_escaped(name)}") {does})' for name, does in zip(mangled, [*calls, "unreachable"], strict=True)
    ]
    store = wasmtime.Store(wasmtime.Engine())
    module = wasmtime.Module(store.engine, f"(module {' '.join(functions)} (start 0))")
    try:
        wasmtime.Instance(store, module, [])
    except (wasmtime.Trap, wasmtime.WasmtimeError) as trap:
        found = [_HASH.sub("", name) for name in _NAME.findall(str(trap))]
        return dict(zip(reversed(mangled), found, strict=False))
    return {}


def _escaped(name: str) -> str:
    """Return a name for a string of the text format."""
    return "".join(f"\\{byte:02x}" for byte in name.encode())
