"""The annotations of an OCI artifact about grants: the ones a component asks for, and the ones a server's parts have.

Source: OCI image specification, "Annotations".
"""

from __future__ import annotations

import json

from wasmcp.compose import inspect_component
from wasmcp.errors import ComponentError
from wasmcp.insight.roles import read_structure

WANTS = "dev.wasmcp.wants"
"""The annotation with the grants that a component asks for, with spaces between them: those of its imports, and
`middleware` for a handler of its own, which is not composed without that grant."""

GRANTS = "dev.wasmcp.grants"
"""The annotation with the grants that the components of a composed server or part have, as a JSON object: name ->
families. It is left out when it would have more than `LIMIT` bytes."""

LIMIT = 1 << 16


def grant_annotations(data: bytes) -> dict[str, str]:
    """Return what is to be said about grants; nothing of what cannot be read.

    Args:
        data: A component, a server or a part.
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
