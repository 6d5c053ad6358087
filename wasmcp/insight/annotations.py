"""Grant annotations of OCI artifacts: the grants that a component needs, and those of a server's components.

Source: OCI image specification, "Annotations".
"""

from __future__ import annotations

import json

from wasmcp.compose import inspect_component
from wasmcp.errors import ComponentError
from wasmcp.insight.roles import read_structure

WANTS = "dev.wasmcp.wants"
"""The annotation with the grants that a component needs, separated by spaces: those of its imports, and `middleware`
for one that exports `server-handler`, which cannot be composed without that grant."""

GRANTS = "dev.wasmcp.grants"
"""The annotation with the grants of the components in a composed server or handler, as a JSON object of lists by
name. It is omitted if it would exceed `LIMIT` bytes."""

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
    text = json.dumps(granted, separators=(",", ":"), ensure_ascii=False)
    return {**said, GRANTS: text} if len(text.encode()) <= LIMIT else said
