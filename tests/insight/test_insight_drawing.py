"""Drawings of compositions."""

from __future__ import annotations

import itertools
import json
from xml.etree import ElementTree as ET

import pytest
from support.compose_inputs import catalogue, probe, spec, tools_beside, tools_component

from wasmcp.compose import Catalogue, ComponentSpec, ServerMetadata, compose_server
from wasmcp.compose.interfaces import CONFIG
from wasmcp.insight.diagram import COMPONENT, SERVICE, Drawing, draw, human_size, is_base, mermaid, topics
from wasmcp.insight.pictures import ROW_GAP, page, place, svg

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '<script>alert("x")</script>\x00'


@pytest.fixture(scope="module")
def drawing() -> Drawing:
    """A server with a segment of three, a dynamic component, and another segment."""
    nosy = ComponentSpec("nosy", probe(), catalogue("probe"), frozenset({"env"}))
    shy = ComponentSpec("shy", probe(), Catalogue(({"name": "other", "inputSchema": {"type": "object"}},)))
    specs = [nosy, shy, spec("calc", "a", "add"), spec("dynamic", "b", "b", static=False), spec("last", "c", "c")]
    return draw(compose_server(specs, ServerMetadata("s", "1")).data, "server.wasm")


def labels(drawing: Drawing) -> dict[str, int]:
    return {box.label: box.key for box in drawing.boxes}


def test_boxes_of_a_composition(drawing: Drawing) -> None:
    boxes = {box.label: box for box in drawing.boxes}
    assert {box.label for box in drawing.boxes if box.role == COMPONENT} == {"nosy", "shy", "calc", "dynamic", "last"}
    assert {box.label for box in drawing.boxes if box.role == SERVICE} == {"server-io", "server-metadata"}
    assert boxes["transport"].role == "framework"
    assert boxes["dispatch 1"].role == "generated"
    assert not [label for label in boxes if label.startswith("denied") or label == "nobody"]
    assert "env" in boxes["nosy"].given
    assert boxes["shy"].denied == ("env",)


def test_generated_components_are_not_listed() -> None:
    reader = f'(component (import "{CONFIG}" (instance (export "all" (func (result string))))))'
    calc = ComponentSpec("calc", tools_beside(reader, "add"), catalogue("add"), config={"a": 1})
    settings = {"WASMCP_DISABLE_SSE": "true"}
    boxes = draw(compose_server([calc], ServerMetadata("s", "1"), settings=settings).data, "server.wasm").boxes
    roles = {box.label: box.role for box in boxes}
    assert [label for label, role in roles.items() if role == COMPONENT] == ["calc"]
    assert roles["config of calc"] == roles["settings of transport"] == "generated"


def test_wires_between_boxes(drawing: Drawing) -> None:
    keys = labels(drawing)
    wires = {(wire.caller, wire.callee): wire for wire in drawing.wires}
    assert wires[keys["catalogue 1"], keys["dispatch 1"]].interfaces == ("dispatch",)
    assert wires[keys["tools-middleware of calc"], keys["calc"]].interfaces == ("tools",)
    assert wires[keys["calc"], keys["server-io"]].service
    assert (keys["catalogue 1"], keys["dynamic-tools-middleware of dynamic"]) in wires
    assert wires[keys["dynamic-tools-middleware of dynamic"], keys["dynamic"]].interfaces == ("tools",)
    assert {name.partition("@")[0]: key for name, key in drawing.exports} == dict.fromkeys(
        ("wasi:http/incoming-handler", "wasi:cli/run", "wasmcp:embedding/exchange"), keys["transport"]
    )


def test_callers_are_left_of_callees_without_overlap(drawing: Drawing) -> None:
    places = place(drawing, lambda box: 40.0 + box.key % 7 * 10)
    for wire in drawing.wires:
        if not wire.service:
            assert places[wire.caller].x < places[wire.callee].x
    columns: dict[float, list[tuple[float, float]]] = {}
    for one in places.values():
        columns.setdefault(one.x, []).append((one.y, one.height))
    for column in columns.values():
        column.sort()
        for (top, height), (below, _) in itertools.pairwise(column):
            assert below - (top + height) >= ROW_GAP - 0.001
    assert min(one.y for one in places.values()) == 0


