"""The shape of a value: one class a kind of JSON value, compiled from an annotation when the module is imported.

A shape does three things: ``load`` checks a JSON value and turns it into what the annotation promises, ``dump`` turns
a Python value into a JSON value, and ``schema`` describes both as JSON Schema 2020-12. Per call only ``load`` and
``dump`` run, and neither builds anything but the value.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any

from wasmcp.guest.errors import MismatchError

if TYPE_CHECKING:
    from wasmcp.guest.json_types.schema import Definitions

_JSON_TYPES = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def json_type(value: object) -> str:
    """Return the JSON name of a value's type, or the Python name of a type that JSON does not have."""
    return _JSON_TYPES.get(type(value), type(value).__name__)


def quoted(value: object) -> str:
    """Return a scalar as JSON for a message, cut short."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = json_type(value)
    return text if len(text) <= 60 else text[:57] + "..."


class Shape:
    """What a value looks like, in JSON and in Python.

    Attributes:
        name: The kind, for messages: ``expected <name>``.
        exact: The Python types of the JSON values that fit as they are.
        near: The Python types of JSON values that fit after a conversion that loses nothing.
        hashable: Whether the loaded values can be members of a set.
        same: The type whose values are the same in JSON and in Python, every one of them; None when there is none.
            It saves the calls that most of a large value would be spent in.
    """

    name = "value"
    exact: tuple[type, ...] = ()
    near: tuple[type, ...] = ()
    hashable = True
    same: type | None = None

    def load(self, value: Any) -> Any:
        """Return the Python value of a JSON value.

        Raises:
            MismatchError: It does not fit.
        """
        raise NotImplementedError

    def dump(self, value: Any) -> Any:
        """Return the JSON value of a Python value.

        Raises:
            MismatchError: It is not what the annotation promises.
        """
        raise NotImplementedError

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Return the JSON Schema; types that have a name are asked of ``definitions``."""
        raise NotImplementedError

    def children(self) -> Iterator[Shape]:
        """Yield the shapes that this one is made of."""
        return iter(())

    def mismatch(self, value: object) -> MismatchError:
        """Return the error for a value of the wrong type."""
        return MismatchError(f"expected {self.name}, got {json_type(value)}")


class Named(Shape):
    """A shape that a schema may refer to by name, because it can be used twice, or in itself.

    Attributes:
        title: The name of the type.
    """

    title: str

    def body(self, definitions: Definitions) -> dict[str, Any]:
        """Return the schema itself, where `schema` may return a reference to it."""
        raise NotImplementedError

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        return definitions.refer(self)


