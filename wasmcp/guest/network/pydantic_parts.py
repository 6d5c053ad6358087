"""Seams of pydantic: parts of it that cost size, and that a component does not use."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

from wasmcp.guest.network.seams import Patch

_GROUP = "[pydantic]"


def patches(module: Any) -> Iterator[Patch]:
    """Yield the replacements in a module of pydantic.

    ``pydantic.plugin._loader`` looks for plug-ins when the first model is made, which needs `importlib.metadata`: the
    result is set if it would be empty. The classes of ``pydantic_core.core_schema`` are dictionaries for type checkers:
    their annotations are dropped.

    Args:
        module: The module.
    """
    if module.__name__ == "pydantic_core.core_schema":
        for value in vars(module).values():
            if hasattr(value, "__required_keys__"):
                value.__annotations__ = {}
                value.__required_keys__ = value.__optional_keys__ = frozenset()
    elif hasattr(module, "_plugins") and not any(map(_has_plugins, sys.path)):
        yield Patch(module, "_plugins", {})


def _has_plugins(folder: str) -> bool:
    """Return True if a package in a folder declares plug-ins of pydantic."""
    try:
        names = [name for name in os.listdir(folder) if name.endswith(".dist-info")]  # noqa: PTH208 - no pathlib here
    except OSError:
        return False
    for name in names:
        try:
            with open(f"{folder}/{name}/entry_points.txt", encoding="utf-8") as file:  # noqa: PTH123
                if any(line.strip() == _GROUP for line in file):
                    return True
        except OSError:
            continue
    return False
