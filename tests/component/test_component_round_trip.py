"""Round trip of types through the binary format, merged or not; the output is valid."""

from __future__ import annotations

import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st
from support import golden_cases
from support.typed_interfaces import interfaces, parts_of
from wasmtime.component import Component

from wasmcp.component.builder import ComponentBuilder
from wasmcp.component.decode import decode
from wasmcp.component.encode import encode
from wasmcp.component.graph import Graph
from wasmcp.component.merge import MergedImport, OuterImports
from wasmcp.component.types import ExternType, Instance

ENGINE = wasmtime.Engine()


def written(imports: dict[str, ExternType]) -> bytes:
    builder = ComponentBuilder()
    outer = OuterImports(builder)
    for name, extern in imports.items():
        outer.add(MergedImport(name, extern, ["test"]))
    return builder.to_bytes()


@settings(max_examples=150, deadline=None, derandomize=True)
@given(interfaces())
def test_types_survive_a_round_trip(imports: dict[str, ExternType]) -> None:
    assert decode(written(imports)).imports == imports


@settings(max_examples=60, deadline=None, derandomize=True)
@given(interfaces())
def test_output_is_valid(imports: dict[str, ExternType]) -> None:
    data = written(imports)
    Component(ENGINE, data)
    golden_cases.wasm_tools("validate", "-", stdin=data)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data(), interfaces())
def test_parts_of_interfaces_in_several_versions_become_one(
    data: st.DataObject, imports: dict[str, ExternType]
) -> None:
    graph = Graph()
    asked: set[tuple[str, str]] = set()
    for patch in (3, 12, 7):
        part = data.draw(parts_of(imports, patch))
        graph.instantiate(graph.add(f"patch-{patch}", written(part)))
        for name, instance in part.items():
            assert isinstance(instance, Instance)
            asked.update((name.rpartition(".")[0], item) for item in instance.exports)
    encoded = encode(graph, define_types=False)
    found = decode(encoded.to_bytes()).imports
    assert {
        (name.rpartition(".")[0], item)
        for name, instance in found.items()
        if isinstance(instance, Instance)
        for item in instance.exports
    } == asked
    for data_ in (encoded.to_bytes(), encode(graph).to_bytes()):
        Component(ENGINE, data_)
        golden_cases.wasm_tools("validate", "-", stdin=data_)
