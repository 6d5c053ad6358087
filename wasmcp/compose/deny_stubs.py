"""Stubs of denied interfaces: their functions return errors of their own types.

A stub is generated from the type of the import alone, so any interface can be denied, known or not. A list is empty, an
option is absent, a result is the error case that fits best, an owned handle is a new one of a resource without content.
A function without such a result (a handle of another component's resource) traps when it is called.

A sealed server has stubs inside it for everything that the host could grant. Settings of the host cannot do this:
wasmtime's Python package gives the network to every component that imports `wasi:http`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wasmcp.component import canonical_abi
from wasmcp.component.constant_component import constants
from wasmcp.component.decode import decode
from wasmcp.component.encode import encode
from wasmcp.component.graph import Graph
from wasmcp.component.types import (
    Enum,
    Flags,
    Func,
    Instance,
    List,
    Option,
    Own,
    Primitive,
    Record,
    Resource,
    Result,
    Tuple,
    TypeBound,
    ValueType,
    Variant,
    children,
    resolve,
    resource_of,
    signature,
)
from wasmcp.compose.interfaces import ALWAYS, ENTRY_POINTS, STREAMS, is_among
from wasmcp.errors import CompositionError

DENIALS = (
    "access-denied",
    "not-permitted",
    "access",
    "HTTP-request-denied",
    "denied",
    "forbidden",
    "unsupported",
    "not-supported",
    "closed",
    "other",
    "unknown",
    "internal-error",
)
"""Error cases that a denial uses, the best first."""

MESSAGE = "not granted to this component"
"""Text of a denial whose error holds a string."""

MAX_PARTS = 100_000
"""Limit on the parts of the types of all denied functions, counted as often as they are used.

The WASI 0.2 imports of a Python component have some 1,500.
"""

_NEVER_RETURNS = "wasi:cli/exit"
_PLAIN = {Primitive.BOOL: False, Primitive.CHAR: "\0", Primitive.STRING: ""}


class _NoDenialError(Exception):
    """The type has no value that denies."""


def stubs(interfaces: Mapping[str, Instance]) -> bytes:
    """Return a component that exports the interfaces and denies every call.

    Args:
        interfaces: The types of the imports to satisfy, by name.

    Raises:
        TypeError: The types are too large, or contain an item other than a function or a type.
    """
    if _parts(interfaces) > MAX_PARTS:
        raise TypeError(f"their types have more than {MAX_PARTS:,} parts")

    def is_defined(resource: Resource) -> bool:
        return resource.interface in interfaces

    def answer(interface: str, _name: str, func: Func) -> Any:
        if interface.partition("@")[0] == _NEVER_RETURNS:
            return canonical_abi.TRAP
        if func.result is None:
            return None
        try:
            return denied(func.result, is_defined)
        except _NoDenialError:
            return canonical_abi.TRAP

    return constants(interfaces, answer)


def denied(type_: ValueType | Resource, is_defined: Callable[[Resource], bool], *, text: str = "") -> Any:
    """Return the value of a type that denies, in the form of `wasmcp.component.canonical_abi`.

    Args:
        type_: The type.
        is_defined: Returns true if the stub itself defines a resource, so that it can make a handle of it.
        text: The value of strings.

    Raises:
        _NoDenialError: The type has no such value.
    """
    resolved = resolve(type_)
    if isinstance(resolved, Primitive):
        return text if resolved is Primitive.STRING else _PLAIN.get(resolved, 0)
    if isinstance(resolved, Option):
        return canonical_abi.Case("none")
    if isinstance(resolved, Flags):
        return ()
    if isinstance(resolved, List):
        length = resolved.length or 0
        return [denied(resolved.element, is_defined, text=text)] * length if length else []
    if isinstance(resolved, Record):
        return {label: denied(field, is_defined, text=text) for label, field in resolved.fields}
    if isinstance(resolved, Tuple):
        return [denied(item, is_defined, text=text) for item in resolved.items]
    if isinstance(resolved, Result):
        return canonical_abi.Case(
            "error", None if resolved.err is None else denied(resolved.err, is_defined, text=MESSAGE)
        )
    if isinstance(resolved, (Variant, Enum)):
        return _denied_case(canonical_abi.cases_of(resolved) or (), is_defined, text)
    if isinstance(resolved, Own) and is_defined(resource_of(resolved)):
        return canonical_abi.NEW_HANDLE
    raise _NoDenialError


def _parts(interfaces: Mapping[str, Instance]) -> int:
    """Count the parts of all types, as often as they are used."""
    known: dict[int, int] = {}

    def count(type_: ValueType | Resource) -> int:
        if id(type_) not in known:
            length = type_.length if isinstance(type_, List) and type_.length is not None else 1
            known[id(type_)] = 1 + length * sum(count(part) for part in children(type_))
        return known[id(type_)]

    total = 0
    for instance in interfaces.values():
        for extern in instance.exports.values():
            if isinstance(extern, Func):
                total += 1 + sum(count(type_) for type_ in signature(extern))
            elif isinstance(extern, TypeBound):
                total += count(extern.type)
    return total


def _denied_case(
    cases: tuple[tuple[str, ValueType | None], ...], is_defined: Callable[[Resource], bool], text: str
) -> canonical_abi.Case:
    """Return the case that denies best, of those that have a denied value."""
    ranked = sorted(cases, key=lambda case: DENIALS.index(case[0]) if case[0] in DENIALS else len(DENIALS))
    for label, payload in ranked:
        try:
            return canonical_abi.Case(label, None if payload is None else denied(payload, is_defined, text=text))
        except _NoDenialError:
            continue
    raise _NoDenialError


def sealed(data: bytes, name: str) -> bytes:
    """Return a server that works like the given one without any grant of its host.

    Everything but clocks, random numbers, streams and the standard streams is denied: environment, file systems,
    sockets, outgoing HTTP, key-value stores, and unknown interfaces.

    Args:
        data: A composed server.
        name: Its name in errors.

    Raises:
        ComponentError: The server cannot be read.
        CompositionError: An import cannot be denied.
    """
    graph = Graph()
    node = graph.instantiate(graph.add(name, data, decode(data, name, export_types=True)))
    denied = {
        import_: type_
        for import_, type_ in node.info.imports.items()
        if isinstance(type_, Instance) and not is_among(import_, (*ALWAYS, *STREAMS))
    }
    if not denied:
        return data
    try:
        stub = graph.instantiate(graph.add("nothing granted", stubs(denied)))
    except (TypeError, LookupError) as error:
        raise CompositionError(f"`{name}`: its imports cannot be denied: {error}") from error
    for import_ in denied:
        node.set(import_, stub.export(import_))
    for entry_point in ENTRY_POINTS:
        value = node.export(entry_point)
        graph.export(value.name, value)
    return encode(graph).to_bytes()
