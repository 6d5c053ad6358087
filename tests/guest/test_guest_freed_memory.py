"""Freed memory, cleared at the end of a build."""

from __future__ import annotations

import pytest

from wasmcp.guest.component import snapshot


class Allocator:
    """Stand-in of `array`: memory that grows, with free blocks at its end; holes below are taken first.

    Attributes:
        start: The address of the free memory at the end.
        end: The end of the memory, before it grows.
        taken: The number of bytes that are taken from `start` on.
        most: The largest of these numbers so far.
        holes: The number of free blocks of the largest size at address 0; they hold no smaller ones.
    """

    start, end, taken, most, holes = 7_000_000, 10_000_000, 0, 0, 0

    def __init__(self, _kind: str, _values: list[int], *, address: int = 0, size: int = 0, hole: bool = False) -> None:
        self.address, self.size, self.hole = address, size, hole

    def __mul__(self, size: int) -> Allocator:
        if size == snapshot._LARGEST and Allocator.holes:
            Allocator.holes -= 1
            return Allocator("B", [], hole=True)
        block = Allocator("B", [], address=Allocator.start + Allocator.taken, size=size)
        Allocator.taken += size
        Allocator.most = max(Allocator.most, Allocator.taken)
        return block

    def __del__(self) -> None:
        Allocator.taken -= self.size
        Allocator.holes += self.hole

    def buffer_info(self) -> tuple[int, int]:
        return self.address, 0


@pytest.mark.parametrize("holes", [0, 1, 9])
def test_all_blocks_of_the_memory_in_use_are_taken(monkeypatch, holes):
    monkeypatch.setattr(snapshot, "array", Allocator)
    monkeypatch.setattr("gc.get_objects", list)
    monkeypatch.setattr(Allocator, "most", 0)
    monkeypatch.setattr(Allocator, "holes", holes)
    limit = snapshot.clear_end(Allocator("B", []))
    assert limit == Allocator.start + 3 * snapshot._LARGEST >= Allocator.end
    monkeypatch.setattr(Allocator, "most", 0)
    monkeypatch.setattr(snapshot, "clear_end", lambda _: Allocator.end)
    snapshot.clear_freed_memory()
    assert Allocator.start + Allocator.most >= Allocator.end
    assert (Allocator.taken, Allocator.holes) == (0, holes)


def test_memory_grows_by_less_than_the_blocks_at_its_end(monkeypatch):
    monkeypatch.setattr(snapshot, "array", Allocator)
    monkeypatch.setattr("gc.get_objects", list)
    monkeypatch.setattr(Allocator, "most", 0)
    snapshot.clear_freed_memory()
    assert Allocator.most <= snapshot._LEAST_ABOVE * snapshot._LARGEST


def test_more_is_cleared_at_the_end_of_a_large_memory(monkeypatch):
    monkeypatch.setattr(snapshot, "array", Allocator)
    monkeypatch.setattr(snapshot, "id", int, raising=False)
    monkeypatch.setattr("gc.get_objects", lambda: [40 << 20, 3])
    monkeypatch.setattr(Allocator, "start", 41 << 20)
    monkeypatch.setattr(Allocator, "most", 0)
    assert snapshot.clear_end(Allocator("B", [])) == (41 + 9) << 20
