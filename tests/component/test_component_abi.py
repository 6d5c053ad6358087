"""Layout of values, compared with the specification's definitions; values are tested in wasmtime (constants)."""

from __future__ import annotations

from typing import Any

import pytest

from wasmcp.component import core_module
from wasmcp.component.canonical_abi import alignment, discriminant_size, flatten, layout, lifted_signature, size
from wasmcp.component.types import (
    Borrow,
    Enum,
    Flags,
    Func,
    List,
    Option,
    Own,
    Primitive,
    Record,
    Resource,
    Result,
    Tuple,
    TypeName,
    Variant,
)

U8, U16, U32, U64 = Primitive.U8, Primitive.U16, Primitive.U32, Primitive.U64
F32, F64, STRING = Primitive.F32, Primitive.F64, Primitive.STRING
RESOURCE = Resource("a:b/c@1.0.0", "r")


def enum(count: int) -> Enum:
    return Enum(tuple(f"l{index}" for index in range(count)))


@pytest.mark.parametrize(
    ("type_", "bytes_", "aligned", "flat"),
    [
        (Primitive.BOOL, 1, 1, "i"),
        (Primitive.S8, 1, 1, "i"),
        (U16, 2, 2, "i"),
        (Primitive.CHAR, 4, 4, "i"),
        (U64, 8, 8, "I"),
        (F32, 4, 4, "f"),
        (F64, 8, 8, "F"),
        (STRING, 8, 4, "ii"),
        (List(U64), 8, 4, "ii"),
        (List(U16, 3), 6, 2, "iii"),
        (Own(RESOURCE), 4, 4, "i"),
        (Borrow(RESOURCE), 4, 4, "i"),
        (Record((("a", U8), ("b", U64), ("c", U8))), 24, 8, "iIi"),
        (Tuple((U8, U16, U8)), 6, 2, "iii"),
        (Flags(("a",)), 1, 1, "i"),
        (Flags(tuple(f"f{index}" for index in range(9))), 2, 2, "i"),
        (Flags(tuple(f"f{index}" for index in range(17))), 4, 4, "i"),
        (enum(256), 1, 1, "i"),
        (enum(257), 2, 2, "i"),
        (Option(U8), 2, 1, "ii"),
        (Option(U64), 16, 8, "iI"),
        (Option(Own(RESOURCE)), 8, 4, "ii"),
        (Result(), 1, 1, "i"),
        (Result(STRING, U8), 12, 4, "iii"),
        (Result(U64, STRING), 16, 8, "iIi"),
        (Variant((("a", F32), ("b", U32))), 8, 4, "ii"),
        (Variant((("a", F32), ("b", F64))), 16, 8, "iI"),
        (Variant((("a", F32), ("b", U64), ("c", None))), 16, 8, "iI"),
        (TypeName("a:b/c@1.0.0", "n", Tuple((U8, U32))), 8, 4, "ii"),
    ],
)
def test_layout(type_: Any, bytes_: int, aligned: int, flat: str) -> None:
    kinds = {"i": core_module.I32, "I": core_module.I64, "f": core_module.F32, "F": core_module.F64}
    assert (size(type_), alignment(type_), flatten(type_)) == (bytes_, aligned, tuple(kinds[kind] for kind in flat))


def test_offsets_of_fields() -> None:
    assert layout([U8, U32, U8, U64]) == ((0, 4, 8, 16), 24)
    assert layout([]) == ((), 0)


@pytest.mark.parametrize(("cases", "expected"), [(1, 1), (256, 1), (257, 2), (65536, 2), (65537, 4)])
def test_discriminants(cases: int, expected: int) -> None:
    assert discriminant_size(cases) == expected


def test_many_parameters_become_one_pointer() -> None:
    sixteen = Func(tuple((f"p{index}", STRING) for index in range(8)), U64)
    assert lifted_signature(sixteen) == ((core_module.I32,) * 16, (core_module.I64,))
    more = Func((*sixteen.params, ("one", F64)), STRING)
    assert lifted_signature(more) == ((core_module.I32,), (core_module.I32,))
