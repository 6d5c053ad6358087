"""Self-contained HTML page of a drawing: the picture, the grants, and the sizes."""

from __future__ import annotations

from collections.abc import Iterator

from wasmcp.insight.diagram import COMPONENT, SERVICE, Box, Drawing, human_size, is_base
from wasmcp.insight.svg import draw_svg, escaped

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
    yield "<section>\n<h2>Who gets what from the host</h2>"
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
