"""Engine: one configuration for all components that this host compiles and runs."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wasmtime import Engine
    from wasmtime.component import Linker

_LOCK = threading.Lock()


def wasmtime_version() -> str:
    """Return the version of the wasmtime package: compiled code can only be loaded by the version that compiled it."""
    # Reading one directory name takes a tenth of the time of importlib.metadata.
    import re
    from pathlib import Path

    import wasmtime

    for entry in Path(wasmtime.__file__).parent.parent.glob("wasmtime-*.dist-info"):
        if found := re.fullmatch(r"wasmtime-(.+)\.dist-info", entry.name):
            return found[1]
    from importlib.metadata import version

    return version("wasmtime")


def config_key(*, quick: bool = False) -> str:
    """Return the name of the engine's configuration, for the compile cache."""
    return "epoch-quick" if quick else "epoch"


def engine(*, quick: bool = False) -> Engine:
    """Return the process's engine.

    Args:
        quick: Compile in less than half the time to code that is several times slower, for components that are booted
            once.
    """
    with _LOCK:
        return _engine(quick)


@lru_cache(maxsize=2)
def _engine(quick: bool) -> Engine:
    from wasmtime import Config, Engine

    config = Config()
    config.epoch_interruption = True
    if quick:
        config.cranelift_opt_level = "none"
        config.cranelift_flag_set("regalloc_algorithm", "single_pass")
    return Engine(config)


def linker(of: Engine) -> Linker:
    """Return a linker with wasmtime's implementation of all imports of servers: WASI 0.2 with `wasi:http`."""
    from wasmtime.component import Linker

    made = Linker(of)
    made.add_wasip2()
    made.add_wasi_http()
    return made
