"""Freed memory, cleared at the end of a build."""

from __future__ import annotations

from wasmcp.guest.component import snapshot


class Allocator:
    """Stand-in of `array`: memory of a fixed size, from address 0; a block beyond it is at its end.

    Attributes:
        cleared: Number of bytes that were taken below the limit.
    """

    def __init__(self, _kind: str, values: list[int]) -> None:
        self.size = len(values)
        self.address = 0

    def __mul__(self, size: int) -> Allocator:
        block = Allocator("B", [])
        block.size = size
        fits = Allocator.free >= size and size != snapshot._LARGEST
        block.address = Allocator.limit - Allocator.free if fits else Allocator.limit
        Allocator.free -= size if fits else 0
        return block

    def buffer_info(self) -> tuple[int, int]:
        return self.address, self.size

    limit = 10_000_000
    free = 0


def test_all_blocks_of_the_memory_in_use_are_taken(monkeypatch):
    monkeypatch.setattr(snapshot, "array", Allocator)
    monkeypatch.setattr(Allocator, "free", 3_000_000)
    snapshot.clear_freed_memory()
    assert 0 <= Allocator.free < snapshot._SMALLEST
