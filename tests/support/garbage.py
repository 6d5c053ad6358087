"""Objects that are left to the garbage collector."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_cycles(requests: int) -> Iterator[None]:
    """Check that the requests of the body leave no objects of wasmcp to the garbage collector.

    Args:
        requests: Their number. A few objects are of servers of earlier tests, which end at the same time.
    """
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield
        gc.collect()
        kinds = (type(one) for one in gc.garbage)
        found = Counter(kind.__qualname__ for kind in kinds if kind.__module__.startswith("wasmcp"))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    left = {name: count for name, count in found.items() if count >= requests / 4}
    assert not left, left
