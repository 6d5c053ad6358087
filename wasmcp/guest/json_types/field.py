"""Constraints and documentation of a value: ``Annotated[int, Field(ge=1, description="...")]``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Field:
    """Constraints and documentation of a value. They are checked before the tool runs, and part of its JSON Schema.

    A string in ``Annotated[int, "..."]`` is short for ``Field(description="...")``.

    Attributes:
        description: The description; it has precedence over the docstring.
        title: A display name.
        examples: Example values.
        ge: Numbers: the least value. JSON Schema ``minimum``.
        gt: Numbers: greater than this. ``exclusiveMinimum``.
        le: Numbers: the greatest value. ``maximum``.
        lt: Numbers: less than this. ``exclusiveMaximum``.
        multiple_of: Integers: a multiple of this. ``multipleOf``.
        min_length: Strings: number of characters; lists, sets and tuples: items; dicts: members. ``minLength``,
            ``minItems``, ``minProperties``.
        max_length: See ``min_length``.
        pattern: Strings: a regular expression of ECMA-262, which matches anywhere in the value, unless it is anchored;
            see `wasmcp.guest.json_types.ecma_patterns`. ``pattern``.
        format: Strings: one of `string_formats.FORMATS`, such as ``email`` or ``uri``; also types that are sent in
            that format: with ``Annotated[datetime, Field(format="date-time")]`` results are checked, so that their
            schemas can contain the format. ``format``.
        header: The argument is mirrored into the HTTP header ``Mcp-Param-<header>``. Specification: server/tools,
            "x-mcp-header"; strings, integers and booleans only.
        extra: Further keywords of the value's schema, sent unchanged; values are not checked against them.
    """

    description: str | None = None
    title: str | None = None
    examples: Sequence[Any] | None = None
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    multiple_of: int | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    format: str | None = None
    header: str | None = None
    extra: Mapping[str, Any] | None = None

    def __hash__(self) -> int:
        # `typing` hashes the arguments of `Annotated`; examples and further keywords can be lists and dicts.
        return hash((self.description, self.title, self.header, *self.limits().items()))

    def documentation(self) -> dict[str, Any]:
        """Return the keywords that describe the value without restricting it."""
        found: dict[str, Any] = {}
        if self.title is not None:
            found["title"] = self.title
        if self.description is not None:
            found["description"] = self.description
        if self.examples is not None:
            found["examples"] = list(self.examples)
        if self.header is not None:
            found["x-mcp-header"] = self.header
        found.update(self.extra or {})
        return found

    def limits(self) -> dict[str, Any]:
        """Return the constraints that are set, by their names in this class."""
        names = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern", "format")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}
