"""Schemas of elicitation forms, from types: flat objects of simple values. Specification: client/elicitation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wasmcp.guest.errors import UnsupportedTypeError
from wasmcp.guest.json_types.annotations import Resolver, written
from wasmcp.guest.json_types.base import Definitions, Foreign, JsonType, documentation_around, documented, undocumented
from wasmcp.guest.json_types.records import Record, load_members
from wasmcp.guest.json_types.scalars import Null
from wasmcp.guest.json_types.unions import Union, without_null

_TYPES = {"string", "number", "integer", "boolean"}
_FORMATS = {"email", "uri", "date", "date-time"}
_KNOWN = {
    "type", "title", "description", "default", "enum", "enumNames", "oneOf", "anyOf", "const",
    "format", "minLength", "maxLength", "minimum", "maximum", "items", "minItems", "maxItems",
}  # fmt: skip
_VALUE = "value"

Form = tuple[dict[str, Any], Callable[[dict[str, Any]], Any]]

_forms: dict[Any, Form] = {}


def form_of(requested: Any) -> Form:
    """Return the schema of a form, and a function that converts its content to the value for the author.

    Args:
        requested: A dataclass, TypedDict, NamedTuple or model of pydantic 2; a simple type such as ``str`` for a form
            of one field; or a JSON Schema, which is sent unchanged and whose content stays a dict.

    Raises:
        TypeError: The type cannot be represented in a form.
    """
    if isinstance(requested, Mapping):
        return dict(requested), dict
    try:
        known = _forms.get(requested)
    except TypeError:  # unhashable
        known = None
    if known is None:
        try:
            known = _made(requested)
        except UnsupportedTypeError as error:
            path = ".".join(reversed(error.path))
            place = f"`{written(requested)}`, member `{path}`" if path else f"`{written(requested)}`"
            raise TypeError(f"{place} cannot be a form: {error}") from None
        _forms[requested] = known
    return known


def _made(requested: Any) -> Form:
    try:
        json_type = Resolver().json_type(requested)
    except NameError as error:
        raise UnsupportedTypeError(f"its annotations name `{error.name}`, which its module does not have") from None
    definitions = Definitions([json_type])
    record = undocumented(json_type)
    model = record.object_schema() if isinstance(record, Foreign) else None
    if model is not None:
        return _of_model(model), json_type.load
    if not isinstance(record, Record):
        schema = {"type": "object", "properties": {_VALUE: _simple(json_type, {}, definitions)}, "required": [_VALUE]}
        return schema, lambda content: json_type.load(content.get(_VALUE))
    properties = {}
    for member in record.members:
        try:
            properties[member.name] = _simple(member.json_type, member.documentation, definitions)
        except UnsupportedTypeError as error:
            error.path.append(member.name)
            raise
    required = [member.name for member in record.members if member.required]
    schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    json_types = {member.name: without_null(member.json_type) for member in record.members if member.accepted}
    # Optional fields are absent, never null.
    return schema, lambda content: record.make(**load_members(json_types, tuple(required), content))


def _of_model(model: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a form for a model of another library."""
    properties = {}
    for name, found in model.get("properties", {}).items():
        try:
            properties[name] = _checked(_without_null(found), "string")
        except UnsupportedTypeError as error:
            error.path.append(name)
            raise
    schema = {"type": "object", "properties": properties}
    return {**schema, "required": model["required"]} if model.get("required") else schema


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an optional field: forms have no null."""
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    if len(options) != 1:
        return schema
    outer = {name: value for name, value in schema.items() if name != "anyOf"}
    if outer.get("default", 0) is None:
        del outer["default"]
    return documented(options[0], outer)


def _simple(json_type: JsonType, documentation: Mapping[str, Any], definitions: Definitions) -> dict[str, Any]:
    """Return the schema of one field. Specification: schema `PrimitiveSchemaDefinition`."""
    documentation = documented(documentation_around(json_type), documentation)
    json_type = undocumented(json_type)
    if isinstance(json_type, Union):
        # An optional field is a field that is not required: forms have no null.
        options = [option for option in json_type.options if not isinstance(option, Null)]
        if len(options) != 1:
            raise UnsupportedTypeError("a field has one type")
        json_type = options[0]
        if documentation.get("default", 0) is None:
            del documentation["default"]
    return _checked(documented(json_type.schema(definitions), documentation), json_type.name)


def _checked(found: dict[str, Any], name: str) -> dict[str, Any]:
    kind = found.get("type")
    if kind == "array":
        items = found.get("items")
        if not isinstance(items, Mapping) or not ("enum" in items or "anyOf" in items):
            raise UnsupportedTypeError("a list in a form is a choice of several: `list[Literal[...]]` or of an enum")
    elif kind not in _TYPES:
        raise UnsupportedTypeError(
            "only strings, numbers, booleans, enums and lists of an enum's members can be in a form"
        )
    elif found.get("format", "email") not in _FORMATS or "contentEncoding" in found:
        raise UnsupportedTypeError(f"a form has no strings of the format `{found.get('format', name)}`")
    elif kind != "string" and "enum" in found:
        raise UnsupportedTypeError("the choices of a form are strings")
    return {key: value for key, value in found.items() if key in _KNOWN}
