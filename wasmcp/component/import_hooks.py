"""Wrapper of a component that calls a hook before certain functions of its imports.

The wrapper has the imports and exports of the component, and one more import, the hook. Each hooked function is
forwarded: a core function with the same parameters calls the hook, and then the imported function. The host can thus
notice, or stop with a trap, a call of a function that it does not implement itself.

The wrapper can also add header fields of the host to new requests of `wasi:http`. The fields of a request
cannot be changed once it exists, so that the constructor of requests adds them. They belong together (`tracestate` is
about the trace of `traceparent`): the first that the request has ends the addition.

The component comes first in the wrapper, unchanged, so that the offsets in its backtraces are shifted by `offset`.

Source: component-model, design/mvp/CanonicalABI.md, "canon lift", "canon lower", "canon resource.drop", "Flattening"
and "Storing"; WASI 0.2, `wasi:http/types`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from wasmcp.component import canonical_abi, core_module
from wasmcp.component.binary_format import COMPONENT_PREAMBLE, CoreSort, Sort, uleb128
from wasmcp.component.builder import Chunk, ComponentBuilder, InstanceTypeBuilder
from wasmcp.component.constant_component import (
    MEMORY,
    REALLOC,
    HandleDropper,
    InterfaceShim,
    define_realloc,
    dropped_resources,
)
from wasmcp.component.decode import ComponentInfo
from wasmcp.component.graph import SORTS
from wasmcp.component.merge import MergedImport, OuterImports
from wasmcp.component.type_section import TypeWriter
from wasmcp.component.types import (
    Borrow,
    Func,
    Instance,
    List,
    Own,
    Primitive,
    Resource,
    Result,
    Tuple,
    TypeBound,
    TypeName,
    ValueType,
    children,
    resolve,
    resource_of,
)

CONSTRUCTOR = "[constructor]outgoing-request"
HAS = "[method]fields.has"
APPEND = "[method]fields.append"
_TYPES = "wasi:http/types@"
_ERROR = "header-error"
_FIELD = 16  # bytes of a name and a value: address and length of each
_RESULT = 8  # bytes of a list; more than those of the result of `append`


@dataclass(frozen=True)
class RequestHeaders:
    """Import of `wasi:http/types` by a component that makes requests.

    Attributes:
        interface: Its name.
        imported: Its type, with the functions that add header fields.
        constructor: The type of the constructor of requests.
    """

    interface: str
    imported: Instance
    constructor: Func

    @classmethod
    def of(cls, info: ComponentInfo) -> RequestHeaders | None:
        """Return the import of a component; None if it makes no requests, or only such without header fields."""
        for name, extern in info.imports.items():
            if not name.startswith(_TYPES) or not isinstance(extern, Instance):
                continue
            constructor, error = extern.exports.get(CONSTRUCTOR), extern.exports.get(_ERROR)
            if not isinstance(constructor, Func) or not isinstance(error, TypeBound) or len(constructor.params) != 1:
                return None
            fields = resolve(constructor.params[0][1])
            if not isinstance(fields, Own) or not hasattr(error.type, "cases"):
                return None
            self = ("self", Borrow(resource_of(fields)))
            key = ("name", Primitive.STRING)
            failure = TypeName(name, _ERROR, error.type)
            added = {
                HAS: Func((self, key), Primitive.BOOL),
                APPEND: Func((self, key, ("value", List(Primitive.U8))), Result(None, failure)),
            }
            missing = {function: func for function, func in added.items() if function not in extern.exports}
            return cls(name, Instance({**extern.exports, **missing}), constructor)
        return None


def constructor_module(memory: str, realloc: str, reset: str) -> bytes:
    """Return the core module that exports the constructor as `construct`.

    It imports `source`, `has`, `append` and `construct` from `imports`, lowered.

    Args:
        memory: The name of the memory in the import `memory`.
        realloc: The name of its function `realloc`.
        reset: The name of the function that frees the memory.
    """
    module = core_module.CoreModule()
    i32 = core_module.I32
    source = module.import_function("imports", "source", [i32], [])
    has = module.import_function("imports", "has", [i32] * 3, [i32])
    append = module.import_function("imports", "append", [i32] * 6, [])
    construct = module.import_function("imports", "construct", [i32], [i32])
    free = module.import_function("memory", reset, [i32], [])
    allocate = module.import_function("memory", realloc, [i32] * 4, [i32])
    module.import_memory("memory", memory, 1)
    fields, area, field, left = range(4)
    get, put, call = core_module.local_get, core_module.local_set, core_module.call
    name = get(field) + core_module.i32_load(0) + get(field) + core_module.i32_load(4)
    value = get(field) + core_module.i32_load(8) + get(field) + core_module.i32_load(12)
    one = get(fields) + name + call(has) + core_module.br_if(1) + get(fields) + name + value + get(area) + call(append)
    step = (
        get(left)
        + core_module.i32_eqz()
        + core_module.br_if(1)
        + one
        + get(field)
        + core_module.i32_const(_FIELD)
        + core_module.i32_add()
        + put(field)
        + get(left)
        + core_module.i32_const(1)
        + core_module.i32_sub()
        + put(left)
        + core_module.br(0)
    )
    sizes = b"".join(map(core_module.i32_const, (0, 0, 4, _RESULT)))
    body = (
        sizes
        + call(allocate)
        + put(area)
        + get(area)
        + call(source)
        + get(area)
        + core_module.i32_load(0)
        + put(field)
        + get(area)
        + core_module.i32_load(4)
        + put(left)
        + core_module.block(core_module.loop(step))
        + core_module.i32_const(0)
        + call(free)
        + get(fields)
        + call(construct)
    )
    module.export_function("construct", module.function([i32], [i32], body, [i32] * 3))
    return module.encode()


_HEAP = 16  # address 0 is not allocated, so that no pointer is null
_RESET = "reset"
_HOOK = "hook"


def offset(size: int) -> int:
    """Return the offset of a component of `size` bytes in its wrapper."""
    return len(COMPONENT_PREAMBLE) + 1 + len(uleb128(size))


def with_hook(
    data: Chunk,
    info: ComponentInfo,
    functions: Mapping[str, Collection[str]],
    hook: tuple[str, str],
    header_fields: tuple[str, str] | None = None,
) -> bytes:
    """Return the wrapper of a component.

    Args:
        data: The component.
        info: Its imports and exports.
        functions: The functions before which the hook is called, by import. The handles among their parameters are all
            owned or all borrowed.
        hook: The interface and the name of the hook, a function without parameters and result.
        header_fields: The interface and the name of a function that returns names and values of header fields, as
            ``list<tuple<string, string>>``; those before the first that a new request has are added to it. None for no
            such fields, which is also the effect on a component that makes no requests.
    """
    return _Wrapper(data, info, functions, hook, header_fields).encode()


class _Wrapper:
    def __init__(
        self,
        data: Chunk,
        info: ComponentInfo,
        functions: Mapping[str, Collection[str]],
        hook: tuple[str, str],
        header_fields: tuple[str, str] | None,
    ) -> None:
        self._info = info
        self._functions = functions
        self._hook = hook
        self._requests = None if header_fields is None else RequestHeaders.of(info)
        self._header_fields = header_fields
        self._builder = ComponentBuilder()
        self._component = self._builder.component(data)
        self._imports = OuterImports(self._builder)
        self._aliases: dict[tuple[str, str], int] = {}
        self._types = TypeWriter(self._builder, self._type)

    def encode(self) -> bytes:
        builder = self._builder
        requests = self._requests
        for name, extern in self._info.imports.items():
            is_requests = requests is not None and name == requests.interface
            self._imports.add(MergedImport(name, requests.imported if requests and is_requests else extern, []))
        arguments = dict(self._imports.indices)
        for interface, functions in self._forwarded().items():
            arguments[interface] = (Sort.INSTANCE, self._instance(interface, functions))
        instance = builder.instantiate(self._component, arguments)
        for name, export in self._info.exports.items():
            sort = SORTS[export.kind]
            builder.export(name, sort, builder.alias_export(instance, name, sort))
        return builder.to_bytes()

    def _instance(self, interface: str, functions: Mapping[str, int]) -> int:
        """Define the instance that the component gets for an import, with these functions instead of the imported."""
        shim = InterfaceShim(interface, self._members(interface))
        items = {name: (Sort.TYPE, self._types.index(type_)) for name, type_ in shim.type_arguments.items()}
        for argument, name in shim.function_arguments.items():
            function = functions[name] if name in functions else self._alias(interface, name, Sort.FUNC)
            items[argument] = (Sort.FUNC, function)
        return self._builder.instantiate(self._builder.component(shim.builder.chunks()), items)

    def _members(self, interface: str) -> Instance:
        extern = self._info.imports[interface]
        if not isinstance(extern, Instance):
            raise TypeError(f"`{interface}` is not an interface")
        return extern

    def _alias(self, interface: str, name: str, sort: Sort) -> int:
        key = (interface, name)
        if key not in self._aliases:
            self._aliases[key] = self._builder.alias_export(self._imports.indices[interface][1], name, sort)
        return self._aliases[key]

    def _type(self, type_: TypeName | Resource) -> int:
        if type_.interface is None:
            return self._imports.indices[type_.name][1]
        return self._alias(type_.interface, type_.name, Sort.TYPE)

    def _forwarded(self) -> dict[str, dict[str, int]]:
        """Define the forwarding functions. Return their indices by interface and name."""
        builder = self._builder
        hooked = {
            (interface, name): extern
            for interface, names in self._functions.items()
            for name, extern in self._members(interface).exports.items()
            if name in names and isinstance(extern, Func)
        }
        memory_instance = builder.core_instantiate(builder.core_module(_memory_module()))
        memory = builder.core_alias(memory_instance, MEMORY, CoreSort.MEMORY)
        realloc = builder.core_alias(memory_instance, REALLOC, CoreSort.FUNC)
        reset = builder.core_alias(memory_instance, _RESET, CoreSort.FUNC)
        lowered = {_HOOK: (CoreSort.FUNC, builder.lower(self._import_hook()))}
        module = _Forwarders()
        for number, ((interface, name), func) in enumerate(hooked.items()):
            index = builder.lower(self._alias(interface, name, Sort.FUNC), memory=memory, realloc=realloc)
            lowered[str(number)] = (CoreSort.FUNC, index)
            module.add(func)
        for name, resource in module.dropped.items():
            lowered[name] = (CoreSort.FUNC, builder.resource_drop(self._types.resource(resource)))
        code = builder.core_instantiate(
            builder.core_module(module.encode()),
            {"imports": builder.core_instance(lowered), "memory": memory_instance},
        )
        result: dict[str, dict[str, int]] = {}
        for number, ((interface, name), func) in enumerate(hooked.items()):
            result.setdefault(interface, {})[name] = builder.lift(
                builder.core_alias(code, str(number), CoreSort.FUNC),
                self._types.func(func),
                memory=memory,
                realloc=realloc,
                post_return=reset if _returns_pointer(func) else None,
            )
        if self._requests is not None and self._header_fields is not None:
            index = self._constructor(self._requests, self._header_fields, memory_instance, memory, realloc)
            result.setdefault(self._requests.interface, {})[CONSTRUCTOR] = index
        return result

    def _constructor(
        self, requests: RequestHeaders, header_fields: tuple[str, str], memory_instance: int, memory: int, realloc: int
    ) -> int:
        """Define the constructor of requests with the header fields of the host."""
        builder = self._builder
        source = self._import_function(header_fields, Func((), List(Tuple((Primitive.STRING, Primitive.STRING)))))
        lowered = {"source": (CoreSort.FUNC, builder.lower(source, memory=memory, realloc=realloc))}
        for field, name in (("has", HAS), ("append", APPEND), ("construct", CONSTRUCTOR)):
            function = self._alias(requests.interface, name, Sort.FUNC)
            lowered[field] = (CoreSort.FUNC, builder.lower(function, memory=memory, realloc=realloc))
        code = builder.core_instantiate(
            builder.core_module(constructor_module(MEMORY, REALLOC, _RESET)),
            {"imports": builder.core_instance(lowered), "memory": memory_instance},
        )
        function = builder.core_alias(code, "construct", CoreSort.FUNC)
        return builder.lift(function, self._types.func(requests.constructor), memory=memory, realloc=realloc)

    def _import_hook(self) -> int:
        return self._import_function(self._hook, Func((), None))

    def _import_function(self, place: tuple[str, str], func: Func) -> int:
        """Import a function of the host, alone in its interface."""
        interface, name = place
        scope = InstanceTypeBuilder()
        scope.export_func(name, TypeWriter(scope, lambda _: None).func(func))
        instance = self._builder.import_instance(interface, self._builder.type(scope.definition()))
        return self._builder.alias_export(instance, name, Sort.FUNC)


def _returns_pointer(func: Func) -> bool:
    return func.result is not None and len(canonical_abi.flatten(func.result)) > canonical_abi.MAX_FLAT_RESULTS


def _memory_module() -> bytes:
    """Return the core module with the memory of arguments and results, which is freed as a whole by `reset`."""
    module = core_module.CoreModule()
    module.memory(1)
    bump = module.variable(core_module.I32, core_module.i32_const(_HEAP))
    module.export_memory(MEMORY)
    module.export_function(REALLOC, define_realloc(module, bump))
    reset = core_module.i32_const(_HEAP) + core_module.global_set(bump)
    module.export_function(_RESET, module.function([core_module.I32], [], reset))
    return module.encode()


class _Forwarders:
    """Core module of the forwarding functions.

    Attributes:
        dropped: The resources of the borrowed handles, by the name of the imported function that drops one.
    """

    def __init__(self) -> None:
        self.dropped: dict[str, Resource] = {}
        self._funcs: list[Func] = []

    def add(self, func: Func) -> None:
        """Add a function; its name is the number of those before it."""
        self._funcs.append(func)
        for _, param in func.params:
            for resource in dropped_resources(param, lambda _: False):
                self.dropped[_drop_name(resource)] = resource

    def encode(self) -> bytes:
        """Return the module's bytes."""
        module = core_module.CoreModule()
        pointer, i32 = [core_module.I32], core_module.I32
        hook = module.import_function("imports", _HOOK, [], [])
        imported = []
        for number, func in enumerate(self._funcs):
            params, results = canonical_abi.lifted_signature(func)
            lowered = ([*params, i32], []) if _returns_pointer(func) else (params, results)
            imported.append(module.import_function("imports", str(number), *lowered))
        drops = {name: module.import_function("imports", name, pointer, []) for name in self.dropped}
        reset = module.import_function("memory", _RESET, pointer, [])
        realloc = module.import_function("memory", REALLOC, [i32] * 4, pointer)
        module.import_memory("memory", MEMORY, 1)
        for number, func in enumerate(self._funcs):
            params, results = canonical_abi.lifted_signature(func)
            code, variables = self._drops(func, lambda resource: drops[_drop_name(resource)])
            body = core_module.call(hook)
            arguments = b"".join(core_module.local_get(index) for index in range(len(params)))
            if _returns_pointer(func) and func.result is not None:
                area = len(params) + variables
                sizes = (0, 0, canonical_abi.alignment(func.result), canonical_abi.size(func.result))
                body += b"".join(map(core_module.i32_const, sizes)) + core_module.call(realloc)
                body += core_module.local_set(area) + arguments + core_module.local_get(area)
                body += core_module.call(imported[number]) + code + core_module.local_get(area)
                variables += 1
            else:
                free = core_module.i32_const(0) + core_module.call(reset)
                body += arguments + core_module.call(imported[number]) + code + free
            module.export_function(str(number), module.function(params, results, body, [i32] * variables))
        return module.encode()

    def _drops(self, func: Func, drop: Callable[[Resource], int]) -> tuple[bytes, int]:
        """Return the code that drops the borrowed handles, and the number of its locals; owned ones were passed on."""
        if not any(_has_borrow(param) for _, param in func.params):
            return b"", 0
        dropper = HandleDropper(func, lambda _: False, drop)
        return dropper.body, dropper.variables


def _drop_name(resource: Resource) -> str:
    return f"drop {resource.interface}#{resource.name}"


def _has_borrow(type_: ValueType | Resource) -> bool:
    resolved = resolve(type_)
    return isinstance(resolved, Borrow) or any(map(_has_borrow, children(resolved)))
