"""Compiled code that stays in memory between servers, for processes that open the same server over and over: test runs.

To load the code of a server, and to free it, takes longer than to boot an instance of it. Code has no state: instances
of servers that share it have memories, tables and resources of their own. By default nothing is kept, and a closed
server has freed all that it used.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wasmtime.component import Component

MOST = 8
"""Number of servers whose code a test run keeps; the one that was not used for the longest time is dropped first."""

Key = tuple[str, int, int, int, int]
"""A compiled form: its path, device, inode, size in bytes, and time of modification in nanoseconds.

The path names the engine's configuration; see `compile_cache`.
"""


def key_of(compiled: Path) -> Key | None:
    """Return the key of a compiled form; None if it is not there."""
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
