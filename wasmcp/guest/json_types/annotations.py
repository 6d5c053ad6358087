"""JSON types of annotations: each type of a signature, and its form in JSON."""

from __future__ import annotations

import builtins
import collections.abc
import contextlib
import dataclasses
import enum
import sys
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from wasmcp.guest.declarations.docstring import parse_docstring
from wasmcp.guest.errors import MismatchError, UnsupportedTypeError
from wasmcp.guest.json_types import annotated
from wasmcp.guest.json_types.annotated import Field
from wasmcp.guest.json_types.base import Documented, JsonType, documentation_around, undocumented
from wasmcp.guest.json_types.constraints import constrain
from wasmcp.guest.json_types.containers import Alias, Array, Map, Tuple, Union
from wasmcp.guest.json_types.conversions import dump_any
from wasmcp.guest.json_types.records import (
    QUALIFIERS,
    Member,
    Model,
    Record,
    attrs_members,
    attrs_vars_of,
    dataclass_members,
    dataclass_reader,
    default_of,
    documentation_in,
    documentation_of,
    is_model,
    is_typeddict,
    namedtuple_members,
    typeddict_members,
)
from wasmcp.guest.json_types.scalars import Anything, Boolean, Choice, Flags, Integer, Null, Number, Numeral, String
from wasmcp.guest.json_types.string_types import format_of

_abc = collections.abc

_HEADER = "x-mcp-header"
_HEADERS = {str, int, bool, type(None)}
"""The JSON types whose values can be sent in a header."""

_ARRAYS: dict[Any, tuple[Any, tuple[type, ...]]] = {
    list: (list, (list,)),
    set: (set, (set, frozenset)),
    frozenset: (frozenset, (set, frozenset)),
    _abc.Set: (frozenset, (_abc.Set,)),
    _abc.MutableSet: (set, (_abc.Set,)),
    _abc.Sequence: (list, (list, tuple)),
    _abc.MutableSequence: (list, (list,)),
    _abc.Collection: (list, (list, tuple, _abc.Set)),
    _abc.Iterable: (list, (list, tuple, _abc.Set)),
}
_MAPS = (dict, _abc.Mapping, _abc.MutableMapping)
_SCALARS: dict[Any, type[JsonType]] = {
    str: String,
    int: Integer,
    float: Number,
    bool: Boolean,
    None: Null,
    type(None): Null,
}


def written(annotation: Any) -> str:
    """Return an annotation as an author would write it."""
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return annotation.__qualname__.rpartition("<locals>.")[2]
    return str(annotation).replace("typing.", "").replace("collections.abc.", "")


