"""Roles of the instances in a composed file, recorded in a custom section.

The section is called `wasmcp-composition`. Its content is a JSON object with `format` and `instances`, an array with an
object for each instance of the outermost component, in the order of their instantiation (docs/reference/files.md).
Roles are data, not derived from names: a component can have any name, also that of a framework component.

The record is a claim of the file's author. The wiring, not the record, decides which instances can reach which.

Source: component-model, design/mvp/Binary.md (custom sections).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from wasmcp.component.custom_sections import custom_section
from wasmcp.component.graph import Node
from wasmcp.revision_views import to_json_text

SECTION = "wasmcp-composition"
FORMAT = 1

Kind = Literal["component", "framework", "generated", "denial"]
_KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Role:
    """Purpose of one instance.

    Attributes:
        kind: `component` (one of the server's own), `framework`, `generated` (constants and dispatch), or `denial` (a
            stub of denied imports).
        name: The component's name; for `framework` and `generated` the part's, for example `tools-middleware`.
        component: The server's component that the instance serves; the empty string if it serves the whole server.
        grants: For a component: its grants, sorted.
        catalogue: For a component: the digest of its catalogue, as `sha256:HEX`; None for a dynamic component.
        rules: For a component: the rules of its grants, as `GrantRules.to_dict` returns them.
    """

    kind: Kind
    name: str
    component: str = ""
    grants: tuple[str, ...] = ()
    catalogue: str | None = None
    rules: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the role as JSON values."""
        entry: dict[str, Any] = {"role": self.kind, "name": self.name}
        if self.kind == "component":
            rules = {"rules": dict(self.rules)} if self.rules else {}
            return {**entry, "grants": list(self.grants), **rules, "catalogue": self.catalogue}
        return {**entry, "component": self.component} if self.component else entry


def roles_section(nodes: Sequence[Node]) -> bytes:
    """Return the section for instances in the order of their instantiation.

    Raises:
        TypeError: The note of an instance is not a role.
    """
    instances = []
    for node in nodes:
        if not isinstance(node.note, Role):
            raise TypeError(f"the instance `{node.label}` has no role")
        instances.append(node.note.to_dict())
    return custom_section(SECTION, to_json_text({"format": FORMAT, "instances": instances}).encode())


def read_roles(sections: Sequence[bytes], count: int) -> tuple[Role, ...] | None:
    """Return the recorded roles of a composed file.

    Args:
        sections: The contents of its sections of this name.
        count: The number of its instances.

    Returns:
        A role for each instance, in the order of their instantiation. None without a record, or if it is invalid,
        occurs more than once, or describes another number of instances.
    """
    try:
        document = json.loads(sections[0]) if len(sections) == 1 else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        return None
    instances = document.get("instances")
    if not isinstance(instances, list) or len(instances) != count:
        return None
    roles = [_role(one) for one in instances]
    known = tuple(role for role in roles if role is not None)
    return known if len(known) == count else None


def _role(entry: object) -> Role | None:
    if not isinstance(entry, dict):
        return None
    kind = next((one for one in _KINDS if entry.get("role") == one), None)
    name, component = entry.get("name"), entry.get("component", "")
    grants, catalogue, rules = entry.get("grants", []), entry.get("catalogue"), entry.get("rules", {})
    if (
        kind is None
        or not isinstance(name, str)
        or not isinstance(component, str)
        or not isinstance(grants, list)
        or not all(isinstance(grant, str) for grant in grants)
        or not (catalogue is None or isinstance(catalogue, str))
        or not isinstance(rules, dict)
    ):
        return None
    return Role(kind, name, component, tuple(grants), catalogue, rules)
