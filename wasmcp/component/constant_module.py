"""The core module behind a component of constants: results in static memory, parameters dropped.

Source: component-model, design/mvp/CanonicalABI.md, "canon lift".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wasmcp.component import abi, core
from wasmcp.component.handles import HandleDropper, dropped_resources
from wasmcp.component.model import Func, Resource
from wasmcp.component.values import TRAP, StaticMemory

REALLOC = "cabi_realloc"
MEMORY = "memory"


class ConstantModule:
    """The core module behind a component of constants.

    Attributes:
        builtins: the functions it imports from `handles`: whether it makes a handle (or drops one), of which resource.
    """

    def __init__(self, is_defined: Callable[[Resource], bool]) -> None:
        self._is_defined = is_defined
        self.builtins: dict[str, tuple[bool, Resource]] = {}
        self._memory = StaticMemory()
        self._functions: list[tuple[str, Func, Any, int, list[tuple[int, Resource]]]] = []

    def define(self, name: str, func: Func, answer: Any) -> None:
        """Add a function. Its result is laid out now, its code written by :meth:`encode`."""
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
        module = core.CoreModule()
        indices = {
            name: module.import_function("handles", name, [core.I32], [core.I32] if is_new else [])
            for name, (is_new, _) in self.builtins.items()
        }
        heap = abi.align_to(self._memory.end, 16)
        module.memory(heap // core.PAGE + 1)
        module.data(self._memory.base, self._memory.content)
        bump = module.variable(core.I32, core.i32_const(heap))
        module.export_memory(MEMORY)
        module.export_function(REALLOC, _define_realloc(module, bump))
        reset = core.i32_const(heap) + core.global_set(bump)

        def dropping(resource: Resource) -> int:
            return indices[_builtin_name(resource, new=False)]

        for name, func, answer, address, handles in self._functions:
            params, results = abi.lifted_signature(func)
            if answer is TRAP:
                body, variables = core.unreachable(), 0
            else:
                dropper = HandleDropper(func, self._is_defined, dropping)
                body, variables = dropper.body + reset, dropper.variables
                for slot, resource in handles:
                    make = core.i32_const(0) + core.call(indices[_builtin_name(resource, new=True)])
                    body += core.i32_const(slot) + make + core.i32_store()
                body += _result(func, address)
            module.export_function(name, module.function(params, results, body, [core.I32] * variables))
        return module.encode()


def _result(func: Func, address: int) -> bytes:
    """Return the code that leaves a result, laid out at `address`, on the stack."""
    if func.result is None:
        return b""
    flat = abi.flatten(func.result)
    if len(flat) > abi.MAX_FLAT_RESULTS:
        return core.i32_const(address)
    return core.i32_const(address) + core.load(flat[0], abi.size(func.result))


def _define_realloc(module: core.CoreModule, bump: int) -> int:
    """Define `cabi_realloc`, which hands out the memory above the constants; a call ends by taking all of it back.

    Nobody looks at what was written there but the code that drops handles: growing a block need not copy it.
    """
    alignment, length, start, result = 2, 3, 4, 5
    aligned = (
        core.global_get(bump)
        + core.local_get(alignment)
        + core.i32_add()
        + core.i32_const(1)
        + core.i32_sub()
        + core.i32_const(0)
        + core.local_get(alignment)
        + core.i32_sub()
        + core.i32_and()
        + core.local_set(start)
    )
    end = core.local_get(start) + core.local_get(length) + core.i32_add() + core.global_set(bump)
    wrapped = core.global_get(bump) + core.local_get(start) + core.i32_lt_u() + core.if_(core.unreachable())
    pages = (
        core.global_get(bump) + core.i32_const(core.PAGE - 1) + core.i32_add() + core.i32_const(16) + core.i32_shr_u()
    )
    missing = pages + core.memory_size() + core.i32_sub() + core.local_set(result)
    grow = (
        core.local_get(result) + core.memory_grow() + core.i32_const(-1) + core.i32_eq() + core.if_(core.unreachable())
    )
    needed = core.local_get(result) + core.i32_const(0) + core.i32_gt_s() + core.if_(grow)
    body = aligned + end + wrapped + missing + needed + core.local_get(start)
    return module.function([core.I32] * 4, [core.I32], body, [core.I32] * 2)


def _builtin_name(resource: Resource, *, new: bool) -> str:
    return f"{'new' if new else 'drop'} {resource.interface}#{resource.name}"
