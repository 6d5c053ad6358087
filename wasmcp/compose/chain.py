"""The order of the chain: which components share a segment, which are links of their own, and who owns which tool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from wasmcp.compose.catalogue import Tool
from wasmcp.compose.components import Component
from wasmcp.errors import DuplicateTool

OnDuplicate = Literal["error", "first"]


@dataclass(frozen=True)
class Member:
    """A component in a segment, with the tools that are its own there, in its order."""

    component: Component
    tools: tuple[Tool, ...]


@dataclass(frozen=True)
class Segment:
    """Consecutive components whose tools are known: they share one `catalogue`."""

    members: list[Member] = field(default_factory=list)


@dataclass(frozen=True)
class Link:
    """A component that is asked at run time."""

    component: Component


Part = Segment | Link


def plan_chain(components: Sequence[Component], *, on_duplicate: OnDuplicate = "error") -> list[Part]:
    """Return the parts of the chain, in the order of the components.

    Args:
        components: in the order of the chain.
        on_duplicate: what two components with a tool of the same name are: an error, or (`first`) the tool is that of
            the first of them.

    Raises:
        DuplicateTool: two components have a tool of the same name.
    """
    parts: list[Part] = []
    owners: dict[str, str] = {}
    for component in components:
        catalogue = component.catalogue
        if catalogue is None:
            parts.append(Link(component))
            continue
        tools = []
        for tool in catalogue.tools:
            owner = owners.setdefault(tool["name"], component.name)
            if owner == component.name:
                tools.append(tool)
            elif on_duplicate == "error":
                raise DuplicateTool(tool["name"], (owner, component.name))
        last = parts[-1] if parts else None
        if not isinstance(last, Segment):
            last = Segment()
            parts.append(last)
        last.members.append(Member(component, tuple(tools)))
    return parts


def tools_of(parts: Sequence[Part]) -> tuple[Tool, ...]:
    """Return the tools that are known beforehand, in the order in which `tools/list` gives them."""
    segments = (part for part in parts if isinstance(part, Segment))
    return tuple(tool for segment in segments for member in segment.members for tool in member.tools)
