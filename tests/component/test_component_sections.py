"""Definitions other than imports of interfaces: skipped, or refused with the right offset."""

from __future__ import annotations

import pytest
from support.compose_inputs import component, section, wat

from wasmcp.component.decode import decode
from wasmcp.component.types import Func, Instance, Opaque, Primitive, Record, TypeBound, resolve
from wasmcp.errors import ComponentError

EVERYTHING = """
(component
  (core type (func))
  (core module $m
    (memory (export "memory") 1) (table (export "table") 1 funcref) (global (export "global") i32 (i32.const 0))
    (func (export "f") (result i32) i32.const 0) (func (export "post") (param i32))
    (func (export "bytes") (param i32 i32) (result i32) i32.const 0)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 8))
  (core instance $i (instantiate $m))
  (core instance $inline (export "f" (func $i "f")))
  (alias core export $i "memory" (core memory $memory))
  (alias core export $i "table" (core table $table))
  (alias core export $i "global" (core global $global))
  (type $list (list u8))
  (func $text (result string) (canon lift (core func $i "f") (memory $memory) string-encoding=latin1+utf16
    (post-return (core func $i "post"))))
  (func $bytes (param "x" $list) (result u32) (canon lift (core func $i "bytes") (memory $memory)
    (realloc (core func $i "realloc"))))
  (import "imported" (instance $imported (export "inner" (instance (export "f" (func (result bool)))))))
  (alias export $imported "inner" (instance $inner))
  (alias export $inner "f" (func $inner-f))
  (core func $lowered (canon lower (func $inner-f)))
  (component $nested)
  (component $other (import "x" (component)))
  (type $resource (resource (rep i32) (dtor (core func $i "post"))))
  (core func (canon resource.new $resource)) (core func (canon resource.drop $resource))
  (core func (canon resource.rep $resource))
  (type $point (record (field "x" u32)))
  (export $named "point" (type $point))
  (type $takes-component (component (import "a" (func)) (export "b" (func))))
  (export "text" (func $text))
  (export "inner" (instance $inner))
  (export "module" (core module $m))
  (export "handle" (type $resource)))
"""


def test_definitions_that_are_skipped() -> None:
    info = decode(wat(EVERYTHING), export_types=True)
    kinds = {name: export.kind for name, export in info.exports.items()}
    assert kinds == {
        "point": "type",
        "text": "func",
        "inner": "instance",
        "module": "core module",
        "handle": "type",
    }
    assert info.exports["text"].type == Func((), Primitive.STRING)
    point = info.exports["point"].type
    assert isinstance(point, TypeBound)
    assert resolve(point.type) == Record((("x", Primitive.U32),))
    inner = info.exports["inner"].type
    assert isinstance(inner, Instance)
    assert inner.exports == {"f": Func((), Primitive.BOOL)}
    assert [part.kind for part in info.parts] == ["core module", "component", "component"]


def test_types_of_an_instance_inside() -> None:
    """Exported interface as written by wit-component: a nested component names the types."""
    info = decode(
        wat("""
        (component
          (component $shim
            (type $e (enum "a" "b"))
            (export $named "e" (type $e))
            (import "f" (func $f (result u32)))
            (export "f" (func $f)))
          (core module $m (func (export "f") (result i32) i32.const 0))
          (core instance $i (instantiate $m))
          (func $f (result u32) (canon lift (core func $i "f")))
          (instance $out (instantiate $shim (with "f" (func $f))))
          (alias export $out "e" (type $e))
          (alias export $out "f" (func $again))
          (export "out" (instance $out))
          (export "again" (func $again) (func (result u32))))
        """),
        export_types=True,
    )
    out = info.exports["out"].type
    assert isinstance(out, Instance)
    assert out.exports["f"] == Func((), Primitive.U32)
    assert info.exports["again"].type == Func((), Primitive.U32)


def test_import_that_uses_an_inner_type() -> None:
    # The enum is named inside; wasm-tools would not write this, but an attacker can.
    shim = component(section(7, b"\x01\x6d\x01\x01a"), section(11, b"\x01\x00\x01e\x03\x00\x00"))
    data = component(
        section(4, shim),
        section(5, b"\x01\x00\x00\x00"),
        section(6, b"\x01\x03\x00\x00\x01e"),
        section(10, b"\x01\x00\x01u\x03\x00\x00"),
    )
    with pytest.raises(ComponentError, match="`u` needs a type that comes from inside the component"):
        decode(data)


