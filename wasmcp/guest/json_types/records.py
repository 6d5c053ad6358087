"""JSON types of objects with known members: dataclasses, attrs and pydantic 1 classes, TypedDicts, NamedTuples."""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wasmcp.guest.errors import MismatchError, UnsupportedTypeError
from wasmcp.guest.json_types import annotated
from wasmcp.guest.json_types.annotated import Field
from wasmcp.guest.json_types.base import Foreign, JsonType, Mismatches, Named, documented, undocumented
from wasmcp.guest.json_types.scalars import Anything

if TYPE_CHECKING:
    from wasmcp.guest.json_types.base import Definitions

_LONG = 60

QUALIFIERS = {
    f"{module}.{name}"
    for module in ("typing", "typing_extensions")
    for name in ("Required", "NotRequired", "ReadOnly", "Final", "ClassVar")
}


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
    if len(loaded) < len(json_types):
        for name in required:
            if name not in value:
                wrong = wrong or Mismatches()
                wrong.missing(name)
    if wrong is not None:
        wrong.check()
    return loaded


def dataclass_reader(cls: Any) -> Callable[[Any], dict[str, Any]]:
    """Return a function that returns the fields of an instance of a dataclass."""
    names = tuple(field.name for field in dataclasses.fields(cls))
    return lambda value: {name: getattr(value, name) for name in names}


def default_of(json_type: JsonType, value: Any) -> dict[str, Any]:
    """Return the ``default`` keyword for a default value; empty for a default without a JSON form, if that is allowed.

    Raises:
        UnsupportedTypeError: The value does not fit the type.
    """
    if value is not None and getattr(undocumented(json_type), "secret", False):
        return {}
    try:
        return {"default": json_type.dump(value)}
    except MismatchError as mismatch:
        if isinstance(json_type, Anything):
            return {}
        advice = "; write `... | None`" if value is None else ""
        text = repr(value)
        text = text if len(text) <= _LONG else f"{text[:_LONG]}..."
        raise UnsupportedTypeError(f"the default `{text}` does not fit its type: {mismatch}{advice}") from None
    except Exception:  # noqa: BLE001 - an object of the author that fails when it is read: the schema has no default
        return {}


def documentation_of(annotation: Any) -> dict[str, Any]:
    """Return the documentation within an annotation: ``Field``s and strings in ``Annotated``, outermost last."""
    found: dict[str, Any] = {}
    while str(typing.get_origin(annotation)) in QUALIFIERS:
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) is typing.Annotated:
        found.update(documentation_in(typing.get_args(annotation)[1:]))
    return found


def documentation_in(extras: Iterable[Any]) -> dict[str, Any]:
    """Return the keywords of the ``Field``s and strings of an ``Annotated``, the last one first."""
    found: dict[str, Any] = {}
    for extra in extras:
        if isinstance(extra, Field):
            found.update(extra.documentation())
        elif isinstance(extra, str):
            found["description"] = extra
        elif annotated.is_field(extra):
            found.update(annotated.documentation_of_field(extra))
    return found


def dataclass_members(cls: Any, hints: dict[str, Any]) -> Iterable[tuple[str, Any, dict[str, Any]]]:
    """Yield name, annotation and facts (`wasmcp.guest.json_types.records.Member`) of each member of a dataclass."""
    for name, field in cls.__dataclass_fields__.items():
        if "INITVAR" in str(getattr(field, "_field_type", "")):
            raise UnsupportedTypeError(f"`{name}` is an `InitVar`: it could be read from JSON, but not written")
    for field in dataclasses.fields(cls):
        facts: dict[str, Any] = {"required": False, "returned": True, "accepted": field.init}
        if field.default is not dataclasses.MISSING:
            facts["default"] = field.default
        elif field.default_factory in (list, dict, set, tuple, frozenset):
            facts["default"] = field.default_factory()
        elif field.default_factory is dataclasses.MISSING:
            facts["required"] = field.init
        yield field.name, hints[field.name], facts


def attrs_members(cls: Any, hints: dict[str, Any]) -> Iterable[tuple[str, Any, dict[str, Any]]]:
    """Yield name, annotation and facts (`wasmcp.guest.json_types.records.Member`) of each member of an attrs class.

    A member has the name of the constructor's parameter: an attribute ``_x`` is ``x``.
    """
    for field in cls.__attrs_attrs__:
        facts: dict[str, Any] = {"required": False, "returned": True, "accepted": field.init}
        factory = getattr(field.default, "factory", None)
        if repr(field.default) == "NOTHING":
            facts["required"] = field.init
        elif factory is None:
            facts["default"] = field.default
        elif factory in (list, dict, set, tuple, frozenset):
            facts["default"] = factory()
        yield _attrs_name(field), hints.get(field.name, Any), facts


