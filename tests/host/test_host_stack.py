"""The engine: the stacks of guest code, the threads that run it, and features that are left out."""

from __future__ import annotations

import threading

import pytest
import wasmtime
from wasmtime.component import Component

from wasmcp.host.engine.engine import engine, has_sufficient_stack, start_thread

FRAMES = """(module
  (func $down (export "down") (param i32) (result i32)
    (local i64 i64 i64 i64 i64 i64 i64 i64)
    (if (result i32) (i32.eqz (local.get 0))
      (then (i32.const 0))
      (else (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1))))))))"""


def depth(limit: int) -> int:
    """Return the depth of a recursion in the engine, found by bisection up to a limit."""
    store = wasmtime.Store(engine())
    store.set_epoch_deadline(1 << 40)
    down = wasmtime.Instance(store, wasmtime.Module(store.engine, FRAMES), []).exports(store)["down"]
    low, high = 0, limit
    while low + 1 < high:
        middle = (low + high) // 2
        try:
            low = down(store, middle)
        except wasmtime.Trap as trap:
            if trap.trap_code != wasmtime.TrapCode.STACK_OVERFLOW:
                raise
            high = middle
    return low


def test_endless_recursion_traps_at_the_limit_on_a_thread_of_the_host():
    found: list[int] = []
    start_thread(lambda: found.append(depth(1 << 20)), "recursion").join(60)
    assert found, "the thread ended"
    # A frame of this function takes 16 bytes or more: with the engine's default of 512 KB there are at most 32,768.
    assert found[0] > 65_536


@pytest.mark.parametrize(("size", "sufficient"), [(1 << 20, False), (16 << 20, True)])
def test_a_thread_with_a_small_stack_runs_no_guest_code(size, sufficient):
    found: list[bool] = []
    before = threading.stack_size(size)
    try:
        thread = threading.Thread(target=lambda: found.append(has_sufficient_stack()))
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    assert found == [sufficient]


def test_threads_of_the_host_are_sufficient_and_others_keep_their_size():
    found: list[bool] = []
    before = threading.stack_size()
    start_thread(lambda: found.append(has_sufficient_stack()), "sufficient").join()
    assert found == [True]
    assert threading.stack_size() == before


def test_the_engine_runs_no_asynchronous_components():
    """Composition refuses them; their support takes a quarter of the time of a short call."""
    with pytest.raises(wasmtime.WasmtimeError, match="requires the component model async feature"):
        Component(engine(), "(component (core func (canon waitable-set.new)))")
