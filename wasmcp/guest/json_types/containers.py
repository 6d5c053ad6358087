"""JSON types of containers: arrays, tuples and maps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from wasmcp.guest.errors import MismatchError
from wasmcp.guest.json_types.base import JsonType, Mismatches

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
            raise MismatchError("expected no item twice")
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