class Resolver:
    """Converter from the annotations of one tool to JSON types; a repeated annotation has one JSON type.

    Args:
        names: Names that annotations can use in addition to those of the module: the locals around a nested function.

    Attributes:
        unread: Types, and lines of their docstrings that could not be parsed.
    """

    def __init__(self, names: Mapping[str, Any] | None = None) -> None:
        self._names = dict(names or {})
        self._records: dict[Any, Record] = {}
        self._aliases: dict[Any, Alias | None] = {}
        self._variables: dict[Any, JsonType] = {}
        self._pydantic: dict[Any, JsonType] = {}
        self._arguments: list[JsonType] = []
        self.unread: list[tuple[str, str]] = []
        annotated.import_support()

    def hints(self, owner: Any) -> dict[str, Any]:
        """Return the evaluated annotations of a function or class.

        Raises:
            NameError: An annotation uses a name that does not exist yet.
            UnsupportedTypeError: An annotation cannot be evaluated.
        """
        names: Mapping[str, Any] = self._names
        if isinstance(owner, type) and "<locals>" not in owner.__qualname__:
            # The names around a function are used only for names that the modules of the class do not have.
            modules = [vars(sys.modules.get(base.__module__, builtins)) for base in owner.__mro__]
            names = {name: value for name, value in names.items() if not any(name in module for module in modules)}
        try:
            return typing.get_type_hints(owner, localns=names or None, include_extras=True)
        except NameError:
            raise
        except Exception as error:
            raise UnsupportedTypeError(f"an annotation cannot be evaluated: {error}") from error

    def json_type(self, annotation: Any) -> JsonType:
        """Return the JSON type of an annotation.

        Raises:
            UnsupportedTypeError: The annotation has no JSON type.
        """
        try:
            scalar = _SCALARS.get(annotation)
        except TypeError:  # unhashable: not a type
            scalar = None
        if scalar is not None:
            return scalar()
        if annotation in (Any, object):
            return Anything(dump_any)
        if isinstance(annotation, typing.TypeVar):
            return self._variable(annotation)
        origin = typing.get_origin(annotation)
        arguments = typing.get_args(annotation)
        if origin is typing.Annotated:
            return self._annotated(arguments[0], arguments[1:])
        if origin in (typing.Union, types.UnionType):
            return self._union(arguments)
        if origin is typing.Literal:
            return self._literal(arguments)
        if origin is not None and str(origin) in QUALIFIERS:
            return self.json_type(arguments[0])
        if isinstance(annotation, typing.NewType):
            return self.json_type(annotation.__supertype__)
        alias = origin or annotation
        if type(alias).__name__ == "TypeAliasType":
            return self._alias(alias, arguments)
        return self._container(annotation, origin or annotation, arguments) or self._class(annotation, origin)

    def _variable(self, variable: Any) -> JsonType:
        if variable in self._variables:
            return self._variables[variable]
        if getattr(variable, "has_default", bool)():
            return self.json_type(variable.__default__)
        if variable.__constraints__:
            return Union([self.json_type(constraint) for constraint in variable.__constraints__])
        return Anything(dump_any) if variable.__bound__ is None else self.json_type(variable.__bound__)

    def _annotated(self, annotation: Any, extras: tuple[Any, ...]) -> JsonType:
        if any(map(annotated.is_metadata, extras)):
            return self._with_metadata(annotation, extras)
        return self._documented(annotation, self.json_type(annotation), extras)

    def _with_metadata(self, annotation: Any, extras: tuple[Any, ...]) -> JsonType:
        """Return the JSON type of an annotation with metadata of pydantic: our own where it means the same."""
        given = annotated.translated(extras)
        reason: UnsupportedTypeError | None = None
        if given is not None:
            try:
                return self._documented(annotation, self.json_type(annotation), tuple(given))
            except UnsupportedTypeError as error:
                reason = error
        if not annotated.is_used():
            if reason is not None:
                raise reason
            own = tuple(extra for extra in extras if not annotated.is_metadata(extra))
            return self._documented(annotation, self.json_type(annotation), own)
        foreign = [extra for extra in extras if annotated.is_metadata(extra)]
        adapted = self._adapted(typing.Annotated[(annotation, *foreign)], written(annotation))
        return self._documented(annotation, adapted, extras)

    def _adapted(self, annotation: Any, title: str) -> JsonType:
        from wasmcp.guest.json_types.pydantic2 import Adapted  # the author imported pydantic

        try:
            known = self._pydantic.get(annotation)
        except TypeError:  # unhashable metadata
            return Adapted(annotation, title, self._names)
        if known is None:
            known = self._pydantic[annotation] = Adapted(annotation, title, self._names)
        return known

    def _union(self, arguments: tuple[Any, ...]) -> JsonType:
        """Return the JSON type of a union; pydantic selects among the alternatives that are its types."""
        options = [self.json_type(argument) for argument in arguments]
        owned = [index for index, option in enumerate(options) if getattr(undocumented(option), "joint", False)]
        if len(owned) > 1:
            members = tuple(arguments[index] for index in owned)
            several: Any = typing.Union[members]  # noqa: UP007 - of a computed tuple
            title = " | ".join(written(arguments[index]) for index in owned)
            options[owned[0]] = self._adapted(several, title)
            options = [option for index, option in enumerate(options) if index not in owned[1:]]
        return options[0] if len(options) == 1 else _union(options)

    def _documented(self, annotation: Any, json_type: JsonType, extras: tuple[Any, ...]) -> JsonType:
        for extra in extras:
            if isinstance(extra, Field):
                json_type = constrain(json_type, extra, written(annotation))
        documentation = documentation_in(extras)
        if _HEADER in documentation and not set(json_type.exact) <= _HEADERS:
            raise UnsupportedTypeError(
                f"`Field(header=...)` is for strings, integers and booleans, not for `{written(annotation)}`"
            )
        return Documented(json_type, documentation) if documentation else json_type

    def _literal(self, values: Iterable[Any]) -> JsonType:
        members = list(values)
        found = [value.value if isinstance(value, enum.Enum) else value for value in members]
        for value in found:
            if not isinstance(value, (str, int, bool, type(None))):
                raise UnsupportedTypeError(
                    f"`Literal` of {value!r}: only strings, integers, booleans and None are JSON values"
                )
        if len({(type(value), value) for value in found}) < len(found):
            raise UnsupportedTypeError(f"`Literal` of {members!r}: two of them are the same value in JSON")
        return Choice(found, members)

    def _alias(self, annotation: Any, arguments: tuple[Any, ...]) -> JsonType:
        given = self._given(arguments)
        key = (annotation, *map(id, given))
        if key in self._aliases:
            # The alias contains itself: from here on it is referred to by name.
            alias = self._aliases[key] or Alias(annotation.__name__)
            self._aliases[key] = alias
            return alias
        self._aliases[key] = None
        with self._with(getattr(annotation, "__type_params__", ()), given):
            target = self.json_type(annotation.__value__)
        named = self._aliases.pop(key)
        if named is None:
            return target
        named.target = target
        self._aliases[key] = named
        return named

    def _given(self, arguments: tuple[Any, ...]) -> list[JsonType]:
        """Return the JSON types of a generic type's arguments: a recursive type must get the same objects."""
        json_types = [self.json_type(argument) for argument in arguments]
        self._arguments.extend(json_types)  # kept alive: types are identified by `id`, which could be reused
        return json_types

    @contextlib.contextmanager
    def _with(self, parameters: Iterable[Any], given: list[JsonType]) -> Iterator[None]:
        """Bind type variables inside a ``with`` block."""
        outer = self._variables
        self._variables = {**outer, **dict(zip(parameters, given, strict=False))}
        try:
            yield
        finally:
            self._variables = outer

    def _container(self, annotation: Any, kind: Any, arguments: tuple[Any, ...]) -> JsonType | None:
        if kind is tuple:
            return self._tuple(arguments, bare=annotation is tuple)
        try:
            array = _ARRAYS.get(kind)
        except TypeError:
            return None
        if array is not None:
            make, python = array
            item = self._item(arguments[0]) if arguments else Anything(dump_any)
            if make in (set, frozenset) and not item.hashable and arguments:
                raise UnsupportedTypeError(f"`{written(annotation)}`: a set cannot contain a `{written(arguments[0])}`")
            return Array(item, make, python)
        if kind in _MAPS:
            key_type, value_type = arguments or (str, Any)
            key = Numeral() if key_type is int else self.json_type(key_type)
            if key.exact != (str,):
                raise UnsupportedTypeError(f"`{written(annotation)}`: the keys of a JSON object are strings")
            return Map(key, self._item(value_type), plain=key_type is str)
        return None

    def _item(self, annotation: Any) -> JsonType:
        """Return the JSON type of the items of a container."""
        json_type = self.json_type(annotation)
        if _HEADER in documentation_around(json_type):
            raise UnsupportedTypeError("`Field(header=...)` is for a parameter or a member of a record, not for items")
        return json_type

    def _tuple(self, arguments: tuple[Any, ...], *, bare: bool) -> JsonType:
        if bare:
            return Array(Anything(dump_any), tuple, (tuple,))
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return Array(self._item(arguments[0]), tuple, (tuple,))
        return Tuple([self._item(argument) for argument in arguments if argument != ()])

    def _class(self, annotation: Any, origin: Any) -> JsonType:
        cls = origin or annotation
        if not isinstance(cls, type):
            raise UnsupportedTypeError(f"`{written(annotation)}` has no JSON Schema")
        known = format_of(cls)
        if known is not None:
            return known
        if annotated.is_type(cls):
            return self._adapted(annotation, written(annotation))
        if issubclass(cls, enum.Flag):
            return Flags(cls)
        if issubclass(cls, enum.Enum):
            json_type, documentation = _enum(cls), cls.__dict__.get("__doc__")
            described = None if documentation == "An enumeration." else parse_docstring(documentation, ()).description
            return Documented(json_type, {"description": described}) if described else json_type
        if dataclasses.is_dataclass(cls):
            return self._record(annotation, cls, dataclass_members)
        if hasattr(cls, "__attrs_attrs__"):
            return self._record(annotation, cls, attrs_members)
        if is_typeddict(cls):
            return self._record(annotation, cls, typeddict_members)
        if issubclass(cls, tuple) and hasattr(cls, "_fields"):
            return self._record(annotation, cls, namedtuple_members)
        if is_model(cls):
            return Model(cls)
        advice = (
            "use a dataclass, a TypedDict or a supported type of the standard library; for an object that clients do "
            "not send, declare a `@provider` above"
        )
        raise UnsupportedTypeError(f"`{written(annotation)}` has no JSON Schema: {advice}")

    def _record(self, annotation: Any, cls: Any, members: Any) -> Record:
        is_open = bool(typing.get_args(annotation) and annotation.__parameters__)  # such as `Node[T]` inside `Node`
        if annotation in self._records and not is_open:
            return self._records[annotation]
        given = self._given(typing.get_args(annotation))
        key = (cls, *map(id, given))
        if key in self._records:
            return self._records[key]
        documentation = cls.__dict__.get("__doc__")
        if documentation and documentation.startswith(cls.__name__ + "("):
            documentation = None  # generated by `dataclass` or `NamedTuple`
        found = list(members(cls, self.hints(cls)))
        described = parse_docstring(documentation, [name for name, _, _ in found])
        self.unread += [(written(annotation), line) for line in described.unread]
        read = None
        python: type = dict
        if not is_typeddict(cls):
            python = cls
            read = dataclass_reader(cls) if dataclasses.is_dataclass(cls) else getattr(cls, "_asdict", attrs_vars_of)
        record = Record(
            written(annotation),
            python,
            cls,
            read,
            described.description,
            hashable=getattr(cls, "__hash__", None) is not None and not is_typeddict(cls),
        )
        self._records[key] = record
        if not is_open:
            self._records[annotation] = record
        with self._with(getattr(cls, "__parameters__", ()), given):
            record.members = [
                self._member(name, hint, described.parameters.get(name), facts) for name, hint, facts in found
            ]
        return record

    def _member(self, name: str, hint: Any, described: str | None, facts: dict[str, Any]) -> Member:
        try:
            json_type = self.json_type(hint)
            default = default_of(json_type, facts.pop("default")) if "default" in facts else {}
        except UnsupportedTypeError as error:
            error.path.append(name)
            raise
        documentation = documentation_of(hint)
        if described:
            documentation.setdefault("description", described)
        documentation.update(default)
        return Member(name, json_type, documentation=documentation, **facts)


