"""Policy of a server in words, from its compiled access rules."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wasmcp.compose.catalogue import NOUNS
from wasmcp.protocol import IDENTITIES

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
