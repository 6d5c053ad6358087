"""Structure of a composed file: the roles of its instances, and the interfaces that each component can reach.

Roles come from the record that the composer writes (`wasmcp.compose.composed_server`), never from names. The record is
only a claim of the file's author; reachable interfaces come from the wiring. An instance that gets more of the host
than the defaults is therefore listed as a component, unless it is recorded as a framework component; framework
components that differ from those of this wasmcp are reported.

The grants are also annotations of OCI artifacts. Source: OCI image specification, "Annotations".
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from typing import Any

from wasmcp.component import interface_names
from wasmcp.component.builder import Chunk
from wasmcp.component.topology import InstanceInfo, Source, Topology, read_topology
from wasmcp.compose import inspect_component
from wasmcp.compose.access_rules import SECTION as ACCESS_SECTION
from wasmcp.compose.access_rules import read_access
from wasmcp.compose.composed_server import SECTION, Role, read_roles
from wasmcp.compose.framework import (
    SETTINGS_SECTION,
    access_rules,
    authorizer_options,
    load_framework,
    read_settings,
    settings_component,
)
from wasmcp.compose.grant_rules import GrantRules, RuleError
from wasmcp.compose.grants import families
from wasmcp.compose.interfaces import (
    ACCESS_RULES,
    ALWAYS,
    AUTHORIZER_OPTIONS,
    ENVIRONMENT,
    GRANTED,
    MIDDLEWARE,
    SERVER_HANDLER,
    STDOUT,
    is_among,
)
from wasmcp.compose.wiring import GUARDS, rules_component
from wasmcp.errors import ComponentError, MissingPackageDataError
from wasmcp.package_data import FRAMEWORK_COMPONENTS, framework_component
from wasmcp.package_data import GUARDS as GUARD_NAMES

ACCESS_CONTROL = "access-control"
"""The framework component that applies access rules."""

_GRANTED = tuple(contract.partition("@")[0] for contract in GRANTED)


@dataclass(frozen=True)
class Reach:
    """Interfaces outside the server that one of its components can reach.

    Attributes:
        name: The component's name.
        size: The component's size in bytes.
        host: The interfaces from the host.
        denied: The imported interfaces that are denied inside the server.
        stores: The interfaces from the framework that were granted.
        middleware: It gets requests that are not for entries of its catalogue.
        dynamic: Its lists are read at run time.
        guarded: The interfaces that it reaches through a guard.
        rules: The rules of these guards by family, as in the configuration.
        unproved: The families whose guard, or the rules in it, are not those that the file's record names.
    """

    name: str
    size: int
    host: tuple[str, ...]
    denied: tuple[str, ...]
    stores: tuple[str, ...] = ()
    middleware: bool = False
    dynamic: bool = False
    guarded: tuple[str, ...] = ()
    rules: Mapping[str, Any] = field(default_factory=dict)
    unproved: tuple[str, ...] = ()

    @property
    def granted(self) -> tuple[str, ...]:
        """The granted families: of `host`, `stores` and `guarded`, and `middleware`."""
        return families(self.host + self.stores + self.guarded) + ((MIDDLEWARE,) if self.middleware else ())

    @property
    def refused(self) -> tuple[str, ...]:
        """The families that it imports and that are not granted."""
        return tuple(family for family in families(self.denied) if family not in self.granted)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON representation."""
        return {
            "name": self.name,
            "size": self.size,
            "host": list(self.host),
            "denied": list(self.denied),
            "stores": list(self.stores),
            "guarded": list(self.guarded),
            "rules": dict(self.rules),
            "unproved_rules": list(self.unproved),
            "granted": list(self.granted),
            "refused": list(self.refused),
            "asked": self.dynamic,
        }