def attrs_vars_of(value: Any) -> dict[str, Any]:
    """Return the members of an instance of an attrs class, without recursion."""
    return {_attrs_name(field): getattr(value, field.name) for field in type(value).__attrs_attrs__}


def _attrs_name(field: Any) -> str:
    alias: str | None = getattr(field, "alias", None)
    return alias or str(field.name).lstrip("_")


def is_typeddict(cls: type) -> bool:
    """Return True for a TypedDict, also of `typing_extensions`."""
    return typing.is_typeddict(cls) or (issubclass(cls, dict) and hasattr(cls, "__required_keys__"))


def typeddict_members(cls: Any, hints: dict[str, Any]) -> Iterable[tuple[str, Any, dict[str, Any]]]:
    """Yield name, annotation and facts (`wasmcp.guest.json_types.records.Member`) of each member of a TypedDict."""
    for name, hint in hints.items():
        # With postponed annotations `__required_keys__` ignores Required and NotRequired; evaluated hints have them.
        required = name in cls.__required_keys__
        qualifier = hint
        while str(typing.get_origin(qualifier)) in QUALIFIERS:
            kind = str(typing.get_origin(qualifier)).rpartition(".")[2]
            required = {"Required": True, "NotRequired": False}.get(kind, required)
            qualifier = typing.get_args(qualifier)[0]
        yield name, hint, {"required": required, "returned": required}


def namedtuple_members(cls: Any, hints: dict[str, Any]) -> Iterable[tuple[str, Any, dict[str, Any]]]:
    """Yield name, annotation and facts (`wasmcp.guest.json_types.records.Member`) of each member of a NamedTuple."""
    for name in cls._fields:
        facts: dict[str, Any] = {"required": name not in cls._field_defaults, "returned": True}
        if name in cls._field_defaults:
            facts["default"] = cls._field_defaults[name]
        yield name, hints.get(name, Any), facts


def is_model(cls: type) -> bool:
    """Return True for a model of pydantic 1, also of ``pydantic.v1`` in pydantic 2."""
    return not hasattr(cls, "__pydantic_fields__") and hasattr(cls, "__fields__") and hasattr(cls, "parse_obj")


class Model(Foreign):
    """A model of pydantic 1.

    Args:
        python: The class.
    """

    name = "object"
    exact = (dict,)
    hashable = False

    def __init__(self, python: Any) -> None:
        self.python = python

    def load(self, value: Any) -> Any:
        """Parse a JSON value by the model."""
        if type(value) is not dict:
            raise self.mismatch(value)
        try:
            return self.python.parse_obj(value)
        except ValueError as error:  # also pydantic's ValidationError
            raise _mismatch(error) from None

    def dump(self, value: Any) -> Any:
        """Write a JSON value by the model."""
        if not isinstance(value, self.python):
            raise MismatchError(f"expected {self.python.__name__}, got {type(value).__name__}")
        return json.loads(value.json(by_alias=True))

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Return the model's schema; its definitions are added to those of the whole schema."""
        written = _modern(self.python.schema(by_alias=True, ref_template="#/$defs/{model}"))
        if "definitions" in written:
            written["$defs"] = written.pop("definitions")
        return definitions.adopt(written)


def _mismatch(error: ValueError) -> MismatchError:
    errors = getattr(error, "errors", None)
    if errors is None:
        return MismatchError(str(error))
    wrong = Mismatches()
    for found in errors():
        mismatch = MismatchError(str(found["msg"]))
        for segment in reversed(found["loc"]):
            if segment != "__root__":
                mismatch = mismatch.under(segment)
        wrong.add(mismatch)
    try:
        wrong.check()
    except MismatchError as mismatch:
        return mismatch
    return MismatchError(str(error))


def _modern(schema: Any) -> Any:
    """Return a schema of draft 7 as one of 2020-12, which differs in arrays of a fixed length; see `Tuple`."""
    if isinstance(schema, list):
        return [_modern(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _modern(value) for key, value in schema.items()}
    if isinstance(found.get("items"), list):
        found["prefixItems"] = found.pop("items")
        found.setdefault("maxItems", len(found["prefixItems"]))
    return found
