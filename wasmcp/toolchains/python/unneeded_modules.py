"""Modules of packages that a component leaves out, because nothing in it uses them. Measured: they cost size."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from wasmcp.toolchains.python.module_ast import Module

_PARTS: Mapping[str, re.Pattern[bytes]] = {
    # pydantic imports it for classes with validators of pydantic 1.
    "pydantic.v1": re.compile(rb"pydantic\.v1\b|__get_validators__"),
}
"""Part of a package -> text in modules of others that use it, besides an import statement."""

_FOR_OLDER_PYTHONS = frozenset({"typing_extensions"})
"""Modules whose imports inside functions are for versions of Python older than that in a component."""


def unneeded(modules: Collection[Module], imports: Sequence[str]) -> frozenset[str]:
    """Return the parts of packages that no module outside of their package uses.

    Args:
        modules: All modules of the component.
        imports: Further modules to import: those of the option ``imports``.
    """
    return frozenset(part for part in _PARTS if not _is_used(part, modules, imports))


def is_below(name: str, parts: Collection[str]) -> bool:
    """Return True for a module that is one of the parts, or inside one."""
    return any(f"{name}.".startswith(f"{part}.") for part in parts)


def has_later_imports(module: Module) -> bool:
    """Return True if imports inside the functions of a module can happen in a component."""
    return module.name not in _FOR_OLDER_PYTHONS


def _is_used(part: str, modules: Collection[Module], imports: Sequence[str]) -> bool:
    package = part.partition(".")[0]
    return any(is_below(name, [part]) for name in imports) or any(
        _imports(module, part) or _PARTS[part].search(module.path.read_bytes())
        for module in modules
        if module.name.partition(".")[0] != package
    )


def _imports(module: Module, part: str) -> bool:
    return any(
        is_below(name, [part])
        for statement in module.imports
        for name in (statement.module, *(f"{statement.module}.{item}" for item in statement.names))
    )
