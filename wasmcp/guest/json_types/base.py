"""JSON types: one class for each kind of JSON value, made from an annotation when the module is imported.

A JSON type has three operations: ``load`` checks a JSON value and converts it to the annotated type, ``dump`` converts
a Python value to a JSON value, and ``schema`` describes both as JSON Schema 2020-12. A call runs only ``load`` and
``dump``, and neither makes other objects than the value.
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
        same: The type whose values are all equal in JSON and in Python; None without one. It saves the calls that most
            of the time for a large value would be spent in.
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
        return MismatchError(f"expected {self.name}, got {json_type_name(value)}")


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


class Anything(JsonType):
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


class Null(JsonType):
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


class Boolean(JsonType):
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


class Integer(JsonType):
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


class Number(JsonType):
    """``float``; an integer is converted, and rejected if it is too large for a float."""

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


class String(JsonType):
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


class Choice(JsonType):
    """One of several values: ``Literal[...]`` and enums.

    Args:
        values: The JSON values: null, booleans, integers or strings.
        members: The corresponding Python values, in the same order.
        python: The enum class; None for a literal.
    """

    def __init__(self, values: list[Any], members: list[Any], python: type | None = None) -> None:
        self.values = values
        self.python = python
        # True == 1 in Python, but not in JSON: the key contains the type, too.
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
        return json_type_name(value) if isinstance(value, (list, dict)) else quoted(value)

    def schema(self, definitions: Definitions) -> dict[str, Any]:  # noqa: ARG002
        types = list(dict.fromkeys(json_type_name(value) for value in self.values))
        return {"type": types[0] if len(types) == 1 else types, "enum": self.values}
