"""Plan of the chain: components that share a segment, components with a server handler of their own, and owners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from wasmcp.compose.catalogue import NOUNS, Catalogue, cache_hint
from wasmcp.compose.component_reader import Component
from wasmcp.errors import DuplicateEntryError
from wasmcp.protocol import IDENTITIES
from wasmcp.revision_views import Item

OnDuplicate = Literal["error", "first"]
ADAPTER_MEMORIES = 100
"""Limit on the memories that a module of fused adapters can import (`MAX_WASM_MEMORIES` of wasmparser); wasmtime aborts
above it.

A segment takes one for each of its members and one for its `dispatch`.
"""


@dataclass(frozen=True)
class Member:
    """Component in a segment, with the entries that it owns there, in its order."""

    component: Component
    catalogue: Catalogue


@dataclass(frozen=True)
class Segment:
    """Consecutive components with recorded catalogues, at most 99: they share one `catalogue`.

    Attributes:
        members: The components.
        skills: The resources of the server's skills, if this segment lists them.
    """

    members: list[Member] = field(default_factory=list)
    skills: Catalogue | None = None


@dataclass(frozen=True)
class DynamicComponent:
    """Component whose lists are read at run time."""

    component: Component


Part = Segment | DynamicComponent


def plan_chain(
    components: Sequence[Component], *, on_duplicate: OnDuplicate = "error", skills: Catalogue | None = None
) -> list[Part]:
    """Return the parts of the chain, in the order of the components.

    Args:
        components: The components in the order of the chain.
        on_duplicate: Handling of a tool, resource, template or prompt of the same name in two components: an error,
            or (`first`) the first component owns it.
        skills: The resources of the server's skills; the last segment lists them.

    Raises:
        DuplicateEntryError: Two components have an entry of the same name.
    """
    parts: list[Part] = []
    owners: dict[tuple[str, str], str] = {}
    for component in components:
        catalogue = component.catalogue
        if catalogue is None:
            parts.append(DynamicComponent(component))
            continue
        own = {kind: _own(component, kind, catalogue.items(kind), owners, on_duplicate) for kind in IDENTITIES}
        last = parts[-1] if parts else None
        if not isinstance(last, Segment) or len(last.members) == ADAPTER_MEMORIES - 1:
            last = Segment()
            parts.append(last)
        last.members.append(Member(component, _with(catalogue, own)))
    if skills is not None and skills.resources:
        for item in skills.resources:
            owner = owners.get(("resources", item["uri"]))
            if owner is not None:
                raise DuplicateEntryError(NOUNS["resources"], item["uri"], (owner, "the skills of the server"))
        last = next((part for part in reversed(parts) if isinstance(part, Segment)), None)
        if last is None:
            parts.append(Segment(skills=skills))
        else:
            parts[parts.index(last)] = replace(last, skills=skills)
    return parts


def _own(
    component: Component,
    kind: str,
    items: Sequence[Item],
    owners: dict[tuple[str, str], str],
    on_duplicate: OnDuplicate,
) -> tuple[Item, ...]:
    """Return the items that no earlier component owns."""
    own = []
    for item in items:
        name = item[IDENTITIES[kind]]
        owner = owners.setdefault((kind, name), component.name)
        if owner == component.name:
            own.append(item)
        elif on_duplicate == "error":
            raise DuplicateEntryError(NOUNS[kind], name, (owner, component.name))
    return tuple(own)


def members_of(parts: Sequence[Part]) -> list[Member]:
    """Return the members of all segments, in order."""
    return [member for part in parts if isinstance(part, Segment) for member in part.members]


def components_of(parts: Sequence[Part]) -> list[Component]:
    """Return the components of the chain, in order."""
    return [
        component
        for part in parts
        for component in ([m.component for m in part.members] if isinstance(part, Segment) else [part.component])
    ]


def tools_of(parts: Sequence[Part]) -> tuple[Item, ...]:
    """Return the recorded tools, in the order of `tools/list`."""
    return tuple(tool for member in members_of(parts) for tool in member.catalogue.tools)


def catalogue_of(parts: Sequence[Part]) -> Catalogue:
    """Return the catalogue of the whole chain, in the order of the lists."""
    catalogues = [member.catalogue for member in members_of(parts)]
    catalogues += [part.skills for part in parts if isinstance(part, Segment) and part.skills is not None]
    whole = Catalogue(
        completions=tuple(reference for one in catalogues for reference in one.completions),
        cache={kind: cache_hint(kind, catalogues) for kind in IDENTITIES},
    )
    return _with(whole, {kind: tuple(item for one in catalogues for item in one.items(kind)) for kind in IDENTITIES})


def _with(catalogue: Catalogue, items: Mapping[str, tuple[Item, ...]]) -> Catalogue:
    return replace(
        catalogue,
        tools=items["tools"],
        resources=items["resources"],
        templates=items["templates"],
        prompts=items["prompts"],
    )
