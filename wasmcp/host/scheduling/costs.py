"""Costs of calls: executed instructions and linear memory, of servers that are opened with `on_cost`.

Fuel counts instructions of WebAssembly, not those of the host, so that it does not depend on the machine or its load.
wasmtime does not report the memories of a component; on Linux they are found in the map of the process
(`wasmcp.host.engine.memory`). A linear memory never shrinks, so that its size after a call is the most that it had.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wasmcp.host.bindings.messages import target_of
from wasmcp.host.engine.memory import memories

if TYPE_CHECKING:
    from wasmtime import Store

    from wasmcp.host.bindings.messages import Request

BOOT = "boot"
"""The method of the cost of booting an instance."""

_TANK = 1 << 62
_booting = threading.Lock()  # so that new memories belong to one instance


@dataclass(frozen=True)
class Cost:
    """Cost of one call, or of booting an instance.

    Attributes:
        method: The method of the request, or `boot`.
        name: The name or URI of its target; the empty string without one.
        fuel: Executed instructions, in wasmtime's unit of fuel: most instructions cost 1, some 0.
        memory: Bytes of all linear memories of the instance after the call; None if the system does not report them.
        growth: Bytes by which they grew in the call; None if the system does not report them.
    """

    method: str
    name: str
    fuel: int
    memory: int | None
    growth: int | None


class Meter:
    """Meter of the calls into one instance."""

    def __init__(self, store: Store, on_cost: Callable[[Cost], None]) -> None:
        self._store = store
        self._on_cost = on_cost
        self._own: frozenset[int] = frozenset()
        self._before: int | None = 0
        store.set_fuel(_TANK)

    @contextmanager
    def booting(self) -> Iterator[None]:
        """Measure the instantiation."""
        with _booting:
            others = memories()
            yield
            self._own = frozenset(memories().keys() - others.keys())
        self._report(BOOT, "")

    def began(self) -> None:
        """Begin to measure a call."""
        self._store.set_fuel(_TANK)
        self._before = self._memory()

    def ended(self, request: Request) -> None:
        """Report the cost of a call."""
        self._report(*target_of(request))

    def _report(self, method: str, name: str) -> None:
        memory = self._memory()
        growth = None if memory is None or self._before is None else memory - self._before
        self._on_cost(Cost(method, name, _TANK - self._store.get_fuel(), memory, growth))

    def _memory(self) -> int | None:
        sizes = memories()
        return sum(sizes.get(one, 0) for one in self._own) if self._own else None
