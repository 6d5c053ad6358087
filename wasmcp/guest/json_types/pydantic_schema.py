"""JSON Schemas of pydantic 2 in the form of all others: without generated titles and without formats that may not hold.

Imported only if the author imported pydantic.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from wasmcp.guest.json_types.string_types import SENT_DATE_TIME, SENT_TIME

_UNSURE = frozenset({"date-time", "time", "duration", "email", "uri", "ipv6", "hostname", "byte"})
"""Formats that clients check, and that not all values which pydantic writes have: a time without an offset."""

_PATTERNS = {"date-time": f"^{SENT_DATE_TIME}$", "time": f"^{SENT_TIME}$"}

_REFERENCE = "#/$defs/"


class SchemaWriter(GenerateJsonSchema):
    """Generator of the JSON Schemas of types that pydantic converts."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        """Leave out titles that are made of the names of fields."""
        return False

    def emit_warning(self, kind: Any, detail: str) -> None:
        """Ignore warnings: an unsupported default is not in the schema."""

    def generate_inner(self, schema: Any) -> dict[str, Any]:
        """Return the schema of a part; in results without a format that some values do not have."""
        found: dict[str, Any] = super().generate_inner(schema)
        if self.mode != "serialization" or found.get("format") not in _UNSURE or found.get("type") != "string":
            return found
        if schema.get("type") == "datetime" and schema.get("tz_constraint") == "aware":
            return found
        kept = {key: value for key, value in found.items() if key != "format"}
        if schema.get("type") in ("datetime", "time"):
            kept.setdefault("pattern", _PATTERNS[found["format"]])
        return kept

    def ser_schema(self, schema: Any) -> dict[str, Any] | None:
        """Return the schema of what a serializer returns: of any value if it has no return annotation."""
        found = super().ser_schema(schema)
        if found is None and schema["type"] in ("function-plain", "function-wrap"):
            function = schema["function"]
            if not str(getattr(function, "__module__", "")).startswith("pydantic."):
                return {}
            if getattr(function, "__name__", "") == "_serialize_secret":
                return {"type": "string"}
        return found

    def default_schema(self, schema: Any) -> dict[str, Any]:
        """Return the schema of a value with a default; a secret one is left out."""
        found: dict[str, Any] = super().default_schema(schema)
        if found.get("writeOnly"):
            found.pop("default", None)
        return found

    def tagged_union_schema(self, schema: Any) -> dict[str, Any]:
        """Return the schema without the keyword ``discriminator``, which is not of JSON Schema."""
        found: dict[str, Any] = super().tagged_union_schema(schema)
        found.pop("discriminator", None)
        return found

    def model_schema(self, schema: Any) -> dict[str, Any]:
        """Return the schema of a model without the name of its class as the title."""
        return _untitled(super().model_schema(schema), schema["cls"])

    def dataclass_schema(self, schema: Any) -> dict[str, Any]:
        """Return the schema of a dataclass without the name of its class as the title."""
        return _untitled(super().dataclass_schema(schema), schema["cls"])

    def typed_dict_schema(self, schema: Any) -> dict[str, Any]:
        """Return the schema of a TypedDict without the name of its class as the title."""
        return _untitled(super().typed_dict_schema(schema), schema.get("cls"))

    def enum_schema(self, schema: Any) -> dict[str, Any]:
        """Return the schema of an enum without the name of its class as the title."""
        return _untitled(super().enum_schema(schema), schema["cls"])


def _untitled(schema: dict[str, Any], cls: Any) -> dict[str, Any]:
    if cls is not None and schema.get("title") == cls.__name__:
        del schema["title"]
    return schema


def schemas_at(schema: dict[str, Any], path: Iterable[str | int]) -> list[dict[str, Any]]:
    """Return the schemas that a value at a path can have, alternatives and references resolved.

    Args:
        schema: The whole schema, with its ``$defs``.
        path: Names of members and indices of items, the outermost first.
    """
    definitions = schema.get("$defs", {})
    found = list(_alternatives(schema, definitions))
    for segment in path:
        found = [each for one in found for below in _below(one, segment) for each in _alternatives(below, definitions)]
    return found


def _alternatives(schema: Any, definitions: dict[str, Any]) -> Iterator[dict[str, Any]]:
    waiting, seen = [schema], set()
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, dict) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        reference = one.get("$ref", "")
        if reference.startswith(_REFERENCE):
            waiting.append(definitions.get(reference[len(_REFERENCE) :]))
        for key in ("anyOf", "oneOf", "allOf"):
            waiting.extend(one.get(key, ()))


def _below(schema: dict[str, Any], segment: str | int) -> Iterator[Any]:
    if isinstance(segment, int):
        fixed = schema.get("prefixItems", [])
        yield fixed[segment] if segment < len(fixed) else schema.get("items")
    elif segment in schema.get("properties", {}):
        yield schema["properties"][segment]
    else:
        yield schema.get("additionalProperties")
