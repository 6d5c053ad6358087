"""The grants of a server's components: the families that each one asks for, and the one that its place needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from wasmcp.component import interface_names
from wasmcp.component.decode import ComponentInfo
from wasmcp.component.types import ExternType, Func, Instance
from wasmcp.compose.component_reader import Component
from wasmcp.compose.interfaces import GRANTS, MIDDLEWARE, SERVER_HANDLER, is_among
from wasmcp.errors import MissingGrantError
from wasmcp.wasi import is_known

_IMPORTED_BY_RUNTIMES = frozenset({"env", "fs", "sockets"})


def families(interfaces: Iterable[str]) -> tuple[str, ...]:
    """Return the families of grants that some interfaces belong to."""
    given = tuple(interfaces)
    return tuple(family for family, prefixes in GRANTS.items() if any(is_among(one, prefixes) for one in given))


def wanted_grants(info: ComponentInfo) -> tuple[str, ...]:
    """Return the families that a component asks for: those of its imports, and `middleware` for a handler of its own.

    An import that holds nothing but types asks for nothing.
    """
    found = families(name for name, type_ in info.imports.items() if has_functions(type_))
    return (*found, MIDDLEWARE) if interface_names.find(SERVER_HANDLER, info.exports) is not None else found


def denied_to(component: Component) -> tuple[str, ...]:
    """Return what a component asks for and does not get: families of grants, then names of unknown interfaces of WASI.

    What a process has of its own (standard input, the terminal) is not among it: there is no grant of that.
    """
    refused = (family for family in wanted_grants(component.info) if family not in component.spec.grants)
    unknown = (
        name
        for name, type_ in component.info.imports.items()
        if name.startswith("wasi:") and not is_known(name) and has_functions(type_)
    )
    return (*refused, *unknown)


def denial_warnings(denied: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a sentence for each component whose code uses what it is denied.

    The runtimes of languages import environment, file systems and sockets whether code uses them or not, so these alone
    are not worth a warning.

    Args:
        denied: What each component imports and does not get, by its name: see `denied_to`.
    """
    warnings = []
    for component, refused in denied.items():
        used = [one for one in refused if one not in _IMPORTED_BY_RUNTIMES]
        grants = [one for one in used if one in GRANTS]
        if not used:
            continue
        listed = ", ".join(f"`{one}`" for one in used)
        advice = (
            f": `--grant {component}={','.join(grants)}`, or `grants` in `[tool.wasmcp.components.{component}]`"
            if grants
            else ""
        )
        warnings.append(
            f"component `{component}` imports {listed} and is not granted it, so each use is denied{advice}"
        )
    return warnings


def has_functions(type_: ExternType) -> bool:
    """Tell whether an import is an instance with functions."""
    return isinstance(type_, Instance) and any(isinstance(item, Func) for item in type_.exports.values())


def check_middlewares(components: Sequence[Component]) -> None:
    """Check that each component has the grant `middleware` that gets requests which are not for its own offers.

    Raises:
        MissingGrantError: some have it not, all of them named.
    """
    missing = {
        component.name: "it exports `server-handler`"
        if SERVER_HANDLER in component.offers
        else "it is asked at run time what it offers (`dynamic`)"
        for component in components
        if component.catalogue is None and MIDDLEWARE not in component.spec.grants
    }
    if missing:
        raise MissingGrantError(MIDDLEWARE, missing)
