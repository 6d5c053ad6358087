from __future__ import annotations

import time
import tracemalloc

import pytest
import wasmtime
from support.compose_inputs import PREAMBLE, component, dummy, leb, section, wat

from wasmcp.component.binary_format import COMPONENT_PREAMBLE, extern_name
from wasmcp.component.decode import ComponentInfo, decode
from wasmcp.component.types import (
    Borrow,
    Func,
    Instance,
    List,
    Option,
    Own,
    Primitive,
    Record,
    Resource,
    Result,
    TypeBound,
    TypeName,
    resolve,
)
from wasmcp.errors import ComponentError

MESSAGES = "wasmcp:mcp-v20260728/messages@0.1.0"
TYPES = "wasmcp:mcp-v20260728/types@0.1.0"
TOOLS = "wasmcp:mcp-v20260728/tools@0.1.0"


class TestDecoding:
    def test_imports_in_order_and_exports(self) -> None:
        info = decode(dummy("tools-component"), "tool")
        assert list(info.imports) == [TYPES, MESSAGES]
        assert {name: export.kind for name, export in info.exports.items()} == {TOOLS: "instance"}
        assert info.name == "tool"
        assert info.size == len(dummy("tools-component"))

    def test_types_carry_their_names(self) -> None:
        imports = decode(dummy("tools-component")).imports
        messages = imports[MESSAGES]
        assert isinstance(messages, Instance)
        request = TypeName(MESSAGES, "request", Resource(MESSAGES, "request"))
        assert messages.exports["request"] == TypeBound(Resource(MESSAGES, "request"))
        json = TypeName(MESSAGES, "json", TypeName(TYPES, "json", Primitive.STRING))
        assert messages.exports["[method]request.arguments"] == Func((("self", Borrow(request)),), Option(json))
        assert messages.exports["json"] == TypeBound(TypeName(TYPES, "json", Primitive.STRING))

    def test_world_with_every_type(self) -> None:
        info = decode(
            wat("""
            (component
              (import "demo:a/b@1.0.0" (instance
                (export "r" (type $r (sub resource)))
                (type $rec' (record (field "a" u8) (field "b" (option string))))
                (export "rec" (type $rec (eq $rec')))
                (export "f" (func (param "x" (list $rec)) (param "y" (tuple f32 char)) (result (result (own $r)))))))
              (import "plain" (func (param "l" (list u8 4))))
              (import "point" (type (sub resource))))
            """)
        )
        name = "demo:a/b@1.0.0"
        record = Record((("a", Primitive.U8), ("b", Option(Primitive.STRING))))
        instance = info.imports[name]
        assert isinstance(instance, Instance)
        func = instance.exports["f"]
        assert isinstance(func, Func)
        assert func.params[0] == ("x", List(TypeName(name, "rec", record)))
        assert func.result == Result(Own(TypeName(name, "r", Resource(name, "r"))))
        assert info.imports["plain"] == Func((("l", List(Primitive.U8, 4)),))
        assert info.imports["point"] == TypeBound(Resource(None, "point"))

    def test_types_of_exports(self) -> None:
        data = dummy("tools-component")
        assert decode(data).exports[TOOLS].type is None
        tools = decode(data, export_types=True).exports[TOOLS].type
        assert isinstance(tools, Instance)
        call = tools.exports["call-tool"]
        assert isinstance(call, Func)
        assert [label for label, _ in call.params] == ["request", "name"]
        request = call.params[0][1]
        assert isinstance(request, Borrow)
        assert resolve(request.resource) == Resource(MESSAGES, "request")

    def test_types_of_exports_of_the_framework(self) -> None:
        for world in ("middleware", "tools-middleware", "catalogue", "method-not-found"):
            handler = decode(dummy(world), export_types=True).exports["wasmcp:mcp-v20260728/server-handler@0.1.0"].type
            assert isinstance(handler, Instance), world
            assert isinstance(handler.exports["handle"], Func), world

    def test_parts_are_nested_components_and_modules(self) -> None:
        data = dummy("method-not-found")
        for part in decode(data).parts:
            inner = data[part.offset : part.offset + part.size]
            assert inner.startswith(b"\x00asm")
            assert part.kind == ("component" if inner.startswith(PREAMBLE) else "core module")

    def test_names_are_found_by_compatible_version(self) -> None:
        info = decode(dummy("tools-component"))
        assert info.find_import("wasmcp:mcp-v20260728/messages@0.1.9") == MESSAGES
        assert info.find_import("wasmcp:mcp-v20260728/messages") == MESSAGES
        assert info.find_export("wasmcp:mcp-v20260728/tools@0.2.0") is None

    def test_a_large_component_is_not_copied(self) -> None:
        data = component(section(0, b"\x04name"), section(1, bytes(40_000_000)), section(0, b"\x01x"))
        view = memoryview(data)
        tracemalloc.start()
        start = time.perf_counter()
        info = decode(view)
        took = time.perf_counter() - start
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert info.parts[0].size == 40_000_000
        assert took < 0.1
        assert peak < 1_000_000