@dataclass(frozen=True)
class Structure:
    """Parsed composed file.

    Attributes:
        topology: The instances and their wiring.
        roles: The role of each instance in `topology.instances`.
        recorded: The file has a record of roles. Without one, each instance counts as a component.
        foreign: The names of framework components in the file that differ from those of this wasmcp: replaced,
            or are of another version.
        handlers: The indices of instances whose own `server-handler` is called by others or exported.
        guards: The families that each instance of a guard limits by the recorded rules, by its index: the guard is that
            of this wasmcp, and its rules are those of the record.
        access: The recorded access rules of the server; None without rules. See `wasmcp.compose.access_rules`.
        access_unproved: The rules that the server applies, or the component that applies them, are not those of the
            record.
        settings: The settings that the author baked in; empty without any, None if the recorded ones are not those that
            the server reads.
        authorization: The server's authorization, of `wasmcp.compose.metadata.AUTHORIZATIONS`; None if it is unknown.
    """

    topology: Topology
    roles: tuple[Role, ...]
    recorded: bool = True
    foreign: tuple[str, ...] = ()
    handlers: frozenset[int] = frozenset()
    guards: Mapping[int, str] = field(default_factory=dict)
    access: Mapping[str, Any] | None = None
    access_unproved: bool = False
    settings: Mapping[str, str] | None = field(default_factory=dict)
    authorization: str | None = None

    def kind(self, index: int) -> str:
        """Return the role of an instance: see `wasmcp.compose.composed_server.Role.kind`."""
        return self.roles[index].kind

    def reach(self, index: int) -> Reach:
        """Return the interfaces that an instance can reach outside."""
        instance, role = self.topology.instances[index], self.roles[index]
        host: list[str] = []
        denied: list[str] = []
        stores: list[str] = []
        guards: dict[str, int | None] = {}  # None: functions of the interface come from elsewhere as well
        for name, sources in instance.arguments.items():
            granted = is_among(name, _GRANTED)
            if not (granted or name.startswith("wasi:")):
                continue
            kinds = {self.kind(source.instance) for source in sources if source.instance is not None}
            if any(source.instance is None for source in sources):
                host.append(name)
            elif kinds == {"denial"}:
                denied.append(name)
            elif any(source.instance is not None and self._is_guard(source.instance) for source in sources):
                guards[name] = _only(sources)
            elif granted:
                stores.append(name)
        own = role.kind == "component"
        return Reach(
            role.name if own else instance.label,
            instance.size,
            tuple(host),
            tuple(denied),
            tuple(stores),
            middleware=own and (MIDDLEWARE in role.grants or index in self.handlers),
            dynamic=own and self.recorded and role.catalogue is None,
            guarded=tuple(guards),
            rules={one: role.rules[one] for one in families(guards) if own and one in role.rules},
            unproved=tuple(
                family
                for name, guard in guards.items()
                for family in families([name])
                if guard is None or self.guards.get(guard) != family or self.roles[guard].component != role.name
            ),
        )

    def _is_guard(self, index: int) -> bool:
        return self.kind(index) == "framework" and self.roles[index].name in GUARD_NAMES

    @property
    def order(self) -> list[int]:
        """The indices of the instances in the order of a request: callers before callees."""
        order: dict[int, None] = {}
        left = [source.instance for sources in self.topology.exports.values() for source in sources][::-1]
        while left:
            index = left.pop()
            if index is None or index in order:
                continue
            order[index] = None
            given = self.topology.instances[index].arguments.values()
            left += [source.instance for sources in reversed(list(given)) for source in sources]
        return list(dict.fromkeys((*order, *range(len(self.topology.instances)))))

    @property
    def components(self) -> list[Reach]:
        """The reach of each of the file's components, in the order of the chain."""
        return [self.reach(index) for index in self.order if self.kind(index) == "component"]


def read_structure(data: Chunk, name: str = "") -> Structure:
    """Parse a composed file.

    Args:
        data: The file's bytes.
        name: The name in errors.

    Raises:
        ComponentError: The file is not a component, is damaged, or uses unsupported features.
    """
    topology = read_topology(data, name)
    structure = _structure(topology)
    view = memoryview(data).cast("B") if not isinstance(data, memoryview) else data
    parts = {
        (role.name, one.offset, one.size)  # one component can have many instances
        for role, one in zip(structure.roles, topology.instances, strict=True)
        if role.kind == "framework"
    }
    foreign = {
        part for part, offset, size in parts if sha256(view[offset : offset + size]).hexdigest() != _digest(part)
    }
    sections = topology.custom.get(ACCESS_SECTION, ())
    access = read_access(sections)
    return replace(
        structure,
        foreign=tuple(sorted(foreign)),
        guards=_guards(structure, view, foreign),
        access=access,
        access_unproved=not _applies(structure, view, foreign, None if access is None else sections[0].decode()),
        settings=_settings(structure, view, foreign, read_settings(topology.custom.get(SETTINGS_SECTION, ()))),
        authorization=_authorization(structure, view),
    )


