"""Module that makes the memory of an interpreter the same in each build of the same component.

componentize-py has no option for it. The module is linked into the component like an extension module of a package, and
is there before the interpreter starts. It gives the interpreter a seed of ``hash`` that follows from the sources,
overwrites memory that is allocated and freed, and gives imports the names of files in order and no times. After the
build nothing of it runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from wasmcp.toolchains.python.modules import Module
from wasmcp.toolchains.python.native_abi import ABI

NAME = "_wasmcp_snapshot"
"""Name of the extension module; `fixed_snapshot.wat` contains it as well."""

FILE = f"{NAME}{ABI.suffix}"
"""Its file name."""

FIRST_LINES = (
    "import os, sys",
    f"import {NAME}",
    f"{NAME}.start()",
    "sys.path_importer_cache.clear()",
    "del os.environ['PYTHONHASHSEED'], os.environ['PYTHONDONTWRITEBYTECODE']",
)
"""First lines of the application: folders are read from now on. `wasmcp.guest.component.fixed_memory` has the end."""

_SOURCE = Path(__file__).with_name("fixed_snapshot.wat")


def snapshot_module(name: str, modules: Mapping[str, Module]) -> bytes:
    """Return the module for a component, given its name and its modules."""
    import wasmtime

    digest = hashlib.sha256(name.encode())
    for module in sorted(modules):
        digest.update(hashlib.sha256(modules[module].path.read_bytes()).digest())
    seed, guard = (int.from_bytes(digest.digest()[at : at + 4], "little") for at in (0, 4))
    text = _SOURCE.read_text("utf-8").replace("@HASH_SEED@", f"{seed:010}\\00")
    return bytes(wasmtime.wat2wasm(text.replace("@GUARD@", f"{guard & 0xFFFFFF00:#x}")))
