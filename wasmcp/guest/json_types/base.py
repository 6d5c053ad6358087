"""Base classes of JSON types, the JSON Schema that they write, and the list of the problems of a value.

A JSON type is made from an annotation when the author's module is imported. It has three operations: ``load`` checks a
JSON value and converts it to the annotated type, ``dump`` converts a Python value to a JSON value, and ``schema``
describes both as JSON Schema 2020-12: types that are used once are written in place, others under ``$defs``. A call
runs only ``load`` and ``dump``, and neither makes objects other than the value.

All problems of a value are reported, up to a bound, so that a model can correct several mistakes at once.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from wasmcp.guest.call_errors import MISMATCH, MISSING, NOTHING, ONLY, UNEXPECTED
from wasmcp.guest.errors import MismatchError

_JSON_TYPES = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def json_type_name(value: object) -> str:
    """Return the JSON name of a value's type, or the Python name of a type that JSON does not have."""
    return _JSON_TYPES.get(type(value), type(value).__name__)


def quoted(value: object) -> str:
    """Return a scalar as JSON for a message, truncated."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = json_type_name(value)
    return text if len(text) <= 60 else text[:57] + "..."


class JsonType:
    """The conversion between a Python type and JSON.

    Attributes:
        name: The kind, for messages: ``expected <name>``.
        exact: The Python types of JSON values that fit without a conversion.
        near: The Python types of JSON values that fit after a lossless conversion.
        hashable: True if the converted values can be members of a set.
        same: The Python type whose values need no conversion in either direction; None without one. Lists of its
            values are converted without a call for each item.
    """

    name = "value"
    exact: tuple[type, ...] = ()
    near: tuple[type, ...] = ()
    hashable = True
    same: type | None = None

    def load(self, value: Any) -> Any:
        """Return the Python value of a JSON value.

        Raises:
            MismatchError: The value does not fit.
        """
        raise NotImplementedError

    def dump(self, value: Any) -> Any:
        """Return the JSON value of a Python value.

        Raises:
            MismatchError: The value is not of the annotated type.
        """
        raise NotImplementedError

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Return the JSON Schema; named types are added to ``definitions``."""
        raise NotImplementedError

    def children(self) -> Iterator[JsonType]:
        """Yield the JSON types that this one contains."""
        return iter(())

    def mismatch(self, value: object) -> MismatchError:
        """Return the error for a value of the wrong type."""
        return MismatchError(MISMATCH.format(self.name, json_type_name(value)))


class Foreign(JsonType):
    """A type that another library converts and describes.

    Attributes:
        is_object: True if results of the type are always objects.
        joint: True if the library decides between several of its types in a union.
        secret: True if values can contain secrets, which must not be shown.
    """

    is_object = True
    joint = False
    secret = False

    def body(self, definitions: Definitions) -> dict[str, Any]:
        """Return the schema in place; `schema` can return a reference to it."""
        return self.schema(definitions)

    def object_schema(self) -> dict[str, Any] | None:
        """Return the schema of accepted objects with their members in place; None for another type."""
        return None


class Named(JsonType):
    """A JSON type that a schema can refer to by name, because it can be used twice, or in itself.

    Attributes:
        title: The name of the type.
    """

    title: str

    def body(self, definitions: Definitions) -> dict[str, Any]:
        """Return the schema itself; `schema` can return a reference to it."""
        raise NotImplementedError

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        return definitions.refer(self)


