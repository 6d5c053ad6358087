"""Freed memory, cleared at the end of a build."""

from __future__ import annotations

import pytest

from wasmcp.guest.component import snapshot


class Allocator:
    """Stand-in of `array`: memory with free blocks up to a limit; a block that does not fit is beyond it.

    Attributes:
        free: The number of free bytes below the limit.
        least: The least number of them so far.
        holes: The number of free blocks of the largest size, at address 0; they hold no smaller ones.
    """

    limit = 10_000_000
    free = least = 3_000_000
    holes = 0

    def __init__(self, _kind: str, _values: list[int], *, address: int = 0, hole: bool = False) -> None:
        self.address, self.taken, self.hole = address, 0, hole

    def __mul__(self, size: int) -> Allocator:
        if size == snapshot._LARGEST:
            hole = Allocator.holes > 0
            Allocator.holes -= hole
            return Allocator("B", [], address=0 if hole else Allocator.limit, hole=hole)
        fits = Allocator.free >= size
        block = Allocator("B", [], address=Allocator.limit - Allocator.free if fits else Allocator.limit)
        block.taken = size if fits else 0
        Allocator.free -= block.taken
        Allocator.least = min(Allocator.least, Allocator.free)
        return block

    def __del__(self) -> None:
        Allocator.free += self.taken
        Allocator.holes += self.hole

    def buffer_info(self) -> tuple[int, int]:
        return self.address, 0


@pytest.mark.parametrize("holes", [0, 1])
def test_all_blocks_of_the_memory_in_use_are_taken(monkeypatch, holes):
    monkeypatch.setattr(snapshot, "array", Allocator)
    monkeypatch.setattr(Allocator, "least", Allocator.free)
    monkeypatch.setattr(Allocator, "holes", holes)
    snapshot.clear_freed_memory()
    assert 0 <= Allocator.least < snapshot._SMALLEST
    assert Allocator.free == 3_000_000
