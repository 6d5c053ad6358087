"""Branches of a JSON Schema: choices that a value makes, to find those that no value of a test has made.

A branch is a text: `to left out`, `to given`, `from = "kelvin"`, `digits: null`, `filter.tags[]: string`. References
are followed. Source: JSON Schema 2020-12, core, 8.2.3; RFC 6901.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

DEPTH = 64
"""Maximum number of references that are followed, and of levels that are looked at."""


def resolved(schema: Any, root: Any) -> Any:
    """Follow references inside the document; external, cyclic and unknown ones are kept.

    Args:
        schema: A schema, or any other value.
        root: The document.
    """
    for _ in range(DEPTH):
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        if not isinstance(reference, str) or not reference.startswith("#"):
            return schema
        found = root
        for step in reference[1:].strip("/").split("/") if reference != "#" else []:
            key = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or key not in found:
                return schema
            found = found[key]
        schema = found
    return schema


_LEVELS = 8  # of nested values that are looked at
_MOST_MEMBERS = 100  # of an enum; a larger one is not looked at
_MOST = 2_000  # branches of one schema
_NOTHING: Any = object()
_TYPES: Mapping[str, tuple[type, ...]] = {
    "null": (type(None),),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "number": (int, float),
    "integer": (int, float),
    "string": (str,),
}


def branches(schema: Any) -> list[str]:
    """Return the branches of a schema, at most 2,000."""
    found: dict[str, None] = {}
    for text in _Walk(schema).walk(schema, _NOTHING, "", 0):
        found[text] = None
        if len(found) >= _MOST:
            break
    return list(found)


def used_branches(schema: Any, value: Any) -> set[str]:
    """Return the branches of a schema that a value uses."""
    return set(_Walk(schema).walk(schema, value, "", 0))


class _Walk:
    """Walk through a schema: with a value through the branches that it uses, else through all."""

    def __init__(self, root: Any) -> None:
        self._root = root

    def walk(self, schema: Any, value: Any, path: str, level: int) -> Iterator[str]:
        schema = resolved(schema, self._root)
        if not isinstance(schema, dict) or level > _LEVELS:
            return
        options = alternatives(schema)
        if len(options) > 1:
            yield from self._alternatives(options, value, path, level)
            return
        members = schema.get("enum")
        if isinstance(members, list):
            if 1 < len(members) <= _MOST_MEMBERS:
                for member in members:
                    if value is _NOTHING or _same(member, value):
                        yield f"{path or 'value'} = {json.dumps(member, ensure_ascii=False, sort_keys=True)}"
            return
        if schema.get("type") == "boolean":
            for known in (True, False):
                if value is _NOTHING or value is known:
                    yield f"{path or 'value'} = {json.dumps(known)}"
        yield from self._members(schema, value, path, level)
        items = schema.get("items")
        if isinstance(items, dict) and (value is _NOTHING or isinstance(value, list)):
            for item in [_NOTHING] if value is _NOTHING else value[:1_000]:
                yield from self.walk(items, item, f"{path}[]", level + 1)

    def _members(self, schema: Mapping[str, Any], value: Any, path: str, level: int) -> Iterator[str]:
        properties = schema.get("properties")
        if not isinstance(properties, dict) or not (value is _NOTHING or isinstance(value, dict)):
            return
        required = schema.get("required") or ()
        for name, member in properties.items():
            inner = f"{path}.{name}" if path else str(name)
            is_given = value is not _NOTHING and name in value
            if name not in required:
                if value is _NOTHING or is_given:
                    yield f"{inner} given"
                if value is _NOTHING or not is_given:
                    yield f"{inner} left out"
            if value is _NOTHING or is_given:
                yield from self.walk(member, value if value is _NOTHING else value[name], inner, level + 1)

    def _alternatives(self, options: Sequence[Any], value: Any, path: str, level: int) -> Iterator[str]:
        for index, option in enumerate(options):
            if value is _NOTHING or self._fits(option, value, level):
                name = _name(resolved(option, self._root), index)
                yield f"{path or 'value'}: {name}"
                yield from self.walk(option, value, path, level + 1)

    def _fits(self, schema: Any, value: Any, level: int) -> bool:
        """Return True if a value can be of a schema: its types, constants and required members are compared."""
        schema = resolved(schema, self._root)
        if not isinstance(schema, dict) or level > _LEVELS:
            return schema is not False
        if isinstance(schema.get("enum"), list) and not any(_same(member, value) for member in schema["enum"]):
            return False
        if "const" in schema and not _same(schema["const"], value):
            return False
        types = schema.get("type")
        listed = types if isinstance(types, list) else [types] if isinstance(types, str) else list(_TYPES)
        if not any(has_type(value, name) for name in listed):
            return False
        if isinstance(value, dict):
            properties = schema.get("properties") or {}
            if any(name not in value for name in schema.get("required") or ()):
                return False
            return all(
                self._fits(member, value[name], level + 1) for name, member in properties.items() if name in value
            )
        return True


def alternatives(schema: Mapping[str, Any]) -> list[Any]:
    """Return the schemas of `anyOf` or `oneOf`, or one for each type of a list of types; else the schema alone."""
    for keyword in ("anyOf", "oneOf"):
        if isinstance(schema.get(keyword), list) and len(schema[keyword]) > 1:
            return list(schema[keyword])
    types = schema.get("type")
    if isinstance(types, list) and len(types) > 1 and "enum" not in schema:
        return [{**schema, "type": one} for one in types]
    return [schema]


def has_type(value: Any, name: Any) -> bool:
    """Return True if a value has a type of JSON Schema."""
    if isinstance(value, bool):
        return bool(name == "boolean")
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(name, ()))


def _same(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _name(schema: Any, index: int) -> str:
    if isinstance(schema, dict):
        for keyword in ("title", "type"):
            if isinstance(schema.get(keyword), str):
                return str(schema[keyword])
        if "const" in schema:
            return json.dumps(schema["const"], ensure_ascii=False)
    return f"alternative {index + 1}"
