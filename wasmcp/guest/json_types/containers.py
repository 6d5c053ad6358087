"""JSON types that contain others: arrays, tuples, maps, unions and recursive aliases."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from wasmcp.guest.call_errors import MISMATCH, ONE_OF, TWICE
from wasmcp.guest.errors import MismatchError
from wasmcp.guest.json_types.base import JsonType, Mismatches, Named, json_type_name, quoted, undocumented
from wasmcp.guest.json_types.records import Record
from wasmcp.guest.json_types.scalars import Choice, Null

if TYPE_CHECKING:
    from wasmcp.guest.json_types.base import Definitions


class Array(JsonType):
    """``list[T]``, ``tuple[T, ...]``, ``set[T]`` and ``frozenset[T]``.

    Args:
        item: The JSON type of the items.
        make: The function that converts the list of items to the annotated type.
        python: The types that a returned value can have.
    """

    name = "array"
    exact = (list,)

    def __init__(self, item: JsonType, make: Callable[[list[Any]], Any], python: tuple[type, ...]) -> None:
        self.item = item
        self.make = make
        self.python = python
        self.unique = make in (set, frozenset)
        self.hashable = make is frozenset or (make is tuple and item.hashable)

    def load(self, value: Any) -> Any:
        if type(value) is not list:
            raise self.mismatch(value)
        items: list[Any] = value if _all_are(self.item.same, value) else _each(self.item.load, value)
        if self.make is list:
            return items
        made = self.make(items)
        if self.unique and len(made) != len(items):
            raise MismatchError(TWICE)
        return made

    def dump(self, value: Any) -> list[Any]:
        if not isinstance(value, self.python):
            raise self.mismatch(value)
        given: Any = value
        items: list[Any] = list(given) if _all_are(self.item.same, given) else _each(self.item.dump, given)
        # A set has no order, but equal results should have equal bytes.
        return sorted(items, key=lambda item: (type(item).__name__, str(item))) if self.unique else items

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "array", "items": self.item.schema(definitions)}
        return {**schema, "uniqueItems": True} if self.unique else schema

    def children(self) -> Iterator[JsonType]:
        yield self.item


def _all_are(kind: type | None, values: Any) -> bool:
    return kind is not None and set(map(type, values)) <= {kind}


def _each(convert: Callable[[Any], Any], values: Iterable[Any]) -> list[Any]:
    converted: list[Any] = []
    add = converted.append
    remaining = iter(values)
    try:
        for value in remaining:
            add(convert(value))
    except MismatchError as mismatch:
        wrong = Mismatches()
        wrong.add(mismatch, len(converted))
        for index, value in enumerate(remaining, len(converted) + 1):
            if wrong.full:
                break
            try:
                convert(value)
            except MismatchError as another:
                wrong.add(another, index)
        wrong.check()
    return converted


class Tuple(JsonType):
    """``tuple[A, B]``: an array of a fixed length.

    Args:
        items: The JSON type of each item.
    """

    name = "array"
    exact = (list,)

    def __init__(self, items: list[JsonType]) -> None:
        self.items = items
        self.hashable = all(item.hashable for item in items)

    def load(self, value: Any) -> tuple[Any, ...]:
        if type(value) is not list:
            raise self.mismatch(value)
        return tuple(self._convert([item.load for item in self.items], value))

    def dump(self, value: Any) -> list[Any]:
        if not isinstance(value, tuple):
            raise self.mismatch(value)
        return self._convert([item.dump for item in self.items], value)

    def _convert(self, converters: list[Callable[[Any], Any]], values: Any) -> list[Any]:
        if len(values) != len(converters):
            raise MismatchError(f"expected an array of {len(converters)}, got one of {len(values)}")
        pairs = iter(zip(converters, values, strict=True))
        return _each(lambda pair: pair[0](pair[1]), pairs)

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        if not self.items:
            return {"type": "array", "maxItems": 0}  # `prefixItems` must not be empty
        # `maxItems`, not `"items": false`: clients that use draft 7 would expect an empty array.
        return {
            "type": "array",
            "prefixItems": [item.schema(definitions) for item in self.items],
            "minItems": len(self.items),
            "maxItems": len(self.items),
        }

    def children(self) -> Iterator[JsonType]:
        return iter(self.items)


class Map(JsonType):
    """``dict[str, T]``; the keys can also be a literal or an enum of strings.

    Args:
        key: The JSON type of the keys, which are strings in JSON.
        value: The JSON type of the values.
        plain: True for plain strings as keys, which need no conversion.
    """

    name = "object"
    exact = (dict,)
    hashable = False

    def __init__(self, key: JsonType, value: JsonType, *, plain: bool) -> None:
        self.key = key
        self.value = value
        self.plain = plain

    def load(self, value: Any) -> dict[Any, Any]:
        if type(value) is not dict:
            raise self.mismatch(value)
        return self._convert(self.key.load, self.value.load, value)

    def dump(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise self.mismatch(value)
        return self._convert(self.key.dump, self.value.dump, value)

    @staticmethod
    def _convert(key: Callable[[Any], Any], item: Callable[[Any], Any], values: Mapping[Any, Any]) -> dict[Any, Any]:
        converted = {}
        wrong: Mismatches | None = None
        for name, value in values.items():
            try:
                converted[key(name)] = item(value)
            except MismatchError as mismatch:
                wrong = wrong or Mismatches()
                wrong.add(mismatch, str(name))
                if wrong.full:
                    break
        if wrong is not None:
            wrong.check()
        return converted

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "object", "additionalProperties": self.value.schema(definitions)}
        return schema if self.plain else {**schema, "propertyNames": self.key.schema(definitions)}

    def children(self) -> Iterator[JsonType]:
        return iter((self.key, self.value))


_TRIED: ContextVar[dict[tuple[int, int, str], tuple[Any, Any]] | None] = ContextVar("tried", default=None)
"""Results of alternatives for objects and arrays, kept while the outermost union is converted."""


class Union(JsonType):
    """``A | B``, ``Optional[A]``: the first alternative that fits; those without a conversion are tried first.

    Args:
        options: The alternatives, at least two.
    """

    def __init__(self, options: list[JsonType]) -> None:
        self.options = options
        self.name = " or ".join(dict.fromkeys(option.name for option in options))
        self.exact = tuple(dict.fromkeys(kind for option in options for kind in option.exact))
        self.near = tuple(dict.fromkeys(kind for option in options for kind in option.near))
        self.hashable = all(option.hashable for option in options)
        self._tag: tuple[str, Mapping[Any, JsonType]] | None = None
        self._by_type: dict[type, list[JsonType]] = {
            kind: [option for option in options if kind in option.exact]
            + [option for option in options if kind in option.near and kind not in option.exact]
            for kind in (*self.exact, *self.near)
        }

    def load(self, value: Any) -> Any:
        candidates = self._by_type.get(type(value))
        if candidates is None:
            raise self.mismatch(value)
        if len(candidates) == 1:
            return candidates[0].load(value)
        if type(value) is dict:
            if self._tag is None:
                self._tag = tag_of(candidates)  # computed late: records can be completed after unions that contain them
            name, tagged = self._tag
            if name in value:
                return self._tagged(name, tagged, value)
        return self._once([option.load for option in candidates], value, "load")

    def dump(self, value: Any) -> Any:
        candidates = self._by_type.get(type(value))
        if candidates is not None and len(candidates) == 1 and type(value) in candidates[0].exact:
            return candidates[0].dump(value)
        return self._once([option.dump for option in self.options], value, "dump")

    @staticmethod
    def _tagged(name: str, tagged: Mapping[Any, JsonType], value: Any) -> Any:
        found = value[name]
        chosen = tagged.get((type(found), found)) if isinstance(found, (str, int)) else None
        if chosen is None:
            known = ", ".join(quoted(tag) for _, tag in tagged)
            raise MismatchError(MISMATCH.format(ONE_OF.format(known), quoted(found))).under(name)
        return chosen.load(value)

    def _once(self, attempts: list[Callable[[Any], Any]], value: Any, way: str) -> Any:
        """Try the alternatives once for each object or array, because recursive types would repeat the work."""
        if type(value) not in (dict, list):
            return self._first(attempts, value)
        known = _TRIED.get()
        if known is None:
            token = _TRIED.set({})
            try:
                return self._once(attempts, value, way)
            finally:
                _TRIED.reset(token)
        key = (id(self), id(value), way)
        if key not in known:
            try:
                known[key] = value, self._first(attempts, value)  # keeps the value alive, so that its `id` is unique
            except MismatchError as mismatch:
                known[key] = value, mismatch.copy()
                raise
        _, found = known[key]
        if isinstance(found, MismatchError):
            raise found.copy()
        return found

    def _first(self, attempts: list[Callable[[Any], Any]], value: Any) -> Any:
        deepest: MismatchError | None = None
        for attempt in attempts:
            try:
                return attempt(value)
            except MismatchError as mismatch:
                # Report the alternative that matched furthest.
                if deepest is None or mismatch.depth > deepest.depth:
                    deepest = mismatch
        if deepest is not None and (deepest.depth or len(attempts) == 1):
            raise deepest
        found = quoted(value) if isinstance(value, (str, int, float)) else json_type_name(value)
        raise MismatchError(MISMATCH.format(self.name, found))

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        schemas = [option.schema(definitions) for option in self.options]
        if all(set(schema) == {"type"} and isinstance(schema["type"], str) for schema in schemas):
            return {"type": [schema["type"] for schema in schemas]}
        return {"anyOf": schemas}

    def children(self) -> Iterator[JsonType]:
        return iter(self.options)


def without_null(json_type: JsonType) -> JsonType:
    """Return a type without the alternative null, for values that are never null: texts and fields of forms."""
    plain = undocumented(json_type)
    if not isinstance(plain, Union):
        return json_type
    options = [option for option in plain.options if not isinstance(option, Null)]
    if len(options) == len(plain.options) or not options:
        return json_type
    return options[0] if len(options) == 1 else Union(options)


def tag_of(options: list[JsonType]) -> tuple[str, Mapping[Any, JsonType]]:
    """Return the member that distinguishes records, and the record for each of its values.

    The member is required in all records, and its values are literals that occur in one record only.

    Returns:
        The name of the member and its values; an empty name without such a member.
    """
    plain = [(option, undocumented(option)) for option in options]
    records = [(option, record) for option, record in plain if isinstance(record, Record)]
    first = records[0][1].members if records and len(records) == len(options) else []
    for name in (member.name for member in first if member.required):
        tagged: dict[Any, JsonType] = {}
        count = 0
        for option, record in records:
            found = next(
                (member.json_type for member in record.members if member.name == name and member.required), None
            )
            json_type = None if found is None else undocumented(found)
            if not isinstance(json_type, Choice) or json_type.near or type(None) in json_type.exact:
                break
            count += len(json_type.values)
            tagged.update({(type(value), value): option for value in json_type.values})
        else:
            if len(tagged) == count:
                return name, tagged
    return "", {}


class Alias(Named):
    """A type alias that is used in itself: ``type Tree = int | list[Tree]``.

    Attributes:
        target: The JSON type of the alias; set when it is known.
    """

    target: JsonType

    def __init__(self, title: str) -> None:
        self.title = title
        self.name = title
        self.exact = (type(None), bool, int, float, str, list, dict)
        self.hashable = False

    def load(self, value: Any) -> Any:
        return self.target.load(value)

    def dump(self, value: Any) -> Any:
        return self.target.dump(value)

    def body(self, definitions: Definitions) -> dict[str, Any]:
        return self.target.schema(definitions)

    def children(self) -> Iterator[JsonType]:
        yield self.target
