"""Access rules of a server, explained: decided by the code that decides in servers, a framework component."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wasmcp.compose.interfaces import CAPABILITY_NAMES
from wasmcp.protocol import IDENTITIES

_INTERFACE = "wasmcp:mcp-v20260728/access-decisions@0.1.0"
_NOUNS = {"tools": "tools", "resources": "resources", "templates": "resource templates", "prompts": "prompts"}


@dataclass(frozen=True)
class EntriesAt:
    """Entries of a server by their existence under one path.

    Attributes:
        path: The path, as given.
        found: True if the server has an endpoint at the path.
        filter: The filter of the path as JSON values; None: it has none.
        existing: Kind of list -> the entries that exist.
        hidden: Kind of list -> the entries that do not exist.
        capabilities: The capabilities with an entry there, which the server announces: `tools`, `resources`, `prompts`,
            `completions`.
    """

    path: str
    found: bool
    filter: Mapping[str, Any] | None
    existing: Mapping[str, Sequence[str]]
    hidden: Mapping[str, Sequence[str]]
    capabilities: Sequence[str]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON representation."""
        return {
            "path": self.path,
            "found": self.found,
            "filter": self.filter,
            "existing": {kind: list(names) for kind, names in self.existing.items()},
            "hidden": {kind: list(names) for kind, names in self.hidden.items()},
            "capabilities": list(self.capabilities),
        }

    def lines(self) -> Iterator[str]:
        """Yield the lines of an explanation."""
        if not self.found:
            yield f"{self.path}: not an endpoint of the server; requests get 404"
            return
        yield f"{self.path}: {'every entry exists' if self.filter is None else filter_text(self.filter)}"
        yield f"capabilities: {', '.join(self.capabilities) or 'none'}"
        for title, lists in (("exist", self.existing), ("do not exist", self.hidden)):
            for kind, names in lists.items():
                if names:
                    yield f"{_NOUNS[kind]} that {title}: {', '.join(names)}"


def entries_at(access: Mapping[str, Any], path: str) -> EntriesAt:
    """Return the recorded entries of a server by their existence under a path.

    Args:
        access: The server's compiled access rules.
        path: The path of a request, with or without its query.
    """
    from wasmcp.project.build_component import BuildComponent

    recorded = access.get("entries", {})
    queried = [{"kind": kind, "name": str(one["name"])} for kind in IDENTITIES for one in recorded.get(kind, ())]
    checker = BuildComponent("access-checker", _INTERFACE)
    asked = {"path": path, "entries": queried, "capabilities": {name: {} for name in CAPABILITY_NAMES.values()}}
    decided = json.loads(checker.call("decide", json.dumps(access), json.dumps(asked)))
    existing: dict[str, list[str]] = {kind: [] for kind in IDENTITIES}
    hidden: dict[str, list[str]] = {kind: [] for kind in IDENTITIES}
    for one, exists in zip(queried, decided["exists"], strict=True):
        (existing if exists else hidden)[one["kind"]].append(one["name"])
    announced = decided["capabilities"]
    plain = path.partition("?")[0].partition("#")[0].removesuffix("/")
    return EntriesAt(path, decided["found"], access.get("paths", {}).get(plain), existing, hidden, list(announced))


def filter_text(one: Mapping[str, Any]) -> str:
    """Return a filter in one line."""
    allow = "everything" if "allow" not in one else _selected(one["allow"]) or "nothing"
    deny = _selected(one.get("deny", ()))
    return f"allows {allow}{f', denies {deny}' if deny else ''}"


def _selected(selectors: Sequence[Mapping[str, Sequence[str]]]) -> str:
    return " or ".join(
        " and ".join(f"{key} {', '.join(values)}" for key, values in selector.items()) for selector in selectors
    )
