"""Access rules of a server: decisions, made by the code that decides in servers, and its policy in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wasmcp.compose.catalogue import NOUNS
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


_SELECTORS = ("tools", "resources", "prompts", "tags", "components")


def policy_of(access: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the effective policy of a server as JSON values; None without one.

    Its members are `allow` and `deny`, the rules; `own`, the conditions of entries, from the table and declarations, by
    kind of list and identity; and `otherwise`, the decision on other requests: `allow` or `deny`.

    Args:
        access: The server's compiled access rules; see `wasmcp.compose.access_rules`.
    """
    policy = None if access is None else access.get("policy")
    if access is None or policy is None:
        return None
    own = {
        kind: {one["name"]: one["own"] for one in access["entries"].get(kind, ()) if "own" in one}
        for kind in IDENTITIES
    }
    allow, deny = policy.get("allow", []), policy.get("deny", [])
    return {
        "allow": allow,
        "deny": deny,
        "own": {kind: found for kind, found in own.items() if found},
        "otherwise": "deny" if allow or deny else "allow",
    }


def policy_rows(policy: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the rows of an effective policy: the effect, and what it is about."""
    for effect in ("allow", "deny"):
        for rule in policy[effect]:
            yield effect, rule_text(rule)
    for kind, conditions in policy["own"].items():
        for name, condition in conditions.items():
            yield "require", f"{NOUNS[kind]} {name}: {condition_text(condition) or 'nothing'}"
    yield "otherwise", policy["otherwise"]


def rule_text(rule: Mapping[str, Any]) -> str:
    """Return a rule in one line."""
    parts = [f"{key} {', '.join(rule[key])}" for key in _SELECTORS if key in rule] or ["every request"]
    text = " and ".join(parts)
    if "methods" in rule:
        text += f", by {', '.join(rule['methods'])}"
    if "paths" in rule:
        text += f", under {', '.join(rule['paths'])}"
    condition = condition_text(rule)
    return f"{text}, with {condition}" if condition else text


def condition_text(condition: Mapping[str, Any]) -> str:
    """Return the condition on a principal in words; the empty string without one."""
    scopes = condition.get("scopes", ())
    parts = [f"{'scope' if len(scopes) == 1 else 'scopes'} {' '.join(scopes)}"] if scopes else []
    claims = [f"claim {'.'.join(one['path'])} {_values(one['values'])}" for one in condition.get("claims", ())]
    return " and ".join((*parts, *claims))


def _values(values: Sequence[Any]) -> str:
    return " or ".join(value if isinstance(value, str) and value else json.dumps(value) for value in values)
