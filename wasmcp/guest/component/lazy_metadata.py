"""`importlib.metadata` as a module that runs its code when one of its functions is called.

Many packages import its functions and call none in a component, and its code imports `zipfile`, `email` and others.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from wasmcp.guest.component.compressed_modules import find_spec, keep

_NAME = "importlib.metadata"
_FUNCTIONS = (
    "distribution", "distributions", "entry_points", "files", "metadata", "packages_distributions", "requires",
    "version",
)  # fmt: skip


class _Loader:
    """A loader of the module without its code."""

    @staticmethod
    def create_module(_: importlib.machinery.ModuleSpec) -> None:
        """Return None: the module is an ordinary one."""

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        """Fill the module with functions that run its code first."""
        vars(module).update({name: _function(name) for name in _FUNCTIONS}, __getattr__=_attribute)


class _Finder:
    """A finder of the module, while a component is built."""

    @staticmethod
    def find_spec(
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG004 - of the protocol
        target: ModuleType | None = None,  # noqa: ARG004
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the module's spec; None for all others."""
        real = _real_spec() if name == _NAME else None
        if real is None:
            return None
        spec = importlib.machinery.ModuleSpec(_NAME, _Loader, origin=real.origin)  # type: ignore[arg-type]
        spec.submodule_search_locations = real.submodule_search_locations
        return spec


def install() -> None:
    """Delay the module's code from now on."""
    sys.meta_path.insert(0, _Finder)


def finish() -> None:
    """Store the module's code for calls, if it has not run."""
    sys.meta_path.remove(_Finder)
    spec = _real_spec()
    if is_delayed() and spec is not None and spec.loader is not None and spec.origin is not None:
        code = spec.loader.get_code(_NAME)  # type: ignore[attr-defined]
        keep(_NAME, code, spec.origin, is_package=True)


def is_delayed() -> bool:
    """Return True if the module is imported, and its code has not run."""
    return getattr(sys.modules.get(_NAME), "__getattr__", None) is _attribute


def _real_spec() -> importlib.machinery.ModuleSpec | None:
    return importlib.machinery.PathFinder.find_spec(_NAME, importlib.__path__)


def _load() -> ModuleType:
    """Return the module after its code has run."""
    module = sys.modules[_NAME]
    if is_delayed():
        spec = find_spec(_NAME) or _real_spec()
        if spec is None or spec.loader is None:
            raise ModuleNotFoundError(f"No module named {_NAME!r}", name=_NAME)
        del module.__getattr__
        module.__spec__ = spec
        module.__loader__ = spec.loader
        spec.loader.exec_module(module)
    return module


def _function(name: str) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        return getattr(_load(), name)(*arguments, **options)

    call.__name__ = call.__qualname__ = name
    call.__module__ = _NAME
    return call


def _attribute(name: str) -> Any:
    if name.startswith("__"):  # of the import system, which looks for `__path__`, `__all__`, ...
        raise AttributeError(f"module {_NAME!r} has no attribute {name!r}")
    return getattr(_load(), name)
