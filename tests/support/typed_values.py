"""Random component types with values of them, and how wasmtime gives such a value back."""

from __future__ import annotations

import math
from typing import Any

import wasmtime.component
from hypothesis import strategies as st

from wasmcp.component.canonical_abi import Case, cases_of, fields_of
from wasmcp.component.types import (
    Enum,
    Flags,
    List,
    Option,
    Primitive,
    Record,
    Result,
    Tuple,
    TypeBound,
    TypeName,
    Variant,
    resolve,
)

INTERFACE = "test:values/all@1.0.0"

_RANGES = {
    Primitive.S8: (-(2**7), 2**7 - 1),
    Primitive.U8: (0, 2**8 - 1),
    Primitive.S16: (-(2**15), 2**15 - 1),
    Primitive.U16: (0, 2**16 - 1),
    Primitive.S32: (-(2**31), 2**31 - 1),
    Primitive.U32: (0, 2**32 - 1),
    Primitive.S64: (-(2**63), 2**63 - 1),
    Primitive.U64: (0, 2**64 - 1),
}


def _labels(*counts: int) -> st.SearchStrategy[tuple[str, ...]]:
    return st.sampled_from([tuple(f"l{index}" for index in range(count)) for count in counts])


def types() -> st.SearchStrategy[Any]:
    """Value types of every shape but handles and lists of fixed length."""
    leaves = st.sampled_from(list(Primitive)) | _labels(1, 8, 9, 17, 32).map(Flags) | _labels(1, 3, 256, 257).map(Enum)

    def larger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        optional = st.none() | inner
        return (
            inner.map(List)
            | inner.map(Option)
            | st.builds(Result, optional, optional)
            | st.lists(inner, min_size=1, max_size=5).map(lambda items: Tuple(tuple(items)))
            | st.lists(inner, min_size=1, max_size=5).map(
                lambda items: Record(tuple((f"f{index}", item) for index, item in enumerate(items)))
            )
            | st.lists(optional, min_size=1, max_size=5).map(
                lambda items: Variant(tuple((f"c{index}", item) for index, item in enumerate(items)))
            )
        )

    return st.recursive(leaves, larger, max_leaves=8)


def values(type_: Any) -> st.SearchStrategy[Any]:
    """Values of a type, as `wasmcp.component.canonical_abi` takes them."""
    type_ = resolve(type_)
    if type_ in _RANGES:
        return st.integers(*_RANGES[type_])
    if isinstance(type_, Primitive):
        return {
            Primitive.BOOL: st.booleans(),
            Primitive.F32: st.floats(width=32),
            Primitive.F64: st.floats(),
            Primitive.CHAR: st.characters(exclude_categories=["Cs"]),
            Primitive.STRING: st.text(st.characters(exclude_categories=["Cs"])),
        }[type_]
    if isinstance(type_, List):
        return st.lists(values(type_.element), max_size=4)
    if isinstance(type_, Flags):
        return st.sets(st.sampled_from(type_.labels))
    if isinstance(type_, Record):
        return st.fixed_dictionaries({label: values(field) for label, field in type_.fields})
    if isinstance(type_, Tuple):
        return st.tuples(*(values(item) for item in type_.items))
    cases = cases_of(type_) or ()
    return st.one_of(
        *(st.builds(Case, st.just(label), st.none() if part is None else values(part)) for label, part in cases)
    )


def named(type_: Any, names: dict[str, Any]) -> Any:
    """The same type, with every record, variant, enum and flags in it under a name; `names` gets them in order."""
    if isinstance(type_, Record):
        type_ = Record(tuple((label, named(field, names)) for label, field in type_.fields))
    elif isinstance(type_, Variant):
        type_ = Variant(tuple((label, None if part is None else named(part, names)) for label, part in type_.cases))
    elif isinstance(type_, List):
        type_ = List(named(type_.element, names))
    elif isinstance(type_, Option):
        type_ = Option(named(type_.payload, names))
    elif isinstance(type_, Tuple):
        type_ = Tuple(tuple(named(item, names) for item in type_.items))
    elif isinstance(type_, Result):
        type_ = Result(*(None if part is None else named(part, names) for part in (type_.ok, type_.err)))
    if isinstance(type_, (Record, Variant, Enum, Flags)):
        name = f"t{len(names)}"
        names[name] = TypeBound(type_)
        return TypeName(INTERFACE, name, type_)
    return type_


def _classes(type_: Any) -> set[object]:
    """Return the Python classes by which wasmtime distinguishes the values of a type."""
    type_ = resolve(type_)
    if isinstance(type_, Enum) or type_ in (Primitive.STRING, Primitive.CHAR):
        return {str}
    if isinstance(type_, Primitive):
        return {bool if type_ is Primitive.BOOL else float if type_ in (Primitive.F32, Primitive.F64) else int}
    if isinstance(type_, List):
        return {bytes if resolve(type_.element) is Primitive.U8 else list}
    cases = cases_of(type_)
    if cases is None:
        return {type(type_)}
    if _is_tagged(cases):
        return {wasmtime.component.Variant}
    return {found for _, part in cases for found in (_classes(part) if part is not None else {object})}


def _is_tagged(cases: Any) -> bool:
    """Return whether wasmtime labels a case because its payload is ambiguous."""
    seen: set[object] = set()
    for _, part in cases:
        found = _classes(part) if part is not None else {object}
        if found & seen:
            return True
        seen |= found
    return False


def is_same(type_: Any, given: Any, got: Any) -> bool:
    """Return whether `got`, from wasmtime, equals the given value."""
    type_ = resolve(type_)
    if isinstance(type_, Enum):
        return bool(got == given.label)
    cases, fields = cases_of(type_), fields_of(type_)
    if cases is not None:
        payload = dict(cases)[given.label]
        if _is_tagged(cases):
            if got.tag != {"error": "err"}.get(given.label, given.label):
                return False
            got = got.payload
        return got is None if payload is None else is_same(payload, given.value, got)
    if fields is not None:
        if isinstance(type_, Record):
            return all(is_same(field, given[label], getattr(got, label)) for label, field in type_.fields)
        return all(is_same(field, one, other) for field, one, other in zip(fields, given, got, strict=True))
    if isinstance(type_, List):
        return len(given) == len(got) and all(
            is_same(type_.element, one, two) for one, two in zip(given, got, strict=True)
        )
    if isinstance(type_, Flags):
        return set(got) == set(given)
    if isinstance(given, float) and math.isnan(given):
        return math.isnan(got)
    return bool(got == given and type(got) is type(given))
