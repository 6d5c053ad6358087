"""Elicitation as FastMCP and the official SDK have it: forms of types, choices and models, and their results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from wasmcp.guest.client_requests.results import Elicited

T = TypeVar("T")


@dataclass(frozen=True)
class AcceptedElicitation(Generic[T]):
    """The user submitted the form; ``data`` is its value."""

    data: T
    action: Literal["accept"] = "accept"


@dataclass(frozen=True)
class DeclinedElicitation:
    """The user declined."""

    action: Literal["decline"] = "decline"
    data: None = None


@dataclass(frozen=True)
class CancelledElicitation:
    """The user closed the form."""

    action: Literal["cancel"] = "cancel"
    data: None = None


ElicitationResult = AcceptedElicitation[Any] | DeclinedElicitation | CancelledElicitation

_VALUE = "value"
Load = Callable[[Any], Any]


def form(response_type: Any, title: str | None = None, description: str | None = None) -> tuple[Any, Load]:
    """Return a form for `wasmcp.guest.Context.elicit`, and a function that makes the author's value of its data.

    Args:
        response_type: A type, a model of pydantic, a list of choices, a list of one list of choices (several can be
            chosen), a dict of choices with titles, a list of one such dict, or None.
        title: The title of the single field of a form of choices or of a simple type.
        description: Its description.

    Raises:
        TypeError: The list of choices is empty.
    """
    described = {key: text for key, text in (("title", title), ("description", description)) if text is not None}
    if response_type is None:
        return None, lambda _: {}
    if isinstance(response_type, (list, dict)):
        several = isinstance(response_type, list) and len(response_type) == 1 and not isinstance(response_type[0], str)
        choices = response_type[0] if several and isinstance(response_type, list) else response_type
        if not choices:
            raise TypeError("an elicitation needs at least one choice")
        return _single({**_choices(choices, several=several), **described}), lambda content: content[_VALUE]
    if hasattr(response_type, "model_json_schema"):
        return flat_schema(response_type.model_json_schema()), response_type.model_validate
    if hasattr(response_type, "parse_obj") and hasattr(response_type, "schema"):
        return flat_schema(response_type.schema()), response_type.parse_obj
    if described and response_type in _SIMPLE:
        return _single({"type": _SIMPLE[response_type], **described}), lambda content: content[_VALUE]
    return response_type, lambda value: value


_SIMPLE = {str: "string", int: "integer", float: "number", bool: "boolean"}


def _single(field: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {_VALUE: field}, "required": [_VALUE]}


def _choices(choices: Any, *, several: bool) -> dict[str, Any]:
    if isinstance(choices, Mapping):
        options = [{"const": key, "title": dict(facts).get("title", key)} for key, facts in choices.items()]
        return {"type": "array", "items": {"anyOf": options}} if several else {"type": "string", "oneOf": options}
    values = [str(choice) for choice in choices]
    if several:
        return {"type": "array", "items": {"type": "string", "enum": values}}
    return {"type": "string", "enum": values}


def flat_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a model as forms have it: references in place, no null, no title of the whole."""
    definitions = {**schema.get("$defs", {}), **schema.get("definitions", {})}
    properties = {}
    for name, field in schema.get("properties", {}).items():
        found = dict(field)
        for key in ("allOf", "anyOf"):
            options = [option for option in found.get(key, ()) if option.get("type") != "null"]
            if len(options) == 1:
                del found[key]
                found = {**options[0], **found}
        reference = found.pop("$ref", None)
        if reference is not None:
            found = {**definitions.get(str(reference).rpartition("/")[2], {}), **found}
        if found.get("default", 0) is None:
            del found["default"]
        properties[name] = found
    required = [name for name in schema.get("required", ()) if name in properties]
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def result_of(elicited: Elicited[Any], load: Load) -> ElicitationResult:
    """Return the result of an elicitation with the author's value."""
    if elicited.action == "accept":
        return AcceptedElicitation(load(elicited.data))
    return DeclinedElicitation() if elicited.action == "decline" else CancelledElicitation()
