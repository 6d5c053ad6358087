"""JSON types of values without a direct JSON form: sets of flags, integers as keys."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

from wasmcp.guest.errors import MismatchError
from wasmcp.guest.json_types.base import JsonType, quoted
from wasmcp.guest.json_types.mismatches import Mismatches

if TYPE_CHECKING:
    from wasmcp.guest.json_types.schema import Definitions


_DIGITS = 1000


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
                wrong.add(MismatchError(f"expected one of {known}, got {quoted(name)}"), index)
                if wrong.full:
                    break
                continue
            seen.add(name)
            found |= self.python[name]
        wrong.check()
        if len(seen) != len(value):
            raise MismatchError("expected no item twice")
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
            raise MismatchError(f"expected {self.name}, got {quoted(value)}")
        return int(value)

    def dump(self, value: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            return str(int(value))
        raise self.mismatch(value)

    def schema(self, definitions: Definitions) -> dict[str, Any]:  # noqa: ARG002
        return {"type": "string", "pattern": f"^(0|-?[1-9][0-9]{{0,{_DIGITS - 1}}})$"}
