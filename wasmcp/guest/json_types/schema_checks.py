"""Validation of complete schemas, because authors can write parts of them, and a client can fail on an invalid one.

A JavaScript client compiles the output schemas of all tools when it lists them; one invalid schema makes it lose all
tools. Source: JSON Schema 2020-12, Core; schema `Tool` of the specification.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wasmcp.guest.json_types.ecma_patterns import PatternError, check_pattern
from wasmcp.guest.json_types.json_codec import encode

_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
_NAMED = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})
_DATA = frozenset({"const", "default", "enum", "examples"})


def problems(schema: Mapping[str, Any]) -> list[str]:
    """Return the problems of the schema of a tool's arguments or result, each with its path."""
    try:
        encode(schema)
    except (TypeError, ValueError, RecursionError) as error:
        return [f"it is not JSON: {error}"]
    found = list(_problems(schema, schema, ""))
    properties = schema.get("properties", {})
    if not isinstance(properties, Mapping):
        return [*found, "`properties` must be an object"]
    found += [
        f"`properties.{name}` must be an object, for any value `{{}}`"
        for name, member in properties.items()
        if not isinstance(member, Mapping)
    ]
    return found


def _problems(schema: Any, root: Mapping[str, Any], place: str) -> Iterator[str]:
    if isinstance(schema, (list, tuple)):
        for index, item in enumerate(schema):
            yield from _problems(item, root, f"{place}[{index}]")
    if not isinstance(schema, Mapping):
        return
    for key, value in schema.items():
        below = f"{place}.{key}" if place else str(key)
        if key in _NAMED and isinstance(value, Mapping):
            for name, member in value.items():
                if key == "patternProperties":
                    yield from _pattern(name, below)
                yield from _problems(member, root, f"{below}.{name}")
        elif key == "pattern":
            yield from _pattern(value, below)
        elif key == "type":
            names = value if isinstance(value, (list, tuple)) else [value]
            unknown = [name for name in names if name not in _TYPES]
            if unknown:
                yield f"`{below}` is {encode(unknown[0])}, expected one of {', '.join(_TYPES)}"
        elif key == "$ref":
            if not _resolves(value, root):
                yield f"`{below}` is {encode(value)}, which is not in the schema: clients look nowhere else"
        elif key not in _DATA:
            yield from _problems(value, root, below)


def _pattern(pattern: Any, place: str) -> Iterator[str]:
    if not isinstance(pattern, str):
        yield f"`{place}` must be a string"
        return
    try:
        check_pattern(pattern)
    except PatternError as error:
        yield f"`{place}`: `{pattern}`: {error}"


def _resolves(reference: Any, root: Mapping[str, Any]) -> bool:
    if not isinstance(reference, str) or reference[:1] != "#":
        return False
    if reference[1:2] != "/":
        return reference == "#" or reference[1:] in _anchors(root)
    found: Any = root
    for step in reference[2:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, (list, tuple)) and name.isascii() and name.isdigit() and int(name[:9]) < len(found):
            found = found[int(name)]
        elif isinstance(found, Mapping) and name in found:
            found = found[name]
        else:
            return False
    return True


def _anchors(schema: Any) -> set[Any]:
    if isinstance(schema, Mapping):
        own = {schema["$anchor"]} if isinstance(schema.get("$anchor"), str) else set()
        return own.union(*map(_anchors, schema.values()))
    return set().union(*map(_anchors, schema)) if isinstance(schema, (list, tuple)) else set()