def _union(options: list[JsonType]) -> JsonType:
    """Return the JSON type of a union; the documentation of a single alternative besides null is that of the union."""
    others = [option for option in options if not isinstance(option, Null)]
    if len(others) != 1:
        for option in others:
            if _HEADER in documentation_around(option):
                raise UnsupportedTypeError(
                    "`Field(header=...)` in a union: put it around the union, `Annotated[A | B, Field(...)]`"
                )
        return Union(options)
    documentation = documentation_around(others[0])
    if not documentation:
        return Union(options)
    return Documented(Union([undocumented(option) for option in options]), documentation)


def _enum(cls: type[enum.Enum]) -> Choice:
    members = list(cls)
    values = [member.value for member in members]
    for member in members:
        if not isinstance(member.value, (str, int, type(None))):
            reason = "only strings, integers and None are values of a JSON enum"
            raise UnsupportedTypeError(f"`{written(cls)}.{member.name}` is {member.value!r}: {reason}")
    if not members:
        raise UnsupportedTypeError(f"`{written(cls)}` has no members that a JSON enum could list")
    return Choice(values, members, cls)


T = TypeVar("T")

_json_types: dict[Any, JsonType] = {}


def loaded(value: Any, kind: type[T]) -> T:
    """Return a JSON value, converted to a type: a dataclass, a date, a list.

    Args:
        value: A value that JSON can represent, or bytes.
        kind: The type: any type that a parameter of a tool can have.

    Raises:
        TypeError: The type has no JSON form.
        ValueError: The value does not fit the type.
    """
    if isinstance(value, bytes) and kind is bytes:
        return value  # type: ignore[return-value]
    try:
        found: T = json_type_of(kind).load(value)
    except MismatchError as mismatch:
        raise ValueError(f"expected `{written(kind)}`: {mismatch}") from None
    return found


def json_type_of(kind: Any) -> JsonType:
    """Return the JSON type of a type; cached.

    Raises:
        TypeError: The type has no JSON form.
    """
    try:
        known = _json_types.get(kind)
    except TypeError:  # unhashable
        raise TypeError(f"{kind!r} is not a type") from None
    if known is None:
        try:
            known = _json_types[kind] = Resolver().json_type(kind)
        except (UnsupportedTypeError, NameError) as error:
            raise TypeError(f"`{written(kind)}`: {error}") from None
    return known
