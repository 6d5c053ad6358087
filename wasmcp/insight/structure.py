"""What the instances in a composed server are for, and what each of the server's components can reach.

Source: the labels that `wasmcp.compose` gives instances. They are for people: of a file that others composed, what is
not known counts as a component.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from wasmcp.component.topology import InstanceInfo, Topology
from wasmcp.compose.contracts import GRANTED, GRANTS, is_among
from wasmcp.resources import FRAMEWORK_COMPONENTS

COMPONENT, FRAMEWORK, GENERATED, DENIAL = "component", "framework", "generated", "denial"

_GENERATED = re.compile(r"server-metadata|catalogue-data \d+|dispatch \d+|session-owner .+|(?:config|settings) of .+")
_GRANTED = tuple(contract.partition("@")[0] for contract in GRANTED)
_DENIAL = re.compile(r"denied to .+|nobody")


@dataclass(frozen=True)
class Reach:
    """What one of a server's components can reach outside of the server.

    Attributes:
        name: The component.
        size: In bytes.
        host: The interfaces that the host gives it.
        denied: The interfaces that it imports and that are denied inside the server.
        stores: The interfaces that the framework gives it because it was granted them.
    """

    name: str
    size: int
    host: tuple[str, ...]
    denied: tuple[str, ...]
    stores: tuple[str, ...] = ()

    @property
    def granted(self) -> tuple[str, ...]:
        """The families of grants among `host` and `stores`."""
        return families(self.host + self.stores)

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
        }


def role_of(instance: InstanceInfo) -> str:
    """Return what an instance is for: `COMPONENT`, `FRAMEWORK`, `GENERATED` or `DENIAL`."""
    if instance.component in FRAMEWORK_COMPONENTS:
        return FRAMEWORK
    if _GENERATED.fullmatch(instance.component):
        return GENERATED
    return DENIAL if _DENIAL.fullmatch(instance.component) else COMPONENT


def families(interfaces: tuple[str, ...]) -> tuple[str, ...]:
    """Return the families of grants that some interfaces belong to."""
    return tuple(family for family, prefixes in GRANTS.items() if any(is_among(one, prefixes) for one in interfaces))


def reach_of(topology: Topology, instance: InstanceInfo) -> Reach:
    """Return what an instance can reach outside."""
    host: list[str] = []
    denied: list[str] = []
    stores: list[str] = []
    for name, sources in instance.arguments.items():
        granted = is_among(name, _GRANTED)
        if not (granted or name.startswith("wasi:")):
            continue
        roles = {role_of(topology.instances[source.instance]) for source in sources if source.instance is not None}
        if any(source.instance is None for source in sources):
            host.append(name)
        elif DENIAL in roles:
            denied.append(name)
        elif granted:
            stores.append(name)
    return Reach(instance.label, instance.size, tuple(host), tuple(denied), tuple(stores))


def chain_order(topology: Topology) -> list[int]:
    """Return the indices of the instances as a request meets them: callers first, then those they call."""
    order: dict[int, None] = {}
    left = [source.instance for sources in topology.exports.values() for source in sources][::-1]
    while left:
        index = left.pop()
        if index is None or index in order:
            continue
        order[index] = None
        given = topology.instances[index].arguments.values()
        left += [source.instance for sources in reversed(list(given)) for source in sources]
    return list(dict.fromkeys((*order, *range(len(topology.instances)))))


def components_of(topology: Topology) -> list[Reach]:
    """Return what each of a composed server's own components can reach, in the order of the chain."""
    instances = [topology.instances[index] for index in chain_order(topology)]
    return [reach_of(topology, one) for one in instances if role_of(one) == COMPONENT]
