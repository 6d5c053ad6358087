"""Access rules as an author writes them: selectors of entries, filters by path of the endpoint, and a policy.

A filter selects the entries (tools, resources, resource templates, prompts) that exist under one path. The policy
defines the requests that a principal may send over HTTP: rules of `deny` override those of `allow`. As soon as there is
a rule, a request that none of `allow` permits is denied. An entry can have a condition of its own, here or in its
declaration: it has to be met as well, and with it the entry needs no rule of `allow`.

Source: Model Context Protocol, basic/authorization; RFC 6749, section 3.3; RFC 6750, section 3.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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


SCOPES = "wasmcp/scopes"
"""Key of `_meta` with the scopes that an entry declares."""

METHODS = {
    "tools/call": ("tools",),
    "prompts/get": ("prompts",),
    "resources/read": ("resources",),
    "resources/subscribe": ("resources",),
    "completion/complete": ("resources", "prompts"),
}
"""Method that rules can name -> the kinds of entries that its requests are about."""

Scalar = str | bool | int

_SCOPE = re.compile(r"[!#-\[\]-~]+")
_SCOPE_CLAIMS = ("scope", "scp")


@dataclass(frozen=True)
class Claim:
    """Condition on a claim: its value is one of `values`, or an array with one of them.

    Attributes:
        path: The claim's name, and the names of nested members.
        values: Strings, booleans and integers.
    """

    path: tuple[str, ...]
    values: tuple[Scalar, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the condition as JSON values."""
        return {"path": list(self.path), "values": list(self.values)}


@dataclass(frozen=True)
class Condition:
    """Condition on a principal: all of the scopes, and all of the claims."""

    scopes: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the condition as JSON values, without what it does not have."""
        found = {"scopes": list(self.scopes), "claims": [claim.to_dict() for claim in self.claims]}
        return {name: value for name, value in found.items() if value}

    def joined(self, other: Condition) -> Condition:
        """Return the condition that requires both."""
        scopes = tuple(dict.fromkeys((*self.scopes, *other.scopes)))
        return Condition(scopes, tuple(dict.fromkeys((*self.claims, *other.claims))))


@dataclass(frozen=True)
class Rule:
    """Rule: it matches the requests that meet all of its conditions.

    Attributes:
        selector: The entries that the request is about; without conditions all, and requests that are about none.
        methods: Methods of the request, of `METHODS` or of a middleware; None: all.
        paths: Paths of the endpoint; None: all.
        condition: Condition on the principal.
    """

    selector: Selector = field(default_factory=Selector)
    methods: tuple[str, ...] | None = None
    paths: tuple[str, ...] | None = None
    condition: Condition = field(default_factory=Condition)

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as JSON values."""
        lists = {"methods": self.methods, "paths": self.paths}
        return {
            **self.selector.to_dict(),
            **{name: list(value) for name, value in lists.items() if value is not None},
            **self.condition.to_dict(),
        }


@dataclass(frozen=True)
class Policy:
    """Policy of a server.

    Attributes:
        allow: Rules that permit requests.
        deny: Rules that deny requests, whatever `allow` permits.
        own: Kind of entry (`tools`, `resources`, `prompts`) -> name, URI or template -> its own condition.
    """

    allow: tuple[Rule, ...] = ()
    deny: tuple[Rule, ...] = ()
    own: Mapping[str, Mapping[str, Condition]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.allow or self.deny or any(self.own.values()))

    @property
    def rules(self) -> Iterator[tuple[str, Rule]]:
        """The rules with their keys in the table of the policy: `allow[0]`."""
        for effect, rules in (("allow", self.allow), ("deny", self.deny)):
            for index, rule in enumerate(rules):
                yield f"{effect}[{index}]", rule

    @property
    def paths(self) -> tuple[str, ...]:
        """Paths of the endpoint that rules name."""
        return tuple(dict.fromkeys(path for _, rule in self.rules for path in rule.paths or ()))

    def to_dict(self) -> dict[str, Any]:
        """Return the rules as JSON values."""
        return {"allow": [rule.to_dict() for rule in self.allow], "deny": [rule.to_dict() for rule in self.deny]}


def scopes_problem(scopes: Sequence[object]) -> str | None:
    """Return what is wrong with scopes, as the end of a sentence, or None. RFC 6749, section 3.3."""
    for scope in scopes:
        if not isinstance(scope, str) or not _SCOPE.fullmatch(scope):
            return (
                f"must have scopes of OAuth, which are visible ASCII characters without space, quote and backslash, "
                f"not {scope!r}"
            )
    return None


def claim_problem(claim: Claim) -> str | None:
    """Return what is wrong with the condition on a claim, as the end of a sentence, or None."""
    if claim.path[:1] and claim.path[0] in _SCOPE_CLAIMS:
        return "names the scopes of the token: write them in `scopes`"
    if not claim.values:
        return "has no values: no principal would meet it"
    for value in claim.values:
        if not isinstance(value, (str, bool, int)):
            return f"must have strings, booleans or integers, not {value!r}"
        if isinstance(value, int) and not -(2**53) < value < 2**53:
            return f"has an integer that not all JSON readers represent exactly: {value}"
    return None


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
