"""Tables of ``[tool.wasmcp]``: their keys with types and meanings, and a reader that collects all mistakes.

The reader (`wasmcp.project.config`) and the JSON Schema (`wasmcp.project.tool_schema`) take the keys from here: a
reader can read no other key, and no key with another type. Keys and tables that several tables have are read here:
names, paths, extensions, registries, filters and policies. Registry modules are imported only if registry keys are
used.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from wasmcp.compose.access import (
    PATTERNS,
    Access,
    Claim,
    Condition,
    Filter,
    Policy,
    Rule,
    Selector,
    claim_problem,
    scopes_problem,
)
from wasmcp.compose.access import path_problem as endpoint_problem
from wasmcp.compose.metadata import AUTHORIZATIONS
from wasmcp.errors import ConfigError, InvalidReferenceError
from wasmcp.host.configuration.declared import REUSES
from wasmcp.host.operations.rate_limits import CLIENTS, KINDS
from wasmcp.package_data import FRAMEWORK_COMPONENTS
from wasmcp.project.model import RUNTIMES
from wasmcp.toolchains import LANGUAGES
from wasmcp.toolchains.base import did_you_mean

_TYPES = {bool: "a boolean", str: "a string", int: "an integer", float: "a number", list: "a list", dict: "a table"}


_BARE = re.compile(r"[A-Za-z0-9_-]+")


def shown(value: object) -> str:
    """Return a TOML value for a message: short, with its type."""
    text = repr(value)
    text = text if len(text) <= 60 else f"{text[:57]}..."
    kind = _TYPES.get(type(value), f"a {type(value).__name__}")
    return f"{kind} ({text})"


def _written(key: str) -> str:
    """Return a key as written in TOML: quoted unless it is bare."""
    return key if _BARE.fullmatch(key) else f'"{key}"'


Kind = Literal["string", "boolean", "count", "strings", "texts", "table", "tables", "one or more", "grants"]


@dataclass(frozen=True)
class Key:
    """Key that a table can have.

    Attributes:
        kind: The type of its value. ``texts`` is a list of strings with at least one, none of them empty; ``tables`` a
            table of tables; ``one or more`` a table or a list of tables.
        meaning: One line for editors.
        choices: The accepted strings; empty: any.
        default: The value if the key is missing.
        form: The name of the form of its value, of its strings, or of a table whose keys are names; empty: any.
        keys: The keys of its table, or of each of its tables.
        names: The form of the names of its tables.
    """

    kind: Kind
    meaning: str
    choices: tuple[str, ...] = ()
    default: str | bool | None = None
    form: str = ""
    keys: Mapping[str, Key] | None = None
    names: str = ""


class Table:
    """Table of the configuration, and the mistakes found in it.

    Attributes:
        path: Its TOML path, for the messages.
        problems: The collected mistakes; shared by all tables of one file.
        keys: The keys that it can have; None if its keys are names.
    """

    def __init__(
        self, data: Mapping[str, Any], path: str, problems: list[str], keys: Mapping[str, Key] | None = None
    ) -> None:
        self._data = data
        self._known: set[str] = set()
        self.keys = keys
        self.path = path
        self.problems = problems

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def problem(self, key: str, sentence: str) -> None:
        """Add a mistake; the sentence continues after the path of the key."""
        self.problems.append(f"`{self.path}.{_written(key)}` {sentence}")

    def _declared(self, key: str, *kinds: Kind) -> Key | None:
        """Return the declaration of a key that is read as one of these types; None in a table without declarations."""
        if self.keys is None:
            return None
        declared = self.keys[key]
        if declared.kind not in kinds:
            raise TypeError(f"`{self.path}.{key}` is declared as {declared.kind}, and read as {kinds[0]}")
        return declared

    def _value(self, key: str, kind: type) -> Any:
        self._known.add(key)
        value = self._data.get(key)
        if value is not None and type(value) is not kind:
            self.problem(key, f"must be {_TYPES[kind]}, not {shown(value)}")
            return None
        return value

    def string(self, key: str, default: str | None = None) -> str | None:
        """Return a string; an empty one is a mistake."""
        self._declared(key, "string")
        value: str | None = self._value(key, str)
        if value is not None and not value.strip():
            self.problem(key, "must not be empty")
            return default
        return default if value is None else value

    def boolean(self, key: str, *, default: bool) -> bool:
        """Return a boolean."""
        self._declared(key, "boolean")
        value: bool | None = self._value(key, bool)
        return default if value is None else value

    def count(self, key: str) -> int | None:
        """Return an integer above 0; None if the key is missing."""
        self._declared(key, "count")
        value: int | None = self._value(key, int)
        if value is not None and value < 1:
            self.problem(key, f"must be above 0, not {shown(value)}")
            return None
        return value

    def strings(self, key: str) -> list[str] | None:
        """Return a list of strings without repetitions, or None if the key is missing."""
        self._declared(key, "strings", "texts", "grants")
        value = self._value(key, list)
        if value is None:
            return None
        for index, item in enumerate(value):
            if not isinstance(item, str):
                self.problems.append(f"`{self.path}.{key}[{index}]` must be a string, not {shown(item)}")
            elif item in value[:index]:
                self.problems.append(f"`{self.path}.{key}[{index}]` names `{item}` a second time")
        return list(dict.fromkeys(item for item in value if isinstance(item, str)))

    def texts(self, key: str) -> tuple[str, ...] | None:
        """Return a list of at least one string, none of them empty, or None if the key is missing."""
        self._declared(key, "texts")
        found = self.strings(key)
        if found is not None and (not found or not all(found)):
            self.problem(key, "must not be empty, nor contain an empty string")
        return None if found is None else tuple(found)

    def choice(self, key: str, choices: tuple[str, ...], default: str) -> str:
        """Return one of the allowed strings."""
        declared = self._declared(key, "string")
        if declared is not None and (declared.choices, declared.default) != (choices, default):
            raise TypeError(f"`{self.path}.{key}` is declared with other choices than it is read with")
        value = self.string(key, default)
        if value not in choices:
            listed = ", ".join(f"`{choice}`" for choice in choices)
            self.problem(key, f"must be one of {listed}, not `{value}`")
            return default
        return value

    def table(self, key: str) -> Table | None:
        """Return a nested table, or None."""
        declared = self._declared(key, "table", "grants")
        return self._table(key, None if declared is None else declared.keys)

    def _table(self, key: str, keys: Mapping[str, Key] | None) -> Table | None:
        value = self._value(key, dict)
        return None if value is None else Table(value, f"{self.path}.{_written(key)}", self.problems, keys)

    def tables(self, key: str) -> dict[str, Table]:
        """Return the tables of a table of tables, by name."""
        declared = self._declared(key, "tables")
        parent = self._table(key, None)
        if parent is None:
            return {}
        keys = None if declared is None else declared.keys
        found = {name: parent._table(name, keys) for name in parent.items()}  # noqa: SLF001 - the same class
        return {name: table for name, table in found.items() if table is not None}

    def one_or_more(self, key: str) -> list[Table]:
        """Return the tables of a key with one table or a list of tables; none if it is missing."""
        declared = self._declared(key, "one or more")
        keys = None if declared is None else declared.keys
        self._known.add(key)
        value = self._data.get(key)
        if isinstance(value, dict):
            return [Table(value, f"{self.path}.{_written(key)}", self.problems, keys)]
        if value is not None and (not isinstance(value, list) or not all(isinstance(one, dict) for one in value)):
            self.problem(key, f"must be a table or a list of tables, not {shown(value)}")
            return []
        return [
            Table(one, f"{self.path}.{_written(key)}[{index}]", self.problems, keys)
            for index, one in enumerate(value or ())
        ]

    def items(self) -> dict[str, Any]:
        """Return all keys and values unchanged, and mark the keys as known."""
        self._known.update(self._data)
        return dict(self._data)

    def some(self, keys: Iterable[str]) -> dict[str, Any]:
        """Return the values of the present keys among `keys` unchanged, and mark them as known."""
        found = {key: self._data[key] for key in keys if key in self._data}
        self._known.update(found)
        return found

    def finish(self) -> None:
        """Add a mistake for every unknown key."""
        for key in self._data:
            if key not in self._known:
                self.problem(key, f"is unknown{did_you_mean(key, self._known)}")


def package_reference(table: Table) -> str | None:
    """Return the registry reference of a component, or None; an invalid reference is a mistake of the table."""
    value = table.string("package")
    if value is not None:
        from wasmcp.registry.oci.references import parse as parse_reference

        try:
            parse_reference(value)
        except InvalidReferenceError as error:
            table.problem("package", f"is invalid: {error}")
    return value


def check_registry(table: Table, data: Mapping[str, Any], root: Path) -> None:
    """Collect the mistakes in namespaces and policy, which `wasmcp.registry.names.namespace_policy` reads later."""
    keys = [key for key in ("namespaces", "policy") if table.table(key) is not None]
    if not keys:
        return
    from wasmcp.registry.names.namespace_policy import parse_settings

    try:
        parse_settings({key: data[key] for key in keys}, "pyproject.toml", root, "tool.wasmcp.")
    except ConfigError as error:
        table.problems.extend(error.problems)


NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_NAME_RULE = "1 to 64 lower-case letters, digits, `-`, `_` and `.`, a letter or digit at both ends"


def read_path(table: Table, key: str, root: Path) -> str | None:
    """Return a path inside the project, because a source distribution must include the file."""
    value = table.string(key)
    if value is None:
        return None
    problem = path_problem(value)
    if problem is not None:
        table.problem(key, problem)
    elif not Path(os.path.realpath(root / value)).is_relative_to(root.resolve()):  # `resolve` fails for a loop of links
        table.problem(key, f"leads out of the project through a link: `{value}`")
    else:
        return PurePosixPath(value).as_posix()
    return None


def path_problem(value: str) -> str | None:
    """Return why a text is not a path inside the project, as the end of a sentence; None if it is."""
    found = PurePosixPath(value)
    if "\\" in value:
        return f"must be written with forward slashes, not `{value}`"
    if found.is_absolute() or ".." in found.parts or re.match(r"[A-Za-z]:", value):
        return f"must be a path inside the project, relative to its folder, not `{value}`"
    return None


def read_file(table: Table, key: str, root: Path, *, check: bool) -> str | None:
    """Return the path of a file of the project; with `check` it must exist."""
    value = read_path(table, key, root)
    if check and value is not None and not (root / value).is_file():
        kind = "is a folder, not a file" if (root / value).is_dir() else "does not exist"
        table.problem(key, f"{kind}: `{value}`")
    return value


def read_extensions(table: Table) -> dict[str, Any]:
    """Return the extensions of MCP in a table, with their settings."""
    below = table.table("extensions")
    if below is None:
        return {}
    # Imported here, because checking for an up-to-date build must not import the reader of components.
    from wasmcp.declaration_section import extension_problem

    extensions = below.items()
    for identifier, settings in extensions.items():
        problem = extension_problem(identifier, settings)
        if problem is not None:
            below.problem(identifier, problem)
    return extensions


def check_name(name: str, table: Table) -> None:
    """Check the name of a component or a server."""
    if not NAME.fullmatch(name):
        table.problems.append(f"`{table.path}`: `{name}` is not a usable name: {_NAME_RULE}")


_KIND_NAMES = {"tools": "names of tools", "resources": "URIs of resources", "prompts": "names of prompts"}

SELECTOR = {
    **{kind: Key("texts", f"Patterns for {_KIND_NAMES[kind]}; `*` matches any text.") for kind in PATTERNS},
    "tags": Key("texts", "Tags, one of which the entry has."),
    "components": Key("texts", "Names of components, one of which has the entry."),
}
FILTER = {
    "allow": Key("one or more", "Selectors of the entries that exist; by default all.", keys=SELECTOR),
    "deny": Key("one or more", "Selectors of the entries that do not exist.", keys=SELECTOR),
}
CONDITION = {
    "scopes": Key("texts", "Scopes, all of which the principal has.", form="scope"),
    "claims": Key("table", "Claims of the token, each with its value or a list of values.", form="claims"),
}
RULE = {
    **SELECTOR,
    "methods": Key("texts", "Methods of the request, for example `tools/call`."),
    "paths": Key("texts", "Paths of the endpoint: `/mcp` or below it.", form="endpoint"),
    **CONDITION,
}
POLICY = {
    "allow": Key("one or more", "Rules that permit requests.", keys=RULE),
    "deny": Key("one or more", "Rules that deny requests, whatever `allow` permits.", keys=RULE),
    **{kind: Key("tables", f"Conditions of single {kind}.", keys=CONDITION) for kind in PATTERNS},
}
VARIABLE = {
    "description": Key("string", "One line for the operator.", form="line"),
    "required": Key("boolean", "The server does not start without a value.", default=False),
    "secret": Key("boolean", "The value is not shown in messages.", default=False),
    "default": Key("string", "The value if the operator gives none.", form="can be empty"),
    "choices": Key("strings", "The accepted values."),
}
DIRECTORY = {
    "description": Key("string", "One line for the operator.", form="line"),
    "required": Key("boolean", "The server does not start without it.", default=False),
    "writable": Key("boolean", "The server can write to it.", default=False),
    "default": Key(
        "string", "The directory if the operator gives none: absolute, below `~/` or `{data}/`.", form="host path"
    ),
    "env": Key("string", "The environment variable with which the operator names it.", form="variable"),
}
LIMITS = {
    "by": Key("string", "The property that distinguishes clients.", choices=CLIENTS, default=CLIENTS[0]),
    **{kind: Key("string", "A rate, for example `10/minute`.", form="rate") for kind in KINDS},
    "tool": Key("table", "Rates of single tools.", form="rates"),
}
FRAMEWORK = {
    name: Key("string", "The compiled component that replaces it.", form="project path")
    for name in FRAMEWORK_COMPONENTS
}
SKILLS = Key(
    "table",
    "Folders of skills.",
    keys={
        "paths": Key("texts", "Patterns of folders with a `SKILL.md`, relative to the project.", form="project path"),
        "prefix": Key("string", "The beginning of the paths of the skills in the server.", form="skill path"),
    },
)
EXTENSIONS = Key("table", "Extensions of MCP, each with a table of settings.", form="extensions")
COMPONENT = {
    "source": Key("string", "The source file, to be compiled.", form="project path"),
    "path": Key("string", "A compiled component, instead of `source`.", form="project path"),
    "package": Key("string", "A component in a registry, instead of `source`: `ns:name@^1`.", form="reference"),
    "language": Key("string", "The language of the source; by default by its suffix.", choices=tuple(LANGUAGES)),
    "grants": Key("grants", "Families of host interfaces that it can use, or a table of rules."),
    "dynamic": Key("boolean", "Its lists are made for each request.", default=False),
    "names": Key("boolean", "It keeps the names of its functions, for backtraces.", default=False),
    "config": Key("table", "Values that its code reads with `wasmcp.guest.config`.", form="values"),
    "extensions": EXTENSIONS,
    "skills": SKILLS,
    **{language: Key("table", f"Options of the toolchain of {language}.", form="options") for language in LANGUAGES},
}
SERVER = {
    "components": Key("strings", "Names of components, in the order of the chain.", form="some"),
    "name": Key("string", "The name of the server; by default that of the project."),
    "title": Key("string", "Its display name."),
    "description": Key("string", "Its purpose; by default the description of the project."),
    "website-url": Key("string", "The URL of its website; by default the homepage of the project."),
    "instructions": Key("string", "Instructions for the model."),
    "on-duplicate": Key("string", "Handling of two tools of one name.", choices=("error", "first"), default="error"),
    "auth": Key("string", "Authorization of HTTP requests.", choices=AUTHORIZATIONS, default=AUTHORIZATIONS[0]),
    "environment": Key(
        "boolean", "The server reads its settings from the environment under any runtime.", default=False
    ),
    "settings": Key("table", "Settings that are baked in.", form="settings"),
    "coerce": Key("boolean", "Tools of its Python components accept JSON in strings.", default=False),
    "runtime": Key("string", "The target runtime.", choices=RUNTIMES, default=RUNTIMES[0]),
    "extensions": EXTENSIONS,
    "skills": SKILLS,
    "framework": Key("table", "Replacements of framework components.", keys=FRAMEWORK),
    "filters": Key("tables", "The entries under each path of the endpoint.", keys=FILTER, names="endpoint"),
    "policy": Key("table", "The requests that principals can send.", keys=POLICY),
    "env": Key("tables", "Environment variables from the operator.", keys=VARIABLE, names="variable"),
    "directories": Key("tables", "Directories from the operator.", keys=DIRECTORY, names="guest path"),
    "keyvalue": Key("string", "The default store: `memory:` or `sqlite:PATH`.", form="store"),
    "limits": Key("table", "Rate limits of each client.", keys=LIMITS),
    "instances": Key("count", "The number of concurrent requests; by default they depend on the load."),
    "reuse": Key("string", "The requests that share an instance.", choices=REUSES, default=REUSES[0]),
}
ROOT = {
    "package": Key(
        "string",
        "The folder of the import package that gets `_wasmcp/`; by default the only package.",
        form="project path",
    ),
    "components": Key("tables", "The components, by name.", keys=COMPONENT, names="name"),
    "servers": Key("tables", "The servers, by name.", keys=SERVER, names="name"),
    "skills": SKILLS,
    "aliases": Key("table", "Names of components for the command line.", form="aliases"),
    "profiles": Key("table", "Lists of components for the command line.", form="profiles"),
    "namespaces": Key("table", "The registry of each namespace, as `HOST/PREFIX`.", form="namespaces"),
    "policy": Key("table", "The signatures that components need.", form="signature policy"),
}
"""Keys of ``[tool.wasmcp]`` itself."""


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
        problem = endpoint_problem(path)
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
        if (problem := endpoint_problem(path)) is not None:
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
