"""References inside JSON Schemas. Source: JSON Schema 2020-12, core, 8.2.3; RFC 6901."""

from __future__ import annotations

from typing import Any

DEPTH = 64
"""Maximum number of references that are followed, and of levels that are looked at."""


def resolved(schema: Any, root: Any) -> Any:
    """Follow references inside the document; external, cyclic and unknown ones are kept.

    Args:
        schema: A schema, or any other value.
        root: The document.
    """
    for _ in range(DEPTH):
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        if not isinstance(reference, str) or not reference.startswith("#"):
            return schema
        found = root
        for step in reference[1:].strip("/").split("/") if reference != "#" else []:
            key = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or key not in found:
                return schema
            found = found[key]
        schema = found
    return schema
