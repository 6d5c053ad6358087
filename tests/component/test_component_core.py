from __future__ import annotations

import pytest
import wasmtime

from wasmcp.component import core_module
from wasmcp.component.core_module import CoreModule


def instance(module: CoreModule) -> tuple[wasmtime.Store, wasmtime.InstanceExports]:
    store = wasmtime.Store()
    compiled = wasmtime.Module(store.engine, module.encode())
    return store, wasmtime.Instance(store, compiled, []).exports(store)


def test_a_sum_over_a_loop() -> None:
    module = CoreModule()
    left, total = 0, 1
    add = (
        core_module.local_get(total)
        + core_module.local_get(left)
        + core_module.i32_add()
        + core_module.local_set(total)
    )
    less = core_module.local_get(left) + core_module.i32_const(1) + core_module.i32_sub() + core_module.local_set(left)
    done = core_module.local_get(left) + core_module.i32_eqz() + core_module.br_if(1)
    body = core_module.block(core_module.loop(done + add + less + core_module.br(0))) + core_module.local_get(total)
    module.export_function("sum", module.function([core_module.I32], [core_module.I32], body, [core_module.I32]))
    store, exports = instance(module)
    assert exports["sum"](store, 100) == 5050  # type: ignore[operator]


@pytest.mark.parametrize("value", [0, 63, 64, -64, -65, 127, 128, 2**31 - 1, -(2**31), 2**31, 2**32 - 1])
def test_constants(value: int) -> None:
    module = CoreModule()
    module.export_function("get", module.function([], [core_module.I32], core_module.i32_const(value)))
    store, exports = instance(module)
    assert exports["get"](store) % 2**32 == value % 2**32  # type: ignore[operator]


def test_a_table_of_branches() -> None:
    module = CoreModule()
    body = core_module.block(
        core_module.block(core_module.local_get(0) + core_module.br_table([0, 1], 1))
        + core_module.i32_const(7)
        + core_module.local_set(1)
    )
    module.export_function(
        "pick",
        module.function([core_module.I32], [core_module.I32], body + core_module.local_get(1), [core_module.I32]),
    )
    store, exports = instance(module)
    assert [exports["pick"](store, index) for index in (0, 1, 2, -1)] == [7, 0, 0, 0]  # type: ignore[operator]


def test_data_and_memory() -> None:
    module = CoreModule()
    module.memory(2)
    module.data(core_module.PAGE, b"\xff\x01\x02\x03")
    for name, load in (("one", 1), ("two", 2), ("four", 4)):
        code = core_module.local_get(0) + core_module.load(core_module.I32, load, core_module.PAGE)
        module.export_function(name, module.function([core_module.I32], [core_module.I32], code))
    store, exports = instance(module)
    assert [exports[name](store, 0) for name in ("one", "two", "four")] == [0xFF, 0x1FF, 0x030201FF]  # type: ignore[operator]


def test_imports_come_first() -> None:
    module = CoreModule()
    module.function([], [], b"")
    with pytest.raises(ValueError, match="before the first one"):
        module.import_function("a", "b", [], [])


def test_a_memory_above_four_gibibytes() -> None:
    with pytest.raises(ValueError, match="larger than 4 GiB"):
        CoreModule().memory(65537)