class TestNotAComponent:
    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"", "an empty file"),
            (b"\x00as", "not WebAssembly"),
            (b"\x00asm\x01", "truncated"),
            (wasmtime.wat2wasm("(module)"), "a core module"),
            (b"\x00asm\x0e\x00\x01\x00", "version 0x0e00"),
            (b"\x00asm\x0d\x00\x02\x00", "layer 0x0200"),
            (b"  (component)", "text form"),
            (b";; comment\n(component)", "text form"),
            (b"#!/usr/bin/env python\n", "not WebAssembly"),
        ],
    )
    def test_error_names_the_format(self, data: bytes, words: str) -> None:
        with pytest.raises(ComponentError, match=words) as caught:
            decode(bytes(data), "input.wasm")
        assert caught.value.component == "input.wasm"
        assert "`input.wasm`" in str(caught.value)

    def test_truncated_anywhere(self) -> None:
        data = dummy("method-not-found")
        whole = decode(data)
        for end in range(8, len(data), 97):
            info, offset = outcome(data[:end])
            if info is None:
                assert 0 <= offset <= end
            else:
                # Cut between two sections: the rest is a component with fewer definitions.
                assert len(info.exports) < len(whole.exports)


def outcome(data: bytes) -> tuple[ComponentInfo | None, int]:
    try:
        return decode(data), -1
    except ComponentError as error:
        return None, -1 if error.offset is None else error.offset


def fails(*sections: bytes) -> ComponentError:
    with pytest.raises(ComponentError) as caught:
        decode(component(*sections))
    return caught.value


class TestHostileInput:
    def test_number_too_long(self) -> None:
        error = fails(b"\x07\x80\x80\x80\x80\x80\x01")
        assert "longer than five bytes" in str(error)

    def test_number_above_32_bits(self) -> None:
        assert "above 32 bits" in str(fails(b"\x07\xff\xff\xff\xff\x7f"))

    def test_number_cut_off(self) -> None:
        assert "cut off" in str(fails(b"\x07\x80"))

    def test_section_larger_than_the_file(self) -> None:
        error = fails(b"\x07\xff\xff\xff\xff\x0f")
        assert "truncated" in str(error)
        assert error.offset == 14

    def test_section_with_bytes_too_many(self) -> None:
        assert "2 bytes too many" in str(fails(section(7, b"\x00\x01\x02")))

    def test_more_items_than_bytes(self) -> None:
        error = fails(section(7, leb(0xFFFFFFFF) + b"\x72"))
        assert "4294967295 items are announced, with 1 bytes left" in str(error)

    def test_name_longer_than_the_section(self) -> None:
        assert "a name of 100 bytes is announced" in str(fails(section(10, b"\x01\x00" + leb(100) + b"x")))

    def test_name_that_is_not_utf8(self) -> None:
        error = fails(section(10, b"\x01\x00\x02a\xff\x01\x00"))
        assert "not UTF-8" in str(error)
        assert error.offset == 14

    def test_unknown_section(self) -> None:
        assert "unknown section 13" in str(fails(b"\x0d\x00"))

    @pytest.mark.parametrize("space", [b"\x70\x05", b"\x69\x05", b"\x40\x00\x00\x05"])
    def test_index_out_of_range(self, space: bytes) -> None:
        assert "type index 5 is out of range: 0 defined" in str(fails(section(7, b"\x01" + space)))

    def test_type_that_refers_to_itself(self) -> None:
        assert "type index 0 is out of range: 0 defined" in str(fails(section(7, b"\x01\x6b\x00")))

    def test_types_nested_deeply(self) -> None:
        options = b"".join(b"\x6b" + (b"\x7f" if n == 0 else _sleb(n - 1)) for n in range(3000))
        assert "deeper than 100" in str(fails(section(7, leb(3000) + options)))

    def test_type_that_doubles(self) -> None:
        doubled = b"".join(b"\x6f\x02" + (b"\x7f\x7f" if n == 0 else _sleb(n - 1) * 2) for n in range(64))
        start = time.perf_counter()
        assert "more than 100000 parts" in str(fails(section(7, leb(64) + doubled)))
        assert time.perf_counter() - start < 1

    def test_scopes_nested_deeply(self) -> None:
        assert "nested deeper than 20" in str(fails(section(7, b"\x01" + b"\x42\x01\x01" * 5000 + b"\x42\x00")))

    def test_outer_alias_beyond_the_outermost_scope(self) -> None:
        body = b"\x01\x42\x01\x02\x03\x02" + leb(0xFFFFFFF) + b"\x00"
        assert "outer scope that does not exist" in str(fails(section(7, body)))

    def test_many_imports_of_one_name(self) -> None:
        func, import_ = section(7, b"\x01\x40\x00\x01\x00"), b"\x00\x01f\x01\x00"
        assert "`f` is imported twice" in str(fails(func, section(10, b"\x02" + import_ * 2)))

    def test_decoding_of_nested_components_is_bounded(self) -> None:
        # Each level instantiates the one below it many times: exponential without a budget.
        data = component()
        for _ in range(7):
            data = component(section(4, data), section(5, leb(60) + b"\x00\x00\x00" * 60))
        start = time.perf_counter()
        decode(data, export_types=True)
        assert time.perf_counter() - start < 2

    def test_labels_twice(self) -> None:
        assert "the label `a` comes twice" in str(fails(section(7, b"\x01\x6d\x02\x01a\x01a")))

    @pytest.mark.parametrize(
        ("definition", "words"),
        [
            (b"\x72\x00", "a record is empty"),
            (b"\x71\x00", "a variant is empty"),
            (b"\x6d\x00", "an enum is empty"),
            (b"\x6e\x00", "a flags type is empty"),
            (b"\x6f\x00", "a tuple is empty"),
            (b"\x67\x7f\x00", "a list of fixed length is empty"),
            (b"\x6d\x01\x00", "a label is empty"),
            (b"\x50", "does not begin the definition of a type"),
            (b"\x70\x50", "is not a primitive type"),
            (b"\x40\x00\x01\x01", "several results"),
            (b"\x71\x01\x01a\x00\x01", "refines another one"),
            (b"\x6b\x07", "type index 7 is out of range"),
            (b"\x42\x01\x00\x00", "a core type"),
            (b"\x42\x01\x07", "does not begin a declaration"),
            (b"\x42\x01\x01\x3f\x7f\x00", "a resource is defined inside a type"),
        ],
    )
    def test_definitions(self, definition: bytes, words: str) -> None:
        assert words in str(fails(section(7, b"\x01" + definition)))


