"""JSON Schema 2020-12 of JSON types: types that are written in place, and types under ``$defs``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from wasmcp.guest.json_types.base import JsonType, Named, documented


class Definitions:
    """The named types of one schema.

    A type that is used once is written in place; a type that is used several times, or in itself, is written under
    ``$defs``. See `inlined` for the schemas of arguments.

    Args:
        roots: All JSON types of the schema.
        output: True if the schema describes the result of a tool: then members with a default are always present, and
            a later version can add members.
    """

    def __init__(self, roots: Iterable[JsonType], *, output: bool = False) -> None:
        self.output = output
        self._uses: Counter[int] = Counter()
        self._names: dict[int, str] = {}
        self._written: dict[str, dict[str, Any]] = {}
        self._prefixes: dict[type, str] = {}
        waiting = list(roots)
        while waiting:
            json_type = waiting.pop()
            if isinstance(json_type, Named):
                self._uses[id(json_type)] += 1
                if self._uses[id(json_type)] > 1:
                    continue
            waiting.extend(json_type.children())

    def refer(self, json_type: Named) -> dict[str, Any]:
        """Return the schema of a named type, or a reference to it."""
        if self._uses[id(json_type)] < 2:
            return json_type.body(self)
        name = self._names.get(id(json_type))
        if name is None:
            name = self._names[id(json_type)] = self._unused(json_type.title, self._written.__contains__)
            self._written[name] = {}  # reserves the name while the body is being written
            self._written[name] = json_type.body(self)
        return {"$ref": f"#/$defs/{name}"}

    def prefix(self, owner: type) -> str:
        """Return the prefix, up to a dot, for the names of definitions of a type that writes its own schemas."""
        if owner not in self._prefixes:
            self._prefixes[owner] = self._unused(
                owner.__name__, lambda name: any(known.startswith(f"{name}.") for known in self._written)
            )
        return self._prefixes[owner]

    def include(self, name: str, body: dict[str, Any]) -> None:
        """Add a definition of a type that writes its own schemas, under the name that it refers to."""
        self._written[name] = body

    @staticmethod
    def _unused(title: str, is_taken: Callable[[str], bool]) -> str:
        base = re.sub(r"[^A-Za-z0-9_.-]+", "_", title).strip("_") or "Type"
        name, number = base, 1
        while is_taken(name):
            number += 1
            name = f"{base}{number}"
        return name

    def finish(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the schema together with the definitions that it refers to."""
        return {**schema, "$defs": dict(sorted(self._written.items()))} if self._written else schema


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with its definitions written in place of references, which some clients do not resolve.

    A type that refers to itself stays under ``$defs``. If the schema would become too large, all types stay there:
    nested types that are used twice each double the size at every level.
    """
    definitions = schema.get("$defs")
    if not definitions:
        return schema
    direct = {name: set(_references(body, definitions)) for name, body in definitions.items()}
    recursive = {name for name in definitions if name in _reachable(name, direct)}
    try:
        whole = _Inliner({name: body for name, body in definitions.items() if name not in recursive})
        written = whole.schema({key: value for key, value in schema.items() if key != "$defs"})
        kept = {name: whole.schema(definitions[name]) for name in sorted(recursive)}
    except _TooLargeError:
        return schema
    return {**written, "$defs": kept} if kept else written


_LARGEST = 1000
"""The maximum number of schemas and subschemas after definitions were written in place."""

_DATA = frozenset({"const", "default", "enum", "examples"})
_PREFIX = "#/$defs/"


class _TooLargeError(Exception):
    pass


class _Inliner:
    """Writer of definitions in place of references.

    Args:
        definitions: The definitions; none refers to itself.
    """

    def __init__(self, definitions: dict[str, Any]) -> None:
        self._definitions = definitions
        self._room = _LARGEST

    def schema(self, value: Any) -> Any:
        """Return a schema, or a part of one, without references to the definitions."""
        if isinstance(value, list):
            return [self.schema(item) for item in value]
        if not isinstance(value, dict):
            return value
        self._room -= 1
        if self._room < 0:
            raise _TooLargeError
        name = _referred(value, self._definitions)
        # A list of `enum` or `examples` contains values, not schemas; but a member can have that name.
        found = {
            key: item if key in _DATA and isinstance(item, list) else self.schema(item)
            for key, item in value.items()
            if name is None or key != "$ref"
        }
        return found if name is None else documented(self.schema(self._definitions[name]), found)


def _referred(schema: dict[str, Any], definitions: dict[str, Any]) -> str | None:
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith(_PREFIX) and reference[len(_PREFIX) :] in definitions:
        return reference[len(_PREFIX) :]
    return None


def _references(value: Any, definitions: dict[str, Any]) -> Iterator[str]:
    if isinstance(value, dict):
        name = _referred(value, definitions)
        if name is not None:
            yield name
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _references(item, definitions)


def _reachable(name: str, direct: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(direct[name])
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting.extend(direct[one])
    return found
