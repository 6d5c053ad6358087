"""Requests without a finalizer: they are borrowed for one call, at whose end the runtime drops their handles.

componentize-py gives each resource a `weakref.finalize`, which takes 23,000 instructions for a request and does
nothing: it is detached at the end of the call. Imported inside a component only, because the bindings exist only there.
"""

from __future__ import annotations

import types
import weakref
from collections.abc import Callable
from typing import Any

from wit_world.imports.messages import Request  # type: ignore[import-not-found]

_NOTHING = types.SimpleNamespace(detach=tuple)
"""The finalizer of a borrowed request: detaching it returns an empty tuple, for no arguments."""

_finalize = weakref.finalize


def _finalizer(resource: Any, drop: Callable[..., Any], *arguments: Any) -> Any:
    return _NOTHING if type(resource) is Request else _finalize(resource, drop, *arguments)


def _replaced(name: str) -> Any:
    """Return our function to the next reader of `weakref.finalize`; later ones get the class again."""
    if name != "finalize":
        raise AttributeError(f"module 'weakref' has no attribute {name!r}")
    vars(weakref)[name] = _finalize
    del vars(weakref)["__getattr__"]
    return _finalizer


def install() -> None:
    """Make the runtime create requests without finalizers: it reads `weakref.finalize` after all imports."""
    vars(weakref)["__getattr__"] = _replaced
    del vars(weakref)["finalize"]
