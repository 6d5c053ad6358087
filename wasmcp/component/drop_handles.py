"""Generated code that drops the handles in a function's parameters.

A function that ignores its parameters must still drop, before it returns, every borrow of a foreign resource and every
owned handle. A borrow of a resource that the component itself defines is not a handle.

Source: component-model, design/mvp/CanonicalABI.md, "Flattening", "Loading" and "canon resource.drop".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from wasmcp.component import canonical_abi, core_module
from wasmcp.component.types import (
    Borrow,
    Func,
    List,
    Own,
    Resource,
    Tuple,
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
