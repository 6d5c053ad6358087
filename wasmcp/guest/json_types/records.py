"""JSON types of objects with known members: dataclasses, TypedDicts, NamedTuples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wasmcp.guest.errors import MismatchError
from wasmcp.guest.json_types.base import JsonType, Named, documented
from wasmcp.guest.json_types.mismatches import Mismatches

if TYPE_CHECKING:
    from wasmcp.guest.json_types.schema import Definitions


@dataclass
class Member:
    """One member of an object.

    Attributes:
        name: The name, in JSON and in Python.
        json_type: The JSON type.
        required: True if a client must send it.
        returned: True if results of a tool always contain it.
        documentation: Keywords in addition to those of the JSON type: description, default, title...
        accepted: False for members of results that a client cannot set (``field(init=False)``).
    """

    name: str
    json_type: JsonType
    required: bool
    returned: bool
    documentation: dict[str, Any]
    accepted: bool = True

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Return the member's schema. Keywords next to a ``$ref`` are allowed since 2019-09."""
        return documented(self.json_type.schema(definitions), self.documentation)


class Record(Named):
    """An object with known members.

    Attributes:
        members: The members, set when they are known: they can contain the record itself.

    Args:
        title: The name of the type.
        python: The type.
        make: The function that makes the value from the converted members, passed by name.
        read: The function that returns the members of a value by name.
        description: The text of the type's docstring.
        hashable: True if the values can be members of a set.
    """

    name = "object"
    exact = (dict,)

    def __init__(
        self,
        title: str,
        python: type,
        make: Callable[..., Any],
        read: Callable[[Any], Mapping[str, Any]] | None,
        description: str | None,
        *,
        hashable: bool,
    ) -> None:
        self.title = title
        self.python = python
        self.make = make
        self.read = read
        self.description = description
        self.hashable = hashable
        self._members: list[Member] = []
        self._json_types: dict[str, JsonType] = {}
        self._required: tuple[str, ...] = ()

    @property
    def members(self) -> list[Member]:
        """The members, in the order of their declaration."""
        return self._members

    @members.setter
    def members(self, members: list[Member]) -> None:
        self._members = members
        self._json_types = {member.name: member.json_type for member in members if member.accepted}
        self._required = tuple(member.name for member in members if member.required)

    def load(self, value: Any) -> Any:
        if type(value) is not dict:
            raise self.mismatch(value)
        return self.make(**load_members(self._json_types, self._required, value))

    def dump(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, self.python):
            raise MismatchError(f"expected {self.title}, got {type(value).__name__}")
        found: Mapping[str, Any] = value if self.read is None else self.read(value)  # type: ignore[assignment]
        dumped = {}
        wrong: Mismatches | None = None
        for member in self._members:
            name = member.name
            if name in found:
                item, json_type = found[name], member.json_type
                if type(item) is json_type.same:
                    dumped[name] = item
                    continue
                try:
                    dumped[name] = json_type.dump(item)
                except MismatchError as mismatch:
                    wrong = wrong or Mismatches()
                    wrong.add(mismatch, name)
            elif member.returned:
                wrong = wrong or Mismatches()
                wrong.add(MismatchError(f"expected {self.title}, got one without `{name}`"))
        if wrong is not None:
            wrong.check()
        return dumped

    def body(self, definitions: Definitions) -> dict[str, Any]:
        output = definitions.output
        members = [member for member in self._members if output or member.accepted]
        schema: dict[str, Any] = {"type": "object"}
        if self.description:
            schema["description"] = self.description
        schema["properties"] = {member.name: member.schema(definitions) for member in members}
        required = [member.name for member in members if (member.returned if output else member.required)]
        if required:
            schema["required"] = required
        if not output:
            schema["additionalProperties"] = False
        return schema

    def children(self) -> Iterator[JsonType]:
        return (member.json_type for member in self._members)


def load_members(
    json_types: Mapping[str, JsonType], required: tuple[str, ...], value: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the converted members of an object.

    Raises:
        MismatchError: Members do not fit, are missing or unknown.
    """
    loaded = {}
    wrong: Mismatches | None = None
    for name, item in value.items():
        json_type = json_types.get(name)
        if json_type is None:
            wrong = wrong or Mismatches()
            wrong.unexpected(name, json_types)
            continue
        if type(item) is json_type.same:
            loaded[name] = item
            continue
        try:
            loaded[name] = json_type.load(item)
        except MismatchError as mismatch:
            wrong = wrong or Mismatches()
            wrong.add(mismatch, name)
    for name in required:
        if name not in value:
            wrong = wrong or Mismatches()
            wrong.missing(name)
    if wrong is not None:
        wrong.check()
    return loaded
