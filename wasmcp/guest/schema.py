"""Shapes -> JSON Schema 2020-12: which types are written in place, and which once under ``$defs``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from wasmcp.guest.shapes import Named, Shape


class Definitions:
    """The types of one schema that have a name.

    A type used in one place is written there; one used in several places, or in itself, goes under ``$defs``: models
    read a schema in place better, and some clients do not follow references.

    Args:
        roots: All shapes that the schema is made of.
        output: Whether the schema describes what a tool returns: then members with a default are always there, and
            a later version may add some.
    """

    def __init__(self, roots: Iterable[Shape], *, output: bool = False) -> None:
        self.output = output
        self._uses: Counter[int] = Counter()
        self._names: dict[int, str] = {}
        self._written: dict[str, dict[str, Any]] = {}
        self._prefixes: dict[type, str] = {}
        waiting = list(roots)
        while waiting:
            shape = waiting.pop()
            if isinstance(shape, Named):
                self._uses[id(shape)] += 1
                if self._uses[id(shape)] > 1:
                    continue
            waiting.extend(shape.children())

    def refer(self, shape: Named) -> dict[str, Any]:
        """Return a named shape's schema, or a reference to it."""
        if self._uses[id(shape)] < 2:
            return shape.body(self)
        name = self._names.get(id(shape))
        if name is None:
            name = self._names[id(shape)] = self._unused(shape.title, self._written.__contains__)
            self._written[name] = {}  # taken, while its own body is being written
            self._written[name] = shape.body(self)
        return {"$ref": f"#/$defs/{name}"}

    def prefix(self, owner: type) -> str:
        """Return what the names begin with, up to a dot, of what a type includes that writes its own schemas."""
        if owner not in self._prefixes:
            self._prefixes[owner] = self._unused(
                owner.__name__, lambda name: any(known.startswith(f"{name}.") for known in self._written)
            )
        return self._prefixes[owner]

    def include(self, name: str, body: dict[str, Any]) -> None:
        """Add the definition of a type that writes its own schemas, under a name that it refers to."""
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
        """Return the schema with the definitions that it refers to."""
        return {**schema, "$defs": dict(sorted(self._written.items()))} if self._written else schema
