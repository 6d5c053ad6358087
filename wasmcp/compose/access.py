"""Access rules as an author writes them: filters by path of the endpoint, and a policy.

A filter selects the entries (tools, resources, resource templates, prompts) that exist under one path. The policy
defines the requests that a principal may send.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wasmcp.compose.access_selectors import PATTERNS, Selector
from wasmcp.compose.policy import Policy

__all__ = ["PATTERNS", "ROOT", "Access", "Filter", "Policy", "Selector", "path_problem"]

ROOT = "/mcp"
"""Path of the endpoint. Requests without a path (stdio) count as requests to it."""

_PATH = re.compile(r"/mcp(/[A-Za-z0-9._~-]+)*")


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
        policy: The requests that a principal may send.
    """

    filters: Mapping[str, Filter] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)

    def __bool__(self) -> bool:
        return bool(self.filters or self.policy)


def path_problem(path: str) -> str | None:
    """Return the reason why a path cannot have a filter, as the end of a sentence that begins with it, or None."""
    if not _PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        return "must be `/mcp` or below it, for example `/mcp/math`, of letters, digits, `.`, `_`, `~` and `-`"
    return None