class TestUnsupported:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ('(component (import "f" (func async)))', "`f` is an async function"),
            ('(component (import "f" (func (param "x" (stream u8)))))', "`f` needs the type `stream`"),
            ('(component (import "f" (func (result (future)))))', "`f` needs the type `future`"),
            ('(component (import "f" (func (param "e" error-context))))', "`f` needs the type `error-context`"),
            ('(component (import "wasi:clocks/monotonic-clock@0.3.0-rc-2026-01" (instance)))', "WASI 0.3"),
            ("(component (core func (canon task.cancel)))", "`task.cancel`"),
            ("(component (core func (canon backpressure.inc)))", "`backpressure.inc`"),
            ("(component (type $s (stream u8)) (core func (canon stream.new $s)))", "`stream.new`"),
            ("(component (core func (canon context.get i32 0)))", "`context.get`"),
        ],
    )
    def test_async_is_refused_by_name(self, text: str, words: str) -> None:
        with pytest.raises(ComponentError) as caught:
            decode(wat(text))
        assert words in str(caught.value)
        assert "WASI 0.3" in str(caught.value)

    def test_a_map_is_refused_by_name_and_not_as_async(self) -> None:
        with pytest.raises(ComponentError, match="`f` needs the type `map`: it is not supported") as caught:
            decode(wat('(component (import "f" (func (param "m" (map string u8)))))'))
        assert "async" not in str(caught.value)

    def test_unsupported_type_that_is_not_imported_is_accepted(self) -> None:
        assert decode(wat("(component (type (stream u8)))")).imports == {}

    def test_values(self) -> None:
        assert "values and start functions" in str(fails(section(12, b"\x00")))

    def test_names_with_attributes(self) -> None:
        assert "attributes" in str(fails(section(10, b"\x01\x02\x01f\x00\x01\x00")))


def _sleb(value: int) -> bytes:
    out = bytearray()
    while value >= 0x40:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


@pytest.mark.parametrize("text", ["a\x1b[31m", "a\nb", "\u202eb", "a\x00"])
def test_invalid_interface_name_is_refused(text: str) -> None:
    content = b"\x01" + extern_name(text) + b"\x01\x00"
    data = COMPONENT_PREAMBLE + b"\x0a" + bytes((len(content),)) + content
    with pytest.raises(ComponentError, match="cannot be the name of an import or export") as caught:
        decode(data)
    assert str(caught.value).isprintable()
