"""What stands in for the interfaces that a component was not granted: a component that denies, in their own terms.

A stub is made from the type of the import alone, so that an interface nobody here has heard of is denied as well as
any. A list is empty, an option is none, a result is the error that says so best, an owned handle is a fresh one of a
resource without content. What has no such form (a handle of somebody else's resource) traps when it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wasmcp.component import canonical_abi, static_values
from wasmcp.component.constant_component import constants
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
"""The cases that an error is looked through for, the best first."""

MESSAGE = "not granted to this component"
"""What a denial says where its error holds a text."""

MAX_PARTS = 100_000
"""How many parts the types of all denied functions may have, counted as often as they are used.

What a Python component imports of WASI 0.2 has some 1,500.
"""

_NEVER_RETURNS = "wasi:cli/exit"
_PLAIN = {Primitive.BOOL: False, Primitive.CHAR: "\0", Primitive.STRING: ""}


class _NoDenialError(Exception):
    """A type that has no denied form."""


def stubs(interfaces: Mapping[str, Instance]) -> bytes:
    """Return a component that exports the interfaces and denies everything.

    Args:
        interfaces: the types of the imports to be satisfied, by name.

    Raises:
        TypeError: they are too large, or hold what is neither a function nor a type.
    """
    if _parts(interfaces) > MAX_PARTS:
        raise TypeError(f"their types have more than {MAX_PARTS:,} parts")

    def is_defined(resource: Resource) -> bool:
        return resource.interface in interfaces

    def answer(interface: str, _name: str, func: Func) -> Any:
        if interface.partition("@")[0] == _NEVER_RETURNS:
            return static_values.TRAP
        if func.result is None:
            return None
        try:
            return denied(func.result, is_defined)
        except _NoDenialError:
            return static_values.TRAP

    return constants(interfaces, answer)


def denied(type_: ValueType | Resource, is_defined: Callable[[Resource], bool], *, text: str = "") -> Any:
    """Return the value of a type that denies, in the form of `wasmcp.component.static_values`.

    Args:
        type_: the type.
        is_defined: tells whether the stub itself defines a resource, so that it can make a handle of it.
        text: the text to put where there is one.

    Raises:
        _NoDenialError: there is no such value.
    """
    resolved = resolve(type_)
    if isinstance(resolved, Primitive):
        return text if resolved is Primitive.STRING else _PLAIN.get(resolved, 0)
    if isinstance(resolved, Option):
        return static_values.Case("none")
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
        return static_values.Case(
            "error", None if resolved.err is None else denied(resolved.err, is_defined, text=MESSAGE)
        )
    if isinstance(resolved, (Variant, Enum)):
        return _denied_case(canonical_abi.cases_of(resolved) or (), is_defined, text)
    if isinstance(resolved, Own) and is_defined(resource_of(resolved)):
        return static_values.NEW_HANDLE
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
) -> static_values.Case:
    """Return the case that denies best, of those that have a denied form."""
    ranked = sorted(cases, key=lambda case: DENIALS.index(case[0]) if case[0] in DENIALS else len(DENIALS))
    for label, payload in ranked:
        try:
            return static_values.Case(label, None if payload is None else denied(payload, is_defined, text=text))
        except _NoDenialError:
            continue
    raise _NoDenialError
