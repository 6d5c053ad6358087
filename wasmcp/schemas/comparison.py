"""Comparison of JSON Schemas by values: branches that values use, and values that only one schema allows.

A branch is a choice that a value makes, as a text: `to left out`, `to given`, `from = "kelvin"`, `digits: null`,
`filter.tags[]: string`. References are followed.

The comparison of two schemas is conservative: differences that cannot be compared count as incompatible. Source: JSON
Schema 2020-12, core, 8.2.3, and validation; RFC 6901.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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


_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains")
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains")
_LOWER_COUNTS = frozenset({"minLength", "minItems", "minProperties", "minContains"})  # 0 has no effect
_ANNOTATIONS = frozenset(
    {"$comment", "$defs", "$id", "$schema", "$anchor", "definitions", "title", "description", "default", "examples"}
    | {"deprecated", "readOnly", "writeOnly"}
)
_COMPARED = frozenset(
    {"type", "enum", "const", "properties", "required", "additionalProperties", "items", "uniqueItems"}
).union(_UPPER, _LOWER)
_ALL_TYPES = frozenset({"null", "boolean", "object", "array", "number", "string"})
_MAX_DEPTH = DEPTH
_MAX_STEPS = 100_000


@dataclass(frozen=True)
class Rejection:
    """Reason why the second schema can reject a value that the first allows.

    Attributes:
        path: The position in the value: `filter.tags[]`; empty for the whole.
        kind: `type`, `value`, `missing` (a required member), `member` (an unknown member), or the keyword.
        what: The type, value or member; for a keyword its value in the second schema.
    """

    path: str
    kind: str
    what: str


def rejections(first: Any, second: Any) -> list[Rejection]:
    """Return the reasons why `second` can reject values that `first` allows; empty if compatible.

    Members that `first` does not name are ignored: a later version can add them.

    Args:
        first: A JSON Schema: an object or a boolean.
        second: The JSON Schema to compare with.
    """
    return list(dict.fromkeys(_Comparison(first, second).walk(first, second, "", 0)))


class _Comparison:
    def __init__(self, first: Any, second: Any) -> None:
        self._roots = (first, second)
        self._open: set[tuple[int, int]] = set()
        self._steps = 0

    def walk(self, first: Any, second: Any, path: str, depth: int) -> Iterator[Rejection]:
        first, second = resolved(first, self._roots[0]), resolved(second, self._roots[1])
        pair = (id(first), id(second))
        if second is True or second == {} or first is False or pair in self._open:
            return
        if second is False:
            yield Rejection(path, "value", "anything")
            return
        self._steps += 1
        if (
            depth > _MAX_DEPTH
            or self._steps > _MAX_STEPS
            or not isinstance(first, (dict, bool))
            or not isinstance(second, dict)
        ):
            yield Rejection(path, "schema", "cannot be compared")
            return
        self._open.add(pair)
        try:
            yield from self._schemas(first if isinstance(first, dict) else {}, second, path, depth + 1)
        finally:
            self._open.discard(pair)

    def _schemas(
        self, first: Mapping[str, Any], second: Mapping[str, Any], path: str, depth: int
    ) -> Iterator[Rejection]:
        ones, others = _alternatives(first), _alternatives(second)
        if len(ones) > 1 or len(others) > 1:
            yield from self._alternatives(ones, others, path, depth)
            return
        yield from _types(first, second, path)
        yield from _values(first, second, path)
        yield from _keywords(first, second, path)
        yield from self._members(first, second, path, depth)
        if "items" in second and _may_be(first, "array"):
            yield from self.walk(first.get("items", True), second["items"], f"{path}[]", depth)

    def _alternatives(self, ones: list[Any], others: list[Any], path: str, depth: int) -> Iterator[Rejection]:
        """Compare the alternatives of `anyOf`, `oneOf` or type lists: each must be allowed by one of the others."""
        for one in ones:
            attempts = [list(self.walk(one, other, path, depth)) for other in others]
            if all(attempts):
                # Report the closest alternative: of the same type, if possible.
                yield from min(attempts, key=lambda found: (any(each.kind == "type" for each in found), len(found)))

    def _members(
        self, first: Mapping[str, Any], second: Mapping[str, Any], path: str, depth: int
    ) -> Iterator[Rejection]:
        if not _may_be(first, "object") or not _may_be(second, "object"):
            return
        known, others = _object(first.get("properties")), _object(second.get("properties"))
        for name in second.get("required", []):
            if name not in first.get("required", []):
                yield Rejection(path, "missing", str(name))
        rest = second.get("additionalProperties", True)
        for name, schema in known.items():
            inner = f"{path}.{name}" if path else name
            if name in others:
                yield from self.walk(schema, others[name], inner, depth)
            elif rest is False:
                yield Rejection(path, "member", name)
            else:
                yield from self.walk(schema, rest, inner, depth)
        if first.get("additionalProperties", True) is not False and rest is False:
            yield Rejection(path, "member", "any other")
        elif isinstance(rest, dict):
            yield from self.walk(first.get("additionalProperties", True), rest, f"{path}.*" if path else "*", depth)


def _alternatives(schema: Mapping[str, Any]) -> list[Any]:
    """Return the alternatives of a value: the branches of `anyOf` or `oneOf`, or one schema for each type."""
    rest = {key: value for key, value in schema.items() if key not in _ANNOTATIONS}
    for keyword in ("anyOf", "oneOf"):
        if isinstance(rest.get(keyword), list) and rest.keys() == {keyword}:
            return list(rest[keyword])
    types = schema.get("type")
    if isinstance(types, list) and len(types) > 1:
        return [{**schema, "type": one} for one in types]
    return [schema]


def _type_names(schema: Mapping[str, Any]) -> frozenset[str]:
    types = schema.get("type")
    if types is None:
        return _ALL_TYPES
    return frozenset(types if isinstance(types, list) else [types])


def _may_be(schema: Mapping[str, Any], name: str) -> bool:
    return name in _type_names(schema)


def _types(first: Mapping[str, Any], second: Mapping[str, Any], path: str) -> Iterator[Rejection]:
    if "enum" in first or "const" in first:  # the values determine the type
        return
    allowed = _type_names(second)
    if "type" not in first and allowed != _ALL_TYPES:
        yield Rejection(path, "type", "anything but " + ", ".join(sorted(allowed)))
        return
    for name in sorted(_type_names(first)):
        if name not in allowed and not (name == "integer" and "number" in allowed):
            yield Rejection(path, "type", name)


def _value_list(schema: Mapping[str, Any]) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    values = schema.get("enum")
    return values if isinstance(values, list) else None


def _values(first: Mapping[str, Any], second: Mapping[str, Any], path: str) -> Iterator[Rejection]:
    values, allowed = _value_list(first), _value_list(second)
    if values is None:
        if allowed is not None:
            yield Rejection(path, "enum", ", ".join(json.dumps(value) for value in allowed))
        return
    texts = None if allowed is None else {json.dumps(value, sort_keys=True) for value in allowed}
    types = _type_names(second)
    for value in values:
        text = json.dumps(value, sort_keys=True)
        if (texts is not None and text not in texts) or not _has_type(value, types):
            yield Rejection(path, "value", text)


def _has_type(value: Any, types: frozenset[str]) -> bool:
    if isinstance(value, bool) or value is None:
        return ("null" if value is None else "boolean") in types
    if isinstance(value, (int, float)):
        return "number" in types or ("integer" in types and (isinstance(value, int) or value.is_integer()))
    return ("string" if isinstance(value, str) else "array" if isinstance(value, list) else "object") in types


def _keywords(first: Mapping[str, Any], second: Mapping[str, Any], path: str) -> Iterator[Rejection]:
    for keywords, sign in ((_UPPER, 1), (_LOWER, -1)):
        for keyword in keywords:
            bound, other = second.get(keyword), first.get(keyword)
            if not isinstance(bound, (int, float)) or (bound == 0 and keyword in _LOWER_COUNTS):
                continue
            if not isinstance(other, (int, float)) or other * sign > bound * sign:
                yield Rejection(path, keyword, json.dumps(bound))
    if second.get("uniqueItems") is True and first.get("uniqueItems") is not True:
        yield Rejection(path, "uniqueItems", "true")
    for keyword, value in second.items():
        if keyword not in _COMPARED | _ANNOTATIONS and first.get(keyword) != value:
            yield Rejection(path, keyword, json.dumps(value, sort_keys=True)[:200])


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
