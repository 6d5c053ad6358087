"""End of the preparation of a component: its memory becomes the same in each build.

The toolchain links an extension module into the component, which gives the interpreter a seed, and overwrites freed
memory while the component is built: `wasmcp.toolchains.python.staging`. Imported inside a component only.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

import _wasmcp_snapshot  # type: ignore[import-not-found]

from wasmcp.guest.component.snapshot import fix_generators


class _Last(dict[Any, Any]):
    """The environment of the build. componentize-py removes all variables when the snapshot is complete."""

    def __delitem__(self, key: Any) -> None:
        """Remove a variable; with the last one, give the interpreter its own allocator again."""
        super().__delitem__(key)
        if not self:
            vars(os.environ)["_data"] = {}
            gc.collect()
            _wasmcp_snapshot.finish()


def fix_memory() -> None:
    """Remove what imports have drawn and measured, and prepare the end of the build."""
    fix_generators()
    del sys.modules[_wasmcp_snapshot.__name__]
    variables = getattr(os.environ, "_data", None)
    if variables:
        vars(os.environ)["_data"] = _Last(variables)
    else:  # the author's modules have replaced or cleared the environment
        _wasmcp_snapshot.finish()
