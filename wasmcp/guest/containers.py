"""Shapes made of other shapes: arrays, maps, unions, and constraints on any of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from wasmcp.guest.errors import Mismatch
from wasmcp.guest.shapes import Named, Shape, json_type, quoted

if TYPE_CHECKING:
    from wasmcp.guest.schema import Definitions


class Array(Shape):
    """``list[T]``, ``tuple[T, ...]``, ``set[T]`` and ``frozenset[T]``.

    Args:
        item: The shape of each item.
        make: What turns the list of loaded items into the annotated type.
        python: The types that a returned value may have.
    """

    name = "array"
    exact = (list,)

    def __init__(self, item: Shape, make: Callable[[list[Any]], Any], python: tuple[type, ...]) -> None:
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
            raise Mismatch("expected no item twice")
        return made

    def dump(self, value: Any) -> list[Any]:
        if not isinstance(value, self.python):
            raise self.mismatch(value)
        given: Any = value
        items: list[Any] = list(given) if _all_are(self.item.same, value) else _each(self.item.dump, value)
        # A set has no order; the same result should be the same bytes.
        return sorted(items, key=lambda item: (type(item).__name__, str(item))) if self.unique else items

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "array", "items": self.item.schema(definitions)}
        return {**schema, "uniqueItems": True} if self.unique else schema

    def children(self) -> Iterator[Shape]:
        yield self.item


def _all_are(kind: type | None, values: Any) -> bool:
    return kind is not None and set(map(type, values)) <= {kind}


def _each(convert: Callable[[Any], Any], values: Any) -> list[Any]:
    converted: list[Any] = []
    add = converted.append
    try:
        for value in values:
            add(convert(value))
    except Mismatch as mismatch:
        raise mismatch.under(len(converted)) from None
    return converted


class Tuple(Shape):
    """``tuple[A, B]``: an array of a fixed length.

    Args:
        items: The shape of each item.
    """

    name = "array"
    exact = (list,)

    def __init__(self, items: list[Shape]) -> None:
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
            raise Mismatch(f"expected an array of {len(converters)}, got one of {len(values)}")
        pairs = iter(zip(converters, values, strict=True))
        return _each(lambda pair: pair[0](pair[1]), pairs)

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        if not self.items:
            return {"type": "array", "maxItems": 0}  # `prefixItems` must not be empty
        return {
            "type": "array",
            "prefixItems": [item.schema(definitions) for item in self.items],
            "items": False,
            "minItems": len(self.items),
        }

    def children(self) -> Iterator[Shape]:
        return iter(self.items)


class Map(Shape):
    """``dict[str, T]``; the keys may also be a literal or an enum of strings.

    Args:
        key: The shape of the keys; they load from strings.
        value: The shape of the values.
        plain: Whether keys are plain strings, so that they need no loading.
    """

    name = "object"
    exact = (dict,)
    hashable = False

    def __init__(self, key: Shape, value: Shape, *, plain: bool) -> None:
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
        name: Any = None
        try:
            for name, value in values.items():
                converted[key(name)] = item(value)
        except Mismatch as mismatch:
            raise mismatch.under(str(name)) from None
        return converted

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "object", "additionalProperties": self.value.schema(definitions)}
        return schema if self.plain else {**schema, "propertyNames": self.key.schema(definitions)}

    def children(self) -> Iterator[Shape]:
        return iter((self.key, self.value))


class Union(Shape):
    """``A | B``, ``Optional[A]``: the first alternative that fits, those that fit without a conversion first.

    Args:
        options: The alternatives, at least two.
    """

    def __init__(self, options: list[Shape]) -> None:
        self.options = options
        self.name = " or ".join(dict.fromkeys(option.name for option in options))
        self.exact = tuple(dict.fromkeys(kind for option in options for kind in option.exact))
        self.near = tuple(dict.fromkeys(kind for option in options for kind in option.near))
        self.hashable = all(option.hashable for option in options)
        self._by_type: dict[type, list[Shape]] = {
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
        return self._first([option.load for option in candidates], value)

    def dump(self, value: Any) -> Any:
        candidates = self._by_type.get(type(value))
        if candidates is not None and len(candidates) == 1 and type(value) in candidates[0].exact:
            return candidates[0].dump(value)
        return self._first([option.dump for option in self.options], value)

    def _first(self, attempts: list[Callable[[Any], Any]], value: Any) -> Any:
        deepest: Mismatch | None = None
        for attempt in attempts:
            try:
                return attempt(value)
            except Mismatch as mismatch:  # noqa: PERF203 - trying is what this is
                # The alternative that was followed furthest is the one that was meant.
                if deepest is None or len(mismatch.path) > len(deepest.path):
                    deepest = mismatch
        if deepest is not None and (deepest.path or len(attempts) == 1):
            raise deepest
        found = quoted(value) if isinstance(value, (str, int, float)) else json_type(value)
        raise Mismatch(f"expected {self.name}, got {found}")

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        schemas = [option.schema(definitions) for option in self.options]
        if all(set(schema) == {"type"} and isinstance(schema["type"], str) for schema in schemas):
            return {"type": [schema["type"] for schema in schemas]}
        return {"anyOf": schemas}

    def children(self) -> Iterator[Shape]:
        return iter(self.options)


class Alias(Named):
    """A type alias that is used in itself: ``type Tree = int | list[Tree]``.

    Attributes:
        target: What it stands for; set as soon as that is known.
    """

    target: Shape

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

    def children(self) -> Iterator[Shape]:
        yield self.target
