"""Mermaid flowchart of a drawing, which code forges and documentation tools show in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from wasmcp.insight.diagram import COMPONENT, SERVICE, Box, Drawing, human_size, is_base

_SHAPES = {"component": ("[", "]"), "framework": ("[", "]"), "generated": ("[/", "/]"), "service": ("[(", ")]")}
_CLASSES = {
    "component": "fill:#ffffff,stroke:#5b6ee1,stroke-width:2px,color:#1f2430",
    "framework": "fill:#f4f6fa,stroke:#9aa5b8,color:#1f2430",
    "generated": "fill:#f6f7fa,stroke:#c3cad8,stroke-dasharray:4 3,color:#1f2430",
    "service": "fill:#eef6f5,stroke:#2a9d8f,color:#1f2430",
    "export": "fill:#1f2430,stroke:#1f2430,color:#ffffff",
    "host": "fill:#f3f0e8,stroke:#b9ae90,color:#1f2430",
}
_BASE = "io, clocks, random, output, http types"


def mermaid(drawing: Drawing) -> str:
    """Return a drawing as the text of a Mermaid flowchart."""
    return "\n".join(_lines(drawing)) + "\n"


def _lines(drawing: Drawing) -> Iterator[str]:
    yield "flowchart LR"
    for number, (name, key) in enumerate(drawing.exports):
        yield f"  d{number}([{_text(name)}]):::export"
        yield f"  d{number} --> n{key}"
    services = [box for box in drawing.boxes if box.role == SERVICE]
    for box in drawing.boxes:
        if box.role != SERVICE:
            yield f"  {_node(box)}"
    if services:
        yield f"  subgraph services [{_text('services, called by the others')}]"
        yield from (f"    {_node(box)}" for box in services)
        yield "  end"
    for wire in drawing.wires:
        if not wire.service:
            yield f"  n{wire.caller} -->|{_text(', '.join(wire.interfaces))}| n{wire.callee}"
    yield from _host(drawing.boxes)
    if services:
        yield "  style services fill:#f7fbfa,stroke:#cfe3e0,color:#1f2430"
    for name, style in _CLASSES.items():
        yield f"  classDef {name} {style}"


def _host(boxes: Iterable[Box]) -> Iterator[str]:
    """Draw the topics from the host, and those that are denied."""
    keys: dict[str, str] = {}
    wires: list[str] = []
    for box in boxes:
        given = dict.fromkeys(_BASE if is_base(topic) else topic for topic in box.given)
        denied = box.denied if box.role == COMPONENT else ()
        wires += [f"  n{box.key} -.-> {keys.setdefault(topic, f'h{len(keys)}')}" for topic in given]
        wires += [f"  n{box.key} -.-x|denied| {keys.setdefault(topic, f'h{len(keys)}')}" for topic in denied]
    if keys:
        yield "  subgraph host"
        for topic, key in keys.items():
            yield f"    {key}{{{{{_text(topic)}}}}}:::host"
        yield "  end"
        yield "  style host fill:#faf8f2,stroke:#e3ddca,color:#1f2430"
    yield from wires


def _node(box: Box) -> str:
    before, after = _SHAPES[box.role]
    return f"n{box.key}{before}{_text(box.label, human_size(box.size), *box.places)}{after}:::{box.role}"


def _text(*lines: str) -> str:
    """Return a quoted text. Source: Mermaid, "Entity codes to escape characters"."""
    safe = " .,:/@+-_()[]"
    parts = ["".join(one if one.isalnum() or one in safe else f"#{ord(one)};" for one in line) for line in lines]
    return '"' + "<br>".join(parts) + '"'
