"""Metadata of ``Annotated[int, Field(ge=1)]``: constraints and documentation, also those of pydantic 2.

Plain constraints and documentation become a `wasmcp.guest.Field`, so that they mean the same, and are reported with the
same words, as those of every other type; all other metadata is left to pydantic.
"""

from __future__ import annotations

import dataclasses
import sys
import typing
from collections.abc import Iterable, Mapping, Sequence
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
            see `wasmcp.guest.json_types.schema_checks`. ``pattern``.
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


_LIBRARIES = frozenset({"pydantic", "pydantic_core", "annotated_types"})
_OWN = ("__pydantic_core_schema__", "__get_pydantic_core_schema__", "__pydantic_config__")
_HOOKS = ("__get_pydantic_core_schema__", "__get_pydantic_json_schema__", "__prepare_pydantic_annotations__")
_MODULES = frozenset({"pydantic.main", "pydantic.types", "pydantic.networks", "pydantic.dataclasses"})
_LIMITS = frozenset({"gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length"})
_SIMPLE = frozenset({"Gt", "Ge", "Lt", "Le", "MultipleOf", "MinLen", "MaxLen", "Interval", "Len"})


def is_used() -> bool:
    """Return True if the author imported pydantic 2."""
    found = sys.modules.get("pydantic")
    return found is not None and not str(getattr(found, "VERSION", "1")).startswith("1.")


def import_support() -> None:
    """Import what converts types of pydantic 2 if the author imported some: in a call there is nothing to import from.

    `pydantic` itself imports its types when they are used; `pydantic.v1` alone needs none of them.
    """
    if is_used() and not _MODULES.isdisjoint(sys.modules):
        import wasmcp.guest.json_types.pydantic2  # noqa: F401


def is_type(cls: type) -> bool:
    """Return True for a class that pydantic 2 converts: a model, a dataclass of pydantic, `EmailStr`, `HttpUrl`..."""
    return is_used() and any(hasattr(cls, name) for name in _OWN)


def is_metadata(extra: Any) -> bool:
    """Return True for an argument of ``Annotated`` that pydantic 2 reads."""
    library, _, rest = str(type(extra).__module__).partition(".")
    if library in _LIBRARIES:
        return not (library == "pydantic" and rest.partition(".")[0] == "v1")
    return any(hasattr(extra, name) for name in _HOOKS)


def is_field(value: Any) -> bool:
    """Return True for what pydantic's `Field(...)` returns."""
    return type(value).__name__ == "FieldInfo" and type(value).__module__ == "pydantic.fields"


def field_of(annotation: Any) -> Any:
    """Return the last `Field` of pydantic in an ``Annotated``; None without one."""
    if typing.get_origin(annotation) is not typing.Annotated:
        return None
    return next((extra for extra in reversed(typing.get_args(annotation)[1:]) if is_field(extra)), None)


def documentation_of_field(field: Any) -> dict[str, Any]:
    """Return the keywords of a pydantic `Field` that describe the value without restricting it."""
    found: dict[str, Any] = {}
    for name in ("title", "description"):
        if getattr(field, name) is not None:
            found[name] = getattr(field, name)
    if field.examples is not None:
        found["examples"] = list(field.examples)
    return found


def translated(extras: Iterable[Any]) -> list[Any] | None:
    """Return the arguments of an ``Annotated`` with pydantic's metadata as `wasmcp.guest.Field`.

    Returns:
        The arguments; None if they contain validators, discriminators, and everything else that only pydantic applies.
    """
    found: list[Any] = []
    for extra in extras:
        if not is_metadata(extra):
            found.append(extra)
            continue
        field = _field_of(extra) if is_field(extra) else _limits_of([extra])
        if field is None:
            return None
        found.append(field)
    return found


def _field_of(field: Any) -> Field | None:
    extra = field.json_schema_extra
    if not isinstance(extra, (Mapping, type(None))) or field.discriminator is not None or field.field_title_generator:
        return None
    limits = _limits_of(field.metadata)
    if limits is None:
        return None
    keywords = {**({"deprecated": True} if field.deprecated else {}), **(extra or {})}
    return dataclasses.replace(limits, **documentation_of_field(field), extra=keywords or None)


def _limits_of(metadata: Iterable[Any]) -> Field | None:
    limits: dict[str, Any] = {}
    for item in metadata:
        kind = type(item).__name__
        if item is None or (kind == "Strict" and item.strict):  # all types are strict here
            continue
        if type(item).__module__.partition(".")[0] == "annotated_types" and kind in _SIMPLE:
            limits.update({name: getattr(item, name, None) for name in _LIMITS if hasattr(item, name)})
        elif kind == "_PydanticGeneralMetadata" and set(vars(item)) == {"pattern"} and isinstance(item.pattern, str):
            limits["pattern"] = item.pattern
        else:
            return None
    given = {
        name: value for name, value in limits.items() if value is not None and not (name == "min_length" and not value)
    }
    return Field(**given)
