"""Default options of a component's tools, from its table in ``pyproject.toml``."""

from __future__ import annotations

from collections.abc import Mapping


class ToolOptions:
    """Options of all tools that do not set them.

    Attributes:
        coerce: True to accept JSON inside strings as arguments; see `wasmcp.guest.json_types.json_in_strings`.
        dynamic: True if the component's lists are made for each request.
        references: True to use ``$ref`` in input schemas for types that occur twice.
    """

    coerce = False
    references = False
    dynamic = False

    @classmethod
    def update(cls, options: Mapping[str, bool]) -> None:
        """Set some of the options."""
        for name in ("coerce", "references", "dynamic"):
            if name in options:
                setattr(cls, name, options[name])
