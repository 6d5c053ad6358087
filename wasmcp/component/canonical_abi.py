"""The canonical ABI's layout of values: sizes, alignment, flattening.

Source: component-model, design/mvp/CanonicalABI.md, sections "Alignment", "Element Size" and "Flattening".
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from wasmcp.component import core_module
from wasmcp.component.types import (
    Enum,
    Flags,
    Func,
    List,
    Option,
    Primitive,
    Record,
    Resource,
    Result,
    Tuple,
    ValueType,
    Variant,
    resolve,
)

MAX_FLAT_PARAMS = 16
"""Most flattened parameters; a function with more takes one pointer."""
MAX_FLAT_RESULTS = 1
"""Most flattened results; a function with more returns one pointer."""

STRUCT_FORMATS = {
    Primitive.S8: "<b",
    Primitive.U8: "<B",
    Primitive.S16: "<h",
    Primitive.U16: "<H",
    Primitive.S32: "<i",
    Primitive.U32: "<I",
    Primitive.S64: "<q",
    Primitive.U64: "<Q",
    Primitive.F32: "<f",
    Primitive.F64: "<d",
}
"""Primitives with the same layout in `struct` as in the canonical ABI, with their format."""
_FLAT = {
    Primitive.S64: core_module.I64,
    Primitive.U64: core_module.I64,
    Primitive.F32: core_module.F32,
    Primitive.F64: core_module.F64,
}
_SIZES = {Primitive.BOOL: 1, Primitive.CHAR: 4, Primitive.STRING: 8}


def cases_of(type_: ValueType | Resource) -> tuple[tuple[str, ValueType | None], ...] | None:
    """Return the cases of a type with the layout of a variant, else None."""
    type_ = resolve(type_)
    if isinstance(type_, Variant):
        return type_.cases
    if isinstance(type_, Enum):
        return tuple((label, None) for label in type_.labels)
    if isinstance(type_, Option):
        return (("none", None), ("some", type_.payload))
    if isinstance(type_, Result):
        return (("ok", type_.ok), ("error", type_.err))
    return None


def fields_of(type_: ValueType | Resource) -> tuple[ValueType, ...] | None:
    """Return the field types of a record, a tuple or a list of fixed length, else None."""
    type_ = resolve(type_)
    if isinstance(type_, Record):
        return tuple(field for _, field in type_.fields)
    if isinstance(type_, Tuple):
        return type_.items
    if isinstance(type_, List) and type_.length is not None:
        return (type_.element,) * type_.length
    return None


def align_to(offset: int, alignment: int) -> int:
    """Return the first multiple of `alignment` that is not below `offset`, in bytes."""
    return (offset + alignment - 1) // alignment * alignment


def discriminant_size(cases: int) -> int:
    """Return the size in bytes of the discriminant of `cases` cases."""
    return 1 if cases <= 1 << 8 else 2 if cases <= 1 << 16 else 4


def payload_offset(cases: Sequence[tuple[str, ValueType | None]]) -> int:
    """Return the offset of a variant's payload, in bytes."""
    most = max((alignment(case) for _, case in cases if case is not None), default=1)
    return align_to(discriminant_size(len(cases)), most)


def alignment(type_: ValueType) -> int:
    """Return a type's alignment in bytes (CanonicalABI.md, "Alignment")."""
    resolved = resolve(type_)
    cases, fields = cases_of(resolved), fields_of(resolved)
    if cases is not None:
        return max([discriminant_size(len(cases)), *(alignment(case) for _, case in cases if case is not None)])
    if fields is not None:
        return max(alignment(field) for field in fields)
    if isinstance(resolved, Primitive):
        return 4 if resolved is Primitive.STRING else size(resolved)
    if isinstance(resolved, Flags):
        return size(resolved)
    return 4


def size(type_: ValueType) -> int:
    """Return the size of a value in memory in bytes, without its targets (CanonicalABI.md, "Element Size")."""
    resolved = resolve(type_)
    cases, fields = cases_of(resolved), fields_of(resolved)
    if cases is not None:
        most = max((size(case) for _, case in cases if case is not None), default=0)
        return align_to(payload_offset(cases) + most, alignment(type_))
    if fields is not None:
        return layout(fields)[1]
    if isinstance(resolved, Primitive):
        return _SIZES[resolved] if resolved in _SIZES else struct.calcsize(STRUCT_FORMATS[resolved])
    if isinstance(resolved, Flags):
        count = len(resolved.labels)
        return 1 if count <= 8 else 2 if count <= 16 else 4
    if isinstance(resolved, List):
        return 8
    return 4


def layout(fields: Sequence[ValueType]) -> tuple[tuple[int, ...], int]:
    """Return the offset of each field of a record, and the record's size, in bytes."""
    offsets, end, most = [], 0, 1
    for field in fields:
        most = max(most, alignment(field))
        end = align_to(end, alignment(field))
        offsets.append(end)
        end += size(field)
    return tuple(offsets), align_to(end, most)


def flatten(type_: ValueType) -> tuple[int, ...]:
    """Return the core value types of a flattened value (CanonicalABI.md, "Flattening")."""
    resolved = resolve(type_)
    cases, fields = cases_of(resolved), fields_of(resolved)
    if cases is not None:
        joined: list[int] = []
        for _, case in cases:
            for index, kind in enumerate(flatten(case) if case is not None else ()):
                if index < len(joined):
                    joined[index] = _join(joined[index], kind)
                else:
                    joined.append(kind)
        return (core_module.I32, *joined)
    if fields is not None:
        return tuple(kind for field in fields for kind in flatten(field))
    if resolved is Primitive.STRING or isinstance(resolved, List):
        return (core_module.I32, core_module.I32)
    return (_FLAT.get(resolved, core_module.I32),) if isinstance(resolved, Primitive) else (core_module.I32,)


def _join(left: int, right: int) -> int:
    if left == right:
        return left
    return core_module.I32 if {left, right} == {core_module.I32, core_module.F32} else core_module.I64


def lifted_signature(func: Func) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the parameters and results of the core function that `canon lift` takes for a function type."""
    params = tuple(kind for _, param in func.params for kind in flatten(param))
    results = flatten(func.result) if func.result is not None else ()
    if len(params) > MAX_FLAT_PARAMS:
        params = (core_module.I32,)
    return params, results if len(results) <= MAX_FLAT_RESULTS else (core_module.I32,)
