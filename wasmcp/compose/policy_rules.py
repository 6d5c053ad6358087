"""Policy of a server, checked against its entries and compiled at composition.

The framework component `access-control` applies it; framework/lib/policy.zig describes its form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from wasmcp.compose.access import (
    METHODS,
    PATTERNS,
    ROOT,
    SCOPES,
    Claim,
    Condition,
    Policy,
    Rule,
    Selector,
    claim_problem,
    matches,
    scopes_problem,
)
from wasmcp.compose.catalogue import NOUNS
from wasmcp.compose.chain_plan import Member
from wasmcp.protocol import IDENTITIES, TASK_METHODS
from wasmcp.protocol import METHODS as PROTOCOL
from wasmcp.revision_views import Item

_SAME = {
    "resources/unsubscribe": "resources/subscribe",
    "subscriptions/listen": "resources/subscribe",
    "resources/directory/read": "resources/read",
    "skills/get": "resources/read",
}
_LISTS = frozenset({*(method for method in PROTOCOL if method.endswith("/list")), "skills/list"})
TASKS_RULE = Rule(methods=TASK_METHODS)
"""Rule of `allow` of a server with tasks and a policy: a task belongs to the principal whose call was allowed."""


@dataclass(frozen=True)
class Recorded:
    """Recorded entry, as far as rules select by it.

    Attributes:
        kind: The key of its patterns in a selector: `tools`, `resources` or `prompts`.
        name: Its name, URI or URI template.
        component: Its component.
        tags: Its tags.
    """

    kind: str
    name: str
    component: str
    tags: tuple[str, ...]

    def meets(self, selector: Selector) -> bool:
        """Return true if a selector selects the entry by its name, tags and component."""
        patterns = getattr(selector, self.kind)
        if patterns is None and any(getattr(selector, kind) is not None for kind in PATTERNS):
            return False
        return (
            (patterns is None or any(matches(pattern, self.name) for pattern in patterns))
            and (selector.tags is None or bool(set(selector.tags) & set(self.tags)))
            and (selector.components is None or self.component in selector.components)
        )


@dataclass(frozen=True)
class Known:
    """Facts about a server with which its policy is checked.

    Attributes:
        entries: The recorded entries.
        templates: True if it has resource templates: resources can exist that are not recorded.
        dynamic: The components whose lists are read at run time.
        methods: True if one of its components can answer methods of its own.
        tasks: True if one of its tools can run as a task.
        paths: The paths that its filters name.
    """

    entries: Sequence[Recorded]
    templates: bool
    dynamic: Sequence[str]
    methods: bool
    tasks: bool
    paths: Sequence[str] = field(default=())


def declared_conditions(members: Sequence[Member]) -> tuple[dict[tuple[str, str], Condition], list[str]]:
    """Return the conditions that entries declare, by kind of list and identity, and the problems of the others."""
    found: dict[tuple[str, str], Condition] = {}
    problems = []
    for member in members:
        for kind, identity in IDENTITIES.items():
            for item in member.catalogue.items(kind):
                scopes = _declared(item)
                if scopes is None:
                    continue
                given = scopes if isinstance(scopes, list) else []
                problem = scopes_problem(given) if given else "must be a list of scopes that is not empty"
                if problem is None:
                    found[kind, item[identity]] = Condition(tuple(dict.fromkeys(map(str, given))))
                else:
                    problems.append(
                        f"`{SCOPES}` of the {NOUNS[kind]} `{item[identity]}` in the component "
                        f"`{member.component.name}` {problem}"
                    )
    return found, problems


def _declared(item: Item) -> object:
    meta = item.get("_meta")
    return meta.get(SCOPES) if isinstance(meta, Mapping) else None


def own_conditions(
    policy: Policy, declared: Mapping[tuple[str, str], Condition], known: Known
) -> tuple[dict[tuple[str, str], Condition], list[str]]:
    """Return the conditions of entries: of the table and of declarations, by kind of list and identity.

    The second value has the problems.
    """
    found = dict(declared)
    problems = []
    recorded = {(entry.kind, entry.name) for entry in known.entries}
    for key, conditions in policy.own.items():
        for name, condition in conditions.items():
            place = f'`policy.{key}."{name}"`'
            problems += [f"{place} {problem}" for problem in _condition_problems(condition)]
            if (key, name) not in recorded and not known.dynamic:
                names = ", ".join(f"`{entry.name}`" for entry in known.entries if entry.kind == key) or "none"
                problems.append(f"{place} names none of the {key} of the server: {names}")
            kind = "templates" if key == "resources" and "{" in name else key
            found[kind, name] = found.get((kind, name), Condition()).joined(condition)
    return found, problems


def policy_problems(policy: Policy, known: Known, own: Mapping[tuple[str, str], Condition]) -> Iterator[str]:
    """Yield the problems of the rules of a policy, except for names that its selectors do not find."""
    if policy.deny and not policy.allow and not own:
        yield (
            "`policy` has only rules of `deny`, and with a rule a request is denied unless one of `allow` permits it: "
            "no request would be permitted; add rules of `allow`"
        )
    for place, rule in policy.rules:
        for problem in (*_condition_problems(rule.condition), *_method_problems(place, rule, known)):
            yield f"`policy.{place}` {problem}"
        for path in rule.paths or ():
            if known.paths and path not in (*known.paths, ROOT):
                yield f"`policy.{place}` names the path `{path}`, which has no filter: requests to it get 404"
        if (nothing := _selects_nothing(rule, known)) is not None:
            yield f"`policy.{place}` {nothing}"
    yield from _unreachable(policy)


def _condition_problems(condition: Condition) -> Iterator[str]:
    if (problem := scopes_problem(condition.scopes)) is not None:
        yield problem
    for claim in condition.claims:
        if (problem := claim_problem(claim)) is not None:
            yield f"with the claim `{'.'.join(claim.path)}` {problem}"


def _method_problems(place: str, rule: Rule, known: Known) -> Iterator[str]:
    about = [kind for kind in PATTERNS if getattr(rule.selector, kind) is not None]
    selective = rule.selector != Selector()
    for method in rule.methods or ():
        if method in _SAME:
            yield f"names `{method}`: write `{_SAME[method]}`, which stands for it as well"
        elif method in METHODS:
            if about and not set(about) & set(METHODS[method]):
                kinds = " and ".join(METHODS[method])
                selected = " and ".join(about)
                yield f"can never match a request of `{method}`, which is about {kinds}: it selects {selected}"
        elif method in _LISTS:
            yield f"names `{method}`, which needs no rule: it lists what the principal may use"
        elif method in PROTOCOL:
            yield f"names `{method}`, which is permitted to every principal: it is about no entry"
        elif method in TASK_METHODS and known.tasks and place.startswith("allow"):
            yield f"names `{method}`, which needs no rule: a task belongs to the principal whose call was allowed"
        elif method in TASK_METHODS and not known.tasks and not known.methods:
            yield f"names `{method}`, but no tool of the server runs as a task"
        elif method not in TASK_METHODS and not known.methods:
            yield f"names the unknown method `{method}`{_similar(method)}"
        elif selective:
            yield f"can never match a request of `{method}`, which is about no entry: remove what selects entries"


def _similar(method: str) -> str:
    """Return the end of a sentence with the most similar method, or all."""
    near = get_close_matches(method, METHODS, n=1)
    return f"; did you mean `{near[0]}`?" if near else f"; known: {', '.join(f'`{one}`' for one in METHODS)}"


def _selects_nothing(rule: Rule, known: Known) -> str | None:
    """Return the error for a rule that no entry meets, or None. A rule without effect permits or denies too little."""
    if known.dynamic or rule.selector == Selector():
        return None
    kinds = {kind for method in rule.methods or METHODS for kind in METHODS.get(method, ())}
    entries = [entry for entry in known.entries if entry.kind in kinds]
    names = {(entry.kind, entry.name) for entry in known.entries}
    if any(
        "*" not in pattern and (key, pattern) not in names
        for key in ("tools", "prompts")
        for pattern in getattr(rule.selector, key) or ()
    ):
        return None  # an unknown name, which is a problem of its own
    for key in PATTERNS:
        for pattern in getattr(rule.selector, key) or ():
            own = [entry for entry in entries if entry.kind == key]
            if (
                "*" in pattern
                and not (key == "resources" and known.templates)
                and not any(matches(pattern, entry.name) for entry in own)
            ):
                return f"names `{pattern}`, which matches none of the {key} of the server"
    if rule.selector.resources is not None and known.templates:
        return None
    return None if any(entry.meets(rule.selector) for entry in entries) else "selects no entry of the server"


def _unreachable(policy: Policy) -> Iterator[str]:
    """Yield the rules that have no effect because of another rule."""
    for index, rule in enumerate(policy.allow):
        for other, denial in enumerate(policy.deny):
            if _covers(denial, rule):
                yield f"`policy.allow[{index}]` has no effect: `deny[{other}]` denies every request that it permits"
                break
        else:
            yield from _redundant("allow", index, rule, policy.allow)
    for index, rule in enumerate(policy.deny):
        yield from _redundant("deny", index, rule, policy.deny)


def _redundant(effect: str, index: int, rule: Rule, rules: Sequence[Rule]) -> Iterator[str]:
    for other, wider in enumerate(rules):
        # Of two equal rules the second is redundant.
        if other != index and _covers(wider, rule) and not (other > index and _covers(rule, wider)):
            yield f"`policy.{effect}[{index}]` has no effect: `{effect}[{other}]` matches every request that it matches"
            return


def _covers(wide: Rule, narrow: Rule) -> bool:
    """Return true if a rule matches every request that another one matches, as far as their text shows."""
    for key in PATTERNS:
        one, other = getattr(wide.selector, key), getattr(narrow.selector, key)
        if one is None:
            if other is not None and any(getattr(wide.selector, kind) is not None for kind in PATTERNS):
                return False
        elif other is None:
            if not any(getattr(narrow.selector, kind) is not None for kind in PATTERNS):
                return False
        elif not all(any(matches(pattern, text) for pattern in one) for text in other):
            return False
    lists = (
        (wide.selector.tags, narrow.selector.tags),
        (wide.selector.components, narrow.selector.components),
        (wide.methods, narrow.methods),
        (wide.paths, narrow.paths),
    )
    for one, other in lists:
        if one is not None and (other is None or not set(other) <= set(one)):
            return False
    if not set(wide.condition.scopes) <= set(narrow.condition.scopes):
        return False
    return all(any(_implies(other, claim) for other in narrow.condition.claims) for claim in wide.condition.claims)


def _implies(narrow: Claim, wide: Claim) -> bool:
    wanted = {(type(value), value) for value in wide.values}
    return narrow.path == wide.path and {(type(value), value) for value in narrow.values} <= wanted
