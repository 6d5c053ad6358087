"""Access rules and policy of a server, checked against its entries and compiled at composition.

The framework component `access-control` applies them; framework/lib/access.zig and framework/lib/policy.zig describe
their forms. It compares the normal form of a URI, and this form decoded. An author can write a pattern of URIs in
another form, `notes://Private/*` for example: the normal form of a host is in lower case. Compiled patterns have the
forms in which servers compare.

Source: RFC 3986, section 6.2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any
from urllib.parse import unquote_to_bytes

from wasmcp.component.custom_sections import custom_section
from wasmcp.compose.access import (
    METHODS,
    PATTERNS,
    ROOT,
    SCOPES,
    Access,
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
from wasmcp.compose.chain_plan import DynamicComponent, Member, Part, Segment, components_of, members_of
from wasmcp.compose.component_reader import offered
from wasmcp.compose.interfaces import SERVER_HANDLER
from wasmcp.compose.metadata import Authorization
from wasmcp.errors import CompositionError
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


_ANY_SCHEME = re.compile(r"[A-Za-z0-9+.*-]*\*[A-Za-z0-9+.*-]*(?=://)")
_DELIMITERS = re.compile(r"[/?#:@*%]")


def comparable(selector: Mapping[str, Any], *, denied: bool) -> dict[str, Any]:
    """Return a selector or rule, as JSON values, with the further forms of its patterns of URIs.

    Args:
        selector: The selector or rule.
        denied: True for one that denies. One that permits gets the decoded form of a pattern only if no delimiter is
            encoded in it: `a%2Fb` does not permit `a/b`.
    """
    if "resources" not in selector:
        return dict(selector)
    forms = {form: None for pattern in selector["resources"] for form in (pattern, *_forms(pattern, denied=denied))}
    return {**selector, "resources": list(forms)}


def _forms(pattern: str, *, denied: bool) -> list[str]:
    normal = _normal(pattern)
    try:
        decoded = unquote_to_bytes(normal).decode()
    except UnicodeDecodeError:
        return [normal]
    same = _DELIMITERS.findall(decoded) == _DELIMITERS.findall(re.sub("%[0-9A-F]{2}", "", normal))
    return [normal, decoded] if denied or same else [normal]


def _normal(pattern: str) -> str:
    """Return the normal form of a pattern; the pattern itself if it does not begin with a scheme."""
    from wasmcp.guest.json_types.uris import normalized  # slow: few servers have patterns of URIs

    wild = _ANY_SCHEME.match(pattern)
    try:
        normal = normalized(f"x{pattern[wild.end() :]}" if wild else pattern).key
    except ValueError:
        return pattern
    if wild:
        normal = wild[0].lower() + normal[1:]
    # The path of a URI with a host name is at least `/`, which `*` at the end of a pattern stands for as well.
    return normal.removesuffix("/") if pattern.endswith("*") else normal


SECTION = "wasmcp-access"
"""Custom section with the access rules of a server, for commands that explain them."""

TAGS = "wasmcp/tags"
"""Key of `_meta` with the tags of an entry. Those of FastMCP, `_meta.fastmcp.tags`, count as well."""


def tags_of(item: Item) -> tuple[str, ...]:
    """Return the tags of an entry, from its `_meta`."""
    meta = item.get("_meta")
    if not isinstance(meta, Mapping):
        return ()
    fastmcp = meta.get("fastmcp")
    lists = [meta.get(TAGS), fastmcp.get("tags") if isinstance(fastmcp, Mapping) else None]
    found = [tag for one in lists if isinstance(one, list) for tag in one if isinstance(tag, str)]
    return tuple(dict.fromkeys(found))


def compiled(
    access: Access,
    parts: Sequence[Part],
    *,
    auth: Authorization = "operator",
    development: bool = False,
    tasks: Collection[str] = (),
    unlisted_tasks: bool = False,
) -> dict[str, Any] | None:
    """Return the rules of a server in the form that the framework reads, as JSON values; None without rules.

    Args:
        access: The rules as the author writes them. The conditions that entries declare are added.
        parts: The chain.
        auth: The server's authorization.
        development: True for a development build, in which the lists of every Python component are read at run time.
        tasks: The names of the tools that can run as tasks.
        unlisted_tasks: True if tools that are listed at run time can run as tasks.

    Raises:
        CompositionError: A rule cannot hold: it names a component, a tag, a tool or a prompt that is not in the server,
            or refers to tags or components of entries that are not recorded; or it has no effect. The error lists all
            problems.
    """
    has_tasks = bool(tasks) or unlisted_tasks
    members = members_of(parts)
    dynamic = [part.component.name for part in parts if isinstance(part, DynamicComponent)]
    known = Known(
        entries=[*_recorded(members), *_skills(parts)],
        templates=any(member.catalogue.templates for member in members),
        dynamic=dynamic,
        methods=any(SERVER_HANDLER in component.offers for component in components_of(parts)),
        tasks=has_tasks,
        paths=tuple(access.filters),
    )
    declared, problems = declared_conditions(members)
    own, more = own_conditions(access.policy, declared, known)
    problems += more
    problems += _problems(access, members, dynamic)
    problems += policy_problems(access.policy, known, own)
    if access.policy and auth == "none":
        problems.append(
            'the server has a policy and `auth = "none"`: without authorization no request over HTTP has a principal'
        )
    if problems and development:
        problems.append(
            "the lists of Python components of a development build are read at run time: with filters by their tags or "
            "components test a release build, without `--wasmcp-fast`"
        )
    if problems:
        raise CompositionError("; ".join(problems))
    if not access and not own:
        return None
    paths = {path: _comparable(one.to_dict()) for path, one in access.filters.items()}
    if not paths:
        # Other spellings of a path that rules name must not be endpoints.
        paths = {path: {"deny": []} for path in access.policy.paths if path != ROOT}
    policy = access.policy
    if has_tasks and (policy.allow or policy.deny):
        policy = replace(policy, allow=(*policy.allow, TASKS_RULE))
    return {
        **({"paths": paths} if paths or access.policy.paths else {}),
        "entries": {kind: _entries(kind, members, own) for kind in IDENTITIES},
        **(_announcing(parts, members, tasks, unlisted_tasks=unlisted_tasks) if access.filters else {}),
        **({"policy": _comparable(policy.to_dict())} if access.policy or own else {}),
    }


def _comparable(lists: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """Return the rules of `allow` and `deny` with their patterns of URIs in all forms that are compared."""
    return {effect: [comparable(one, denied=effect == "deny") for one in rules] for effect, rules in lists.items()}


def access_section(rules: str) -> bytes:
    """Return the custom section with compiled rules."""
    return custom_section(SECTION, rules.encode())


def read_access(sections: Sequence[bytes]) -> dict[str, Any] | None:
    """Return the rules in the sections of a server; None if it has none, more than one record, or an invalid one."""
    try:
        found = json.loads(sections[0]) if len(sections) == 1 else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and _is_valid(found) else None


def _is_valid(rules: dict[str, Any]) -> bool:
    """Return true if a document has the form of `compiled`."""
    paths, entries, policy = rules.get("paths", {}), rules.get("entries"), rules.get("policy", {})
    if not isinstance(paths, dict) or not isinstance(entries, dict) or not isinstance(policy, dict):
        return False
    rows = [rule for effect in ("allow", "deny") for rule in _list(policy.get(effect, []))]
    rows += [entry["own"] for kind in IDENTITIES for entry in _list(entries.get(kind)) if "own" in entry]
    if not all(map(_is_rule, rows)) or not all(isinstance(policy.get(one, []), list) for one in ("allow", "deny")):
        return False
    lists = [entries.get(kind) for kind in IDENTITIES]
    for one in paths.values():
        if not isinstance(one, dict):
            return False
        lists += one.values()
    if not all(isinstance(found, list) and all(isinstance(each, dict) for each in found) for found in lists):
        return False
    selectors = [each for one in paths.values() for found in one.values() for each in found]
    return all(_is_texts(value) for each in selectors for value in each.values()) and all(
        isinstance(entry.get("name"), str) and isinstance(entry.get("component"), str) and _is_texts(entry.get("tags"))
        for kind in IDENTITIES
        for entry in entries[kind]
    )


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _list(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _is_rule(rule: object) -> bool:
    if not isinstance(rule, dict):
        return False
    claims = rule.get("claims", [])
    return all(_is_texts(value) for name, value in rule.items() if name != "claims") and (
        isinstance(claims, list)
        and all(
            isinstance(claim, dict) and _is_texts(claim.get("path")) and isinstance(claim.get("values"), list)
            for claim in claims
        )
    )


_VARIABLES = re.compile(r"\{[+#./;?&]?([^{}]*)\}")


def variables_of(template: str) -> list[str]:
    """Return the names of the variables of a resource template. RFC 6570, section 2.3."""
    names = [name.rstrip("*") for listed in _VARIABLES.findall(template) for name in listed.split(",")]
    return list(dict.fromkeys(names))


def _recorded(members: Sequence[Member]) -> list[Recorded]:
    return [
        Recorded("resources" if kind == "templates" else kind, item[identity], member.component.name, tags_of(item))
        for kind, identity in IDENTITIES.items()
        for member in members
        for item in member.catalogue.items(kind)
    ]


def _skills(parts: Sequence[Part]) -> list[Recorded]:
    """Return the resources that list the skills of the server; they belong to no component."""
    catalogues = [part.skills for part in parts if isinstance(part, Segment) and part.skills is not None]
    return [Recorded("resources", item["uri"], "", ()) for one in catalogues for item in one.resources]


def _entries(kind: str, members: Sequence[Member], own: Mapping[tuple[str, str], Condition]) -> list[dict[str, Any]]:
    """Return the entries of a list: those that are recorded, and those of dynamic components with a condition."""
    identity = IDENTITIES[kind]
    facts = {
        item[identity]: {"component": member.component.name, "tags": list(tags_of(item))}
        for member in members
        for item in member.catalogue.items(kind)
    }
    for one, name in own:
        if one == kind:
            facts.setdefault(name, {"component": "", "tags": []})
    entries = []
    for name in sorted(facts, key=str.encode):
        entry = {"name": name, **facts[name]}
        if kind == "templates":
            entry["variables"] = variables_of(name)
        if (kind, name) in own:
            entry["own"] = own[kind, name].to_dict()
        entries.append(entry)
    return entries


def _announcing(
    parts: Sequence[Part], members: Sequence[Member], tasks: Collection[str], *, unlisted_tasks: bool
) -> dict[str, Any]:
    """Return further facts by which a path announces the capabilities of its entries only."""
    references = [reference for member in members for reference in member.catalogue.completions]
    completed = [
        ("templates", one["uri"]) if one["type"] == "ref/resource" else ("prompts", one["name"]) for one in references
    ]
    more = {*completed, *((one.kind, one.name) for one in _skills(parts)), *(("tools", name) for name in tasks)}
    dynamic = [offered(part.component) for part in parts if isinstance(part, DynamicComponent)]
    dynamic += [{"tasks"}] if unlisted_tasks else []
    found: dict[str, list[Any]] = {
        "more": [{"kind": kind, "name": name} for kind, name in sorted(more)],
        "dynamic": sorted(set().union(*dynamic)),
    }
    return {name: value for name, value in found.items() if value}


@dataclass(frozen=True)
class _Known:
    """Facts about the entries of a server, with which its filters are checked.

    Attributes:
        components: The components with recorded lists.
        tags: The tags of their entries.
        names: The names of their tools and prompts, by kind.
        dynamic: The components whose lists are read at run time.
    """

    components: Sequence[str]
    tags: frozenset[str]
    names: Mapping[str, frozenset[str]]
    dynamic: Sequence[str]


def _problems(access: Access, members: Sequence[Member], dynamic: Sequence[str]) -> list[str]:
    items = {kind: [item for one in members for item in one.catalogue.items(kind)] for kind in IDENTITIES}
    known = _Known(
        components=[member.component.name for member in members],
        tags=frozenset(tag for found in items.values() for item in found for tag in tags_of(item)),
        names={kind: frozenset(item[IDENTITIES[kind]] for item in items[kind]) for kind in ("tools", "prompts")},
        dynamic=dynamic,
    )
    problems = [
        f"`{effect}` of the filter of `{path}` names {problem}"
        for path, one in access.filters.items()
        for effect, selectors in (("allow", one.allow or ()), ("deny", one.deny))
        for selector in selectors
        for problem in _unknown(selector, known, denied=effect == "deny")
    ]
    return problems + [
        f"`policy.{place}` names {problem}"
        for place, rule in access.policy.rules
        for problem in _unknown(rule.selector, known, denied=place.startswith("deny"))
    ]


def _unknown(selector: Selector, known: _Known, *, denied: bool) -> Iterator[str]:
    """Yield unknown names in a selector. A filter that silently selects nothing would hide less than intended."""
    for name in selector.components or ():
        if name in known.dynamic:
            yield f"the component `{name}`, whose lists are read at run time: select its entries by name"
        elif name not in known.components:
            yield f"the component `{name}`, which is not in the server; it has {_listed(known.components)}"
    for tag in selector.tags or ():
        if known.dynamic and denied:
            yield (
                f"the tag `{tag}`, but the tags of `{known.dynamic[0]}` are not known: its lists are read at "
                "run time. Deny its entries by name"
            )
        elif tag not in known.tags:
            yield f"the tag `{tag}`, which no entry has; the tags are {_listed(sorted(known.tags))}"
    for kind, names in () if known.dynamic else known.names.items():
        for pattern in getattr(selector, kind) or ():
            if "*" not in pattern and pattern not in names:
                yield f"`{pattern}`, which is not among the {kind} of the server: {_listed(sorted(names))}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"
