"""Compiled code that is loaded in this process: libraries that servers share, and the code of servers that is kept.

A library is a core module, which the compiled form of a server imports. It is compiled once for all servers
(`wasmcp.component.separation`), and loaded once into a process.

Processes that open the same server over and over, test runs, keep its code between them. To load the code of a server,
and to free it, takes longer than to boot an instance of it. Code has no state: instances of servers that share it have
memories, tables and resources of their own. By default nothing is kept, and a closed server has freed all that it used.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from wasmtime import Engine, Module
    from wasmtime.component import Component, Linker

PREFIX = "module-x"
"""Beginning of the names of imports that are shared modules; the SHA-256 of the module in hexadecimal follows."""

LOADED: dict[tuple[Engine, str], Module] = {}
"""The modules that are loaded, by engine and digest."""


def _digests(names: Iterable[str]) -> list[str]:
    """Return the digests of the shared modules among the names of imports."""
    return [name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)]


def missing_modules(component: Component, of: Engine) -> list[str]:
    """Return the digests of the shared modules that a component imports and that are not loaded."""
    return [digest for digest in _digests(component.type.imports(of)) if (of, digest) not in LOADED]


def add_module(of: Engine, digest: str, module: Module) -> None:
    """Keep a module until the process ends."""
    from wasmcp.host.bindings import _capi

    if LOADED.setdefault((of, digest), module) is module:
        _capi.keep(module)


def loaded_modules(of: Engine, names: Iterable[str]) -> list[str]:
    """Return the names of imports that are loaded shared modules. Any component can have an import of such a name."""
    return [PREFIX + digest for digest in _digests(names) if (of, digest) in LOADED]


def define_modules(linker: Linker, of: Engine, names: Iterable[str]) -> None:
    """Define the shared modules among the names of imports in a linker."""
    found = loaded_modules(of, names)
    if not found:
        return
    with linker.root() as root:
        for name in found:
            root.add_module(name, LOADED[of, name.removeprefix(PREFIX)])


MOST = 8
"""Number of servers whose code a test run keeps; the one that was not used for the longest time is dropped first."""

Key = tuple[str, int, int, int, int]
"""A compiled form: its path, device, inode, size in bytes, and time of modification in nanoseconds.

The path names the engine's configuration; see `compile_cache`.
"""


def key_of(compiled: Path) -> Key | None:
    """Return the key of a compiled form; None if it is missing."""
    try:
        facts = compiled.lstat()
    except OSError:
        return None
    return str(compiled), facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns


class KeptCode:
    """The compiled code of the servers that were opened last. Its methods are thread-safe."""

    def __init__(self) -> None:
        """Begin without code, and keep none until `keeping`."""
        self._most = 0
        self._code: OrderedDict[Key, Component] = OrderedDict()
        self._lock = threading.Lock()

    def share(self, key: Key) -> Component | None:
        """Return a component with the code of a key, to be closed by the caller; None if it is not kept."""
        with self._lock:
            kept = self._code.get(key)
            if kept is None:
                return None
            self._code.move_to_end(key)
            return _shared(kept)

    def add(self, key: Key, component: Component) -> None:
        """Keep the code of a component; the component itself stays the caller's."""
        with self._lock:
            if key in self._code or not self._most:
                return
            self._code[key] = _shared(component)
            self._drop(self._most)

    @contextmanager
    def keeping(self, most: int = MOST) -> Iterator[None]:
        """Keep the code of up to `most` servers inside a `with` statement, and free it at its end."""
        with self._lock:
            before, self._most = self._most, max(self._most, most)
        try:
            yield
        finally:
            with self._lock:
                self._most = before
                self._drop(before)

    def _drop(self, most: int) -> None:
        while len(self._code) > most:
            self._code.popitem(last=False)[1].close()


def _shared(component: Component) -> Component:
    from wasmcp.host.bindings import _capi  # lazy: imports wasmtime

    return _capi.clone_component(component)


KEPT = KeptCode()
"""The code that this process keeps."""
