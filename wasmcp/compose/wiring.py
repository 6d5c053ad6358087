"""Values for the imports of a component. Isolation is wiring.

A component gets the contracts from the framework, basic WASI and its grants from the host, and stubs for the rest of
WASI. Its standard output is standard error, so that a `print` cannot corrupt a protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wasmcp.component import interface_names
from wasmcp.component.binary_format import Sort
from wasmcp.component.graph import Graph, Import, Node, Value
from wasmcp.component.types import ExternType, Func, Instance, Own, Resource, TypeBound, TypeName, kind_of, mismatch
from wasmcp.compose.component_reader import Component
from wasmcp.compose.deny_stubs import stubs
from wasmcp.compose.interfaces import (
    ALWAYS,
    CONFIG,
    GRANTED,
    GRANTS,
    KEY_VALUE_TYPES,
    MESSAGES,
    PACKAGE,
    SERVER_HANDLER,
    STDERR,
    STDOUT,
    TYPES,
    VERSION,
    is_among,
)
from wasmcp.compose.roles import Role
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