def documented(schema: dict[str, Any], documentation: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema with documentation of the value; a description of its type stays after that of the value."""
    found = {**schema, **documentation}
    inner, outer = schema.get("description"), documentation.get("description")
    if inner and outer:  # the documentation of a value may be around its shape, and given again
        again = inner == outer or inner.startswith(f"{outer}\n\n")
        found["description"] = inner if again else f"{outer}\n\n{inner}"
    return found


class Documented(Shape):
    """A shape whose values have documentation of their own: a ``Field`` or a text within an annotation.

    It adds nothing to a call: its functions are those of the shape.

    Args:
        inner: The shape.
        documentation: The keywords.
    """

    def __init__(self, inner: Shape, documentation: Mapping[str, Any]) -> None:
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

    def children(self) -> Iterator[Shape]:
        yield self.inner


def documentation_around(shape: Shape) -> dict[str, Any]:
    """Return the documentation around a shape, the outermost first."""
    if not isinstance(shape, Documented):
        return {}
    return documented(documentation_around(shape.inner), shape.documentation)


def undocumented(shape: Shape) -> Shape:
    """Return a shape without the documentation around it."""
    while isinstance(shape, Documented):
        shape = shape.inner
    return shape


class Anything(Shape):
    """Any JSON value: ``Any`` and ``object``."""

    exact = (type(None), bool, int, float, str, list, dict)
    hashable = False

    def __init__(self, write: Callable[[Any], Any]) -> None:
        self.write = write

    def load(self, value: Any) -> Any:
        return value

    def dump(self, value: Any) -> Any:
        return self.write(value)

    def schema(self, definitions: Definitions) -> dict[str, Any]:  # noqa: ARG002
        return {}


class Null(Shape):
    """``None``."""

    name = "null"
    exact = (type(None),)
    same = type(None)

    def load(self, value: Any) -> None:
        if value is not None:
            raise self.mismatch(value)

    dump = load

    def schema(self, definitions: Definitions) -> dict[str, Any]:  # noqa: ARG002
        return {"type": "null"}


class Boolean(Shape):
    """``bool``."""

    name = "boolean"
    exact = (bool,)
    same = bool

    def load(self, value: Any) -> bool:
        if value is True or value is False:
            return value
        raise self.mismatch(value)

    dump = load

    def schema(self, definitions: Definitions) -> dict[str, Any]:  # noqa: ARG002
        return {"type": "boolean"}


class Integer(Shape):
    """``int``. In JSON Schema 2020-12 a number with a zero fraction, such as 1.0, is an integer."""

    name = "integer"
    exact = (int,)
    same = int
    near = (float,)

    def load(self, value: Any) -> int:
        if type(value) is int:
            return value
        if type(value) is float and value.is_integer():
            return int(value)
        if type(value) is float:
            raise MismatchError(f"expected integer, got {quoted(value)}")
        raise self.mismatch(value)

    def dump(self, value: Any) -> int:
        if type(value) is int:
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return int(value)
        raise self.mismatch(value)

    def schema(self, definitions: Definitions) -> dict[str, Any]:  # noqa: ARG002
        return {"type": "integer"}


class Number(Shape):
    """``float``; an integer is converted, what is too large for a float is refused."""

    name = "number"
    exact = (float,)
    near = (int,)

    def load(self, value: Any) -> float:
        if type(value) is int:
            try:
                return float(value)
            except OverflowError:
                raise MismatchError("expected number, got an integer too large for one") from None
        return self.dump(value)

    def dump(self, value: Any) -> float:
        if isinstance(value, float):
            if isfinite(value):
                return value
            raise MismatchError(f"expected a finite number, got {value!r}")
        if isinstance(value, int) and not isinstance(value, bool):
            return int(value)
        raise self.mismatch(value)

    def schema(self, definitions: Definitions) -> dict[str, Any]:  # noqa: ARG002
        return {"type": "number"}


class String(Shape):
    """``str``."""

    name = "string"
    exact = (str,)
    same = str

    def load(self, value: Any) -> str:
        if type(value) is str:
            return value
        raise self.mismatch(value)

    def dump(self, value: Any) -> str:
        if isinstance(value, str):
            return str(value)
        raise self.mismatch(value)

    def schema(self, definitions: Definitions) -> dict[str, Any]:  # noqa: ARG002
        return {"type": "string"}


class Choice(Shape):
    """One of a few values: ``Literal[...]`` and enums.

    Args:
        values: The JSON values, all of them null, booleans, integers or strings.
        members: The Python values of the same, in the same order.
        python: The enum class; None for a literal.
    """

    def __init__(self, values: list[Any], members: list[Any], python: type | None = None) -> None:
        self.values = values
        self.python = python
        # True == 1 in Python, but not in JSON: hence the type in the key.
        self._members = {(type(value), value): member for value, member in zip(values, members, strict=True)}
        self.exact = tuple(dict.fromkeys(type(value) for value in values))
        self.near = (float,) if int in self.exact and float not in self.exact else ()
        self.name = "one of " + ", ".join(quoted(value) for value in values)

    def load(self, value: Any) -> Any:
        if type(value) is float and value.is_integer() and self.near:
            value = int(value)
        try:
            return self._members[type(value), value]
        except (KeyError, TypeError):
            raise MismatchError(f"expected {self.name}, got {self._found(value)}") from None

    def dump(self, value: Any) -> Any:
        if self.python is not None and isinstance(value, self.python):
            return value.value  # type: ignore[attr-defined]
        if self.python is None and isinstance(value, enum.Enum):
            for written, member in zip(self.values, self._members.values(), strict=True):
                if member is value:
                    return written
        elif (
            self.python is None and isinstance(value, (str, int, type(None))) and (type(value), value) in self._members
        ):
            return value
        raise MismatchError(f"expected {self.name}, got {self._found(value)}")

    @staticmethod
    def _found(value: object) -> str:
        return json_type(value) if isinstance(value, (list, dict)) else quoted(value)

    def schema(self, definitions: Definitions) -> dict[str, Any]:  # noqa: ARG002
        types = list(dict.fromkeys(json_type(value) for value in self.values))
        return {"type": types[0] if len(types) == 1 else types, "enum": self.values}
