"""JSON Schema of ``[tool.wasmcp]``, made of the facts that its reader checks.

It describes types, names, choices and the keys that exclude each other. It cannot describe what depends on other tables
or on files: names of components, whether a file exists, repeated rules, the exact grammar of references and hosts.

Source: JSON Schema draft 7, which editors and ``validate-pyproject`` read. The entry point ``wasmcp`` of
``validate_pyproject.tool_schema`` is `schema`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from wasmcp.compose.grant_rules import MAX_RULES, RULES
from wasmcp.compose.interfaces import GRANTS
from wasmcp.compose.metadata import BAKED
from wasmcp.environment import AUTHORIZATION
from wasmcp.project.config import SKILL_PREFIX, VARIABLE
from wasmcp.project.toml_table import CLAIM_DEPTH, NAME, ROOT, SERVER, SKILLS, Key
from wasmcp.protocol import APP_DOMAINS, APP_PERMISSIONS
from wasmcp.toolchains import LANGUAGES, toolchain
from wasmcp.toolchains.base import Option

ID = "https://wasmcp.invalid/tool-wasmcp.schema.json"
"""Identifier of the schema. The domain `.invalid` (RFC 6761) never resolves: nothing is fetched."""

DRAFT = "http://json-schema.org/draft-07/schema#"

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string", "pattern": r"\S"}
_INTEGER = 2**53 - 1
_CLIMBS = r"(?:^|/)\.\.(?:/|$)"
_SEGMENT = r"(?!\.{1,2}(?:/|$))[^/]+"
_APP_ORIGIN = rf"^(?:{'|'.join(APP_DOMAINS.values())}):(?:[Hh][Tt][Tt][Pp]|[Ww][Ss])[Ss]?://[^/?#@]+/?$"
_ENDPOINT = r"^/mcp(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*$"
_HOST_PATH = r"(?:/|~(?:/|$)|\{data\}(?:/|$)|[A-Za-z]:[\\/]|\\\\[^\\/]+[\\/][^\\/]+)"
_NOT_OURS = r"^(?![Ww][Aa][Ss][Mm][Cc][Pp]_)"


def _whole(pattern: re.Pattern[str] | str) -> str:
    """Return a pattern that matches whole strings; JSON Schema's match anywhere."""
    return f"^(?:{pattern if isinstance(pattern, str) else pattern.pattern})$"


def _string(pattern: str, **more: Any) -> Schema:
    return {"type": "string", "pattern": pattern, **more}


def _names(values: Schema, pattern: str | None = None, **more: Any) -> Schema:
    """Return the schema of a table whose keys are names."""
    names: Schema = {} if pattern is None else {"propertyNames": {"pattern": pattern}}
    return {"type": "object", **names, "additionalProperties": values, **more}


