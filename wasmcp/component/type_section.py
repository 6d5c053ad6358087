"""Decoder of the types that a component declares, and writer of types as definitions in a scope.

The scope of a writer is a component that is being built, or an instance type. It has some types by name already
(`names`); every other type is defined once, where it is first needed.

Source: component-model, design/mvp/Binary.md, "Type Definitions".
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Protocol, cast

from wasmcp.component import binary_format
from wasmcp.component.binary_format import PRIMITIVE_CODES, Reader, Sort, TypeRef
from wasmcp.component.builder import ComponentBuilder, InstanceTypeBuilder
from wasmcp.component.index_spaces import ASYNC_FUNC, Definition, Scope, Unsupported
from wasmcp.component.types import (
    Borrow,
    Enum,
    ExternType,
    Flags,
    Func,
    Instance,
    List,
    Opaque,
    Option,
    Own,
    Primitive,
    Record,
    Resource,
    Result,
    Tuple,
    TypeBound,
    TypeName,
    ValueType,
    Variant,
    children,
    resolve,
    signature,
)

MAX_NESTING = 20  # of types that are scopes: instance types in component types and so on

PRIMITIVES = {code: primitive for primitive, code in PRIMITIVE_CODES.items()}
_ASYNC_TYPES = {0x64: "the type `error-context`", 0x65: "the type `future`", 0x66: "the type `stream`"}
_NOT_VALUES = (Func, Instance, Opaque, Resource)


def read_value(reader: Reader, scope: Scope) -> ValueType:
    """Read a part of a definition: a primitive or an index."""
    start = reader.position
    code = reader.data[start] if start < reader.end else 0
    if 0x40 <= code < 0x80:
        reader.position = start + 1
        primitive = PRIMITIVES.get(code)
        if primitive is not None:
            return primitive
        if code in _ASYNC_TYPES:
            return cast("ValueType", Unsupported(_ASYNC_TYPES[code]))
        raise reader.fail(f"0x{code:02x} is not a primitive type", start)
    index = reader.s33()
    type_ = scope.type_at(index, reader, start)
    if isinstance(resolve(cast("ValueType", type_)), _NOT_VALUES):
        raise reader.fail(f"type {index} is not a value type", start)
    return cast("ValueType", type_)


def read_resource(reader: Reader, scope: Scope) -> TypeName | Resource:
    """Read the index of a resource type."""
    start = reader.position
    index = reader.u32()
    type_ = cast("TypeName | Resource", scope.type_at(index, reader, start))
    if not isinstance(resolve(type_), (Resource, Unsupported)):
        raise reader.fail(f"type {index} is not a resource", start)
    return type_


def _read_optional(reader: Reader, scope: Scope) -> ValueType | None:
    flag = reader.byte()
    if flag > 1:
        raise reader.fail(f"0x{flag:02x} is neither absent (0) nor present (1)", reader.position - 1)
    return read_value(reader, scope) if flag else None


def _some(reader: Reader, what: str) -> int:
    start = reader.position
    count = reader.count()
    if not count:
        raise reader.fail(f"{what} is empty", start)
    return count


def read_label(reader: Reader, seen: dict[str, int]) -> str:
    """Read a label that differs from its siblings."""
    start = reader.position
    label = reader.name()
    if not label:
        raise reader.fail("a label is empty", start)
    if label in seen:
        raise reader.fail(f"the label `{label}` comes twice", start)
    seen[label] = start
    return label


def _read_case(reader: Reader, scope: Scope, seen: dict[str, int]) -> tuple[str, ValueType | None]:
    label = read_label(reader, seen)
    payload = _read_optional(reader, scope)
    if reader.byte() != 0:
        raise reader.fail("a case refines another one, which no version of the format allows", reader.position - 1)
    return label, payload


def _read_value_definition(code: int, reader: Reader, scope: Scope, start: int) -> ValueType:
    seen: dict[str, int] = {}
    if code == 0x72:
        fields = range(_some(reader, "a record"))
        return Record(tuple((read_label(reader, seen), read_value(reader, scope)) for _ in fields))
    if code == 0x71:
        return Variant(tuple(_read_case(reader, scope, seen) for _ in range(_some(reader, "a variant"))))
    if code == 0x70:
        return List(read_value(reader, scope))
    if code == 0x6F:
        return Tuple(tuple(read_value(reader, scope) for _ in range(_some(reader, "a tuple"))))
    if code == 0x6E:
        return Flags(tuple(read_label(reader, seen) for _ in range(_some(reader, "a flags type"))))
    if code == 0x6D:
        return Enum(tuple(read_label(reader, seen) for _ in range(_some(reader, "an enum"))))
    if code == 0x6B:
        return Option(read_value(reader, scope))
    if code == 0x6A:
        return Result(_read_optional(reader, scope), _read_optional(reader, scope))
    if code == 0x69:
        return Own(read_resource(reader, scope))
    if code == 0x68:
        return Borrow(read_resource(reader, scope))
    if code == 0x67:
        return _read_fixed_list(reader, scope)
    if code in (0x65, 0x66):
        _read_optional(reader, scope)
        return cast("ValueType", Unsupported(_ASYNC_TYPES[code]))
    if code == 0x63:
        read_value(reader, scope)
        read_value(reader, scope)
        return cast("ValueType", Unsupported("the type `map`", hint="it is not supported, use a list of tuples"))
    reader.position = start
    if code in PRIMITIVES or code in _ASYNC_TYPES:
        return read_value(reader, scope)
    raise reader.fail(f"0x{code:02x} does not begin the definition of a type")


def _read_fixed_list(reader: Reader, scope: Scope) -> List:
    element = read_value(reader, scope)
    start = reader.position
    length = reader.u32()
    if not length:
        raise reader.fail("a list of fixed length is empty", start)
    return List(element, length)


def _read_func(reader: Reader, scope: Scope) -> Func:
    seen: dict[str, int] = {}
    params = tuple((read_label(reader, seen), read_value(reader, scope)) for _ in range(reader.count()))
    kind = reader.byte()
    if kind == 0:
        return Func(params, read_value(reader, scope))
    if kind != 1 or reader.byte() != 0:
        raise reader.fail("a function has several results, which the format no longer allows", reader.position - 1)
    return Func(params)


def read_definition(reader: Reader, scope: Scope, interface: str | None = None, nesting: int = 0) -> Definition:
    """Read one definition of a type.

    Args:
        reader: The bytes.
        scope: The scope that indices refer to. The definition is not added to it.
        interface: For an instance type: the import that has this type.
        nesting: Number of types that are scopes around it.
    """
    start = reader.position
    code = reader.byte()
    if code in (0x40, 0x43):
        func = _read_func(reader, scope)
        if code == 0x43:
            return ASYNC_FUNC
        scope.costs.add(func, reader)
        return func
    if code == 0x42:
        return _read_instance_type(reader, scope, interface, nesting)
    if code == 0x41:
        _read_instance_type(reader, scope, None, nesting, component=True)
        return Opaque("component")
    if code == 0x3F:
        raise reader.fail("a resource is defined inside a type", start)
    type_ = _read_value_definition(code, reader, scope, start)
    scope.costs.add(type_, reader)
    return type_


def read_extern_name(reader: Reader) -> str:
    """Read the name of an import or export.

    Raises:
        ComponentError: The name has attributes, which only a newer format defines, is empty, or is not printable.
    """
    start = reader.position
    kind = reader.byte()
    if kind == 2:
        raise reader.fail("a name with attributes (`implements`, `versionsuffix`) is not supported", start)
    if kind > 2:
        raise reader.fail(f"0x{kind:02x} does not begin the name of an import or export", start)
    name = reader.name()
    if not name:
        raise reader.fail("the name of an import or export is empty", start)
    if not name.isprintable():
        raise reader.fail(f"{name!r:.200} cannot be the name of an import or export", start)
    return name


def read_extern(reader: Reader, scope: Scope, interface: str | None, name: str) -> ExternType:
    """Read the type of an import or export; a new resource is known by `interface` and `name`."""
    start = reader.position
    code = reader.byte()
    if code == 0x00:
        if reader.byte() != 0x11:
            raise reader.fail("of core definitions only modules can be imported or exported", start)
        reader.u32()
        return Opaque("core module")
    if code == 0x02:
        raise reader.fail(f"`{name}` is a value: imports and exports of values are not supported", start)
    if code == 0x03 and reader.byte() == 0x01:
        return TypeBound(Resource(interface, name))
    if code not in (0x01, 0x03, 0x04, 0x05):
        raise reader.fail(f"0x{code:02x} is not a kind of import or export", start)
    type_ = scope.type_at(reader.u32(), reader, start)
    if isinstance(type_, Unsupported):
        return cast("ExternType", type_)
    if code == 0x01 and isinstance(type_, Func):
        return type_
    if code == 0x03 and not isinstance(type_, (Func, Instance, Opaque)):
        return TypeBound(type_)
    if code == 0x04 and isinstance(type_, Opaque):
        return type_
    if code == 0x05 and isinstance(type_, Instance):
        return type_
    raise reader.fail(f"the type of `{name}` is of another kind", start)


def _read_instance_type(
    reader: Reader, parent: Scope, interface: str | None, nesting: int, *, component: bool = False
) -> Instance:
    if nesting >= MAX_NESTING:
        raise reader.fail(f"types that hold declarations are nested deeper than {MAX_NESTING}")
    scope = Scope(parent)
    exports: dict[str, ExternType] = {}
    imports: dict[str, int] = {}
    names: dict[str, int] = {}
    for _ in range(reader.count()):
        start = reader.position
        code = reader.byte()
        if code == 0x01:
            scope.types.append(read_definition(reader, scope, None, nesting + 1))
        elif code == 0x02:
            read_alias(reader, scope)
        elif code == 0x04 or (code == 0x03 and component):
            name = read_extern_name(reader)
            seen = names if code == 0x04 else imports
            if name in seen:
                raise reader.fail(f"`{name}` is declared twice", start)
            seen[name] = start
            extern = read_extern(reader, scope, interface, name)
            if code == 0x04:
                exports[name] = extern
            if interface is not None:
                scope.refuse_unsupported(extern, interface, name, reader)
            scope.declare(extern, interface, name, reader)
        elif code == 0x00:
            raise reader.fail("a core type inside an instance type is not supported", start)
        else:
            raise reader.fail(f"0x{code:02x} does not begin a declaration", start)
    return Instance(exports)


def read_alias(reader: Reader, scope: Scope) -> None:
    """Read an alias of an outer type or of an instance's export into a type's scope."""
    start = reader.position
    sort, target = reader.byte(), reader.byte()
    if sort == 0x03 and target == 0x02:
        outer = scope.outer(reader.u32(), reader)
        scope.types.append(outer.type_at(reader.u32(), reader, start))
    elif sort in (0x03, 0x05) and target == 0x00:
        scope.alias_export(reader.u32(), sort, reader.name(), reader)
    else:
        raise reader.fail("an alias inside a type can only be of a type or an instance", start)


class DefiningScope(Protocol):
    """Scope in which types can be defined: `ComponentBuilder` or `InstanceTypeBuilder`."""

    def type(self, definition: bytes) -> int:
        """Define a type; return its index."""
        ...


class TypeWriter:
    """Writer of types into one scope.

    `lookup` returns the index of a `TypeName` or a `Resource` in the scope; it can define a missing one. If it returns
    None for a `TypeName`, the type that it names is written instead; it must contain every `Resource`.
    """

    def __init__(self, scope: DefiningScope, lookup: Callable[[TypeName | Resource], int | None]) -> None:
        self._scope = scope
        self._lookup = lookup
        self._written: dict[bytes, int] = {}

    def _define(self, definition: bytes) -> int:
        index = self._written.get(definition)
        if index is None:
            index = self._written[definition] = self._scope.type(definition)
        return index

    def value(self, type_: ValueType) -> TypeRef:
        """Return a value type as a part of another definition: a primitive, or the index of its definition."""
        if isinstance(type_, Primitive):
            return type_
        if isinstance(type_, TypeName):
            index = self._lookup(type_)
            if index is not None:
                return index
            if isinstance(type_.type, Resource):
                raise TypeError(f"the resource `{type_.name}` is used as a value")
            return self.value(type_.type)
        return self._define(self._definition(type_))

    def resource(self, type_: TypeName | Resource) -> int:
        """Return the index of a resource type.

        Raises:
            LookupError: The scope does not contain the resource.
        """
        current: TypeName | Resource | ValueType = type_
        while isinstance(current, (TypeName, Resource)):
            index = self._lookup(current)
            if index is not None:
                return index
            if isinstance(current, Resource):
                break
            current = current.type
        raise LookupError(f"the resource `{type_.name}` of `{type_.interface}` is not known here")

    def index(self, type_: ValueType | Resource) -> int:
        """Return the index of any type; a primitive gets a type definition."""
        if isinstance(type_, Resource):
            return self.resource(type_)
        if isinstance(type_, TypeName):
            known = self._lookup(type_)
            return self.index(type_.type) if known is None else known
        part = self.value(type_)
        return part if isinstance(part, int) else self._define(binary_format.primitive(part))

    def func(self, func: Func) -> int:
        """Return the index of a function type."""
        params = [(label, self.value(part)) for label, part in func.params]
        result = None if func.result is None else self.value(func.result)
        return self._define(binary_format.func(params, result))

    def _optional(self, type_: ValueType | None) -> TypeRef | None:
        return None if type_ is None else self.value(type_)

    def _definition(self, type_: ValueType) -> bytes:
        if isinstance(type_, Record):
            return binary_format.record([(label, self.value(part)) for label, part in type_.fields])
        if isinstance(type_, Variant):
            return binary_format.variant([(label, self._optional(part)) for label, part in type_.cases])
        if isinstance(type_, List):
            return binary_format.list_(self.value(type_.element), type_.length)
        if isinstance(type_, Tuple):
            return binary_format.tuple_([self.value(item) for item in type_.items])
        if isinstance(type_, Flags):
            return binary_format.flags(type_.labels)
        if isinstance(type_, Enum):
            return binary_format.enum_(type_.labels)
        if isinstance(type_, Option):
            return binary_format.option(self.value(type_.payload))
        if isinstance(type_, Result):
            return binary_format.result(self._optional(type_.ok), self._optional(type_.err))
        if isinstance(type_, Own):
            return binary_format.own(self.resource(type_.resource))
        if isinstance(type_, Borrow):
            return binary_format.borrow(self.resource(type_.resource))
        raise TypeError(f"`{type_}` is not a value type")


class TypeImports:
    """Collector of foreign types (`need`) that imports them (`write`) and returns their indices (`index`)."""

    def __init__(self, builder: ComponentBuilder) -> None:
        self._builder = builder
        self._needed: dict[str, dict[str, ValueType | Resource]] = {}
        self._instances: dict[str, int] = {}
        self._indices: dict[tuple[str, str], int] = {}

    def need(self, instance: Instance, own: Container[str | None]) -> None:
        """Record every foreign type in the types of an instance.

        Args:
            instance: The instance that refers to the types.
            own: The interfaces that are not foreign.
        """
        for extern in instance.exports.values():
            if isinstance(extern, Func):
                for type_ in signature(extern):
                    self.need_type(type_, own)
            elif isinstance(extern, TypeBound):
                self.need_type(extern.type, own)

    def need_type(self, type_: ValueType | Resource, own: Container[str | None]) -> None:
        """Record every foreign type in a type, those it is made of first."""
        for part in children(type_):
            self.need_type(part, own)
        if isinstance(type_, (TypeName, Resource)) and type_.interface is not None and type_.interface not in own:
            base = type_.type if isinstance(type_, TypeName) else type_
            self._needed.setdefault(type_.interface, {})[type_.name] = base

    def write(self) -> None:
        """Import the instances, each after those whose types it uses."""
        for interface in list(self._needed):
            self._import(interface)

    def index(self, type_: TypeName | Resource) -> int | None:
        """Return the index of a foreign type, or None if it was not recorded."""
        if type_.interface is None or type_.name not in self._needed.get(type_.interface, {}):
            return None
        key = (type_.interface, type_.name)
        if key not in self._indices:
            instance = self._import(type_.interface)
            self._indices[key] = self._builder.alias_export(instance, type_.name, Sort.TYPE)
        return self._indices[key]

    def _import(self, interface: str) -> int:
        if interface not in self._instances:
            scope = InstanceTypeBuilder()
            known: dict[tuple[str | None, str], int] = {}

            def lookup(type_: TypeName | Resource) -> int | None:
                key = (type_.interface, type_.name)
                if key not in known and type_.interface != interface:
                    outer = self.index(type_)
                    if outer is None:
                        return None
                    known[key] = scope.alias_outer_type(outer)
                return known.get(key)

            types = TypeWriter(scope, lookup)
            for name, base in self._needed[interface].items():
                if base == Resource(interface, name):
                    known[interface, name] = scope.export_resource(name)
                else:
                    known[interface, name] = scope.export_type(name, types.index(base))
            type_index = self._builder.type(scope.definition())
            self._instances[interface] = self._builder.import_instance(interface, type_index)
        return self._instances[interface]
