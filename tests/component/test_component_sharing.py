"""Identical definitions of composed components: written once, with the same behaviour."""

from __future__ import annotations

import pytest
import wasmtime
from support import golden_cases
from support.compose_inputs import wat
from wasmtime.component import Component, Linker

from wasmcp.component.decode import decode
from wasmcp.component.encode import encode
from wasmcp.component.graph import Graph
from wasmcp.component.topology import count

# A library, and a module of its own for each component that the component is entered through.
LIBRARY = '(core module $lib (func (export "ten") (result i32) i32.const 10) (global i32 (i32.const 77)))'
MODULE = """
(component
  {before}
  {library}
  (core instance $lib (instantiate $lib))
  (core module $main
    (import "lib" "ten" (func $ten (result i32)))
    (func (export "run") (result i32) call $ten i32.const {number} i32.add))
  (core instance $main (instantiate $main (with "lib" (instance $lib))))
  (func (export "run") (result u32) (canon lift (core func $main "run"))))
"""


def module(number: int, *, library: str = LIBRARY, before: str = "") -> bytes:
    return wat(MODULE.format(number=number, library=library, before=before))


def composed(*components: bytes, whole: bool = False) -> bytes:
    """Return the composition, validated by wasm-tools; it exports `run-0`, `run-1`, and so on."""
    graph = Graph()
    for number, data in enumerate(components):
        node = graph.instantiate(graph.add(f"c{number}", data, whole=whole))
        graph.export(f"run-{number}", node.export("run"))
    data = encode(graph).to_bytes()
    golden_cases.wasm_tools("validate", "-", stdin=data)
    return data


def results(data: bytes) -> list[object]:
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    instance = Linker(engine).instantiate(store, Component(engine, data))
    found = []
    for export in decode(data).exports:
        func = instance.get_func(store, export)
        assert func is not None
        found.append(func(store))
        func.post_return(store)
    return found


def shared(data: bytes) -> list[str]:
    return [part.name for part in decode(data).parts if part.name.startswith("shared ")]


def test_identical_core_modules_are_written_once() -> None:
    data = composed(module(1), module(2), module(3))
    assert shared(data) == ["shared core module 1"]
    assert results(data) == [11, 12, 13]
    before = composed(module(1), module(2), module(3), whole=True)
    assert shared(before) == []
    assert results(before) == [11, 12, 13]
    assert (count(before).definitions, count(data).definitions) == (10, 8)


def test_components_without_anything_in_common_are_unchanged() -> None:
    one, two = module(1), module(2, library=LIBRARY.replace("77", "78"))
    data = composed(one, two)
    assert shared(data) == []
    assert one in data
    assert two in data


def test_module_twice_in_one_component() -> None:
    data = composed(module(1, before=LIBRARY.replace("$lib", '$unused (@name "lib")')))
    assert shared(data) == ["shared core module 1"]
    assert results(data) == [11]


def test_index_spaces_are_kept() -> None:
    """Check that indices of modules behind a shared one do not change."""
    first = "(core module $first (global i32 (i32.const 1)))"
    data = composed(module(1, before=first), module(2), module(3, before=first + first.replace("$first", "$second")))
    assert shared(data) == ["shared core module 1", "shared core module 2"]
    assert results(data) == [11, 12, 13]


ENTERED = """
(component
  (core module $lib
    (memory (export "memory") 1)
    (func (export "run") (result i32) i32.const 4)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 64)
    (func (export "after") (param i32))
    (func (export "drop") (param i32)))
  (core instance $lib (instantiate $lib))
  (alias core export $lib "drop" (core func $drop))
  {resource}
  (core module $main (global i32 (i32.const {number})) (func (export "run") (result i32) i32.const {number})
    (func (export "text") (param i32 i32) (result i32) i32.const {number})
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 64))
  (core instance $main (instantiate $main))
  (alias core export $main "run" (core func $run))
  {use}
  (func (export "run") (result u32) (canon lift (core func {lifted}))))
"""
TEXT = """
  (alias core export $main "memory" (core memory $memory))
  (alias core export ${owner} "realloc" (core func $realloc))
  (alias core export $lib "after" (core func $after))
  (func $text (param "text" string) (result u32) (canon lift (core func $main "text")
    (memory $memory) (realloc $realloc) {after}))
  (export "text" (func $text))
"""


