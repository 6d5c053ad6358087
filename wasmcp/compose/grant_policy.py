"""Policy of a platform: the grants that components can have there.

[grants]                                  # for every component
http = ["https://*.example.com"]
sessions = true

[components.weather.grants]               # for this component in addition
http = ["https://api.weather.gov"]
env = ["WEATHER_TOKEN"]
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wasmcp.compose.component_reader import ComponentSpec
from wasmcp.compose.grant_rules import RULES, GrantRules, missing, read_grants
from wasmcp.errors import ConfigError, GrantPolicyError

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
    except ValueError as error:
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