def documented(schema: dict[str, Any], documentation: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema with documentation of the value; the description of the type is placed after it."""
    found = {**schema, **documentation}
    inner, outer = schema.get("description"), documentation.get("description")
    if inner and outer:  # the same documentation can be inside `schema` and in `documentation`
        again = inner == outer or inner.startswith(f"{outer}\n\n")
        found["description"] = inner if again else f"{outer}\n\n{inner}"
    return found


class Documented(JsonType):
    """A JSON type with documentation of its values: a ``Field`` or a string within an annotation.

    It does not slow down calls: its methods are those of the inner JSON type.

    Args:
        inner: The JSON type.
        documentation: The keywords.
    """

    def __init__(self, inner: JsonType, documentation: Mapping[str, Any]) -> None:
        self.inner = inner
        self.documentation = dict(documentation)
        self.name = inner.name
        self.exact = inner.exact
        self.near = inner.near
        self.hashable = inner.hashable
        self.same = inner.same
        self.load = inner.load  # type: ignore[method-assign]
        self.dump = inner.dump  # type: ignore[method-assign]

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        return documented(self.inner.schema(definitions), self.documentation)

    def children(self) -> Iterator[JsonType]:
        yield self.inner


def documentation_around(json_type: JsonType) -> dict[str, Any]:
    """Return the documentation around a JSON type, the outermost first."""
    if not isinstance(json_type, Documented):
        return {}
    return documented(documentation_around(json_type.inner), json_type.documentation)


def undocumented(json_type: JsonType) -> JsonType:
    """Return a JSON type without the documentation around it."""
    while isinstance(json_type, Documented):
        json_type = json_type.inner
    return json_type


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
        self._adopted: dict[str, str] = {}
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

    def adopt(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return a schema of another library without its ``$defs``, which become definitions of the whole schema.

        Equal definitions become one; different ones of the same name get different names.
        """
        bodies: dict[str, Any] = schema.get("$defs", {})
        direct = {name: set(_references(body, bodies)) for name, body in bodies.items()}
        names: dict[str, str] = {}
        added = []
        for name in bodies:
            reached = sorted({name, *_reachable(name, direct)})
            content = json.dumps([name, [[one, bodies[one]] for one in reached]], sort_keys=True)
            if content not in self._adopted:
                self._adopted[content] = self._unused(name, self._written.__contains__)
                self._written[self._adopted[content]] = {}  # reserves the name
                added.append(name)
            names[name] = self._adopted[content]
        for name in added:
            self._written[names[name]] = _renamed(bodies[name], names)
        return dict(_renamed({key: value for key, value in schema.items() if key != "$defs"}, names))

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
        if not self._written:
            return schema
        whole = {**schema, "$defs": dict(sorted(self._written.items()))}
        if not self._adopted:
            return whole
        uses = Counter(_references(whole, self._written))
        return _inlined(whole, {name for name in self._adopted.values() if uses[name] < 2})


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with its definitions written in place of references, which some clients do not resolve.

    A type that refers to itself stays under ``$defs``. If the schema would become too large, all types stay there:
    nested types that are used twice each double the size at every level.
    """
    return _inlined(schema, set(schema.get("$defs", {})))


def _inlined(schema: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """Return a schema with the definitions of these names written in place of references, if they are not recursive."""
    definitions = schema.get("$defs")
    if not definitions:
        return schema
    direct = {name: set(_references(body, definitions)) for name, body in definitions.items()}
    kept_names = {name for name in definitions if name not in names or name in _reachable(name, direct)}
    try:
        whole = _Inliner({name: body for name, body in definitions.items() if name not in kept_names})
        written = whole.schema({key: value for key, value in schema.items() if key != "$defs"})
        kept = {name: whole.schema(definitions[name]) for name in sorted(kept_names)}
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


def _referred(schema: dict[str, Any], definitions: Mapping[str, Any]) -> str | None:
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith(_PREFIX) and reference[len(_PREFIX) :] in definitions:
        return reference[len(_PREFIX) :]
    return None


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Return a schema, or a part of one, with references to other names."""
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    name = _referred(value, names)
    found = {
        key: item if key in _DATA and isinstance(item, list) else _renamed(item, names) for key, item in value.items()
    }
    return found if name is None else {**found, "$ref": f"{_PREFIX}{names[name]}"}


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


_MOST = 20
"""The maximum number of reported problems of one value."""


class Mismatches:
    """A collection of problems, raised as one `MismatchError`."""

    def __init__(self) -> None:
        self._found: MismatchError | None = None

    @property
    def full(self) -> bool:
        """True if further problems would not be reported."""
        return self._found is not None and self._found.more

    def add(self, mismatch: MismatchError, segment: str | int | None = None) -> None:
        """Add the problems of a part of the value.

        Args:
            mismatch: The problems.
            segment: The member or item that they were found in; None for the value itself.
        """
        if segment is not None:
            mismatch.under(segment)
        if self._found is None:
            self._found = mismatch
            return
        room = max(_MOST - len(self._found.problems), 0)
        self._found.problems += mismatch.problems[:room]
        self._found.more = self._found.more or mismatch.more or len(mismatch.problems) > room

    def unexpected(self, name: str, known: Iterable[str]) -> None:
        """Add an unknown member; the first one lists the known members."""
        if self.full:
            return
        reason = UNEXPECTED
        if self._found is None or not any(other.startswith(reason) for _, other in self._found.problems):
            names = ", ".join(known)
            reason = ONLY.format(names) if names else NOTHING
        self.add(MismatchError(reason), name)

    def missing(self, name: str) -> None:
        """Add a missing member."""
        if not self.full:
            self.add(MismatchError(MISSING), name)

    def check(self) -> None:
        """Raise the collected problems, if there are any.

        Raises:
            MismatchError: The problems.
        """
        if self._found is not None:
            raise self._found
