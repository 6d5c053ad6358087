"""What was read of components that begin alike, to be read once.

A toolchain writes the same imports into every component of a world, byte for byte: of ten Python components nine need
no second look at 14 KB of types each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wasmcp.component.index_spaces import ComponentScope
from wasmcp.component.types import ExternType

MAX_ENTRIES = 32
MAX_BYTES = 200_000  # of one beginning that is worth keeping
SECTIONS = (6, 7, 10)  # aliases, types, imports: what a beginning may consist of

Key = tuple[bytes, tuple[tuple[int, str], ...]]


@dataclass(frozen=True)
class Beginning:
    """The state of a reader after the sections that a component begins with. `scope` is to be copied before use."""

    imports: Mapping[str, ExternType]
    scope: ComponentScope
    resources: int


_beginnings: dict[Key, Beginning] = {}


def recall(key: Key) -> Beginning | None:
    """What was read after this beginning before."""
    return _beginnings.get(key)


def remember(key: Key, beginning: Beginning) -> None:
    """Keep what was read; of too many the oldest is forgotten."""
    _beginnings[key] = beginning
    for oldest in list(_beginnings)[:-MAX_ENTRIES]:
        _beginnings.pop(oldest, None)