@pytest.mark.parametrize(
    ("changes", "is_shared"),
    [
        ({}, True),
        ({"lifted": '$lib "run"'}, False),
        ({"resource": "(type $made (resource (rep i32)))"}, True),
        ({"resource": "(type $made (resource (rep i32) (dtor (core func $drop))))"}, False),
        ({"use": TEXT.format(owner="main", after="")}, True),
        ({"use": TEXT.format(owner="lib", after="")}, False),
        ({"use": TEXT.format(owner="main", after="(post-return $after)")}, False),
        ({"lifted": "$again"}, False),
    ],
    ids=["not-entered", "lifted", "no-destructor", "destructor", "own-realloc", "realloc", "post-return", "re-export"],
)
def test_modules_that_a_component_is_entered_through_are_not_shared(changes: dict[str, str], is_shared: bool) -> None:
    again = """
      (alias core export $lib "run" (core func $inner)) (core instance $bundle (export "run" (func $inner)))
      (alias core export $bundle "run" (core func $again))
    """
    fields = {"resource": "", "use": again if changes.get("lifted") == "$again" else "", "lifted": "$run", **changes}
    data = composed(*(wat(ENTERED.format(number=number, **fields)) for number in (7, 8)))
    assert shared(data) == (["shared core module 1"] if is_shared else [])
    assert results(data) == ([7, 8] if "lib" not in fields["lifted"] and fields["lifted"] != "$again" else [4, 4])


NESTED = """
(component
  (type $number u32)
  (component $inner {inner})
  (instance $inner (instantiate $inner {arguments}))
  (core module $main (func (export "run") (result i32) i32.const {number}))
  (core instance $main (instantiate $main))
  (func (export "run") (result u32) (canon lift (core func $main "run")))
  (export "api" (instance $inner)))
"""


def nested(number: int, inner: str, *, arguments: str = "") -> bytes:
    return wat(NESTED.format(number=number, inner=inner, arguments=arguments))


def test_closed_components_are_shared() -> None:
    inner = '(type $t (record (field "a" u32) (field "b" (list string)))) (export "t" (type $t))'
    data = composed(nested(1, inner), nested(2, inner))
    assert shared(data) == ["shared component 1"]
    assert results(data) == [1, 2]


def test_components_that_refer_outside_are_not_shared() -> None:
    inner = '(alias outer 1 0 (type $t)) (export "t" (type $t))'
    data = composed(nested(1, inner), nested(2, inner))
    assert shared(data) == []
    assert results(data) == [1, 2]


def test_components_that_refer_outside_in_a_type_are_not_shared() -> None:
    inner = (
        '(type $i (instance (alias outer 2 0 (type $t)) (export "t" (type (eq $t))))) (import "i" (instance (type $i)))'
    )
    given = '(with "i" (instance (export "t" (type $number))))'
    data = composed(nested(1, inner, arguments=given), nested(2, inner, arguments=given))
    assert shared(data) == []


def test_types_of_exports_behind_a_shared_component_are_known() -> None:
    """Check that an argument's type is compared with the export of a composition that shares its shim."""
    graph = Graph()
    inner = '(type $t (record (field "a" u32))) (export "t" (type $t))'
    for number in (1, 2):
        node = graph.instantiate(graph.add(f"c{number}", nested(number, inner)))
        graph.export(f"api-{number}", node.export("api"))
    info = decode(encode(graph).to_bytes(), export_types=True)
    assert info.exports["api-1"].type == info.exports["api-2"].type is not None


def test_a_composition_with_shared_definitions_can_be_composed_again() -> None:
    """Check a component whose nested components refer to a module of its own."""
    graph = Graph()
    inner = [graph.instantiate(graph.add(f"i{number}", module(number))) for number in (1, 2)]
    graph.export("run", inner[1].export("run"))
    part = encode(graph).to_bytes()
    assert shared(part) == ["shared core module 1"]
    data = composed(part, module(5))
    assert shared(data) == ["shared core module 1"]
    assert results(data) == [12, 15]


def test_damaged_code_is_left_to_the_engine() -> None:
    """Check that a component with an index out of range is embedded unchanged."""
    broken = module(1)
    at = broken.index(b"\x02\x04\x01\x00\x00\x00")  # the section of the first core instance: of module 0
    broken = broken[:at] + b"\x02\x04\x01\x00\x30\x00" + broken[at + 6 :]
    graph = Graph()
    for name in "ab":
        graph.instantiate(graph.add(name, broken))
    assert encode(graph).to_bytes().count(broken) == 2
