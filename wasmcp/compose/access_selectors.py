"""Selectors: conditions on the entries of a server, in filters and policies."""

from __future__ import annotations

import re
from dataclasses import dataclass

PATTERNS = ("tools", "resources", "prompts")
"""Keys of a selector with patterns, in which `*` matches any text. Those of resources are for templates as well."""


@dataclass(frozen=True)
class Selector:
    """Conditions on an entry; it selects the entries that meet all of them. None: no condition.

    Attributes:
        tools: Patterns for the names of tools.
        resources: Patterns for the URIs of resources and the templates of resource templates.
        prompts: Patterns for the names of prompts.
        tags: Tags, of which an entry needs one.
        components: Names of components, one of which owns the entry.
    """

    tools: tuple[str, ...] | None = None
    resources: tuple[str, ...] | None = None
    prompts: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    components: tuple[str, ...] | None = None

    def to_dict(self) -> dict[str, list[str]]:
        """Return the conditions as JSON values."""
        return {name: list(value) for name, value in vars(self).items() if value is not None}


def matches(pattern: str, text: str) -> bool:
    """Return true if a text matches a pattern, in which `*` matches any text."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None
