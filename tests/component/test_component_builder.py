from __future__ import annotations

import wasmtime
from support import golden_cases
from support.compose_inputs import wat
from wasmtime.component import Component, Linker

from wasmcp.component import binary_format
from wasmcp.component.binary_format import CoreSort, Sort
from wasmcp.component.builder import ComponentBuilder, InstanceTypeBuilder, func_extern, type_eq_extern
from wasmcp.component.decode import decode
from wasmcp.component.type_section import TypeWriter
from wasmcp.component.types import Func, Instance, Primitive, Record

GREETER = """
(module
  (memory (export "memory") 1)
  (data (i32.const 0) "\\08\\00\\00\\00\\05\\00\\00\\00hello")
  (func (export "greet") (result i32) i32.const 0)
  (func (export "done") (param i32))
  (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 64))
"""
CALLER = """
(module
  (import "api" "greet" (func $greet (param i32)))
  (import "own" "new" (func $new (param i32) (result i32)))
  (import "own" "rep" (func $rep (param i32) (result i32)))
  (import "own" "drop" (func $drop (param i32)))
  (import "own" "memory" (memory 1))
  (func (export "run") (result i32) (local i32)
    i32.const 128 call $greet
    i32.const 37 call $new local.tee 0 call $rep
    i32.const 132 i32.load i32.add
    local.get 0 call $drop))
"""


def greeter() -> ComponentBuilder:
    builder = ComponentBuilder()
    core = builder.core_instantiate(builder.core_module(wat(GREETER)))
    memory = builder.core_alias(core, "memory", CoreSort.MEMORY)
    greet, done, realloc = (builder.core_alias(core, name, CoreSort.FUNC) for name in ("greet", "done", "realloc"))
    type_ = builder.type(binary_format.func([], Primitive.STRING))
    func = builder.lift(greet, type_, memory=memory, realloc=realloc, post_return=done)
    instance = builder.instance({"greet": (Sort.FUNC, func)})
    builder.export("demo:greet/api@0.1.0", Sort.INSTANCE, instance)
    return builder


def test_lift_lower_resources_and_nesting() -> None:
    builder = ComponentBuilder()
    inner = builder.instantiate(builder.component(greeter().chunks()))
    api = builder.alias_export(inner, "demo:greet/api@0.1.0", Sort.INSTANCE)
    func = builder.alias_export(api, "greet", Sort.FUNC)
    core = builder.core_instantiate(builder.core_module(wat(GREETER)))
    memory = builder.core_alias(core, "memory", CoreSort.MEMORY)
    realloc = builder.core_alias(core, "realloc", CoreSort.FUNC)
    done = builder.core_alias(core, "done", CoreSort.FUNC)
    resource = builder.resource(done)
    own = {
        "new": (CoreSort.FUNC, builder.resource_new(resource)),
        "rep": (CoreSort.FUNC, builder.resource_rep(resource)),
        "drop": (CoreSort.FUNC, builder.resource_drop(resource)),
        "memory": (CoreSort.MEMORY, memory),
    }
    greet = builder.core_instance({"greet": (CoreSort.FUNC, builder.lower(func, memory=memory, realloc=realloc))})
    caller = builder.core_instantiate(
        builder.core_module(wat(CALLER)), {"api": greet, "own": builder.core_instance(own)}
    )
    run = builder.lift(
        builder.core_alias(caller, "run", CoreSort.FUNC), builder.type(binary_format.func([], Primitive.U32))
    )
    builder.export("run", Sort.FUNC, run, func_extern(builder.type(binary_format.func([], Primitive.U32))))
    data = builder.to_bytes()
    golden_cases.wasm_tools("validate", "-", stdin=data)
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    run_func = Linker(engine).instantiate(store, Component(engine, data)).get_func(store, "run")
    assert run_func is not None
    assert run_func(store) == 37 + len("hello")


def test_imports_and_exports_of_every_kind() -> None:
    builder = ComponentBuilder()
    resource = builder.import_resource("thing")
    point = builder.import_type("point", builder.type(binary_format.record([("x", Primitive.U32)])))
    func_type = builder.type(binary_format.func([("t", builder.type(binary_format.borrow(resource)))], point))
    builder.import_func("measure", func_type)
    inner = InstanceTypeBuilder()
    inner.export_func("f", inner.type(binary_format.func([])))
    scope = InstanceTypeBuilder()
    outer = scope.alias_outer_type(point)
    named = scope.export_type("point", outer)
    nested = scope.export_instance("inner", scope.type(inner.definition()))
    assert nested == 0
    scope.export_func("g", scope.type(binary_format.func([("p", named)])))
    builder.import_instance("demo:a/b@1.0.0", builder.type(scope.definition()))
    builder.export("again", Sort.TYPE, point, type_eq_extern(point))
    builder.custom_section("producers", b"\x00")
    data = builder.to_bytes()
    golden_cases.wasm_tools("validate", "-", stdin=data)
    info = decode(data)
    assert list(info.imports) == ["thing", "point", "measure", "demo:a/b@1.0.0"]
    instance = info.imports["demo:a/b@1.0.0"]
    assert isinstance(instance, Instance)
    assert list(instance.exports) == ["point", "inner", "g"]
    assert info.exports["again"].kind == "type"


def test_outer_alias_of_a_type() -> None:
    inner = ComponentBuilder()
    alias = inner.alias_outer(1, 0, Sort.TYPE)
    inner.import_type("point", alias)
    builder = ComponentBuilder()
    point = builder.type(binary_format.record([("x", Primitive.U8)]))
    component = builder.component(inner.to_bytes())
    builder.instantiate(component, {"point": (Sort.TYPE, point)})
    golden_cases.wasm_tools("validate", "-", stdin=builder.to_bytes())


def test_each_type_is_defined_once() -> None:
    builder = ComponentBuilder()
    types = TypeWriter(builder, lambda _: None)
    record = Record((("a", Primitive.U8),))
    assert types.value(record) == types.value(Record((("a", Primitive.U8),))) == types.index(record) == 0
    assert types.index(Primitive.STRING) == 1
    assert types.func(Func((("r", record),), Primitive.STRING)) == 2
    assert types.func(Func((("r", record),), Primitive.STRING)) == 2
