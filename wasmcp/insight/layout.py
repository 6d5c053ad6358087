"""Layout of a drawing: callers left of callees, neighbours at the same height.

The method is Sugiyama's (layers by longest path, order by barycenters), simplified: compositions are nearly trees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from wasmcp.insight.diagram import SERVICE, Box, Drawing, Wire

COLUMN = 292.0
ROW_GAP = 16.0
_SWEEPS = 8


@dataclass(frozen=True)
class Place:
    """Position of a box: its upper left corner and its height."""

    x: float
    y: float
    height: float

    @property
    def middle(self) -> float:
        """The height at which wires meet it."""
        return self.y + self.height / 2


def place(drawing: Drawing, height: Callable[[Box], float]) -> dict[int, Place]:
    """Place all boxes except services. The first column is at 0, the highest box at 0.

    Args:
        drawing: The drawing to lay out.
        height: Returns the height of a box.
    """
    boxes = {box.key: box for box in drawing.boxes if box.role != SERVICE}
    wires = [wire for wire in drawing.wires if wire.caller in boxes and wire.callee in boxes]
    columns = _columns(boxes, wires)
    neighbours: dict[int, list[int]] = {key: [] for key in boxes}
    for wire in wires:
        neighbours[wire.caller].append(wire.callee)
        neighbours[wire.callee].append(wire.caller)
    heights = {key: height(box) for key, box in boxes.items()}
    layers: dict[int, list[int]] = {}
    for key in sorted(boxes):
        layers.setdefault(columns[key], []).append(key)
    tops = _stacked(layers.values(), heights)
    for sweep in range(_SWEEPS):
        for column in sorted(layers, reverse=sweep % 2 == 1):
            _settle(layers[column], tops, heights, neighbours)
    first = min(tops.values(), default=0.0)
    return {key: Place(columns[key] * COLUMN, tops[key] - first, heights[key]) for key in boxes}


def _columns(boxes: Mapping[int, Box], wires: Iterable[Wire]) -> dict[int, int]:
    """Assign each box to a column right of its callers. Callees are instantiated first: keys fall along wires."""
    callers: dict[int, list[int]] = {}
    for wire in wires:
        callers.setdefault(wire.callee, []).append(wire.caller)
    columns: dict[int, int] = {}
    for key in sorted(boxes, reverse=True):
        columns[key] = max((columns[caller] + 1 for caller in callers.get(key, ())), default=0)
    return columns


def _stacked(layers: Iterable[list[int]], heights: Mapping[int, float]) -> dict[int, float]:
    tops: dict[int, float] = {}
    for layer in layers:
        top = 0.0
        for key in layer:
            tops[key] = top
            top += heights[key] + ROW_GAP
    return tops


def _settle(
    layer: list[int], tops: dict[int, float], heights: Mapping[int, float], neighbours: Mapping[int, list[int]]
) -> None:
    """Move the boxes of a column to the heights of their neighbours, keeping their order and without overlaps."""
    wanted = {}
    for key in layer:
        around = [tops[other] + heights[other] / 2 for other in neighbours[key]]
        middle = sum(around) / len(around) if around else tops[key] + heights[key] / 2
        wanted[key] = middle - heights[key] / 2
    layer.sort(key=lambda key: wanted[key] + heights[key] / 2)
    bottom = -float("inf")
    for key in layer:
        tops[key] = max(wanted[key], bottom + ROW_GAP)
        bottom = tops[key] + heights[key]
    # Overlaps were resolved downwards; move half of the shift up again.
    shift = sum(tops[key] - wanted[key] for key in layer) / len(layer)
    for key in layer:
        tops[key] -= shift
