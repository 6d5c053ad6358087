"""Access rules as an author writes them: filters by path of the endpoint.

A filter selects the entries (tools, resources, resource templates, prompts) that exist under one path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ROOT = "/mcp"
"""Path of the endpoint. Requests without a path (stdio) count as requests to it."""

PATTERNS = ("tools", "resources", "prompts")
"""Keys of a selector with patterns, in which `*` matches any text. Those of resources are for templates as well."""

_PATH = re.compile(r"/mcp(/[A-Za-z0-9._~-]+)*")


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


@dataclass(frozen=True)
class Filter:
    """Entries that exist under a path.

    Attributes:
        allow: Selectors of the entries that exist; None: all.
        deny: Selectors of the entries that do not exist, whatever `allow` selects.
    """

    allow: tuple[Selector, ...] | None = None
    deny: tuple[Selector, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the filter as JSON values."""
        found: dict[str, Any] = {"deny": [selector.to_dict() for selector in self.deny]}
        return found if self.allow is None else {"allow": [one.to_dict() for one in self.allow], **found}


@dataclass(frozen=True)
class Access:
    """Access rules as an author writes them.

    Attributes:
        filters: Path of the endpoint -> its filter. Without filters every path below `/mcp` has every entry; with
            filters only these paths exist, and `/mcp`.
    """

    filters: Mapping[str, Filter] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.filters)


def path_problem(path: str) -> str | None:
    """Return the reason why a path cannot have a filter, as the end of a sentence that begins with it, or None."""
    if not _PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        return "must be `/mcp` or below it, for example `/mcp/math`, of letters, digits, `.`, `_`, `~` and `-`"
    return None
