"""Model of a composition as boxes and wires, and its form as a Mermaid flowchart.

Code forges and documentation tools show Mermaid in Markdown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from wasmcp.component.builder import Chunk
from wasmcp.component.decode import decode
from wasmcp.component.topology import Topology
from wasmcp.compose.interfaces import ALWAYS, GRANTS, MIDDLEWARE, is_among
from wasmcp.insight.roles import Reach, Structure, read_structure
from wasmcp.wasi import is_known

COMPONENT = "component"
SERVICE = "service"
_SERVICES = frozenset({"server-io", "server-metadata"})
_OTHERS = {
    "wasi:io/": "io",
    "wasi:clocks/": "clocks",
    "wasi:random/": "random",
    "wasi:cli/stdin": "stdin",
    "wasi:cli/stdout": "output",
    "wasi:cli/stderr": "output",
    "wasi:cli/exit": "exit",
    "wasi:cli/terminal-input": "terminal",
    "wasi:cli/terminal-output": "terminal",
    "wasi:cli/terminal-stdin": "terminal",
    "wasi:cli/terminal-stdout": "terminal",
    "wasi:cli/terminal-stderr": "terminal",
    "wasi:http/types": "http types",
}


@dataclass(frozen=True)
class Box:
    """Box of an instance.

    Attributes:
        key: The instance's index in the topology.
        label: The text shown.
        component: The component that is instantiated.
        role: `component`, `framework`, `generated` or `service`.
        size: The component's size in bytes.
        reach: The interfaces that it gets from the host, and the denied ones.
    """

    key: int
    label: str
    component: str
    role: str
    size: int
    reach: Reach

    @property
    def given(self) -> tuple[str, ...]:
        """Topics that it gets from the host, grants first."""
        return topics(self.reach.host)

    @property
    def places(self) -> tuple[str, ...]:
        """Its grants that are not imports of the host: the position in the chain."""
        return (MIDDLEWARE,) if self.reach.middleware else ()

    @property
    def denied(self) -> tuple[str, ...]:
        """Topics that it imports and that are denied."""
        return tuple(topic for topic in topics(self.reach.denied) if topic not in self.given)


@dataclass(frozen=True)
class Wire:
    """Wire between two instances, of which one calls the other.

    Attributes:
        caller: The key of the calling box.
        callee: The key of the called box.
        interfaces: The called interfaces, for those of wasmcp without package and version.
        service: The callee is a service, which most instances call.
    """

    caller: int
    callee: int
    interfaces: tuple[str, ...]
    service: bool


@dataclass(frozen=True)
class Drawing:
    """Drawing of a composition.

    Attributes:
        title: The composition's name.
        size: The file's size in bytes.
        boxes: The instances in the order of a request, without those that only deny imports.
        wires: The calls between boxes.
        exports: Each export of the composition, with the key of the box that provides it.
        imports: The imports of the composition.
    """

    title: str
    size: int
    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]
    exports: tuple[tuple[str, int], ...]
    imports: tuple[str, ...]

    def box(self, key: int) -> Box:
        """Return the box of a key."""
        return next(box for box in self.boxes if box.key == key)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON representation."""
        return {
            "title": self.title,
            "size": self.size,
            "instances": [
                {
                    "key": box.key,
                    "label": box.label,
                    "component": box.component,
                    "role": box.role,
                    "size": box.size,
                    "host": list(box.reach.host),
                    "denied": list(box.reach.denied),
                    "granted": list(box.reach.granted) if box.role == COMPONENT else [],
                }
                for box in self.boxes
            ],
            "wires": [
                {"caller": wire.caller, "callee": wire.callee, "interfaces": list(wire.interfaces)}
                for wire in self.wires
            ],
            "exports": [{"name": name, "instance": key} for name, key in self.exports],
            "imports": list(self.imports),
        }


def draw(data: Chunk, name: str) -> Drawing:
    """Read a component and return its drawing; a component without inner components is one box.

    Raises:
        ComponentError: The file is not a component, is damaged, or uses unsupported features.
    """
    structure = read_structure(data, name)
    topology = structure.topology
    if not topology.is_composition:
        info = decode(data, name)
        host = tuple(import_ for import_ in topology.imports if import_.startswith("wasi:"))
        box = Box(0, name, name, COMPONENT, info.size, Reach(name, info.size, host, ()))
        exports = tuple((export, 0) for export in topology.exports)
        return Drawing(name, info.size, (box,), (), exports, topology.imports)
    boxes = tuple(
        Box(key, one.label, one.component, _role(structure, key), one.size, structure.reach(key))
        for key, one in ((key, topology.instances[key]) for key in structure.order)
        if structure.kind(key) != "denial"
    )
    exports = tuple(
        (export, source.instance)
        for export, sources in topology.exports.items()
        for source in sources[:1]
        if source.instance is not None
    )
    size = memoryview(data).nbytes
    return Drawing(name, size, boxes, tuple(_wires(topology, boxes)), exports, topology.imports)


def topics(interfaces: Iterable[str]) -> tuple[str, ...]:
    """Return the topics of WASI interfaces, grants first."""
    names = list(interfaces)
    found = dict.fromkeys(
        family for family, prefixes in GRANTS.items() if any(is_among(name, prefixes) for name in names)
    )
    for name in names:
        if any(is_among(name, prefixes) for prefixes in GRANTS.values()):
            continue
        topic = None
        if is_known(name):
            topic = next((word for prefix, word in _OTHERS.items() if is_among(name, (prefix,))), None)
        found[topic or name.partition("@")[0]] = None
    return tuple(found)


def is_base(topic: str) -> bool:
    """Return True if every component gets this topic from the host, without a grant."""
    return topic in {topics((name,))[0] for name in ALWAYS}


def human_size(size: int) -> str:
    """Return a size in a readable unit."""
    if size < 10_000:
        return f"{size:,} B"
    return f"{size / 1000:,.0f} kB" if size < 1_000_000 else f"{size / 1_000_000:,.1f} MB"


def _role(structure: Structure, key: int) -> str:
    role = structure.roles[key]
    return SERVICE if role.kind != COMPONENT and role.name in _SERVICES else role.kind


def _wires(topology: Topology, boxes: tuple[Box, ...]) -> Iterable[Wire]:
    roles = {box.key: box.role for box in boxes}
    for box in boxes:
        callees: dict[int, list[str]] = {}
        for name, sources in topology.instances[box.key].arguments.items():
            for key in dict.fromkeys(source.instance for source in sources):
                if key is not None and key in roles:
                    callees.setdefault(key, []).append(_short(name))
        for key, interfaces in callees.items():
            yield Wire(box.key, key, tuple(interfaces), roles[key] == SERVICE)


def _short(name: str) -> str:
    bare = name.partition("@")[0]
    return bare.partition("/")[2] or bare if bare.startswith("wasmcp:") else bare


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