def test_svg_is_well_formed_and_complete(drawing: Drawing) -> None:
    root = ET.fromstring(svg(drawing))  # noqa: S314 - ours
    texts = [element.text for element in root.iter(f"{SVG}text")]
    for text in ("nosy", "calc", "transport", "server-io", "wasi:cli/run", "env"):
        assert text in texts
    width, height = (float(root.attrib[name]) for name in ("width", "height"))
    for rect in root.iter(f"{SVG}rect"):
        x, y = float(rect.get("x", 0)), float(rect.get("y", 0))
        assert 0 <= x <= x + float(rect.attrib["width"]) <= width
        assert 0 <= y <= y + float(rect.attrib["height"]) <= height
    denied = [group for group in root.iter(f"{SVG}g") if group.get("class") == "chip denied"]
    assert [group.findtext(f"{SVG}text") for group in denied].count("env") >= 1


def test_page_loads_no_other_resource(drawing: Drawing) -> None:
    text = page(drawing)
    assert "default-src 'none'" in text
    for loading in ("src=", "href=", "@import", "url("):
        assert loading not in text
    assert '<tr class="component"><td>nosy</td>' in text
    assert 'class="granted">●</td>' in text
    assert 'class="denied">✕</td>' in text


def test_mermaid_output(drawing: Drawing) -> None:
    text = mermaid(drawing)
    keys = labels(drawing)
    assert text.startswith("flowchart LR\n")
    assert f'n{keys["catalogue 1"]} -->|"dispatch"| n{keys["dispatch 1"]}\n' in text
    (env,) = (line.split("{{")[0].strip() for line in text.splitlines() if '{{"env"}}' in line)
    assert f"n{keys['nosy']} -.-> {env}\n" in text
    assert f"n{keys['shy']} -.-x|denied| {env}\n" in text
    assert text.count("subgraph") == text.count("  end\n") == 2


def test_drawing_of_a_single_component() -> None:
    alone = draw(tools_component("answer", "add"), "calc.wasm")
    assert [(box.label, box.role) for box in alone.boxes] == [("calc.wasm", COMPONENT)]
    assert [name for name, _ in alone.exports] == ["wasmcp:mcp-v20260728/tools@0.1.0"]
    for text in (svg(alone), page(alone), mermaid(alone)):
        assert "calc.wasm" in text


def test_names_are_escaped() -> None:
    alone = draw(tools_component("answer", "add"), HOSTILE)
    ET.fromstring(svg(alone))  # noqa: S314 - ours
    assert "<script>alert" not in page(alone)
    assert '"x"' not in mermaid(alone)
    assert "#60;script#62;" in mermaid(alone)


def test_json_output(drawing: Drawing) -> None:
    found = json.loads(json.dumps(drawing.to_dict()))
    names = {one["key"]: one["label"] for one in found["instances"]}
    assert ("transport", "catalogue 1") in {(names[w["caller"]], names[w["callee"]]) for w in found["wires"]}


def test_topics_of_interfaces() -> None:
    asked = ["wasi:io/poll@0.2.9", "wasi:io/error@0.2.9", "wasi:filesystem/types@0.2.9", "wasi:cli/exit@0.2.9"]
    assert topics(asked) == ("fs", "io", "exit")
    assert topics(["acme:a/b@1.0.0"]) == ("acme:a/b",)
    assert [is_base(topic) for topic in ("io", "output", "http types", "env", "stdin")] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_readable_sizes() -> None:
    assert [human_size(size) for size in (9, 9_999, 10_000, 999_400, 19_999_055)] == [
        "9 B",
        "9,999 B",
        "10 kB",
        "999 kB",
        "20.0 MB",
    ]


def test_middleware_is_marked() -> None:
    able = ComponentSpec("mw", tools_component("a", "a", handler=True), grants=frozenset({"middleware"}))
    found = draw(compose_server([able, spec("calc", "b", "b")], ServerMetadata("s", "1")).data, "server.wasm")
    (box,) = [box for box in found.boxes if box.label == "mw"]
    assert box.places == ("middleware",)
    assert '"mw<br>' in mermaid(found)
    assert 'middleware"' in mermaid(found)
    root = ET.fromstring(svg(found))  # noqa: S314 - ours
    granted = [group.findtext(f"{SVG}text") for group in root.iter(f"{SVG}g") if group.get("class") == "chip granted"]
    assert granted == ["middleware"]
    assert "<th>middleware</th>" in page(found)
    (entry,) = [one for one in found.to_dict()["instances"] if one["label"] == "mw"]
    assert entry["granted"] == ["middleware"]
