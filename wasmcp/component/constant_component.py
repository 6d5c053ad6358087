"""Components whose functions return constants.

Used for all data that composition has before run time: the server's metadata, the catalogue, and the stubs of
imports that a component was not granted. Parameters are ignored; results are in static memory in the layout of the
canonical ABI. Resources of the exported interfaces have no state and no destructor.

A function that ignores its parameters must still drop, before it returns, every borrow of a foreign resource and every
owned handle. A borrow of a resource that the component itself defines is not a handle.

Source: component-model, design/mvp/CanonicalABI.md, "canon lift", "Flattening", "Loading" and "canon resource.drop";
Explainer.md, "Import and Export Definitions".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from wasmcp.component import canonical_abi, core_module
from wasmcp.component.binary_format import CoreSort, Sort
from wasmcp.component.builder import ComponentBuilder, func_extern
from wasmcp.component.canonical_abi import TRAP, StaticMemory
from wasmcp.component.type_section import TypeImports, TypeWriter
from wasmcp.component.types import (
    Borrow,
    Func,
    Instance,
    List,
    Own,
    Resource,
    Tuple,
    TypeBound,
    TypeName,
    ValueType,
    children,
    resolve,
    resource_of,
)

_Local = tuple[int, int]


def dropped_resources(type_: ValueType | Resource, is_defined: Callable[[Resource], bool]) -> Iterator[Resource]:
    """Yield the resources of the handles in a value of this type that have to be dropped.

    Args:
        type_: The type of a parameter.
        is_defined: Returns true if the component itself defines a resource.
    """
    resolved = resolve(type_)
    if isinstance(resolved, (Own, Borrow)):
        resource = resource_of(resolved)
        if isinstance(resolved, Own) or not is_defined(resource):
            yield resource
        return
    for part in children(resolved):
        yield from dropped_resources(part, is_defined)


class HandleDropper:
    """Code that drops all handles in a function's parameters.

    Attributes:
        body: The instructions; they leave the stack unchanged.
        variables: Number of locals of type i32 that they need after the parameters.
    """

    def __init__(self, func: Func, is_defined: Callable[[Resource], bool], drop: Callable[[Resource], int]) -> None:
        """Write the code.

        Args:
            func: The function's type.
            is_defined: Returns true if the component itself defines a resource.
            drop: Returns the index of the core function that drops a handle of a resource.
        """
        self._is_defined = is_defined
        self._drop = drop
        self.variables = 0
        kinds = canonical_abi.lifted_signature(func)[0]
        self._first_variable = len(kinds)
        types = tuple(type_ for _, type_ in func.params)
        if sum(len(canonical_abi.flatten(type_)) for type_ in types) > canonical_abi.MAX_FLAT_PARAMS:
            self.body = self._in_memory(0, 0, Tuple(types))
        else:
            self.body = self._in_fields(list(enumerate(kinds)), types)

    def _is_idle(self, type_: ValueType) -> bool:
        return next(dropped_resources(type_, self._is_defined), None) is None

    def _variable(self) -> int:
        self.variables += 1
        return self._first_variable + self.variables - 1

    def _in_memory(self, base: int, offset: int, type_: ValueType) -> bytes:
        """Drop the handles of the value at the address in local `base` plus `offset`."""
        if self._is_idle(type_):
            return b""
        resolved = resolve(type_)
        if isinstance(resolved, (Own, Borrow)):
            return (
                core_module.local_get(base)
                + core_module.i32_load(offset)
                + core_module.call(self._drop(resource_of(resolved)))
            )
        fields, cases = canonical_abi.fields_of(resolved), canonical_abi.cases_of(resolved)
        if fields is not None:
            offsets = canonical_abi.layout(fields)[0]
            return b"".join(
                self._in_memory(base, offset + at, field) for at, field in zip(offsets, fields, strict=True)
            )
        if cases is not None:
            select = core_module.local_get(base) + core_module.load(
                core_module.I32, canonical_abi.discriminant_size(len(cases)), offset
            )
            payload = offset + canonical_abi.payload_offset(cases)
            return b"".join(
                select
                + core_module.i32_const(index)
                + core_module.i32_eq()
                + core_module.if_(self._in_memory(base, payload, case))
                for index, (_, case) in enumerate(cases)
                if case is not None and not self._is_idle(case)
            )
        load = (
            core_module.local_get(base) + core_module.i32_load(offset),
            core_module.local_get(base) + core_module.i32_load(offset + 4),
        )
        return self._in_list(*load, resolved)

    def _in_list(self, start: bytes, length: bytes, type_: ValueType | Resource) -> bytes:
        if not isinstance(type_, List):
            raise TypeError(f"`{type_}` holds no handles")
        item, left = self._variable(), self._variable()
        step = (
            core_module.local_get(item)
            + core_module.i32_const(canonical_abi.size(type_.element))
            + core_module.i32_add()
            + core_module.local_set(item)
        )
        count = (
            core_module.local_get(left) + core_module.i32_const(1) + core_module.i32_sub() + core_module.local_set(left)
        )
        test = core_module.local_get(left) + core_module.i32_eqz() + core_module.br_if(1)
        body = test + self._in_memory(item, 0, type_.element) + step + count + core_module.br(0)
        return (
            start
            + core_module.local_set(item)
            + length
            + core_module.local_set(left)
            + core_module.block(core_module.loop(body))
        )

    def _in_fields(self, values: Sequence[_Local], types: Sequence[ValueType]) -> bytes:
        code, begin = b"", 0
        for type_ in types:
            end = begin + len(canonical_abi.flatten(type_))
            code += self._in_locals(values[begin:end], type_)
            begin = end
        return code

    def _in_locals(self, values: Sequence[_Local], type_: ValueType) -> bytes:
        """Drop the handles of a flattened value."""
        if self._is_idle(type_):
            return b""
        resolved = resolve(type_)
        if isinstance(resolved, (Own, Borrow)):
            return _get(values[0]) + core_module.call(self._drop(resource_of(resolved)))
        fields, cases = canonical_abi.fields_of(resolved), canonical_abi.cases_of(resolved)
        if fields is not None:
            return self._in_fields(values, fields)
        if cases is not None:
            return b"".join(
                _get(values[0])
                + core_module.i32_const(index)
                + core_module.i32_eq()
                + core_module.if_(self._in_locals(values[1 : 1 + len(canonical_abi.flatten(case))], case))
                for index, (_, case) in enumerate(cases)
                if case is not None and not self._is_idle(case)
            )
        return self._in_list(_get(values[0]), _get(values[1]), resolved)


def _get(value: _Local) -> bytes:
    """Read an i32 that can be widened, because another case of its variant needs an i64 in this place."""
    index, kind = value
    return core_module.local_get(index) + (core_module.i32_wrap_i64() if kind == core_module.I64 else b"")


Answer = Callable[[str, str, Func], Any]
"""Interface, function, its type -> the value of its result (see `static_values`), None for no result, or `TRAP`."""


def constants(exports: Mapping[str, Instance], answer: Answer) -> bytes:
    """Return a component that exports instances of functions with constant results.

    Types that belong to other interfaces are imported from them, so that resources keep their identity; nothing else is
    imported.

    Args:
        exports: The exported instances by name, with functions and types; each after those whose types it uses.
        answer: Returns the result of each function.

    Raises:
        TypeError: An answer is not a value of its function's result.
        ValueError: The same, for a value of the right Python type.
    """
    return _Constants(exports, answer).encode()


class _Constants:
    def __init__(self, exports: Mapping[str, Instance], answer: Answer) -> None:
        self._exports = exports
        self._answer = answer
        self._builder = ComponentBuilder()
        self._foreign = TypeImports(self._builder)
        self._named: dict[tuple[str | None, str], int] = {}
        self._types = TypeWriter(self._builder, self._lookup)
        self._public: dict[tuple[str | None, str], int] = {}
        self._public_types = TypeWriter(self._builder, self._public_lookup)

    def encode(self) -> bytes:
        for interface, instance in self._exports.items():
            self._foreign.need(instance, own=self._exports)
            for name, extern in instance.exports.items():
                if not isinstance(extern, (Func, TypeBound)):
                    raise TypeError(f"`{name}` of `{interface}` is neither a function nor a type")
        self._foreign.write()
        functions = {
            (interface, name): extern
            for interface, instance in self._exports.items()
            for name, extern in instance.exports.items()
            if isinstance(extern, Func)
        }
        lifted = self._lift(functions)
        for interface, instance in self._exports.items():
            self._export(interface, instance, lifted)
        return self._builder.to_bytes()

    def _lookup(self, type_: TypeName | Resource) -> int | None:
        """Return the index of a type in the component itself, where a name of its own resolves to the named type."""
        key = (type_.interface, type_.name)
        if key not in self._named:
            if type_.interface not in self._exports:
                return self._foreign.index(type_)
            self._named[key] = (
                self._builder.resource() if isinstance(type_, Resource) else self._types.index(type_.type)
            )
        return self._named[key]

    def _public_lookup(self, type_: TypeName | Resource) -> int | None:
        """Return the index of a type as importers see it: under the name it is exported with, once it is exported."""
        key = (type_.interface, type_.name)
        if key not in self._public:
            if type_.interface not in self._exports or isinstance(type_, Resource):
                return self._lookup(type_)
            self._public[key] = self._public_types.index(type_.type)
        return self._public[key]

    def _lift(self, functions: Mapping[tuple[str, str], Func]) -> dict[tuple[str, str], int]:
        module = ConstantModule(lambda resource: resource.interface in self._exports)
        for (interface, name), func in functions.items():
            module.define(f"{interface}#{name}", func, self._answer(interface, name, func))
        builtins: dict[str, tuple[CoreSort, int]] = {}
        for name, (is_new, resource) in module.builtins.items():
            index = self._types.resource(resource)
            make = self._builder.resource_new if is_new else self._builder.resource_drop
            builtins[name] = (CoreSort.FUNC, make(index))
        arguments = {"handles": self._builder.core_instance(builtins)} if builtins else {}
        instance = self._builder.core_instantiate(self._builder.core_module(module.encode()), arguments)
        memory = self._builder.core_alias(instance, MEMORY, CoreSort.MEMORY)
        realloc = self._builder.core_alias(instance, REALLOC, CoreSort.FUNC)
        lifted = {}
        for (interface, name), func in functions.items():
            type_index = self._types.func(func)
            code = self._builder.core_alias(instance, f"{interface}#{name}", CoreSort.FUNC)
            lifted[interface, name] = self._builder.lift(code, type_index, memory=memory, realloc=realloc)
        return lifted

    def _export(self, interface: str, instance: Instance, lifted: Mapping[tuple[str, str], int]) -> None:
        """Export one instance.

        The functions must use the types under their exported names, and an instance made of existing items cannot
        rename any. Therefore a nested component imports all of them and exports them again.
        """
        if not any(isinstance(extern, TypeBound) for extern in instance.exports.values()):
            items = {name: (Sort.FUNC, lifted[interface, name]) for name in instance.exports}
            self._builder.export(interface, Sort.INSTANCE, self._builder.instance(items))
            return
        shim = InterfaceShim(interface, instance)
        arguments = {
            import_name: (Sort.TYPE, self._public_types.index(type_))
            for import_name, type_ in shim.type_arguments.items()
        } | {import_name: (Sort.FUNC, lifted[interface, name]) for import_name, name in shim.function_arguments.items()}
        component = self._builder.component(shim.builder.chunks())
        index = self._builder.export(interface, Sort.INSTANCE, self._builder.instantiate(component, arguments))
        for name, extern in instance.exports.items():
            if isinstance(extern, TypeBound):
                self._public[interface, name] = self._builder.alias_export(index, name, Sort.TYPE)


class InterfaceShim:
    """Component that imports the types and functions of one interface and exports them under their names.

    Attributes:
        type_arguments: The arguments for the types it imports.
        function_arguments: The function of the interface for each function it imports.
    """

    def __init__(self, interface: str, instance: Instance) -> None:
        self.builder = ComponentBuilder()
        self.type_arguments: dict[str, ValueType | Resource] = {}
        self.function_arguments: dict[str, str] = {}
        self._imported: dict[tuple[str | None, str], int] = {}
        self._exported: dict[tuple[str | None, str], int] = {}
        functions: dict[str, int] = {}
        imports = TypeWriter(self.builder, self._import_type)
        self._imports = imports
        for name, extern in instance.exports.items():
            if isinstance(extern, TypeBound):
                self._import_type(TypeName(interface, name, extern.type))
            elif isinstance(extern, Func):
                import_name = f"import-func-{len(functions)}"
                functions[name] = self.builder.import_func(import_name, imports.func(extern))
                self.function_arguments[import_name] = name
        exports = TypeWriter(self.builder, self._export_type)
        for name, extern in instance.exports.items():
            if isinstance(extern, TypeBound):
                index = self._imported[interface, name] if _is_resource(extern.type) else exports.index(extern.type)
                exported = self._exported[interface, name] = self.builder.export(name, Sort.TYPE, index)
                if isinstance(extern.type, Resource):
                    self._exported[extern.type.interface, extern.type.name] = exported
            elif isinstance(extern, Func):
                self.builder.export(name, Sort.FUNC, functions[name], func_extern(exports.func(extern)))

    def _import_type(self, type_: TypeName | Resource) -> int:
        key = (type_.interface, type_.name)
        if key not in self._imported:
            name = f"import-type-{len(self.type_arguments)}"
            self.type_arguments[name] = type_
            base = type_.type if isinstance(type_, TypeName) else type_
            if isinstance(base, Resource):
                origin = (base.interface, base.name)
                if origin not in self._imported:
                    self._imported[origin] = self.builder.import_resource(name)
                    self._imported[key] = self._imported[origin]
                    return self._imported[key]
            self._imported[key] = self.builder.import_type(name, self._imports.index(base))
        return self._imported[key]

    def _export_type(self, type_: TypeName | Resource) -> int:
        key = (type_.interface, type_.name)
        return self._exported[key] if key in self._exported else self._import_type(type_)


def _is_resource(type_: ValueType | Resource) -> bool:
    return isinstance(resolve(type_), Resource)


REALLOC = "cabi_realloc"
MEMORY = "memory"


class ConstantModule:
    """Core module of a component of constants.

    Attributes:
        builtins: The functions it imports from `handles`: true for one that makes a handle (false: drops one), and its
            resource.
    """

    def __init__(self, is_defined: Callable[[Resource], bool]) -> None:
        self._is_defined = is_defined
        self.builtins: dict[str, tuple[bool, Resource]] = {}
        self._memory = StaticMemory()
        self._functions: list[tuple[str, Func, Any, int, list[tuple[int, Resource]]]] = []

    def define(self, name: str, func: Func, answer: Any) -> None:
        """Add a function. Its result is laid out now, its code written by `encode`."""
        address, before = 0, len(self._memory.handles)
        if answer is not TRAP:
            if func.result is not None:
                address = self._memory.add(func.result, answer)
            for _, resource in self._memory.handles[before:]:
                self._builtin(resource, new=True)
            for _, param in func.params:
                for resource in dropped_resources(param, self._is_defined):
                    self._builtin(resource, new=False)
        self._functions.append((name, func, answer, address, self._memory.handles[before:]))

    def _builtin(self, resource: Resource, *, new: bool) -> None:
        self.builtins[_builtin_name(resource, new=new)] = (new, resource)

    def encode(self) -> bytes:
        """Return the module's bytes."""
        module = core_module.CoreModule()
        indices = {
            name: module.import_function("handles", name, [core_module.I32], [core_module.I32] if is_new else [])
            for name, (is_new, _) in self.builtins.items()
        }
        heap = canonical_abi.align_to(self._memory.end, 16)
        module.memory(heap // core_module.PAGE + 1)
        module.data(self._memory.base, self._memory.content)
        bump = module.variable(core_module.I32, core_module.i32_const(heap))
        module.export_memory(MEMORY)
        module.export_function(REALLOC, define_realloc(module, bump))
        reset = core_module.i32_const(heap) + core_module.global_set(bump)

        def dropping(resource: Resource) -> int:
            return indices[_builtin_name(resource, new=False)]

        for name, func, answer, address, handles in self._functions:
            params, results = canonical_abi.lifted_signature(func)
            if answer is TRAP:
                body, variables = core_module.unreachable(), 0
            else:
                dropper = HandleDropper(func, self._is_defined, dropping)
                body, variables = dropper.body + reset, dropper.variables
                for slot, resource in handles:
                    make = core_module.i32_const(0) + core_module.call(indices[_builtin_name(resource, new=True)])
                    body += core_module.i32_const(slot) + make + core_module.i32_store()
                body += _result(func, address)
            module.export_function(name, module.function(params, results, body, [core_module.I32] * variables))
        return module.encode()


def _result(func: Func, address: int) -> bytes:
    """Return the code that pushes a result, laid out at `address`, on the stack."""
    if func.result is None:
        return b""
    flat = canonical_abi.flatten(func.result)
    if len(flat) > canonical_abi.MAX_FLAT_RESULTS:
        return core_module.i32_const(address)
    return core_module.i32_const(address) + core_module.load(flat[0], canonical_abi.size(func.result))


def define_realloc(module: core_module.CoreModule, bump: int) -> int:
    """Define `cabi_realloc`, which allocates at the global `bump`; setting that frees the memory.

    A block that grows is not copied: blocks for values of known length do not grow while they are written.
    """
    alignment, length, start, result = 2, 3, 4, 5
    aligned = (
        core_module.global_get(bump)
        + core_module.local_get(alignment)
        + core_module.i32_add()
        + core_module.i32_const(1)
        + core_module.i32_sub()
        + core_module.i32_const(0)
        + core_module.local_get(alignment)
        + core_module.i32_sub()
        + core_module.i32_and()
        + core_module.local_set(start)
    )
    end = (
        core_module.local_get(start)
        + core_module.local_get(length)
        + core_module.i32_add()
        + core_module.global_set(bump)
    )
    wrapped = (
        core_module.global_get(bump)
        + core_module.local_get(start)
        + core_module.i32_lt_u()
        + core_module.if_(core_module.unreachable())
    )
    pages = (
        core_module.global_get(bump)
        + core_module.i32_const(core_module.PAGE - 1)
        + core_module.i32_add()
        + core_module.i32_const(16)
        + core_module.i32_shr_u()
    )
    missing = pages + core_module.memory_size() + core_module.i32_sub() + core_module.local_set(result)
    grow = (
        core_module.local_get(result)
        + core_module.memory_grow()
        + core_module.i32_const(-1)
        + core_module.i32_eq()
        + core_module.if_(core_module.unreachable())
    )
    needed = core_module.local_get(result) + core_module.i32_const(0) + core_module.i32_gt_s() + core_module.if_(grow)
    body = aligned + end + wrapped + missing + needed + core_module.local_get(start)
    return module.function([core_module.I32] * 4, [core_module.I32], body, [core_module.I32] * 2)


def _builtin_name(resource: Resource, *, new: bool) -> str:
    return f"{'new' if new else 'drop'} {resource.interface}#{resource.name}"
