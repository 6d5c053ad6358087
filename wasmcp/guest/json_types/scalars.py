"""JSON types of null, booleans, numbers, strings, literals, enums and flags."""

from __future__ import annotations

import enum
from collections.abc import Callable
from math import isfinite
from typing import TYPE_CHECKING, Any

from wasmcp.guest.call_errors import MISMATCH, ONE_OF, TWICE
from wasmcp.guest.errors import MismatchError
from wasmcp.guest.json_types.base import JsonType, Mismatches, json_type_name, quoted

if TYPE_CHECKING:
    from wasmcp.guest.json_types.base import Definitions

_DIGITS = 1000


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
            raise MismatchError(MISMATCH.format("integer", quoted(value)))
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
                return 0.0 + value  # as `float(value)`, without the call
            except OverflowError:
                raise MismatchError("expected number, got an integer that is too large") from None
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
            raise MismatchError(MISMATCH.format(self.name, self._found(value))) from None

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
        raise MismatchError(MISMATCH.format(self.name, self._found(value)))

    @staticmethod
    def _found(value: object) -> str:
        return json_type_name(value) if isinstance(value, (list, dict)) else quoted(value)

    def schema(self, definitions: Definitions) -> dict[str, Any]:  # noqa: ARG002
        types = list(dict.fromkeys(json_type_name(value) for value in self.values))
        return {"type": types[0] if len(types) == 1 else types, "enum": self.values}


def flag_names(python: type[enum.Flag]) -> list[str]:
    """Return the names of the flags of a class, without combinations and the empty set."""
    return [flag.name for flag in python if flag.name is not None]


class Flags(JsonType):
    """``enum.Flag``: the names of the members that are set.

    Args:
        python: The class.
    """

    name = "array"
    exact = (list,)

    def __init__(self, python: type[enum.Flag]) -> None:
        self.python = python
        self.names = flag_names(python)

    def load(self, value: Any) -> enum.Flag:
        if type(value) is not list:
            raise self.mismatch(value)
        found = self.python(0)
        wrong = Mismatches()
        seen: set[str] = set()
        for index, name in enumerate(value):
            if type(name) is not str or name not in self.names:
                known = ", ".join(quoted(known) for known in self.names)
                wrong.add(MismatchError(MISMATCH.format(ONE_OF.format(known), quoted(name))), index)
                if wrong.full:
                    break
                continue
            seen.add(name)
            found |= self.python[name]
        wrong.check()
        if len(seen) != len(value):
            raise MismatchError(TWICE)
        return found

    def dump(self, value: Any) -> list[str]:
        if not isinstance(value, self.python):
            raise self.mismatch(value)
        return [name for name in self.names if self.python[name] in value]

    def schema(self, definitions: Definitions) -> dict[str, Any]:  # noqa: ARG002
        return {"type": "array", "items": {"type": "string", "enum": self.names}, "uniqueItems": True}


class Numeral(JsonType):
    """An integer as the key of an object, which JSON allows only as a string."""

    name = "an integer as a string"
    exact = (str,)

    def load(self, value: Any) -> int:
        digits = value[1:] if value[:1] == "-" else value
        if not (digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS) or (
            digits[0] == "0" and value != "0"
        ):
            raise MismatchError(MISMATCH.format(self.name, quoted(value)))
        return int(value)

    def dump(self, value: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            return str(int(value))
        raise self.mismatch(value)

    def schema(self, definitions: Definitions) -> dict[str, Any]:  # noqa: ARG002
        return {"type": "string", "pattern": f"^(0|-?[1-9][0-9]{{0,{_DIGITS - 1}}})$"}
