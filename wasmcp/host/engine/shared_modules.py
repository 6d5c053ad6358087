"""Core modules that several servers share: libraries, which the compiled form of a server imports.

A library is compiled once for all servers (`wasmcp.component.separation`), and loaded once into a process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wasmtime import Engine, Module
    from wasmtime.component import Component, Linker

PREFIX = "module-x"
"""Beginning of the names of imports that are shared modules; the SHA-256 of the module in hexadecimal follows."""

LOADED: dict[tuple[Engine, str], Module] = {}
"""The modules that are loaded, by engine and digest."""


def digests(names: Iterable[str]) -> list[str]:
    """Return the digests of the shared modules among the names of imports."""
    return [name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)]


def missing(component: Component, of: Engine) -> list[str]:
    """Return the digests of the shared modules that a component imports and that are not loaded."""
    return [digest for digest in digests(component.type.imports(of)) if (of, digest) not in LOADED]


def add(of: Engine, digest: str, module: Module) -> None:
    """Keep a module until the process ends."""
    from wasmcp.host.bindings import _capi

    if LOADED.setdefault((of, digest), module) is module:
        _capi.keep(module)


def loaded(of: Engine, names: Iterable[str]) -> list[str]:
    """Return the names of imports that are loaded shared modules. Any component can have an import of such a name."""
    return [PREFIX + digest for digest in digests(names) if (of, digest) in LOADED]


def define(linker: Linker, of: Engine, names: Iterable[str]) -> None:
    """Define the shared modules among the names of imports in a linker."""
    found = loaded(of, names)
    if not found:
        return
    with linker.root() as root:
        for name in found:
            root.add_module(name, LOADED[of, name.removeprefix(PREFIX)])
