"""Options of all tools of a component, of its table in ``pyproject.toml``; a tool's own come before them."""

from __future__ import annotations

from collections.abc import Mapping


class ToolOptions:
    """What holds for tools that do not say otherwise.

    Attributes:
        coerce: Whether arguments may be JSON in strings; see `wasmcp.guest.json_types.json_in_strings`.
        references: Whether input schemas refer to types that are used twice.
    """

    coerce = False
    references = False

    @classmethod
    def update(cls, options: Mapping[str, bool]) -> None:
        """Set some of them."""
        for name in ("coerce", "references"):
            if name in options:
                setattr(cls, name, options[name])
