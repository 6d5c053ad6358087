"""Tools whose schemas are sent as they are, or have HTTP headers in them."""

from __future__ import annotations

from typing import Annotated, Any

from wasmcp.guest import Field, Text, tool

_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


@tool(input_schema=_SCHEMA)
def json_schema_2020_12_tool(name: str = "", **arguments: Any) -> Text:
    """Tool with JSON Schema 2020-12 features."""
    return Text(f"{name} {sorted(arguments)}")


@tool
def test_custom_header(region: Annotated[str, Field(header="Region")], retries: int = 0) -> Text:
    """Take an argument that is in a header of the HTTP request, too.

    Args:
        region: Region to search.
        retries: Number of retries.
    """
    return Text(f"{region} {retries}")
