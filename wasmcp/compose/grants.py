"""Grants of a server's components, the policy of a platform for them, and the inspection of components and servers.

A policy names the grants that components can have:

    [grants]                                  # for every component
    http = ["https://*.example.com"]
    sessions = true

    [components.weather.grants]               # for this component in addition
    http = ["https://api.weather.gov"]
    env = ["WEATHER_TOKEN"]
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wasmcp import apps_section
from wasmcp.apps_section import AppSummary
from wasmcp.component import interface_names
from wasmcp.component.decode import ComponentInfo, decode
from wasmcp.component.types import ExternType, Func, Instance, kind_of
from wasmcp.compose.component_reader import Component, ComponentSpec
from wasmcp.compose.grant_rules import RULES, GrantRules, missing, read_grants
from wasmcp.compose.interfaces import CAPABILITIES, ENTRY_POINTS, GRANTS, MIDDLEWARE, SERVER_HANDLER, is_among
from wasmcp.declaration_section import DataFiles, declares
from wasmcp.errors import ConfigError, GrantPolicyError, MissingGrantError
from wasmcp.skills_section import SkillSummary, summaries
from wasmcp.wasi import is_development, is_known

_IMPORTED_BY_RUNTIMES = frozenset({"env", "fs", "sockets"})


def families(interfaces: Iterable[str]) -> tuple[str, ...]:
    """Return the families of grants that these interfaces belong to."""
    given = tuple(interfaces)
    return tuple(family for family, prefixes in GRANTS.items() if any(is_among(one, prefixes) for one in given))


def needed_grants(info: ComponentInfo) -> tuple[str, ...]:
    """Return the grants that a component needs: those of its imports, and `middleware` for a server handler.

    An import with only types needs no grant.
    """
    found = families(name for name, type_ in info.imports.items() if has_functions(type_))
    return (*found, MIDDLEWARE) if interface_names.find(SERVER_HANDLER, info.exports) is not None else found


def denied_to(component: Component) -> tuple[str, ...]:
    """Return the needed grants that a component does not have: families, then names of unknown WASI interfaces.

    Standard input and output and the terminal are not included: no grant exists for them.
    """
    refused = (family for family in needed_grants(component.info) if family not in component.spec.grants)
    unknown = (
        name
        for name, type_ in component.info.imports.items()
        if name.startswith("wasi:") and not is_known(name) and has_functions(type_)
    )
    return (*refused, *unknown)


def denial_warnings(denied: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a warning for each component that needs more than it was granted.

    Language runtimes import environment, file systems and sockets whether the code uses them or not, so these alone
    cause no warning.

    Args:
        denied: The denied imports of each component, by its name; see `denied_to`.
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


def unlimited_grants(component: Component) -> tuple[str, ...]:
    """Return the imported families of the network that a component was granted without rules: `http` and `sockets`.

    `sockets` has no rules, so it is among them only if it makes the rules of `http` ineffective.
    """
    spec = component.spec
    used = [family for family in needed_grants(component.info) if family in spec.grants]
    found = ["http"] if "http" in used and spec.rules.http is None else []
    return (*found, "sockets") if "sockets" in used and spec.rules.http is not None else tuple(found)


def breadth_warnings(unlimited: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a warning for each component that can reach every host.

    Args:
        unlimited: The families of each component, by its name; see `unlimited_grants`.
    """
    warnings = []
    for component, found in unlimited.items():
        if "http" in found:
            warnings.append(
                f"component `{component}` is granted all of `http`: it can send requests to every host, this machine "
                f"and its networks included. Name the hosts: `--grant {component}=http:https://api.example.com`, or "
                f'`http = ["https://api.example.com"]` in `[tool.wasmcp.components.{component}.grants]`'
            )
        if "sockets" in found:
            warnings.append(
                f"component `{component}` is granted `sockets`, which reaches every host: the rules of its grant "
                "`http` do not limit that"
            )
    return warnings


def has_functions(type_: ExternType) -> bool:
    """Return true if an import is an instance with functions."""
    return isinstance(type_, Instance) and any(isinstance(item, Func) for item in type_.exports.values())


def check_middlewares(components: Sequence[Component]) -> None:
    """Check that each component that receives requests for entries outside its catalogue has the grant `middleware`.

    Raises:
        MissingGrantError: Components lack the grant; the error names all of them.
    """
    missing = {
        component.name: "it exports `server-handler`"
        if SERVER_HANDLER in component.offers
        else "its lists are read at run time (`dynamic`)"
        for component in components
        if component.catalogue is None and MIDDLEWARE not in component.spec.grants
    }
    if missing:
        raise MissingGrantError(MIDDLEWARE, missing)


@dataclass(frozen=True)
class Nested:
    """Component or core module nested in a component.

    Attributes:
        kind: `component` or `core module`.
        name: Its name, or the empty string.
        size: Size in bytes.
    """

    kind: str
    name: str
    size: int


