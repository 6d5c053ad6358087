"""What the snapshot of a component would keep though it must not.

A component is a running interpreter, stopped when everything was imported: every instance of it goes on from there,
with the same objects. Generators of random numbers would all say the same, and files that were open are gone.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
from collections.abc import Iterator
from typing import Any

_MOST_DESCRIPTORS = 128

_generators: dict[int, Any] = {}


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Note the generators that are made meanwhile without a seed of the author's choice."""
    import random

    original = random.Random.seed

    def seed(self: random.Random, a: Any = None, version: int = 2) -> None:
        original(self, a, version)
        if a is None:
            _generators[id(self)] = self
        else:
            _generators.pop(id(self), None)

    random.Random.seed = seed  # type: ignore[method-assign]
    try:
        yield
    finally:
        random.Random.seed = original  # type: ignore[method-assign]


def descriptors() -> frozenset[int]:
    """Return the file descriptors that are open, those of the standard streams left out."""
    found = set()
    for descriptor in range(3, _MOST_DESCRIPTORS):
        with contextlib.suppress(OSError):
            os.fstat(descriptor)
            found.add(descriptor)
    return frozenset(found)


def open_files(before: frozenset[int]) -> list[str]:
    """Return the names of the files that are open, the standard streams left out.

    Args:
        before: The descriptors that were open before the modules were imported.
    """
    gc.collect()
    files = [item for item in gc.get_objects() if isinstance(item, io.FileIO) and not item.closed]
    named = {item.fileno(): str(item.name) for item in files if item.fileno() > 2}
    # A file that C code or `os.open` has opened has no name here.
    unnamed = {number: f"file descriptor {number}" for number in descriptors() - before}
    return sorted({**unnamed, **named}.values())


def has_frozen() -> bool:
    """Whether there is anything for `thaw` to do."""
    return bool(_generators)


def thaw() -> None:
    """Seed the noted generators anew, once an instance: the host has random numbers, the build's are known to many."""
    while _generators:
        _generators.popitem()[1].seed()
