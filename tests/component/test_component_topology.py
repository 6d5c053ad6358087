from __future__ import annotations

import pytest
from wasmtime import wat2wasm

from wasmcp.component.binary_format import Sort
from wasmcp.component.encode import encode
from wasmcp.component.graph import Graph
from wasmcp.component.topology import Source, read_topology
from wasmcp.errors import ComponentError

GREETER = """
(component
  (import "demo:io/out@0.1.0" (instance (export "write" (func))))
  (core module $m (func (export "f")))
  (core instance $i (instantiate $m))
  (func $f (canon lift (core func $i "f")))
  (instance $api (export "greet" (func $f)) (export "wave" (func $f)))
  (export "demo:greet/api@0.1.0" (instance $api)))
"""
CALLER = """
(component
  (import "demo:greet/api@0.1.0" (instance (export "greet" (func))))
  (import "demo:io/out@0.1.0" (instance (export "write" (func))))
  (core module $m (func (export "f")))
  (core instance $i (instantiate $m))
  (func $f (canon lift (core func $i "f")))
  (instance $run (export "run" (func $f)))
  (export "demo:run/run@0.1.0" (instance $run)))
"""
API, OUT, RUN = "demo:greet/api@0.1.0", "demo:io/out@0.1.0", "demo:run/run@0.1.0"


def composed() -> bytes:
    graph = Graph()
    greeter = graph.instantiate(graph.add("greeter", bytes(wat2wasm(GREETER))), label="first")
    caller = graph.instantiate(graph.add("caller", bytes(wat2wasm(CALLER))))
    api = greeter.export(API)
    caller.set(API, graph.synthetic({"greet": api.item("wave", Sort.FUNC)}))
    graph.export(RUN, caller.export(RUN))
    return encode(graph).to_bytes()


def test_instances_and_sources_of_their_imports() -> None:
    topology = read_topology(composed())
    first, caller = topology.instances
    assert (first.label, first.component, first.size) == ("first", "greeter", len(wat2wasm(GREETER)))
    assert first.arguments == {OUT: (Source(None, (OUT,)),)}
    assert caller.arguments == {API: (Source(0, (API, "wave")),), OUT: (Source(None, (OUT,)),)}
    assert topology.imports == (OUT,)
    assert topology.exports == {RUN: (Source(1, (RUN,)),)}
    assert topology.is_composition


def test_a_component_of_code() -> None:
    topology = read_topology(bytes(wat2wasm(CALLER)))
    assert (topology.instances, topology.core_instances, topology.is_composition) == ((), 1, False)
    assert topology.imports == (API, OUT)
    assert topology.exports == {RUN: ()}


def test_component_without_name_section() -> None:
    nested = bytes(
        wat2wasm(
            '(component (component $c (import "a" (func))) (import "b" (func $b))'
            '(instance (instantiate $c (with "a" (func $b)))))'
        )
    )
    data = nested[: nested.rindex(b"component-name") - 3]  # the name section is the last
    (instance,) = read_topology(data).instances
    assert (instance.label, instance.component) == ("instance 0", "component 0")
    assert instance.arguments == {"a": (Source(None, ("b",)),)}


@pytest.mark.parametrize("cut", [9, 40, 200])
def test_damaged_component(cut: int) -> None:
    with pytest.raises(ComponentError):
        read_topology(composed()[:-cut], "it")