@dataclass(frozen=True)
class Inspection:
    """Description of a component.

    Attributes:
        size: Size in bytes.
        imports: Its imports, in order: name -> kind.
        exports: Its exports, in order: name -> kind.
        capabilities: The exports that make it a part of a server: `tools`, `server-handler`...
        is_server: True if it is a whole server, to be run.
        nested: The components and core modules nested in it.
        wants: The families of grants that its imports need.
        world: The world of `wasmcp:mcp-v20260728` with its exports, or None.
        files: The data files inside that it declares, or None.
        skills: Its skills.
        apps: Its apps.
        development: True for a development build; see `wasmcp.wasi`.
    """

    size: int
    imports: Mapping[str, str]
    exports: Mapping[str, str]
    capabilities: tuple[str, ...]
    is_server: bool
    nested: tuple[Nested, ...]
    wants: tuple[str, ...] = ()
    world: str | None = None
    files: DataFiles | None = None
    skills: tuple[SkillSummary, ...] = ()
    apps: tuple[AppSummary, ...] = ()
    development: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the description as JSON values."""
        return {
            "size": self.size,
            "is_server": self.is_server,
            "development": self.development,
            "world": self.world,
            "wants": list(self.wants),
            "files": None if self.files is None else self.files.to_dict(),
            "skills": [skill.to_dict() for skill in self.skills],
            "apps": [app.to_dict() for app in self.apps],
            "capabilities": list(self.capabilities),
            "imports": dict(self.imports),
            "exports": dict(self.exports),
            "nested": [{"kind": part.kind, "name": part.name, "size": part.size} for part in self.nested],
        }


def inspect_component(data: bytes, *, name: str = "") -> Inspection:
    """Describe a component or a composed server.

    Args:
        data: The file.
        name: The component's name in errors.

    Raises:
        ComponentError: The file is not a component, or is damaged.
    """
    info = decode(data, name)
    offered = tuple(
        contract.partition("/")[2].partition("@")[0]
        for contract in (*CAPABILITIES, SERVER_HANDLER)
        if interface_names.find(contract, info.exports) is not None
    )
    return Inspection(
        size=info.size,
        imports={import_: kind_of(type_) for import_, type_ in info.imports.items()},
        exports={export: entry.kind for export, entry in info.exports.items()},
        capabilities=offered,
        is_server=all(interface_names.find(entry_point, info.exports) is not None for entry_point in ENTRY_POINTS),
        nested=tuple(Nested(part.kind, part.name, part.size) for part in info.parts),
        wants=needed_grants(info),
        world=_world(offered),
        files=declares(data).files,
        skills=summaries(data),
        apps=apps_section.summaries(data),
        development=is_development(info.imports),
    )


def _world(offered: tuple[str, ...]) -> str | None:
    """Return the world with these exports. Source: wit/worlds.wit."""
    if len(offered) == 1:
        return "middleware" if offered == ("server-handler",) else f"{offered[0]}-component"
    return "component" if len(offered) == len(CAPABILITIES) and "server-handler" not in offered else None


_Grants = tuple[frozenset[str], GrantRules]


@dataclass(frozen=True)
class GrantPolicy:
    """Grants that components can have: families, and the rules of those that are limited.

    Attributes:
        source: The name of its file, for errors.
        general: The grants of every component.
        components: Further grants of some components, by name.
    """

    source: str
    general: _Grants
    components: Mapping[str, _Grants] = field(default_factory=dict)

    def allowed(self, component: str) -> _Grants:
        """Return the grants that a component can have."""
        tables = (self.general, self.components.get(component, (frozenset(), GrantRules())))
        merged = {}
        for family in RULES:
            sides = [getattr(rules, family) for families, rules in tables if family in families]
            merged[family] = None if not sides or None in sides else tuple(rule for side in sides for rule in side)
        return tables[0][0] | tables[1][0], GrantRules(**merged)

    def check(self, components: Iterable[ComponentSpec]) -> None:
        """Check the grants of components.

        Raises:
            GrantPolicyError: Components have grants that the policy does not have; the error lists all of them.
        """
        found = {}
        for component in components:
            families, rules = self.allowed(component.name)
            excess = missing(component.rules, component.grants, rules, families)
            if excess:
                found[component.name] = excess
        if found:
            raise GrantPolicyError(self.source, found)


def read_policy(path: Path) -> GrantPolicy:
    """Read a policy.

    Raises:
        ConfigError: The file cannot be read or is invalid; the error lists all mistakes.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError([f"it cannot be read: {error.strerror or error}"], path=str(path)) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError([f"it is not TOML: {error}"], path=str(path)) from error
    problems = [
        f"`{key}` is unknown; a policy has `grants` and `components`"
        for key in document
        if key not in {"grants", "components"}
    ]
    general = _grants(document.get("grants", {}), "grants", problems)
    tables = document.get("components", {})
    if not isinstance(tables, dict):
        problems.append("`components` must be a table")
        tables = {}
    components = {}
    for name, table in tables.items():
        place = f"components.{name}"
        if not isinstance(table, dict) or set(table) - {"grants"}:
            problems.append(f"`{place}` must be a table with `grants`")
        else:
            components[name] = _grants(table.get("grants", {}), f"{place}.grants", problems)
    if problems:
        raise ConfigError(problems, path=str(path))
    return GrantPolicy(path.name, general, components)


def _grants(document: Any, place: str, problems: list[str]) -> _Grants:
    if not isinstance(document, dict):
        problems.append(f"`{place}` must be a table, as `[tool.wasmcp.components.NAME.grants]`")
        return frozenset(), GrantRules()
    return read_grants(document, lambda key, problem: problems.append(f"`{place}.{key}` {problem}"))
