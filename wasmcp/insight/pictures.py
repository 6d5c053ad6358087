"""Pictures of a drawing: SVG, and a self-contained HTML page with the grants and the sizes.

The layout has callers left of callees, and connected boxes at similar heights. The method is that of Sugiyama (layers
by longest path, order by barycenters), simplified because compositions are nearly trees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape

from wasmcp.insight.diagram import COMPONENT, SERVICE, Box, Drawing, Wire, human_size, is_base

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
        """The vertical position at which wires end."""
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
    """Assign each box to a column right of its callers. Callees are instantiated first: their keys are smaller."""
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


_WIDTH = 216.0
_MARGIN = 28.0
_EXPORT_WIDTH = 190.0
_CHIP = 18.0
_CHARACTER = 6.1  # average width of a character at 10.5 px
STYLE = """
.page { fill: #fbfbfd; }
text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #1f2430; }
.box rect.body { fill: #ffffff; stroke: #cfd5e1; stroke-width: 1; }
.box rect.edge { fill: #9aa5b8; }
.box.component rect.body { stroke: #5b6ee1; stroke-width: 1.4; }
.box.component rect.edge { fill: #5b6ee1; }
.box.generated rect.body { fill: #f6f7fa; stroke-dasharray: 4 3; }
.box.generated rect.edge { fill: #c3cad8; }
.box.service rect.edge { fill: #2a9d8f; }
.label { font-size: 13px; font-weight: 600; }
.detail { font-size: 10.5px; fill: #667085; }
.chip rect { fill: #eef1f6; }
.chip text { font-size: 10.5px; fill: #49536a; }
.chip.granted rect { fill: #ffe2b0; }
.chip.granted text { fill: #7a4a00; }
.chip.denied rect { fill: #ffffff; stroke: #e0a3a3; stroke-dasharray: 3 2; }
.chip.denied text { fill: #a05252; text-decoration: line-through; }
.export rect { fill: #1f2430; }
.export text { font-size: 11px; fill: #ffffff; }
.wire { fill: none; stroke: #8d99b3; stroke-width: 1.4; }
.arrow { fill: #8d99b3; }
.band rect.ground { fill: #eef6f5; }
.band.host rect.ground { fill: #f3f0e8; }
.band > .chip rect { fill: #ffffff; }
.band .name { font-size: 11px; font-weight: 600; fill: #667085; }
"""


@dataclass(frozen=True)
class Picture:
    """SVG document.

    Attributes:
        text: The document, without external resources.
        width: Its natural width in pixels.
    """

    text: str
    width: float


def svg(drawing: Drawing) -> str:
    """Return a drawing as an SVG document without external resources."""
    return draw_svg(drawing).text


def draw_svg(drawing: Drawing) -> Picture:
    """Return a drawing as an SVG document with its size."""
    places = place(drawing, _height)
    left = _MARGIN + (_EXPORT_WIDTH + 60 if drawing.exports else 0)
    placed = {key: Place(left + one.x, _MARGIN + one.y, one.height) for key, one in places.items()}
    bottom = max((one.y + one.height for one in placed.values()), default=_MARGIN)
    right = max((one.x + _WIDTH for one in placed.values()), default=left)
    exports, export_bottom = _exports(drawing, placed)
    services = [box for box in drawing.boxes if box.role == SERVICE]
    right = max(right, _MARGIN * 2 + len(services) * (_WIDTH + 24), 760.0)
    bottom = max(bottom, export_bottom) + 36
    parts = [*_wires(drawing, placed), *exports]
    parts += [line for box in drawing.boxes if box.key in placed for line in _box(box, placed[box.key])]
    if services:
        lines, bottom = _services(services, right, bottom)
        parts += lines
    if drawing.imports:
        lines, bottom = _host(drawing, right, bottom)
        parts += lines
    width, height = right + _MARGIN, bottom + _MARGIN - 12
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img"><title>{escaped(drawing.title)}</title><style>{STYLE}</style>'
    )
    ground = f'<rect class="page" width="{width:.0f}" height="{height:.0f}"/>'
    return Picture("\n".join([head, ground, *parts, "</svg>", ""]), width)


def _height(box: Box) -> float:
    rows = len(list(_rows(box)))
    return 48.0 + rows * (_CHIP + 4) + (6 if rows else 0)


def _chips(box: Box) -> Iterator[tuple[str, str]]:
    for grant in box.places:
        yield grant, "granted"
    for topic in box.given:
        yield topic, "granted" if box.role == COMPONENT and not is_base(topic) else "base"
    for topic in box.denied:
        yield topic, "denied"


def _rows(box: Box) -> Iterator[list[tuple[str, str, float]]]:
    """Return the chips of a box in rows, each with its width."""
    row: list[tuple[str, str, float]] = []
    used = 0.0
    for topic, kind in _chips(box):
        text = _cut(topic, 28)
        width = len(text) * _CHARACTER + 14
        if row and used + width > _WIDTH - 24:
            yield row
            row, used = [], 0.0
        row.append((text, kind, width))
        used += width + 5
    if row:
        yield row


def _box(box: Box, at: Place) -> Iterator[str]:
    where = f"{escaped(box.component)}, {box.size:,} bytes"
    yield f'<g class="box {box.role}" data-box="{box.key}"><title>{escaped(box.label)}: {where}</title>'
    size = f'width="{_WIDTH:.0f}" height="{at.height:.1f}"'
    yield f'<rect class="body" x="{at.x:.1f}" y="{at.y:.1f}" {size} rx="8"/>'
    yield f'<rect class="edge" x="{at.x:.1f}" y="{at.y + 10:.1f}" width="4" height="{at.height - 20:.1f}" rx="2"/>'
    yield f'<text class="label" x="{at.x + 14:.1f}" y="{at.y + 22:.1f}">{escaped(_cut(box.label, 27))}</text>'
    yield f'<text class="detail" x="{at.x + 14:.1f}" y="{at.y + 38:.1f}">{box.role} · {human_size(box.size)}</text>'
    top = at.y + 48
    for row in _rows(box):
        x = at.x + 14
        for text, kind, width in row:
            yield from _chip(text, kind, x, top, width)
            x += width + 5
        top += _CHIP + 4
    yield "</g>"


def _chip(text: str, kind: str, x: float, y: float, width: float) -> Iterator[str]:
    yield f'<g class="chip {kind}"><rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{_CHIP:.0f}" rx="9"/>'
    yield f'<text x="{x + width / 2:.1f}" y="{y + 12.6:.1f}" text-anchor="middle">{escaped(text)}</text></g>'


def _exports(drawing: Drawing, placed: dict[int, Place]) -> tuple[list[str], float]:
    """Draw the exports left of their boxes."""
    lines: list[str] = []
    bottom = 0.0
    tops: dict[int, float] = {}
    for name, key in drawing.exports:
        if key not in placed:
            continue
        at = placed[key]
        count = sum(1 for _, other in drawing.exports if other == key)
        top = tops.setdefault(key, max(_MARGIN, at.middle - count * 17 + 4))
        tops[key] = top + 34
        x, middle = at.x - 60 - _EXPORT_WIDTH, top + 13
        bottom = max(bottom, top + 26)
        curve = f"M{x + _EXPORT_WIDTH:.1f},{middle:.1f} C{x + _EXPORT_WIDTH + 30:.1f},{middle:.1f} "
        curve += f"{at.x - 34:.1f},{at.middle:.1f} {at.x - 7:.1f},{at.middle:.1f}"
        lines.append(f'<path class="wire" d="{curve}"/>{_arrow(at.x, at.middle)}')
        lines.append(f'<g class="export"><title>{escaped(name)}</title>')
        lines.append(f'<rect x="{x:.1f}" y="{top:.1f}" width="{_EXPORT_WIDTH:.0f}" height="26" rx="13"/>')
        text = escaped(_cut(name.partition("@")[0], 29))
        lines.append(f'<text x="{x + _EXPORT_WIDTH / 2:.1f}" y="{top + 17:.1f}" text-anchor="middle">{text}</text></g>')
    return lines, bottom


def _wires(drawing: Drawing, placed: dict[int, Place]) -> Iterator[str]:
    for wire in drawing.wires:
        if wire.service or wire.caller not in placed or wire.callee not in placed:
            continue
        one, other = placed[wire.caller], placed[wire.callee]
        x, end = one.x + _WIDTH, other.x
        bend = min(COLUMN, (end - x) / 2 + 10)
        curve = f"M{x:.1f},{one.middle:.1f} C{x + bend:.1f},{one.middle:.1f} "
        curve += f"{end - bend:.1f},{other.middle:.1f} {end - 7:.1f},{other.middle:.1f}"
        yield f'<g class="link" data-from="{wire.caller}" data-to="{wire.callee}">'
        yield f"<title>{escaped(', '.join(wire.interfaces))}</title>"
        yield f'<path class="wire" d="{curve}"/>{_arrow(end, other.middle)}</g>'


def _arrow(x: float, y: float) -> str:
    return f'<path class="arrow" d="M{x - 8:.1f},{y - 4:.1f} L{x - 1:.1f},{y:.1f} L{x - 8:.1f},{y + 4:.1f} Z"/>'


def _services(services: list[Box], right: float, top: float) -> tuple[list[str], float]:
    """Draw the services, which most boxes call, in a band below the other boxes, without wires."""
    height = max(map(_height, services))
    lines = [*_band("services", "services: called by the instances above", right, top, height + 44)]
    for number, box in enumerate(services):
        lines += _box(box, Place(_MARGIN + 16 + number * (_WIDTH + 24), top + 30, _height(box)))
    lines.append("</g>")
    return lines, top + height + 44 + 16


def _host(drawing: Drawing, right: float, top: float) -> tuple[list[str], float]:
    """Draw the imports of the composition."""
    rows: list[list[tuple[str, float]]] = [[]]
    used = 0.0
    for name in drawing.imports:
        width = len(name) * _CHARACTER + 16
        if rows[-1] and used + width > right - _MARGIN - 40:
            rows.append([])
            used = 0.0
        rows[-1].append((name, width))
        used += width + 6
    height = 40 + len(rows) * (_CHIP + 6)
    lines = [*_band("host", "the host: interfaces that the server imports", right, top, height)]
    for number, row in enumerate(rows):
        x = _MARGIN + 16
        for name, width in row:
            lines += _chip(name, "base", x, top + 30 + number * (_CHIP + 6), width)
            x += width + 6
    lines.append("</g>")
    return lines, top + height + 16


def _band(kind: str, name: str, right: float, top: float, height: float) -> Iterable[str]:
    yield f'<g class="band {kind}">'
    size = f'width="{right - _MARGIN:.1f}" height="{height:.1f}"'
    yield f'<rect class="ground" x="{_MARGIN:.1f}" y="{top:.1f}" {size} rx="10"/>'
    yield f'<text class="name" x="{_MARGIN + 16:.1f}" y="{top + 20:.1f}">{escaped(name)}</text>'


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def escaped(text: str) -> str:
    """Escape text of a file for XML, and remove control characters, which XML does not allow."""
    return escape("".join(character if character.isprintable() else "�" for character in text))


_STYLE = """
:root { color-scheme: light dark;
  --ground: #f4f5f8; --card: #ffffff; --ink: #1f2430; --faint: #667085; --line: #dfe3eb; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1800px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 17px; margin: 0 0 12px; }
p.lead { color: var(--faint); margin: 0 0 24px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 20px; margin: 0 0 20px; }
.picture { overflow-x: auto; padding: 0; }
.picture svg { display: block; height: auto; margin: 0 auto;
  width: 100%; max-width: var(--natural); min-width: calc(var(--natural) * .55); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { padding: 6px 12px; text-align: center; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } th { font-weight: 600; color: var(--faint); }
tr.component td:first-child { font-weight: 600; }
.given { color: #2a9d8f; } .granted { color: #c77700; font-weight: 700; } .denied { color: #b85450; }
td.bar { width: 45%; } td.bar div { background: #5b6ee1; height: 8px; border-radius: 4px; min-width: 2px; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.key { color: var(--faint); font-size: 13px; margin: 12px 0 0; }
.quiet .box, .quiet .link { opacity: .2; } .quiet .near { opacity: 1; }
.box, .link { transition: opacity .12s; }
.near .wire { stroke: #5b6ee1; stroke-width: 2; } .near .arrow { fill: #5b6ee1; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #14171d; --card: #1c2029; --ink: #e6e9f0; --faint: #98a2b5; --line: #303745; }
  .picture .page { fill: #1c2029; } .picture text { fill: #e6e9f0; } .picture .detail { fill: #98a2b5; }
  .picture .box rect.body { fill: #232936; stroke: #414b5e; } .picture .box.component rect.body { stroke: #8290ff; }
  .picture .box.generated rect.body { fill: #1c2029; stroke: #414b5e; }
  .picture .chip rect { fill: #323a4a; } .picture .chip text { fill: #c5cddc; }
  .picture .chip.granted rect { fill: #6b4a12; } .picture .chip.granted text { fill: #ffd893; }
  .picture .chip.denied rect { fill: #232936; stroke: #8a4b4b; } .picture .chip.denied text { fill: #d98c8c; }
  .picture .export rect { fill: #e6e9f0; } .picture .export text { fill: #1c2029; }
  .picture .band rect.ground { fill: #1e2a2b; } .picture .band.host rect.ground { fill: #2a271f; }
  .picture .band .box rect.body { fill: #232936; } .picture .band > .chip rect { fill: #323a4a; }
}
"""
_SCRIPT = """
const picture = document.querySelector(".picture svg");
for (const box of picture.querySelectorAll(".box")) {
  const key = box.dataset.box;
  box.addEventListener("mouseenter", () => {
    picture.classList.add("quiet");
    const near = new Set([key]);
    for (const link of picture.querySelectorAll(".link")) {
      if (link.dataset.from !== key && link.dataset.to !== key) continue;
      link.classList.add("near");
      near.add(link.dataset.from).add(link.dataset.to);
    }
    for (const other of picture.querySelectorAll(".box")) other.classList.toggle("near", near.has(other.dataset.box));
  });
  box.addEventListener("mouseleave", () => {
    picture.classList.remove("quiet");
    for (const one of picture.querySelectorAll(".near")) one.classList.remove("near");
  });
}
"""


def page(drawing: Drawing) -> str:
    """Return a drawing as an HTML document without external resources."""
    return "\n".join(_lines(drawing)) + "\n"


def _lines(drawing: Drawing) -> Iterator[str]:
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escaped(drawing.title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>"
    own = sum(box.role == COMPONENT for box in drawing.boxes)
    what = "1 component" if own == 1 else f"{own} components"
    yield f"<h1>{escaped(drawing.title)}</h1>"
    yield f'<p class="lead">{human_size(drawing.size)}, {what}; {len(drawing.imports)} imports from its host</p>'
    picture = draw_svg(drawing)
    yield f'<section class="picture" style="--natural: {picture.width:.0f}px">\n{picture.text}</section>'
    yield "<section>\n<h2>Grants by component</h2>"
    yield from _matrix(drawing)
    yield "</section>\n<section>\n<h2>Sizes</h2>"
    yield from _sizes(drawing)
    yield f"</section>\n</main>\n<script>{_SCRIPT}</script>\n</body>\n</html>"


def _matrix(drawing: Drawing) -> Iterator[str]:
    boxes = sorted(drawing.boxes, key=lambda box: (box.role != COMPONENT, box.role == SERVICE))
    boxes = [box for box in boxes if box.role == COMPONENT or box.given or box.denied]
    found = dict.fromkeys(topic for box in boxes for topic in (*box.places, *box.given, *box.denied))
    topics = sorted(found, key=lambda topic: not is_base(topic))
    heads = "".join(f"<th>{escaped(topic)}</th>" for topic in topics)
    yield f'<div class="scroll"><table>\n<tr><th></th>{heads}</tr>'
    for box in boxes:
        cells = "".join(_cell(box, topic) for topic in topics)
        yield f'<tr class="{box.role}"><td>{escaped(box.label)}</td>{cells}</tr>'
    yield "</table></div>"
    yield (
        '<p class="key"><span class="given">●</span> from the host, by default &nbsp; <span class="granted">●</span> '
        'granted to this component &nbsp; <span class="denied">✕</span> imported, denied inside the server</p>'
    )


def _cell(box: Box, topic: str) -> str:
    if topic in box.places:
        return '<td class="granted">●</td>'
    if topic in box.given:
        granted = box.role == COMPONENT and not is_base(topic)
        return f'<td class="{"granted" if granted else "given"}">●</td>'
    return '<td class="denied">✕</td>' if topic in box.denied else "<td></td>"


def _sizes(drawing: Drawing) -> Iterator[str]:
    """Yield one row per component, regardless of the number of its instances."""
    sizes: dict[str, tuple[int, int]] = {}
    for box in drawing.boxes:
        sizes[box.component] = (box.size, sizes.get(box.component, (0, 0))[1] + 1)
    largest = max((size for size, _ in sizes.values()), default=1) or 1
    yield '<div class="scroll"><table>'
    for name, (size, count) in sorted(sizes.items(), key=lambda entry: (-entry[1][0], entry[0])):
        times = f" ({count} times)" if count > 1 else ""
        bar = f'<td class="bar"><div style="width:{size / largest:.2%}"></div></td>'
        yield f'<tr><td>{escaped(name)}{times}</td><td class="number">{size:,} B</td>{bar}</tr>'
    yield "</table></div>"
