"""Constraints on values: ``Field(ge=0, max_length=10)`` and the like."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from wasmcp.guest.call_errors import (
    AT_LEAST,
    AT_MOST,
    CHARACTERS,
    ITEMS,
    LESS_THAN,
    MATCH_OF,
    MEMBERS,
    MISMATCH,
    MORE_THAN,
    MULTIPLE_OF,
)
from wasmcp.guest.errors import MismatchError, UnsupportedTypeError
from wasmcp.guest.json_types.annotated import Field
from wasmcp.guest.json_types.base import Documented, JsonType, quoted
from wasmcp.guest.json_types.containers import Array, Map, Union
from wasmcp.guest.json_types.scalars import Integer, Number, String
from wasmcp.guest.json_types.schema_checks import PatternError, matcher
from wasmcp.guest.json_types.string_types import FORMATS, Format, check_of

if TYPE_CHECKING:
    from wasmcp.guest.json_types.base import Definitions

Check = Callable[[Any, Any], "str | None"]
"""A function that returns the problem of a converted value, or None; the message shows the second value, as given."""


class Constrained(JsonType):
    """A JSON type with constraints on its values.

    Args:
        inner: The JSON type.
        checks: The checks, for values from JSON and from Python.
        keywords: The same constraints as JSON Schema.
    """

    def __init__(self, inner: JsonType, checks: list[Check], keywords: dict[str, Any]) -> None:
        self.inner = inner
        self.checks = checks
        self.keywords = keywords
        self.name = inner.name
        self.exact = inner.exact
        self.near = inner.near
        self.hashable = inner.hashable

    def load(self, value: Any) -> Any:
        loaded = self.inner.load(value)
        for check in self.checks:
            problem = check(loaded, value)
            if problem is not None:
                raise MismatchError(problem)
        return loaded

    def dump(self, value: Any) -> Any:
        dumped = self.inner.dump(value)
        for check in self.checks:
            problem = check(dumped, dumped)
            if problem is not None:
                raise MismatchError(problem)
        return dumped

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        return {**self.inner.schema(definitions), **self.keywords}

    def children(self) -> Iterator[JsonType]:
        yield self.inner


class Formatted(JsonType):
    """A JSON type whose strings have a format.

    Args:
        inner: The JSON type.
        name: The format, one of `wasmcp.guest.json_types.string_types.FORMATS`.
    """

    exact = (str,)

    def __init__(self, inner: JsonType, name: str) -> None:
        self.inner = inner
        self.format = name
        self.name, self._fits = check_of(name)
        self.hashable = inner.hashable

    def load(self, value: Any) -> Any:
        if type(value) is str and not self._fits(value):
            raise MismatchError(MISMATCH.format(self.name, quoted(value)))
        return self.inner.load(value)

    def dump(self, value: Any) -> Any:
        dumped = self.inner.dump(value)
        if not self._fits(dumped):
            raise MismatchError(MISMATCH.format(self.name, quoted(dumped)))
        return dumped

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        return {**self.inner.schema(definitions), "format": self.format}

    def children(self) -> Iterator[JsonType]:
        yield self.inner


def number_check(limit: str, bound: float) -> tuple[Check, dict[str, Any]]:
    """Return the check and the keyword for one of ``ge``, ``gt``, ``le``, ``lt``, ``multiple_of``."""
    keyword, words = {
        "ge": ("minimum", AT_LEAST),
        "gt": ("exclusiveMinimum", MORE_THAN),
        "le": ("maximum", AT_MOST),
        "lt": ("exclusiveMaximum", LESS_THAN),
        "multiple_of": ("multipleOf", MULTIPLE_OF),
    }[limit]
    fits: Callable[[Any], bool] = {
        "ge": lambda value: value >= bound,
        "gt": lambda value: value > bound,
        "le": lambda value: value <= bound,
        "lt": lambda value: value < bound,
        "multiple_of": lambda value: value % bound == 0,
    }[limit]

    def check(value: Any, given: Any) -> str | None:
        return None if fits(value) else MISMATCH.format(f"{words} {bound}", quoted(given))

    return check, {keyword: bound}


def length_check(limit: str, bound: int, kind: type) -> tuple[Check, dict[str, Any]]:
    """Return the check and the keyword for ``min_length`` or ``max_length`` of strings, arrays or objects."""
    names: dict[type, tuple[str, str]] = {
        str: ("Length", CHARACTERS),
        list: ("Items", ITEMS),
        dict: ("Properties", MEMBERS),
    }
    suffix, unit = names[kind]
    least = limit == "min_length"
    words = AT_LEAST if least else AT_MOST

    def check(value: Any, _given: Any) -> str | None:
        length = len(value)
        fits = length >= bound if least else length <= bound
        return None if fits else MISMATCH.format(f"{words} {bound} {unit}", length)

    return check, {("min" if least else "max") + suffix: bound}


def pattern_check(pattern: str) -> tuple[Check, dict[str, Any]]:
    """Return the check and the keyword for ``pattern``.

    Raises:
        PatternError: Clients cannot compile the pattern, or Python cannot check it.
    """
    found = matcher(pattern)
    wanted = MATCH_OF.format(quoted(pattern))
    return lambda value, given: None if found(value) else MISMATCH.format(wanted, quoted(given)), {"pattern": pattern}


def constrain(json_type: JsonType, field: Field, annotation: str) -> JsonType:
    """Return the JSON type with a field's constraints; those on a union apply to the alternatives that support them.

    Raises:
        UnsupportedTypeError: A constraint does not apply to this type.
    """
    limits = field.limits()
    if not limits:
        return json_type
    if isinstance(json_type, Documented):
        return Documented(constrain(json_type.inner, field, annotation), json_type.documentation)
    if isinstance(json_type, Union):
        fitting = [option for option in json_type.options if limits.keys() <= _limits_of(option)]
        if fitting:
            options = [
                constrain(option, field, annotation) if option in fitting else option for option in json_type.options
            ]
            return Union(options)
    checks: list[Check] = []
    keywords: dict[str, Any] = {}
    for name, bound in limits.items():
        if name not in _limits_of(json_type):
            raise UnsupportedTypeError(f"`Field({name}=...)` does not apply to `{annotation}`")
        if name == "format":
            continue
        if name == "pattern":
            try:
                check, keyword = pattern_check(bound)
            except PatternError as error:
                raise UnsupportedTypeError(f"`Field(pattern=...)` with `{bound}`: {error}") from None
        elif name in ("min_length", "max_length"):
            check, keyword = length_check(name, bound, _sized(json_type))
        else:
            check, keyword = number_check(name, bound)
        checks.append(check)
        keywords.update(keyword)
    formatted = _formatted(json_type, field.format, annotation)
    return Constrained(formatted, checks, keywords) if checks else formatted


def _formatted(json_type: JsonType, name: str | None, annotation: str) -> JsonType:
    if name is None:
        return json_type
    bare = _bare(json_type)
    if name not in FORMATS:
        known = ", ".join(f"`{known}`" for known in FORMATS)
        advice = f'declare others, which are not checked, with `Field(extra={{"format": "{name}"}})`'
        raise UnsupportedTypeError(f"`Field(format={name!r})`: expected one of {known}; {advice}")
    if isinstance(bare, Format) and bare.format != name:
        raise UnsupportedTypeError(f"`Field(format={name!r})` does not apply to `{annotation}`")
    return Formatted(json_type, name)


def _bare(json_type: JsonType) -> JsonType:
    while isinstance(json_type, (Constrained, Documented, Formatted)):
        json_type = json_type.inner
    return json_type


def _sized(json_type: JsonType) -> type:
    bare = _bare(json_type)
    return str if isinstance(bare, String) else list if isinstance(bare, Array) else dict


def _limits_of(json_type: JsonType) -> set[str]:
    bare = _bare(json_type)
    if isinstance(bare, (Integer, Number)):
        return {"ge", "gt", "le", "lt", "multiple_of"} if isinstance(bare, Integer) else {"ge", "gt", "le", "lt"}
    if isinstance(bare, String):
        return {"min_length", "max_length", "pattern", "format"}
    if isinstance(bare, Format):
        return {"format"}
    return {"min_length", "max_length"} if isinstance(bare, (Array, Map)) else set()
