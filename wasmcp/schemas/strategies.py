"""Strategies of Hypothesis for values of a JSON Schema, and for values that it rejects.

`hypothesis-jsonschema` has had no release since February 2024 and does not support drafts after draft 7, while MCP's
default is 2020-12. Values that these strategies draw are checked with `jsonschema`, so that a keyword that they do not
support cannot make an invalid one. Needs the extra `fuzz`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from functools import partial
from math import ceil, floor
from typing import Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from jsonschema.exceptions import SchemaError  # type: ignore[import-untyped]
from referencing.exceptions import Unresolvable

from wasmcp.schemas.comparison import alternatives, resolved

Strategy: TypeAlias = "st.SearchStrategy[Any]"

_UNEXPECTED = "unexpected_member"
_LEVELS = 5  # of nested values
_LARGEST = 10  # items of an array and characters of a text beyond the required ones
_TEXT = st.characters(exclude_categories=["Cs"])  # a lone surrogate is not UTF-8
_JSON: Strategy = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(_TEXT, max_size=_LARGEST),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(_TEXT, max_size=5), inner, max_size=3),
    max_leaves=5,
)
_FORMATS: Mapping[str, Callable[[], Strategy]] = {
    "date": lambda: st.dates().map(lambda value: value.isoformat()),
    "date-time": lambda: st.datetimes(timezones=st.just(_utc())).map(lambda value: value.isoformat()),
    "time": lambda: st.times(timezones=st.just(_utc())).map(lambda value: value.isoformat()),
    "email": lambda: st.from_regex(r"\A[a-z]{1,8}@[a-z]{1,8}\.example\Z"),
    "uuid": lambda: st.uuids().map(str),
    "uri": lambda: st.from_regex(r"\Ahttps://[a-z]{1,8}\.example/[a-z0-9/]{0,8}\Z"),
    "ipv4": lambda: st.ip_addresses(v=4).map(str),
    "ipv6": lambda: st.ip_addresses(v=6).map(str),
    "hostname": lambda: st.from_regex(r"\A[a-z]{1,8}\.example\Z"),
}
_JUNK: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    -1e300,
    "",
    "no such value",
    [],
    {},
    [None],
    {"a": 1},
    "x" * 300,
)
_TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")


class Schema:
    """JSON Schema, with values that it allows and rejects.

    Raises:
        ValueError: It is not a JSON Schema of 2020-12.
    """

    def __init__(self, schema: Any) -> None:
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            raise ValueError(f"{error.json_path}: {error.message}") from None
        self._schema = schema
        self._validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
        self._known: dict[tuple[int, int], Strategy] = {}

    def problem(self, value: Any) -> str | None:
        """Return the first reason why a value is not allowed, with its path; None if it is allowed."""
        try:
            error = next(iter(self._validator.iter_errors(value)), None)
        except Unresolvable:  # a reference outside of the document
            return None
        return None if error is None else f"{error.json_path}: {error.message}"

    def values(self) -> Strategy:
        """Return a strategy for allowed values."""
        return self._of(self._schema, 0).filter(lambda value: self.problem(value) is None)

    def rejected(self) -> Strategy:
        """Return a strategy for objects with one mistake: pairs of a value and the name of the wrong member."""
        found = self._mistakes(self._schema, 0)
        return st.one_of(found).filter(lambda pair: self.problem(pair[0]) is not None) if found else st.nothing()

    def _of(self, schema: Any, level: int) -> Strategy:
        schema = resolved(schema, self._schema)
        if schema is False or level > _LEVELS:
            return st.nothing()
        if not isinstance(schema, dict) or not schema:
            return _JSON
        key = (id(schema), level)
        if key not in self._known:
            self._known[key] = self._made(schema, level)
        return self._known[key]

    def _made(self, schema: Mapping[str, Any], level: int) -> Strategy:
        if isinstance(schema.get("allOf"), list):
            whole: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
            for part in schema["allOf"]:
                whole = _both(whole, resolved(part, self._schema))
            return self._made(whole, level)
        if isinstance(schema.get("enum"), list):
            return st.sampled_from(schema["enum"]) if schema["enum"] else st.nothing()
        if "const" in schema:
            return st.just(schema["const"])
        options = alternatives(schema)
        if len(options) > 1:
            rest = {key: value for key, value in schema.items() if key not in {"anyOf", "oneOf", "default"}}
            typed = isinstance(schema.get("type"), list) and "anyOf" not in schema and "oneOf" not in schema
            return st.one_of(
                [
                    self._made(option if typed else _both(rest, resolved(option, self._schema)), level)
                    for option in options
                ]
            )
        types = schema.get("type", [name for name in _TYPES if _suggests(schema, name)] or list(_TYPES))
        made: dict[Any, Callable[[], Strategy]] = {
            "null": st.none,
            "boolean": st.booleans,
            "integer": lambda: _numbers(schema, whole=True),
            "number": lambda: _numbers(schema, whole=False),
            "string": lambda: _texts(schema),
            "array": lambda: self._arrays(schema, level),
            "object": lambda: self._objects(schema, level),
        }
        names = types if isinstance(types, list) else [types]
        return st.one_of([_possible(made[name]()) for name in names if name in made])

    def _arrays(self, schema: Mapping[str, Any], level: int) -> Strategy:
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        items = self._of(schema.get("items", True), level + 1)
        first = [self._of(item, level + 1) for item in schema.get("prefixItems") or ()]
        if items.is_empty and len(first) < least:
            return st.nothing()
        largest = least + _LARGEST if most is None else min(most, least + _LARGEST)
        largest = len(first) if items.is_empty else largest
        by = _canonical if schema.get("uniqueItems") else None
        rest = st.lists(items, min_size=max(0, least - len(first)), max_size=max(0, largest - len(first)), unique_by=by)
        if not first:
            return rest
        return st.builds(lambda head, tail: [*head, *tail], st.tuples(*first), rest)

    def _objects(self, schema: Mapping[str, Any], level: int) -> Strategy:
        properties = schema.get("properties") or {}
        needed = [name for name in schema.get("required") or () if isinstance(name, str)]
        required = {name: self._of(properties.get(name, True), level + 1) for name in needed}
        optional = {
            name: self._of(member, level + 1)
            for name, member in properties.items()
            if name not in required and level < _LEVELS and resolved(member, self._schema) is not False
        }
        whole = st.fixed_dictionaries(required, optional=optional)
        others = schema.get("additionalProperties", not properties)
        if others is False or level >= _LEVELS or (others is True and properties):
            return whole
        if self._of(others, level + 1).is_empty:
            return whole
        more = st.dictionaries(st.text(_TEXT, max_size=5), self._of(others, level + 1), max_size=3)
        return st.builds(lambda extra, own: {**extra, **own}, more, whole)

    def _mistakes(self, schema: Any, level: int) -> list[Strategy]:
        """Return strategies for objects of a schema with one mistake."""
        schema = resolved(schema, self._schema)
        if not isinstance(schema, dict) or level > 2 or schema.get("type") != "object":
            return []
        properties = schema.get("properties") or {}
        valid = self._of(schema, level)
        found = [valid.map(partial(_omitted, name=name)) for name in schema.get("required") or ()]
        if schema.get("additionalProperties") is False:
            found.append(st.builds(_replaced, valid, st.just((1, _UNEXPECTED)), st.just(_UNEXPECTED)))
        for name, member in properties.items():
            wrong = st.sampled_from([(junk, name) for junk in _JUNK])
            found += [
                st.builds(_replaced, valid, pairs, st.just(name))
                for pairs in (wrong, *self._mistakes(member, level + 1))
            ]
        return found


def _omitted(value: Mapping[str, Any], *, name: str) -> tuple[dict[str, Any], str]:
    return {key: one for key, one in value.items() if key != name}, name


def _replaced(value: Mapping[str, Any], wrong: tuple[Any, str], name: str) -> tuple[dict[str, Any], str]:
    """Replace a member by a wrong value, or by a value with a mistake inside. Return the name of what is wrong."""
    return {**value, name: wrong[0]}, wrong[1]


def _both(one: Any, other: Any) -> dict[str, Any]:
    """Return a schema for values of both schemas, as far as the strategies can make them."""
    one, other = ({} if not isinstance(part, dict) else part for part in (one, other))
    merged = {**one, **other}
    if one.get("properties") or other.get("properties"):
        merged["properties"] = {**(one.get("properties") or {}), **(other.get("properties") or {})}
        merged["required"] = list(dict.fromkeys([*(one.get("required") or ()), *(other.get("required") or ())]))
    return merged


def _suggests(schema: Mapping[str, Any], name: str) -> bool:
    """Return True if a keyword of a schema without `type` is one of a type."""
    keywords = {
        "object": ("properties", "required", "additionalProperties"),
        "array": ("items", "prefixItems", "minItems", "maxItems"),
        "string": ("pattern", "format", "minLength", "maxLength"),
        "number": ("minimum", "maximum", "multipleOf", "exclusiveMinimum", "exclusiveMaximum"),
    }
    return any(keyword in schema for keyword in keywords.get(name, ()))


def _possible(strategy: Strategy) -> Strategy:
    """Return a strategy; the empty one if its bounds exclude each other."""
    try:
        strategy.validate()
    except InvalidArgument:
        return st.nothing()
    return strategy


def _numbers(schema: Mapping[str, Any], *, whole: bool) -> Strategy:
    least, most = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    step = schema.get("multipleOf")
    low = max((one for one in (least, above) if one is not None), default=None)
    high = min((one for one in (most, below) if one is not None), default=None)
    if step is not None or whole:
        unit = step or 1
        first = ceil((-(2**53) if low is None else low) / unit)
        last = floor((2**53 if high is None else high) / unit)
        return st.integers(first, last).map(lambda count: count * unit)
    return st.floats(
        _float(low),
        _float(high),
        exclude_min=above is not None and low == above,
        exclude_max=below is not None and high == below,
        allow_nan=False,
        allow_infinity=False,
    )


def _float(bound: float | None) -> float | None:
    """Return the closest finite float; a bound can be an integer of any size."""
    return None if bound is None else float(max(-sys.float_info.max, min(bound, sys.float_info.max)))


def _texts(schema: Mapping[str, Any]) -> Strategy:
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    pattern, kind = schema.get("pattern"), schema.get("format")
    if isinstance(pattern, str):
        try:
            return st.from_regex(re.compile(pattern), alphabet=_TEXT)
        except (re.error, ValueError):
            return st.text(_TEXT, min_size=least)  # an expression of ECMA-262 that Python does not have
    if isinstance(kind, str) and kind in _FORMATS:
        return _FORMATS[kind]()
    largest = least + _LARGEST if most is None else min(most, least + _LARGEST)
    return st.text(_TEXT, min_size=least, max_size=largest)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _utc() -> Any:
    from datetime import UTC

    return UTC
