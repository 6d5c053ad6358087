"""The structure of a composed file: the purpose of its instances, and what each of its components can reach.

The purpose comes from the record that the composer writes (`wasmcp.compose.roles`), never from a name. The record is
the word of the file's author; what an instance can reach comes from the wiring. So an instance that gets more of the
host than every instance does is listed as a component, unless it is recorded as a part of the framework; and a part of
the framework that is not, byte for byte, the part of this wasmcp is named as such.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from typing import Any

from wasmcp.component.builder import Chunk
from wasmcp.component.topology import InstanceInfo, Topology, read_topology
from wasmcp.compose.grants import families
from wasmcp.compose.interfaces import ALWAYS, GRANTED, MIDDLEWARE, SERVER_HANDLER, STDOUT, is_among
from wasmcp.compose.roles import SECTION, Role, read_roles
from wasmcp.errors import MissingPackageDataError
from wasmcp.package_data import FRAMEWORK_COMPONENTS, framework_component

_GRANTED = tuple(contract.partition("@")[0] for contract in GRANTED)


@dataclass(frozen=True)
class Reach:
    """What one of a server's components can reach outside of the server.

    Attributes:
        name: The component.
        size: In bytes.
        host: The interfaces that the host gives it.
        denied: The interfaces that it imports and that are denied inside the server.
        stores: The interfaces that the framework gives it because it was granted them.
        middleware: Whether it gets requests that are not for what it is known to offer.
        asked: Whether it is asked at run time what it offers.
    """

    name: str
    size: int
    host: tuple[str, ...]
    denied: tuple[str, ...]
    stores: tuple[str, ...] = ()
    middleware: bool = False
    asked: bool = False

    @property
    def granted(self) -> tuple[str, ...]:
        """The families of grants that it has: of `host` and `stores`, and `middleware`."""
        return families(self.host + self.stores) + ((MIDDLEWARE,) if self.middleware else ())

    @property
    def refused(self) -> tuple[str, ...]:
        """The families of grants that it asks for and has not."""
        return tuple(family for family in families(self.denied) if family not in self.granted)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "name": self.name,
            "size": self.size,
            "host": list(self.host),
            "denied": list(self.denied),
            "stores": list(self.stores),
            "granted": list(self.granted),
            "refused": list(self.refused),
            "asked": self.asked,
        }


@dataclass(frozen=True)
class Structure:
    """A composed file, read.

    Attributes:
        topology: Its instances and their wiring.
        roles: The purpose of each instance of `topology.instances`.
        recorded: Whether the file has a record of them. Without one each instance counts as a component.
        foreign: The names of the parts of the framework in it that are not, byte for byte, those of this wasmcp: they
            were replaced, or come with another version.
        handlers: The indices of the instances whose own `server-handler` is called by others or from outside.
    """

    topology: Topology
    roles: tuple[Role, ...]
    recorded: bool = True
    foreign: tuple[str, ...] = ()
    handlers: frozenset[int] = frozenset()

    def kind(self, index: int) -> str:
        """Return the purpose of an instance: see `wasmcp.compose.roles.Role.kind`."""
        return self.roles[index].kind

    def reach(self, index: int) -> Reach:
        """Return what an instance can reach outside."""
        instance, role = self.topology.instances[index], self.roles[index]
        host: list[str] = []
        denied: list[str] = []
        stores: list[str] = []
        for name, sources in instance.arguments.items():
            granted = is_among(name, _GRANTED)
            if not (granted or name.startswith("wasi:")):
                continue
            kinds = {self.kind(source.instance) for source in sources if source.instance is not None}
            if any(source.instance is None for source in sources):
                host.append(name)
            elif "denial" in kinds:
                denied.append(name)
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
            asked=own and self.recorded and role.catalogue is None,
        )

    @property
    def order(self) -> list[int]:
        """The indices of the instances as a request meets them: callers first, then those they call."""
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
        """What each of the file's own components can reach, in the order of the chain."""
        return [self.reach(index) for index in self.order if self.kind(index) == "component"]


def read_structure(data: Chunk, name: str = "") -> Structure:
    """Read a composed file.

    Args:
        data: The file.
        name: What to call it in errors.

    Raises:
        ComponentError: It is not a component, is damaged, or needs what is not supported.
    """
    topology = read_topology(data, name)
    structure = _structure(topology)
    view = memoryview(data).cast("B") if not isinstance(data, memoryview) else data
    parts = {
        (role.name, one.offset, one.size)  # one component may have many instances
        for role, one in zip(structure.roles, topology.instances, strict=True)
        if role.kind == "framework"
    }
    foreign = {
        part for part, offset, size in parts if sha256(view[offset : offset + size]).hexdigest() != _digest(part)
    }
    return replace(structure, foreign=tuple(sorted(foreign)))


def components_of(topology: Topology) -> list[Reach]:
    """Return what each of a composed file's own components can reach, in the order of the chain."""
    return _structure(topology).components


def _structure(topology: Topology) -> Structure:
    recorded = read_roles(topology.custom.get(SECTION, ()), len(topology.instances))
    if recorded is None:
        roles = tuple(Role("component", one.label) for one in topology.instances)
        return Structure(topology, roles, recorded=False, handlers=_handlers(topology))
    return Structure(topology, tuple(map(_believed, recorded, topology.instances)), handlers=_handlers(topology))


def _believed(role: Role, instance: InstanceInfo) -> Role:
    """Return an instance's role; that of a component where constants or stubs would need nothing of the host."""
    from_host = (
        name for name, sources in instance.arguments.items() if any(source.instance is None for source in sources)
    )
    if role.kind in ("generated", "denial") and any(_is_special(name) for name in from_host):
        return Role("component", instance.label)
    return role


def _is_special(name: str) -> bool:
    """Tell whether an interface of the host is one that not every component gets."""
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
    """Return the digest of a part of this wasmcp's framework; the empty string when it has none of this name."""
    if part not in FRAMEWORK_COMPONENTS:
        return ""
    try:
        return sha256(framework_component(part).read_bytes()).hexdigest()
    except (MissingPackageDataError, OSError):
        return ""
