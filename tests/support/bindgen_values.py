"""Random WIT types, random values of wasmtime's types, and comparing them."""

from __future__ import annotations

import math
import random
from typing import Any

from hypothesis import strategies as st
from wasmtime import component as wc
from wasmtime.component import Record, Variant

PRIMITIVES = ["bool", "u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64", "f32", "f64", "char", "string"]
RANGES = {
    wc.U8: (0, 2**8 - 1),
    wc.U16: (0, 2**16 - 1),
    wc.U32: (0, 2**32 - 1),
    wc.U64: (0, 2**64 - 1),
    wc.S8: (-(2**7), 2**7 - 1),
    wc.S16: (-(2**15), 2**15 - 1),
    wc.S32: (-(2**31), 2**31 - 1),
    wc.S64: (-(2**63), 2**63 - 1),
}


class RandomInterface:
    """A WIT interface with random types and functions that give back what they get."""

    def __init__(self, seed: int, functions: int = 12) -> None:
        self._random = random.Random(seed)  # noqa: S311 - types to test, no secrets
        self._declarations: list[str] = []
        self._names: list[str] = []
        self.functions = [f"f{i}" for i in range(functions)]
        signatures = []
        for name in self.functions:
            params = [self._type(3) for _ in range(self._random.choice([1, 1, 2, 3, 6]))]
            named = ", ".join(f"p{i}: {t}" for i, t in enumerate(params))
            signatures.append(f"  {name}: func({named}) -> tuple<{', '.join(params)}>;")
        self.wit = "\n".join(["interface subject {", *self._declarations, *signatures, "}"])

    def _type(self, depth: int) -> str:
        choice = self._random.random
        if depth == 0 or choice() < 0.35:
            return self._random.choice(PRIMITIVES)
        if self._names and choice() < 0.2:
            return self._random.choice(self._names)
        maker = self._random.choice(["list", "option", "tuple", "result", "record", "variant", "enum", "flags"])
        count = self._random.randint(1, 5)
        if maker in ("list", "option"):
            return f"{maker}<{self._type(depth - 1)}>"
        if maker == "tuple":
            return f"tuple<{', '.join(self._type(depth - 1) for _ in range(count))}>"
        if maker == "result":
            return self._random.choice(
                [
                    "result",
                    f"result<{self._type(depth - 1)}>",
                    f"result<_, {self._type(depth - 1)}>",
                    f"result<{self._type(depth - 1)}, {self._type(depth - 1)}>",
                ]
            )
        return self._declare(maker, count, depth)

    def _declare(self, maker: str, count: int, depth: int) -> str:
        if maker == "record":
            body = [f"m{i}: {self._type(depth - 1)}" for i in range(count)]
        elif maker == "variant":
            body = [f"c{i}({self._type(depth - 1)})" if self._random.random() < 0.7 else f"c{i}" for i in range(count)]
        else:
            many = self._random.choice([1, 3, 8, 9, 20, 32] if maker == "flags" else [1, 2, 40, 256, 257])
            body = [f"n{i}" for i in range(many)]
        name = f"t{len(self._declarations)}"
        self._declarations.append(f"  {maker} {name} {{ {', '.join(body)} }}")
        self._names.append(name)
        return name


def values(ty: Any) -> st.SearchStrategy[Any]:
    """Values of a wasmtime component type."""
    kind = type(ty)
    if kind in RANGES:
        low, high = RANGES[kind]
        return st.one_of(st.sampled_from([low, high, 0, 1]), st.integers(low, high))
    if kind is wc.Bool:
        return st.booleans()
    if kind is wc.F32:
        return st.floats(width=32)
    if kind is wc.F64:
        return st.floats()
    if kind is wc.Char:
        return st.characters(exclude_categories=["Cs"])
    if kind is wc.String:
        return st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    if kind is wc.ListType:
        if isinstance(ty.element, wc.U8):
            return st.binary(max_size=20)
        return st.lists(values(ty.element), max_size=4)
    if kind is wc.TupleType:
        return st.tuples(*map(values, ty.elements))
    if kind is wc.RecordType:
        return st.fixed_dictionaries({name: values(t) for name, t in ty.fields}).map(record)
    if kind is wc.EnumType:
        return st.sampled_from(ty.names)
    if kind is wc.FlagsType:
        return st.sets(st.sampled_from(ty.names))
    return st.one_of([case_values(ty, name, payload) for name, payload in expressible_cases(ty)])


def expressible_cases(ty: Any) -> list[tuple[str, Any]]:
    """The cases that wasmtime-py can tell from the ones before: where it needs no tag it goes by Python's classes."""
    if ty._tagged():
        return ty._cases()
    found = []
    before: set[type] = set()
    for name, payload in ty._cases():
        classes: set[type] = set()
        if payload is not None:
            payload.add_classes(classes)
        if not any(issubclass(mine, other) for mine in classes for other in before):
            found.append((name, payload))
        before |= classes
    return found


def case_values(ty: Any, name: str, payload: Any) -> st.SearchStrategy[Any]:
    inner = st.none() if payload is None else values(payload)
    return inner.map(lambda value: Variant(name, value)) if ty._tagged() else inner


def record(fields: dict[str, Any]) -> Record:
    made = Record()
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def same(a: Any, b: Any) -> bool:
    """Equal, where a NaN equals a NaN."""
    if isinstance(a, float) and isinstance(b, float):
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    if isinstance(a, Record) and isinstance(b, Record):
        return same(vars(a), vars(b))
    if isinstance(a, Variant) and isinstance(b, Variant):
        return a.tag == b.tag and same(a.payload, b.payload)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)) and type(a) is type(b):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)
