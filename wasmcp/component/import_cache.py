"""Cache of decoded import sections, shared by components with an identical beginning.

A toolchain writes the same imports into every component of a world, byte for byte: of ten Python components, nine need
not decode their 14 KB of types again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wasmcp.component.index_spaces import ComponentScope
from wasmcp.component.types import ExternType

MAX_ENTRIES = 32
MAX_BYTES = 200_000  # largest beginning that is cached
SECTIONS = (6, 7, 10)  # aliases, types, imports: the sections of a beginning

Key = tuple[bytes, tuple[tuple[int, str], ...]]


@dataclass(frozen=True)
class Beginning:
    """State of a reader after the sections that a component begins with. `scope` must be copied before use."""

    imports: Mapping[str, ExternType]
    scope: ComponentScope
    resources: int


_beginnings: dict[Key, Beginning] = {}


def recall(key: Key) -> Beginning | None:
    """Return the cached state after this beginning, if any."""
    return _beginnings.get(key)


def remember(key: Key, beginning: Beginning) -> None:
    """Cache the state after a beginning; the oldest entry is removed when the cache is full."""
    _beginnings[key] = beginning
    for oldest in list(_beginnings)[:-MAX_ENTRIES]:
        _beginnings.pop(oldest, None)
