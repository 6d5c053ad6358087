"""Members of dataclasses, attrs classes, TypedDicts and NamedTuples, and documentation within annotations."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Iterable
from typing import Any

from wasmcp.guest.errors import MismatchError, UnsupportedTypeError
from wasmcp.guest.json_types import pydantic_metadata
from wasmcp.guest.json_types.base import Anything, JsonType, undocumented
from wasmcp.guest.json_types.field import Field

_LONG = 60

QUALIFIERS = {
    f"{module}.{name}"
    for module in ("typing", "typing_extensions")
    for name in ("Required", "NotRequired", "ReadOnly", "Final", "ClassVar")
}


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
    except Exception:  # noqa: BLE001 - a class of the author's that cannot be read: it is shown where it can be shown
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
        elif pydantic_metadata.is_field(extra):
            found.update(pydantic_metadata.documentation_of_field(extra))
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
        # With postponed annotations the class does not know Required and NotRequired, but the evaluated hint does.
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