def _authorization(structure: Structure, data: memoryview) -> str | None:
    """Return the server's authorization, from the components of constants that the composer adds."""
    for role, one in zip(structure.roles, structure.topology.instances, strict=True):
        if role.kind != "generated" or role.name not in ("no-authorization", "authorizer-options"):
            continue
        if role.name == "no-authorization":
            return "none"
        found = bytes(data[one.offset : one.offset + one.size])
        try:
            type_ = load_framework()["authorization"].wants(AUTHORIZER_OPTIONS)
        except MissingPackageDataError:
            return None
        known = {authorizer_options(type_, required=required): required for required in (True, False)}
        required = known.get(found)
        return None if required is None else "required" if required else "operator"
    return None


def _settings(
    structure: Structure, data: memoryview, foreign: Container[str], recorded: Mapping[str, str] | None
) -> Mapping[str, str] | None:
    """Return the settings that are baked into a server; None if they are not those of its record."""
    baked = [
        bytes(data[one.offset : one.offset + one.size])
        for role, one in zip(structure.roles, structure.topology.instances, strict=True)
        if (role.kind, role.name) == ("generated", "settings")
    ]
    if not baked:
        return {} if recorded is None else None
    readers = [
        index for index, role in enumerate(structure.roles) if (role.kind, role.name) == ("framework", "transport")
    ]
    if recorded is None or len(readers) != 1 or "transport" in foreign:
        return None
    try:
        transport = load_framework()["transport"]
    except MissingPackageDataError:
        return None
    name = interface_names.find(ENVIRONMENT, structure.topology.instances[readers[0]].arguments)
    applied = None if name is None else _provider(structure, data, readers[0], name)
    return recorded if applied is not None and applied == settings_component(recorded, transport) else None


def _only(sources: Sequence[Source]) -> int | None:
    """Return the instance that all sources are in; None if they differ, or one of them is an import."""
    found = {source.instance for source in sources}
    return found.pop() if len(found) == 1 else None


def _provider(structure: Structure, data: memoryview, index: int, interface: str) -> bytes | None:
    """Return the component whose instance provides an interface to an instance; None if several do, or none."""
    provider = _only(structure.topology.instances[index].arguments.get(interface, ()))
    if provider is None:
        return None
    one = structure.topology.instances[provider]
    return bytes(data[one.offset : one.offset + one.size])


def _applies(structure: Structure, data: memoryview, foreign: Container[str], rules: str | None) -> bool:
    """Return true if a server applies these access rules, and no others."""
    appliers = [
        index
        for index, role in enumerate(structure.roles)
        if role.kind == "framework" and role.name == ACCESS_CONTROL and role.name not in foreign
    ]
    if not appliers:
        return rules is None and ACCESS_CONTROL not in foreign
    expected = None if rules is None else access_rules(rules)
    return [_provider(structure, data, index, ACCESS_RULES) for index in appliers] == [expected]


def _guards(structure: Structure, data: memoryview, foreign: Container[str]) -> dict[int, str]:
    """Return the instances of guards that limit by the recorded rules, and their families."""
    families_of = {guard.name: family for family, guard in GUARDS.items()}
    names = Counter(role.name for role in structure.roles if role.kind == "component")
    # Of two components with one name, the rules of one would be shown for the other.
    recorded = {role.name: role.rules for role in structure.roles if role.kind == "component" and names[role.name] == 1}
    expected: dict[tuple[str, str], bytes | None] = {}  # one component can have many guards in a prepared file
    found = {}
    for index, role in enumerate(structure.roles):
        family = families_of.get(role.name) if role.kind == "framework" else None
        if family is None or role.name in foreign:
            continue
        key = (family, role.component)
        if key not in expected:
            expected[key] = _expected(family, recorded.get(role.component, {}))
        if expected[key] is not None and _provider(structure, data, index, GUARDS[family].rules) == expected[key]:
            found[index] = family
    return found


