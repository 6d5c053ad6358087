"""Values for the imports of a component, and the guards before them. Isolation is wiring.

A component gets the contracts from the framework, basic WASI and its grants from the host, and stubs for the rest of
WASI. Its standard output is standard error, so that a `print` cannot corrupt a protocol.

A guard is a framework component between a component and what it imports, for grants with rules:

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
from wasmcp.component.binary_format import Sort
from wasmcp.component.canonical_abi import Case
from wasmcp.component.constant_component import constants
from wasmcp.component.graph import Graph, Import, Node, Value
from wasmcp.component.types import ExternType, Func, Instance, Own, Resource, TypeBound, TypeName, kind_of, mismatch
from wasmcp.compose.component_reader import Component
from wasmcp.compose.composed_server import Role
from wasmcp.compose.deny_stubs import stubs
from wasmcp.compose.framework import FrameworkComponent, Generate, Instantiate
from wasmcp.compose.grant_rules import GrantRules, HttpRule, KvRule
from wasmcp.compose.interfaces import (
    ALWAYS,
    CONFIG,
    ENV_RULES,
    ENVIRONMENT,
    FS_RULES,
    GRANTED,
    GRANTS,
    HTTP_RULES,
    KEY_VALUE,
    KEY_VALUE_TYPES,
    KV_RULES,
    MESSAGES,
    PACKAGE,
    SERVER_HANDLER,
    STDERR,
    STDOUT,
    TYPES,
    VERSION,
    is_among,
)
from wasmcp.errors import InvalidComponentError
from wasmcp.wasi import ADVICE, REASON, is_development, is_known, version_problem

_TYPES = (TYPES, KEY_VALUE_TYPES)
_BUILD = "build it against the current contracts (`wasmcp wit deps` writes them)"


def _provided() -> str:
    """Return a list of all interfaces that a component can import, for errors about other imports."""
    granted = {contract: f" (grant `{family}`)" for contract, family in GRANTED.items()}
    ours = (MESSAGES, SERVER_HANDLER, CONFIG, *GRANTED, *_TYPES)
    listed = (f"`{one.partition('@')[0].partition('/')[2]}`{granted.get(one, '')}" for one in ours)
    return f"{', '.join(listed)} of `{PACKAGE}@{VERSION}`, and the interfaces of WASI 0.2"


_PROVIDED = _provided()

Services = Mapping[str, tuple[Value | None, Instance]]
"""Services of the framework for a component: by contract, the instance and its type. Without instance: imported."""


class Wiring:
    """Wiring of the instances of one graph; each stub is made once."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._stubs: list[tuple[dict[str, Instance], Node]] = []
        self._stderrs: dict[str, Value] = {}

    def framework(self, node: Node, services: Mapping[str, Value]) -> None:
        """Wire a framework component: the given contracts from `services`, everything else from the host."""
        for name in node.info.imports:
            contract = interface_names.find(name, services)
            if contract is not None:
                node.set(name, services[contract])

    def deny(self, node: Node, prefixes: tuple[str, ...]) -> None:
        """Deny these imports of a framework component."""
        denied = {
            name: type_
            for name, type_ in node.info.imports.items()
            if is_among(name, prefixes) and isinstance(type_, Instance)
        }
        if denied:
            stub = self._stubbed(node.label, denied)
            for name in denied:
                node.set(name, stub.export(name))

    def component(self, node: Node, component: Component, services: Services) -> None:
        """Wire a component of the server, whose imports were checked.

        Raises:
            InvalidComponentError: An import that was not granted cannot be denied.
        """
        denied: dict[str, Instance] = {}
        for name, type_ in component.info.imports.items():
            contract = interface_names.find(name, services)
            if contract is not None:
                value, _ = services[contract]
                if value is not None:
                    node.set(name, value)
            elif is_among(name, (STDOUT,)):
                node.set(name, self._stdout(component, name, _instance(component, name, type_)))
            elif not comes_from_outside(component, name):
                denied[name] = _instance(component, name, type_)
        if denied:
            stub = self._stub(component, denied, services)
            for name in denied:
                node.set(name, stub.export(name))

    def _stdout(self, component: Component, name: str, type_: Instance) -> Value:
        """Make an instance of `wasi:cli/stdout` from the host's `wasi:cli/stderr` and `wasi:io/streams`."""
        members: dict[str, Value] = {}
        for item, extern in type_.exports.items():
            if item == "get-stdout" and isinstance(extern, Func) and isinstance(extern.result, Own):
                stream = _from_outside(extern.result.resource, name)
                members[item] = self._stderr(component, name.replace(STDOUT, STDERR, 1), stream)
            elif isinstance(extern, TypeBound) and isinstance(extern.type, TypeName) and extern.type.interface:
                streams = Import(Sort.INSTANCE, extern.type.interface)
                members[item] = streams.item(extern.type.name, Sort.TYPE)
            else:
                raise InvalidComponentError(
                    component.name, f"its import `{name}` has a `{item}` that WASI 0.2 does not have", interface=name
                )
        return self._graph.synthetic(members)

    def _stderr(self, component: Component, name: str, stream: TypeName | Resource) -> Value:
        """Return the function `get-stderr` of the host."""
        if name not in self._stderrs:
            instance = Instance({"get-stderr": Func((), Own(stream))})
            self._stderrs[name] = self._graph.import_(
                name, instance, component.info.imports, owner=f"standard output of {component.name}"
            )
        return self._stderrs[name].item("get-stderr", Sort.FUNC)

    def _stub(self, component: Component, denied: dict[str, Instance], services: Services) -> Node:
        try:
            stub = self._stubbed(component.name, denied, component=component.name)
        except (TypeError, LookupError) as error:
            raise InvalidComponentError(component.name, f"its imports cannot be denied: {error}") from error
        for name in stub.missing():
            contract = interface_names.find(name, services)
            value = None if contract is None else services[contract][0]
            if value is not None:  # a resource that a denied function takes is the service's own
                stub.set(name, value)
        return stub

    def _stubbed(self, name: str, denied: dict[str, Instance], *, component: str = "") -> Node:
        """Return an instance of stubs.

        Args:
            name: The name of the instance that imports them.
            denied: The types of the denied imports.
            component: The server's component that imports them; the empty string for a framework component.
        """
        for known, node in self._stubs:
            if known == denied:
                return node
        label = f"denied to {name}"
        node = self._graph.instantiate(self._graph.add(label, stubs(denied)), label, Role("denial", label, component))
        self._stubs.append((denied, node))
        return node