def test_exports_whose_type_is_not_known() -> None:
    data = component(
        section(4, component() + section(10, b"\x01\x00\x01c\x04\x00")),
        section(5, b"\x01\x01\x01\x00\x01c\x04\x00"),
        section(11, b"\x01\x00\x01i\x05\x00\x00"),
    )
    found = decode(data, export_types=True).exports["i"].type
    assert found == Instance({"c": Opaque("component")})


MODULE = section(1, b"\x00asm\x01\x00\x00\x00")
FUNC_TYPE = section(7, b"\x01\x40\x00\x01\x00")


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ([section(8, b"\x01\x00\x01\x00\x00\x00")], "only functions can be lifted"),
        ([section(8, b"\x01\x07")], "does not begin a canonical definition"),
        ([section(8, b"\x01\x00\x00\x00\x01\x09\x00")], "does not begin a canonical option"),
        ([section(8, b"\x01\x00\x00\x00\x01\x06\x00")], "async function"),
        ([section(7, b"\x01\x7f"), section(8, b"\x01\x00\x00\x00\x00\x00")], "type 0 is not a function's"),
        ([section(7, b"\x01\x43\x00\x01\x00"), section(8, b"\x01\x00\x00\x00\x00\x00")], "is an async function"),
        ([section(7, b"\x01\x3f\x70\x00")], "neither an i32 nor an i64"),
        ([section(5, b"\x01\x02")], "does not begin an instance"),
        ([section(5, b"\x01\x00\x00\x00")], "component index 0 is out of range"),
        ([section(11, b"\x01\x00\x01f\x01\x00\x00")], "function index 0 is out of range"),
        ([section(11, b"\x01\x00\x01f\x04\x00\x00")], "component index 0 is out of range"),
        ([section(11, b"\x01\x00\x01f\x05\x00\x00")], "instance index 0 is out of range"),
        ([section(11, b"\x01\x00\x01f\x07\x00\x00")], "unknown sort 7"),
        ([section(11, b"\x01\x00\x01f\x00\x00\x00\x00")], "only modules can be passed on"),
        ([MODULE, section(11, b"\x01\x00\x01f\x00\x11\x00\x02")], "neither absent"),
        ([MODULE, section(11, b"\x02" + b"\x00\x01f\x00\x11\x00\x00" * 2)], "`f` is exported twice"),
        ([section(6, b"\x01\x01\x05\x00\x01f")], "cannot have target 5"),
        ([section(6, b"\x01\x03\x00\x00\x01f")], "instance index 0 is out of range"),
        ([section(6, b"\x01\x03\x02\x01\x00")], "outer scope that does not exist"),
        ([section(6, b"\x01\x00\x00\x01\x00" + b"\x7fx")], "a name of 127 bytes"),
        ([section(10, b"\x01\x03\x01f\x01\x00")], "does not begin the name"),
        ([section(10, b"\x01\x00\x00\x01\x00")], "is empty"),
        ([section(10, b"\x01\x00\x01f\x02\x00\x7f")], "which is not supported"),
        ([section(10, b"\x01\x00\x01m\x00\x11\x00")], "which is not supported"),
        ([section(7, b"\x01\x7f"), section(10, b"\x01\x00\x01f\x01\x00")], "of another kind"),
        ([FUNC_TYPE, section(10, b"\x01\x00\x01f\x03\x00\x00")], "of another kind"),
        ([FUNC_TYPE, section(7, b"\x01\x6b\x00")], "is not a value type"),
        ([FUNC_TYPE, section(7, b"\x01\x69\x00")], "is not a resource"),
        ([section(7, b"\x01\x42\x01\x02\x01\x02\x00\x00")], "only be of a type or an instance"),
        ([section(7, b"\x01\x42\x02" + b"\x04\x00\x01r\x03\x01" * 2)], "`r` is declared twice"),
        ([section(7, b"\x01\x6b\x80\x80\x80\x80\x80\x00")], "longer than five bytes"),
        ([section(7, b"\x01\x6b\xff\xff\xff\xff\x4f")], "above 33 bits"),
    ],
)
def test_refused_definitions_and_their_offsets(sections: list[bytes], words: str) -> None:
    with pytest.raises(ComponentError, match=words) as caught:
        decode(component(*sections))
    assert caught.value.offset is not None