def _expected(family: str, rules: Mapping[str, Any]) -> bytes | None:
    """Return the component of constants for recorded rules; None if they are invalid."""
    try:
        return rules_component(family, GrantRules.from_dict(rules), load_framework())
    except (RuleError, MissingPackageDataError):
        return None


def components_of(topology: Topology) -> list[Reach]:
    """Return the reach of each of a composed file's components, in the order of the chain."""
    return _structure(topology).components


def _structure(topology: Topology) -> Structure:
    recorded = read_roles(topology.custom.get(SECTION, ()), len(topology.instances))
    if recorded is None:
        roles = tuple(Role("component", one.label) for one in topology.instances)
        return Structure(topology, roles, recorded=False, handlers=_handlers(topology))
    return Structure(topology, tuple(map(_believed, recorded, topology.instances)), handlers=_handlers(topology))


def _believed(role: Role, instance: InstanceInfo) -> Role:
    """Return an instance's role; that of a component if constants or stubs would not need the host."""
    from_host = (
        name for name, sources in instance.arguments.items() if any(source.instance is None for source in sources)
    )
    if role.kind in ("generated", "denial") and any(_is_special(name) for name in from_host):
        return Role("component", instance.label)
    return role


def _is_special(name: str) -> bool:
    """Return if an interface of the host is not available to every component."""
    return name.startswith("wasi:") and not is_among(name, (*ALWAYS, STDOUT))


def _handlers(topology: Topology) -> frozenset[int]:
    bare = SERVER_HANDLER.partition("@")[0]
    given = [sources for one in topology.instances for sources in one.arguments.values()]
    return frozenset(
        source.instance
        for sources in (*given, *topology.exports.values())
        for source in sources
        if source.instance is not None and source.path and source.path[0].partition("@")[0] == bare
    )


@cache
def _digest(part: str) -> str:
    """Return the digest of a framework component of this wasmcp; the empty string for unknown names."""
    if part not in FRAMEWORK_COMPONENTS:
        return ""
    try:
        return sha256(framework_component(part).read_bytes()).hexdigest()
    except (MissingPackageDataError, OSError):
        return ""


WANTS = "dev.wasmcp.wants"
"""The annotation with the grants that a component needs, separated by spaces: those of its imports, and `middleware`
for one that exports `server-handler`, which cannot be composed without that grant."""

GRANTS = "dev.wasmcp.grants"
"""The annotation with the grants of the components in a composed server or handler, as a JSON object of lists by
name. It is omitted if it would exceed `LIMIT` bytes."""

RULES = "dev.wasmcp.grant-rules"
"""The annotation with the rules of these grants, as a JSON object of tables by name, as in the configuration. It is
omitted without rules, or if it would exceed `LIMIT` bytes."""

LIMIT = 1 << 16


def grant_annotations(data: bytes) -> dict[str, str]:
    """Return the annotations about grants; empty for files that cannot be read.

    Args:
        data: A component, a server or a handler.
    """
    try:
        wanted = inspect_component(data).wants
        structure = read_structure(data)
    except ComponentError:
        return {}
    said = {WANTS: " ".join(wanted)} if wanted else {}
    if not structure.topology.is_composition or not structure.recorded:
        return said
    granted: dict[str, list[str]] = {}
    for part in structure.components:
        granted.setdefault(part.name, []).extend(part.granted)
    rules = {part.name: dict(part.rules) for part in structure.components if part.rules and not part.unproved}
    for annotation, tables in ((GRANTS, granted), (RULES, rules)):
        text = json.dumps(tables, separators=(",", ":"), ensure_ascii=False)
        if len(text.encode()) <= LIMIT and (tables or annotation == GRANTS):
            said[annotation] = text
    return said