def _from_outside(type_: TypeName | Resource, interface: str) -> TypeName | Resource:
    """Return a resource without the name that the interface itself gives to it."""
    if isinstance(type_, TypeName) and type_.interface == interface and isinstance(type_.type, (TypeName, Resource)):
        return type_.type
    return type_


def comes_from_outside(component: Component, name: str) -> bool:
    """Return true if an import without a service is left to the host: it is granted, or has only types."""
    # What rules limit comes from a guard.
    whole = component.spec.grants.difference(component.spec.rules.families)
    granted = (prefix for family in whole for prefix in GRANTS[family] if prefix.startswith("wasi:"))
    if is_known(name) and is_among(name, (*ALWAYS, *granted)):
        return True
    return any(interface_names.compatible(name, types) for types in _TYPES)


def check_imports(component: Component, types: Mapping[str, Instance]) -> None:
    """Check that every import of a component is provided, with the type that it expects.

    Args:
        component: The component.
        types: The types of the services that the framework provides, by contract.

    Raises:
        InvalidComponentError: The error lists each import that is not provided, or has another version or type.
    """
    problems = [
        found for name, type_ in component.info.imports.items() if (found := _problem(component, name, type_, types))
    ]
    if not problems:
        return
    first = problems[0]
    text = first.text
    if len(problems) > 1:
        listed = "".join(f"\n  * {problem.text}" for problem in problems)
        text = f"{len(problems)} of its imports are not provided:{listed}"
    if any(problem.unknown for problem in problems):
        text += f"\nprovided are {_PROVIDED}"
    raise InvalidComponentError(
        component.name, text, interface=first.interface, wanted=first.expected, found=first.found
    )


@dataclass(frozen=True)
class _Problem:
    text: str
    interface: str
    expected: str = ""
    found: str = ""
    unknown: bool = False


def _problem(component: Component, name: str, type_: ExternType, types: Mapping[str, Instance]) -> _Problem | None:
    interface, _, found = name.partition("@")
    contract = interface_names.find(name, types)
    known = (
        contract is not None or name.startswith("wasi:") or interface_names.find(name, (*GRANTED, *_TYPES)) is not None
    )
    if known and not isinstance(type_, Instance):
        return _Problem(f"it imports `{name}` as a {kind_of(type_)}; only instances can be provided", interface)
    if contract is not None and isinstance(type_, Instance):
        problem = mismatch(type_, types[contract], (f"`{component.name}`", "this wasmcp"))
        text = f"it imports `{name}` with other types than this wasmcp provides: {problem}; {_BUILD}"
        return _Problem(text, interface) if problem else None
    if is_among(name, (STDOUT,)) or (name.startswith("wasi:") and comes_from_outside(component, name)):
        text = version_problem(name) or ""
        return _Problem(text, interface, found=found) if text else None
    if known:
        return None
    if is_development((name,)):
        return _Problem(f"{REASON}: {ADVICE}", interface, found=found)
    for contract in (*types, *GRANTED, *_TYPES, CONFIG):
        bare, _, expected = contract.partition("@")
        if bare == interface:
            text = f"it imports `{name}`, but wasmcp provides version {expected}: {_BUILD}"
            return _Problem(text, interface, expected, found)
    return _Problem(f"it imports `{name}`, which nothing in the server provides", interface, found=found, unknown=True)


def _instance(component: Component, name: str, type_: ExternType) -> Instance:
    if not isinstance(type_, Instance):
        raise InvalidComponentError(
            component.name, f"it imports `{name}` as a {kind_of(type_)}; only instances can be provided"
        )
    return type_


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
