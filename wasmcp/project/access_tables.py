"""Tables `filters` of a server: the entries that exist under each path of its endpoint."""

from __future__ import annotations

from wasmcp.compose.access import PATTERNS, Access, Filter, Selector, path_problem
from wasmcp.project.toml_table import Table

_KEYS = (*PATTERNS, "tags", "components")


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
    return Access(filters)


def _selectors(table: Table, key: str) -> tuple[Selector, ...]:
    """Return the selectors of a key: one table, or a list of tables."""
    found = []
    for below in table.one_or_more(key):
        values = {name: below.strings(name) for name in _KEYS}
        if not any(name in below for name in _KEYS):
            below.problems.append(f"`{below.path}` is empty: it would select every entry")
        for name, value in values.items():
            if value is not None and (not value or not all(value)):
                below.problem(name, "must not be empty, nor contain an empty string")
        below.finish()
        found.append(Selector(**{name: tuple(value) for name, value in values.items() if value is not None}))
    return tuple(found)
