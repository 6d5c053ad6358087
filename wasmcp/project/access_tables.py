"""Tables `filters` and `policy` of a server: the entries under each path, and the requests that principals may send."""

from __future__ import annotations

from collections.abc import Iterator

from wasmcp.compose.access import PATTERNS, Access, Filter, Policy, Selector, path_problem
from wasmcp.compose.policy import Claim, Condition, Rule, claim_problem, scopes_problem
from wasmcp.project.toml_table import Table

_KEYS = (*PATTERNS, "tags", "components")
CLAIM_DEPTH = 8
_REGO = (
    "is text, but policies are tables of rules: a policy in Rego, of the Rust tool `wasmcp`, is not evaluated. Write "
    "its rules as `allow` and `deny`; see docs/guides/policy.md"
)


def read_access(server: Table) -> Access:
    """Return the access rules in the table of a server; mistakes are collected in the tables."""
    filters: dict[str, Filter] = {}
    for path, table in server.tables("filters").items():
        problem = path_problem(path)
        if problem:
            table.problems.append(f"`{table.path}` {problem}")
        allow = _selectors(table, "allow") if "allow" in table else None
        filters[path] = Filter(allow, _selectors(table, "deny"))
        if allow is None and "deny" not in table:
            table.problems.append(f"`{table.path}` has neither `allow` nor `deny`")
        table.finish()
    return Access(filters, _policy(server))


def _policy(server: Table) -> Policy:
    """Return the policy in the table of a server."""
    if isinstance(server.some(["policy"]).get("policy"), str):
        server.problem("policy", _REGO)
        return Policy()
    table = server.table("policy")
    if table is None:
        return Policy()
    own = {
        key: {name: _condition(below, alone=True) for name, below in table.tables(key).items()}
        for key in PATTERNS
        if key in table
    }
    found = Policy(_rules(table, "allow"), _rules(table, "deny"), own)
    if not found:
        table.problems.append(f"`{table.path}` has no rules and no conditions: it would have no effect")
    table.finish()
    return found


def _rules(table: Table, key: str) -> tuple[Rule, ...]:
    return tuple(_rule(below) for below in table.one_or_more(key))


def _rule(table: Table) -> Rule:
    selector = _selector(table)
    methods, paths = table.texts("methods"), table.texts("paths")
    for path in paths or ():
        if (problem := path_problem(path)) is not None:
            table.problems.append(f"`{table.path}.paths`: `{path}` {problem}")
    rule = Rule(selector, methods, paths, _condition(table))
    if rule == Rule():
        table.problems.append(
            f'`{table.path}` is empty: it would match every request; name what it is for, as in `tools = ["*"]`'
        )
    table.finish()
    return rule


def _condition(table: Table, *, alone: bool = False) -> Condition:
    """Return the condition on a principal; `alone`: nothing else is in the table."""
    scopes = table.texts("scopes") or ()
    if (problem := scopes_problem(scopes)) is not None:
        table.problem("scopes", problem)
    below = table.table("claims")
    claims = () if below is None else tuple(_claims(below, ()))
    if below is not None and not claims:
        table.problem("claims", "must not be empty")
    for claim in claims:
        if (problem := claim_problem(claim)) is not None:
            table.problem("claims", f"with `{'.'.join(claim.path)}` {problem}")
    if alone:
        if not scopes and not claims:
            table.problems.append(f"`{table.path}` needs `scopes` or `claims`")
        table.finish()
    return Condition(scopes, claims)


def _claims(table: Table, above: tuple[str, ...]) -> Iterator[Claim]:
    """Yield the conditions on claims; a table is an object of the token, and its keys are members."""
    for name, value in table.items().items():
        path = (*above, name)
        if not isinstance(value, dict):
            yield Claim(path, tuple(value) if isinstance(value, list) else (value,))
        elif len(path) == CLAIM_DEPTH:
            table.problem(name, f"is nested deeper than {CLAIM_DEPTH} levels")
        elif (below := table.table(name)) is not None:
            yield from _claims(below, path)


def _selectors(table: Table, key: str) -> tuple[Selector, ...]:
    """Return the selectors of a key: one table, or a list of tables."""
    found = []
    for below in table.one_or_more(key):
        if not any(name in below for name in _KEYS):
            below.problems.append(f"`{below.path}` is empty: it would select every entry")
        found.append(_selector(below))
        below.finish()
    return tuple(found)


def _selector(table: Table) -> Selector:
    values = {name: table.texts(name) for name in _KEYS}
    return Selector(**{name: value for name, value in values.items() if value is not None})
