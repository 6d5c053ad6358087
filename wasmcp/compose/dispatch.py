"""The way from an index of the catalogue to the component that owns it: a generated component.

It imports as many `server-handler` instances as the segment has components, and exports `dispatch`: a `br_table` that
hands the request on. Only handles cross; nothing is copied, and the cost does not grow with the number of components.

Source: wit/baked.wit (`dispatch`), wit/handler.wit (`server-handler`); component-model, CanonicalABI.md.
"""

from __future__ import annotations

from wasmcp.component import core, writer
from wasmcp.component.builder import ComponentBuilder, InstanceTypeBuilder
from wasmcp.component.model import Primitive
from wasmcp.component.writer import CoreSort, Sort
from wasmcp.compose.contracts import DISPATCH, MESSAGES

# Where an inner call leaves its option<own<reply>>: discriminant and handle, 4 bytes each. The same 8 bytes are the
# result of `dispatch.handle`, which is read before anybody can call it again.
_RESULT = 16


def import_name(component: int) -> str:
    """Return the name of the import for the component with this index."""
    return f"component{component}"


def dispatch(count: int) -> bytes:
    """Return the dispatch component of a segment of `count` components."""
    builder = ComponentBuilder()
    scope = InstanceTypeBuilder()
    scope.export_resource("request")
    scope.export_resource("reply")
    messages = builder.import_instance(MESSAGES, builder.type(scope.definition()))
    request = builder.alias_export(messages, "request", Sort.TYPE)
    reply = builder.alias_export(messages, "reply", Sort.TYPE)

    link = _link_type(builder, request, reply)
    links = [builder.import_instance(import_name(index), link) for index in range(count)]

    memory_module = core.CoreModule()
    memory_module.memory(1)
    memory_module.export_memory("memory")
    memory_instance = builder.core_instantiate(builder.core_module(memory_module.encode()))
    memory = builder.core_alias(memory_instance, "memory", CoreSort.MEMORY)
    functions = {"drop": (CoreSort.FUNC, builder.resource_drop(request))}
    for index, instance in enumerate(links):
        handle = builder.alias_export(instance, "handle", Sort.FUNC)
        functions[str(index)] = (CoreSort.FUNC, builder.lower(handle, memory=memory))
    arguments = {"memory": memory_instance, "links": builder.core_instance(functions)}
    code = builder.core_instantiate(builder.core_module(_module(count)), arguments)

    borrow, option = builder.type(writer.borrow(request)), builder.type(writer.option(builder.type(writer.own(reply))))
    params: list[tuple[str, writer.TypeRef]] = [("component", Primitive.U32), ("request", borrow)]
    func_type = builder.type(writer.func(params, option))
    handle = builder.lift(builder.core_alias(code, "handle", CoreSort.FUNC), func_type, memory=memory)
    exports = {"request": (Sort.TYPE, request), "reply": (Sort.TYPE, reply), "handle": (Sort.FUNC, handle)}
    builder.export(DISPATCH, Sort.INSTANCE, builder.instance(exports))
    return builder.to_bytes()


def _link_type(builder: ComponentBuilder, request: int, reply: int) -> int:
    """Define the instance type of `server-handler`, as far as the dispatch needs it."""
    scope = InstanceTypeBuilder()
    borrow = scope.type(writer.borrow(scope.alias_outer_type(request)))
    option = scope.type(writer.option(scope.type(writer.own(scope.alias_outer_type(reply)))))
    scope.export_func("handle", scope.type(writer.func([("request", borrow)], option)))
    return builder.type(scope.definition())


def _module(count: int) -> bytes:
    """Return the core module: `handle(component, request) -> address of the result`."""
    module = core.CoreModule()
    module.import_memory("memory", "memory", 1)
    drop = module.import_function("links", "drop", [core.I32], [])
    links = [module.import_function("links", str(index), [core.I32, core.I32], []) for index in range(count)]
    component, request = 0, 1
    # One block for each component inside the other, the first the innermost; then one for an index out of range.
    body = core.local_get(component) + core.br_table(range(count), count)
    for index, link in enumerate(links):
        call = core.local_get(request) + core.i32_const(_RESULT) + core.call(link)
        body = core.block(body) + call + core.br(count - index)
    nobody = core.i32_const(_RESULT) + core.i32_const(0) + core.i32_store()
    body = core.block(core.block(body) + nobody)
    body += core.local_get(request) + core.call(drop) + core.i32_const(_RESULT)
    module.export_function("handle", module.function([core.I32, core.I32], [core.I32], body))
    return module.encode()
