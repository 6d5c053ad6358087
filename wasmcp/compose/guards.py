"""Guards of a server: framework components between a component and what it imports, for grants with rules.

    component -> http-guard -> wasi:http/outgoing-handler of the host
    component -> kv-guard -> kv-store

Each component with rules has its own instance of a guard, and a generated component of constants with its rules.
Guards are inside the composition, so they hold under any runtime.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from wasmcp.component import interface_names
from wasmcp.component.canonical_abi import Case
from wasmcp.component.constant_component import constants
from wasmcp.component.graph import Value
from wasmcp.component.types import Instance
from wasmcp.compose.component_reader import Component
from wasmcp.compose.framework import FrameworkComponent, Generate, Instantiate
from wasmcp.compose.grant_rules import GrantRules, HttpRule, KvRule
from wasmcp.compose.interfaces import (
    ENV_RULES,
    ENVIRONMENT,
    FS_RULES,
    GRANTS,
    HTTP_RULES,
    KEY_VALUE,
    KV_RULES,
    is_among,
)
from wasmcp.compose.wiring import Services
from wasmcp.errors import InvalidComponentError


@dataclass(frozen=True)
class Guard:
    """Guard of one family of grants.

    Attributes:
        name: The framework component.
        guarded: The interfaces that it imports and exports.
        rules: The interface of its rules.
        values: Returns the results of the functions of `rules`, by name.
    """

    name: str
    guarded: tuple[str, ...]
    rules: str
    values: Callable[[GrantRules], Mapping[str, Any]]


def _http_value(rule: HttpRule) -> dict[str, Any]:
    """Return the value of `http-rule`, for `wasmcp.component.canonical_abi`."""
    return {"scheme": Case(rule.scheme), "host": _pattern(rule), "port": rule.port, "methods": list(rule.methods)}


def _pattern(rule: HttpRule) -> Case:
    if not rule.host:
        return Case("public")
    if rule.subdomains:
        return Case("subdomains", rule.host)
    try:
        return Case("address", ipaddress.ip_address(rule.host).packed)
    except ValueError:
        return Case("name", rule.host)


def _kv_value(rule: KvRule) -> dict[str, Any]:
    """Return the value of `kv-rule`."""
    writable = rule.access == "write"
    return {"bucket": rule.bucket, "all-below": rule.below, "prefix": rule.prefix, "writable": writable}


GUARDS: Mapping[str, Guard] = {
    "http": Guard(
        "http-guard",
        ("wasi:http/outgoing-handler",),
        HTTP_RULES,
        lambda rules: {"all": list(map(_http_value, rules.http or ()))},
    ),
    "env": Guard("env-guard", (ENVIRONMENT,), ENV_RULES, lambda rules: {"names": list(rules.env or ())}),
    "kv": Guard("kv-guard", (KEY_VALUE,), KV_RULES, lambda rules: {"all": list(map(_kv_value, rules.kv or ()))}),
    "fs": Guard(
        "fs-guard",
        ("wasi:filesystem/types", "wasi:filesystem/preopens"),
        FS_RULES,
        lambda rules: {"all": [{"path": one.path, "writable": one.access == "write"} for one in rules.fs or ()]},
    ),
}
"""Guards by family."""


def rules_component(family: str, rules: GrantRules, framework: Mapping[str, FrameworkComponent]) -> bytes:
    """Return the component of constants with the rules of one family; the same rules give the same bytes."""
    guard = GUARDS[family]
    values = guard.values(rules)
    return constants(
        {guard.rules: framework[guard.name].wants(guard.rules)}, lambda _interface, name, _type: values[name]
    )


class Guards:
    """Guards of the components of one server."""

    def __init__(
        self, framework: Mapping[str, FrameworkComponent], instantiate: Instantiate, generated: Generate
    ) -> None:
        self._framework = framework
        self._instantiate = instantiate
        self._generated = generated

    def types(self, component: Component) -> dict[str, Instance]:
        """Return the types of the guarded interfaces that a component imports."""
        return {
            name: self._framework[guard.name].provides(name)
            for guard in self._guards(component).values()
            for name in self._guarded(guard)
        }

    def _guarded(self, guard: Guard) -> list[str]:
        """Return the names of the guarded interfaces, with the versions of the guard's exports."""
        exports = self._framework[guard.name].info.exports
        return [interface_names.find(one, exports) or one for one in guard.guarded]

    def services(self, component: Component, services: Services) -> Services:
        """Return the services of a component with a guard in front of each that its rules limit.

        Args:
            component: The component.
            services: Its services without guards.
        """
        guarded = dict(services)
        for family, guard in self._guards(component).items():
            data = rules_component(family, component.spec.rules, self._framework)
            rules = self._generated(f"{family}-rules", data, component=component.name, whole=True)
            given: dict[str, Value | None] = {guard.rules: rules.export(guard.rules)}
            names = self._guarded(guard)
            given |= {name: services[name][0] for name in names if name in services}
            node = self._instantiate(guard.name, given, component=component.name)
            own = self._framework[guard.name]
            guarded |= {name: (node.export(name), own.provides(name)) for name in names}
        return guarded

    @staticmethod
    def _guards(component: Component) -> dict[str, Guard]:
        return {
            family: GUARDS[family]
            for family in component.spec.rules.families
            if family in GUARDS
            and any(interface_names.find(name, component.info.imports) for name in GUARDS[family].guarded)
        }


def check_guarded(component: Component) -> None:
    """Check that the rules of a component limit every interface of their families that it imports.

    Raises:
        InvalidComponentError: It imports an interface that no guard limits, or has rules of a family that is not
            granted.
    """
    rules = component.spec.rules
    ungranted = [family for family in rules.families if family not in component.spec.grants]
    if ungranted:
        raise InvalidComponentError(component.name, f"it has rules of the grant `{ungranted[0]}`, but not the grant")
    for family in rules.families:
        guard = GUARDS.get(family)
        if guard is None:  # `apps`, whose rules are checked at composition
            continue
        for name in component.info.imports:
            if is_among(name, GRANTS[family]) and not is_among(
                name, tuple(one.partition("@")[0] for one in guard.guarded)
            ):
                reason = (
                    f"it imports `{name}`, which the rules of the grant `{family}` cannot limit: use "
                    f"`{guard.guarded[0]}` instead, or grant all of `{family}`"
                )
                raise InvalidComponentError(component.name, reason, interface=name.partition("@")[0])