def _list(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def _claims() -> tuple[Schema, dict[str, Schema]]:
    """Return the schema of conditions on claims, and the definitions of the tables in them, one for each level."""
    value: Schema = {
        "anyOf": [
            {"type": "string"},
            {"type": "boolean"},
            {"type": "integer", "minimum": -_INTEGER, "maximum": _INTEGER},
        ]
    }
    values = {"anyOf": [value, _list(value, minItems=1)]}
    levels = {
        f"claims-{depth}": {"anyOf": [*values["anyOf"], _names(_reference(f"claims-{depth + 1}"))]}
        for depth in range(1, CLAIM_DEPTH)
    }
    whole = _names(_reference("claims-1"), r"^(?!(?:scope|scp)$)", minProperties=1)
    return whole, {**levels, f"claims-{CLAIM_DEPTH}": values}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def _rate() -> Schema:
    return _string(r"^\s*[1-9][0-9]{0,8}\s*/\s*(?:second|minute|hour|day)\s*$")


def _extension_names() -> str:
    from wasmcp.declaration_section import EXTENSION

    return _whole(EXTENSION)


def _endpoints() -> Schema:
    return {"type": "string", "minLength": 1, "pattern": _ENDPOINT}


def _signature_policy() -> Schema:
    identity = {
        "type": "object",
        "required": ["identity", "issuer"],
        "properties": {"identity": _string("[^*]"), "issuer": {"type": "string", "minLength": 1}},
        "additionalProperties": False,
    }
    files = {"anyOf": [{"type": "string"}, _list({"type": "string"})]}
    return {
        "type": "object",
        "properties": {
            "require-signature": {"anyOf": [{"type": "boolean"}, _list({"type": "string"})]},
            "keys": _names(files),
            "identities": _names({"anyOf": [identity, _list(identity)]}),
            "trusted-root": {"type": "string"},
        },
        "additionalProperties": False,
    }


def _profiles() -> Schema:
    profile = {
        "type": "object",
        "properties": {"components": _list(_TEXT), "base": {"type": "string"}, "output": _TEXT},
    }
    return _names(profile, r"^[^-][\s\S]*$")


def _forms() -> dict[str, Schema]:
    """Return the schemas of the forms that `Key.form` and `Key.names` name."""
    return {
        "name": _string(_whole(NAME)),
        "line": {"type": "string", "allOf": [{"pattern": r"\S"}, {"pattern": r"^[^\n]*$"}]},
        "can be empty": _string(r"^$|\S"),
        "project path": {
            "type": "string",
            "allOf": [{"pattern": r"\S"}, {"pattern": r"^(?!/|[A-Za-z]:)[^\\]*$"}, {"not": {"pattern": _CLIMBS}}],
        },
        "host path": {
            "type": "string",
            "allOf": [{"pattern": f"^{_HOST_PATH}"}, {"not": {"pattern": _CLIMBS}}],
        },
        "guest path": _string(rf"^(?:/{{1,2}}|/{{1,2}}{_SEGMENT}(?:/{_SEGMENT})*)$"),
        "variable": {"type": "string", "allOf": [{"pattern": _whole(VARIABLE)}, {"pattern": _NOT_OURS}]},
        "store": {
            "type": "string",
            "allOf": [
                {"pattern": rf"^(?:memory:$|sqlite:{_HOST_PATH})"},
                {"not": {"pattern": r"(?:^sqlite:|/)\.\.(?:/|$)"}},
            ],
        },
        "reference": _string(r"^(?:oci://[^\s/]+/[a-z0-9]|[a-z][0-9a-z-]*:[a-z][0-9a-z-]*(?:@[\s\S]*\S|$))"),
        "endpoint": _endpoints(),
        "skill path": _string(_whole(SKILL_PREFIX)),
        "scope": _string(r"^[!#-\[\]-~]+$"),
        "rate": _rate(),
        "rates": _names(_rate()),
        "claims": _claims()[0],
        "values": {"type": "object"},
        "extensions": _names({"type": "object"}, _extension_names()),
        "settings": {"type": "object", "properties": dict.fromkeys(BAKED, _TEXT), "additionalProperties": False},
        "aliases": _names(_TEXT, r"^[^-][\s\S]*$"),
        "profiles": _profiles(),
        "namespaces": _names(_string(r"^[^/]+(?:/|$)"), r"^[a-z][0-9a-z]*(?:-[0-9a-z]+)*$"),
        "signature policy": _signature_policy(),
    }


def _rules() -> dict[str, Schema]:
    """Return the schema of one rule of each family with rules."""
    access = {"enum": ["read", "write"]}
    url = _string(r"^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@]+/?$")
    method = _string(r"^[!#\x24%&'*+.^_`|~0-9A-Z-]+$")
    path = {"type": "string", "allOf": [{"pattern": r"^/(?!/)"}, {"not": {"pattern": _CLIMBS}}]}
    bucket = {"type": "string", "pattern": r"^(?!wasmcp:)[^*]*\*?$"}

    def rule(text: Schema, required: str, value: Schema, **optional: Schema) -> Schema:
        members = {required: value, **optional}
        whole = {"type": "object", "required": [required], "properties": members, "additionalProperties": False}
        return {"anyOf": [text, whole]}

    return {
        "http": rule(url, "url", url, methods=_list(method, minItems=1)),
        "env": _string(r"^[^=*\x00]+$"),
        "kv": rule(
            _string(r"^bucket:(?!wasmcp:)[^*]*\*?$"), "bucket", bucket, prefix={"type": "string"}, access=access
        ),
        "fs": rule(path, "path", path, access=access),
        "apps": {"anyOf": [{"enum": list(APP_PERMISSIONS.values())}, _string(_APP_ORIGIN)]},
    }


def _grants(families: Iterable[str] = GRANTS) -> Schema:
    rules = _rules()
    table = {
        family: {"anyOf": [{"const": True}, _list(rules[family], minItems=1, maxItems=MAX_RULES, uniqueItems=True)]}
        if family in RULES
        else {"const": True}
        for family in families
    }
    return {
        "anyOf": [
            _list({"enum": sorted(families)}, uniqueItems=True),
            {"type": "object", "properties": table, "additionalProperties": False},
        ]
    }


def _option(option: Option) -> Schema | bool:
    if option.instead:
        return False
    pattern: Schema = {
        "type": "string",
        "allOf": [
            {"pattern": r"[^./]|\.{3}|\.\.[^/]|[^./]\.\."},
            {"not": {"pattern": r"^/|^.:|\\|\x00|" + _CLIMBS}},
            {"not": {"pattern": r"[^/]\*\*|\*\*[^/]"}},
        ],
    }
    if option.kind == "boolean":
        return {"type": "boolean"}
    text: Schema = {"enum": list(option.choices)} if option.choices else {"type": "string"}
    return {"string": text, "strings": _list(text), "patterns": _list(pattern)}[option.kind]


def _component(table: Schema) -> Schema:
    """Return the schema of a component's table, with its options by language and the keys that exclude each other."""
    options = {name: {one.name: _option(one) for one in toolchain(name).options} for name in LANGUAGES}
    every = sorted({name for own in options.values() for name in own})
    properties = {**table["properties"], **dict.fromkeys(every, True)}
    conditions: list[Schema] = [
        {"oneOf": [{"required": [key]} for key in ("source", "path", "package")]},
        {
            "if": {"properties": {"dynamic": {"const": True}}, "required": ["dynamic"]},
            "then": {
                "required": ["grants"],
                "properties": {
                    "grants": {
                        "anyOf": [
                            {"type": "array", "contains": {"const": "middleware"}},
                            {"type": "object", "required": ["middleware"]},
                        ]
                    }
                },
            },
        },
        {
            "if": {"anyOf": [{"required": ["path"]}, {"required": ["package"]}]},
            "then": {"properties": dict.fromkeys(("language", "names", *LANGUAGES, *every), False)},
        },
        {
            "if": {"required": ["source"], "not": {"required": ["language"]}},
            "then": {
                "properties": {"source": {"pattern": _ending(*(one for each in LANGUAGES.values() for one in each))}}
            },
        },
    ]
    for language, suffixes in LANGUAGES.items():
        own = options[language]
        below = {"type": "object", "properties": own, "additionalProperties": False}
        others = {name: False for name in (*every, *LANGUAGES) if name not in own and name != language}
        conditions.append(
            {
                "if": {
                    "required": ["source"],
                    "anyOf": [
                        {"properties": {"language": {"const": language}}, "required": ["language"]},
                        {
                            "properties": {"source": {"pattern": _ending(*suffixes)}},
                            "not": {"required": ["language"]},
                        },
                    ],
                },
                "then": {
                    "properties": {**own, language: below, **others},
                    "allOf": [
                        {
                            "if": {"required": [name]},
                            "then": {"properties": {language: {"properties": {name: False}}}},
                        }
                        for name in own
                    ],
                },
            }
        )
    return {**table, "properties": properties, "allOf": conditions}


def _ending(*suffixes: str) -> str:
    return rf"[^/](?:{'|'.join(map(re.escape, suffixes))})/*$"


def _server(table: Schema) -> Schema:
    """Return the schema of a server's table, with the keys that exclude each other."""
    no_identity = {"not": {"required": ["by"], "properties": {"by": {"const": "identity"}}}}
    baked = {"propertyNames": {"not": {"enum": list(AUTHORIZATION)}}}
    conditions: list[Schema] = [
        {
            "if": {"properties": {"auth": {"const": "none"}}, "required": ["auth"]},
            "then": {"properties": {"settings": baked, "limits": no_identity}},
        },
        {
            "if": {"properties": {"environment": {"const": True}}, "required": ["environment"]},
            "then": {"properties": {"settings": {"maxProperties": 0}}},
        },
    ]
    return {**table, "required": ["components"], "allOf": conditions}


def _needs(table: Schema, *choices: Schema) -> Schema:
    return {**table, "anyOf": list(choices)}


def _policy(table: Schema) -> Schema:
    """Return the schema of a policy: it has a rule or a condition."""
    some = [
        {"required": [key], "properties": {key: {"anyOf": [{"type": "object"}, {"type": "array", "minItems": 1}]}}}
        for key in ("allow", "deny")
    ]
    own = [
        {"required": [key], "properties": {key: {"minProperties": 1}}}
        for key in table["properties"]
        if key not in {"allow", "deny"}
    ]
    return _needs(table, *some, *own)


def _default(table: Schema, *without: str) -> Schema:
    """Return the schema of a declaration whose default excludes that other keys are true."""
    return {
        **table,
        "allOf": [
            {
                "if": {"properties": {key: {"const": True}}, "required": [key]},
                "then": {"properties": {"default": False}},
            }
            for key in without
        ],
    }


def _required(table: Schema, *keys: str) -> Schema:
    return _needs(table, *({"required": [key]} for key in keys))


def _minimum(table: Schema) -> Schema:
    return {**table, "minProperties": 1}


class _Tables:
    """Conversion of declared keys to schemas.

    Attributes:
        definitions: Schemas that others refer to: validators limit how deep one schema is nested.
    """

    def __init__(self) -> None:
        self._forms = _forms()
        self.definitions = _claims()[1]

    def table(self, keys: Mapping[str, Key], place: str = "") -> Schema:
        """Return the schema of a table with declared keys; the place names the definitions below it."""
        properties = {name: self.value(key, f"{place}{name}") for name, key in keys.items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}

    def value(self, key: Key, place: str) -> Schema:
        """Return the schema of a key's value."""
        found: Schema = {"description": key.meaning, **self._typed(key, place)}
        return found if key.default is None else {**found, "default": key.default}

    def _typed(self, key: Key, place: str) -> Schema:
        form = self._forms.get(key.form, {})
        if key.kind == "boolean":
            return {"type": "boolean"}
        if key.kind == "count":
            return {"type": "integer", "minimum": 1}
        if key.kind == "string":
            return {"type": "string", "enum": list(key.choices)} if key.choices else form or _TEXT
        if key.kind == "strings":
            return _list({"type": "string"}, uniqueItems=True, **({"minItems": 1} if key.form == "some" else {}))
        if key.kind == "texts":
            return _list(form or {"type": "string", "minLength": 1}, uniqueItems=True, minItems=1)
        if key.kind == "grants":
            return {"allOf": [self._defined(place, _grants())]}
        if key.keys is None:
            return {"type": "object", **form}
        below = self._defined(place, self._conditions(key, self.table(key.keys, f"{place}.")))
        if key.kind == "tables":
            names = {"propertyNames": _untyped(self._forms[key.names])} if key.names else {}
            return {"type": "object", **names, "additionalProperties": below}
        return {"anyOf": [below, _list(below)]} if key.kind == "one or more" else {"allOf": [below]}

    def _defined(self, place: str, schema: Schema) -> Schema:
        self.definitions[place] = schema
        return _reference(place)

    def _conditions(self, key: Key, table: Schema) -> Schema:
        """Add what the keys of a table have to do with each other."""
        if key is ROOT["components"]:
            return _component(table)
        if key is ROOT["servers"]:
            return _server(table)
        if key.keys is SKILLS.keys:
            return {**table, "required": ["paths"]}
        if key is SERVER["filters"]:
            return _required(table, "allow", "deny")
        if key is SERVER["policy"]:
            return _policy(table)
        if key is SERVER["env"]:
            return _default(table, "secret", "required")
        if key is SERVER["directories"]:
            return _default(table, "required")
        if key.kind == "one or more":
            return _minimum(table)
        if key.kind == "tables":
            return _required(table, "scopes", "claims")
        return table


def _untyped(schema: Schema) -> Schema:
    return {name: value for name, value in schema.items() if name != "type"}


def schema(tool: str = "wasmcp") -> Schema:
    """Return the JSON Schema (draft 7) of ``[tool.wasmcp]``.

    Args:
        tool: The name of the table, as `validate-pyproject` gives it.
    """
    tables = _Tables()
    return {
        "$schema": DRAFT,
        "$id": ID,
        "title": f"[tool.{tool}]",
        "description": "MCP servers made of WebAssembly components, built into the project's wheel.",
        **tables.table(ROOT),
        "required": ["components", "servers"],
        "definitions": tables.definitions,
    }


def pyproject_schema() -> Schema:
    """Return the JSON Schema of a ``pyproject.toml`` in which ``[tool.wasmcp]`` is described and all else is free."""
    own = schema()
    definitions = own.pop("definitions")
    table = {name: value for name, value in own.items() if name not in {"$schema", "$id"}}
    tool = {"type": "object", "properties": {"wasmcp": table}}
    return {
        "$schema": DRAFT,
        "title": "pyproject.toml with [tool.wasmcp]",
        "type": "object",
        "properties": {"tool": tool},
        "definitions": definitions,
    }
