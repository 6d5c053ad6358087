"""Conversion from types of the guest library to those of the bindings.

Imported inside a component only, because the bindings exist only there.
"""

from __future__ import annotations

from typing import Any

from componentize_py_types import Err  # type: ignore[import-not-found]
from wit_world.imports import types  # type: ignore[import-not-found]

from wasmcp.guest.content import Annotations, Audio, EmbeddedResource, Icon, Image, ResourceLink, Text
from wasmcp.guest.declarations.prompts import Prompt
from wasmcp.guest.declarations.resources import Cache, Resource
from wasmcp.guest.declarations.tools import Tool
from wasmcp.guest.errors import McpError, MismatchError
from wasmcp.guest.json_types.conversions import dump_any
from wasmcp.guest.json_types.json_codec import encode, sendable
from wasmcp.guest.json_types.uris import sendable_uri
from wasmcp.guest.mrtr import InputRequiredResult

INVALID_PARAMS = -32602
LEVELS = {level.name.lower(): level for level in types.LogLevel}


def json_text(value: Any) -> str | None:
    """Return the JSON text of a value; None for None."""
    return None if value is None else encode(dump_any(value))


def text_of(value: str | None) -> str | None:
    """Return a text as valid UTF-8; None for None."""
    return None if value is None else sendable(value)


def annotations_of(value: Annotations | None) -> Any:
    """Return annotations."""
    if value is None:
        return None
    priority = None if value.priority is None else float(value.priority)
    return types.Annotations(
        [types.Role[role.upper()] for role in value.audience], priority, text_of(value.last_modified)
    )


def icon_of(icon: Icon) -> Any:
    """Return an icon."""
    theme = None if icon.theme is None else types.IconTheme[icon.theme.upper()]
    return types.Icon(sendable(icon.src), text_of(icon.mime_type), [sendable(size) for size in icon.sizes], theme)


def block_of(block: Any) -> Any:
    """Return a content block."""
    kind = type(block)
    if kind is Text:
        if block.annotations is None and block.meta is None:
            return types.Content_Text(types.TextContent(sendable(block.text), None, None))
        content = types.TextContent(sendable(block.text), annotations_of(block.annotations), json_text(block.meta))
        return types.Content_Text(content)
    if kind in (Image, Audio):
        media = types.MediaContent(
            bytes(block.data), sendable(block.mime_type), annotations_of(block.annotations), json_text(block.meta)
        )
        return types.Content_Image(media) if kind is Image else types.Content_Audio(media)
    if kind is ResourceLink:
        return types.Content_ResourceLink(link_of(block))
    return types.Content_EmbeddedResource(embedded_of(block))


def facts_of(described: Resource | ResourceLink) -> dict[str, Any]:
    """Return the attributes that resources, templates and links share, by the names of the bindings."""
    return {
        "name": sendable(described.name),
        "title": text_of(described.title),
        "description": text_of(described.description),
        "mime_type": text_of(described.mime_type),
        "icons": [icon_of(icon) for icon in described.icons],
        "annotations": annotations_of(described.annotations),
        "meta": json_text(described.meta),
    }


def link_of(link: ResourceLink) -> Any:
    """Return a resource link."""
    return types.ResourceLink(uri=sendable_uri(link.uri), size=link.size, **facts_of(link))


def embedded_of(resource: EmbeddedResource) -> Any:
    """Return an embedded resource."""
    data = resource.data
    held = types.ResourceData_Text(sendable(data)) if isinstance(data, str) else types.ResourceData_Blob(bytes(data))
    contents = types.ResourceContents(sendable_uri(resource.uri), text_of(resource.mime_type), held, None)
    return types.EmbeddedResource(contents, annotations_of(resource.annotations), json_text(resource.meta))


def input_required_to_wit(required: InputRequiredResult) -> Any:
    """Return requests to the client."""
    return types.InputRequired([types.InputRequest(*request) for request in required.requests], required.state)


def cache_of(cache: Cache | None) -> Any:
    """Return a cache hint."""
    if cache is None:
        return None
    return types.CacheHint(round(cache.seconds * 1000), types.CacheScope[cache.scope.upper()])


def refused(error: McpError) -> Err:
    """Return a JSON-RPC error as the exception to raise. Data without a JSON form is left out."""
    try:
        data = json_text(error.data)
    except (MismatchError, TypeError, ValueError):
        data = None
    code = error.code if isinstance(error.code, int) and -(2**31) <= error.code < 2**31 else -32603
    return Err(types.Error(code, sendable(str(error.message)), data))


def no_second_page(cursor: str | None) -> None:
    """Reject a cursor: all items are on one page."""
    if cursor is not None:
        raise Err(types.Error(INVALID_PARAMS, "unknown cursor: the list has one page", None))


def tool_of(tool: Tool) -> Any:
    """Return the description of a tool."""
    hints = tool.hints
    annotations = None
    if hints:
        names = ("read_only", "destructive", "idempotent", "open_world")
        annotations = types.ToolAnnotations(None, *(hints.get(name) for name in names))
    return types.Tool(
        name=tool.name,
        title=text_of(tool.title),
        description=text_of(tool.description),
        input_schema=encode(tool.input_schema),
        output_schema=None if tool.output_schema is None else encode(tool.output_schema),
        annotations=annotations,
        icons=[icon_of(icon) for icon in tool.icons],
        meta=json_text(tool.meta),
        extra=None,
    )


def resource_of(resource: Resource) -> Any:
    """Return the description of a resource."""
    return types.McpResource(uri=sendable(resource.uri), size=resource.size, extra=None, **facts_of(resource))


def template_of(resource: Resource) -> Any:
    """Return the description of a template."""
    return types.ResourceTemplate(uri_template=sendable(resource.uri), extra=None, **facts_of(resource))


def prompt_of(prompt: Prompt) -> Any:
    """Return the description of a prompt."""
    arguments = [
        types.PromptArgument(
            name=member.name,
            title=text_of(member.documentation.get("title")),
            description=text_of(member.documentation.get("description")),
            required=member.required,
        )
        for member in prompt.variables.values()
    ]
    return types.Prompt(
        name=sendable(prompt.name),
        title=text_of(prompt.title),
        description=text_of(prompt.description),
        arguments=arguments,
        icons=[icon_of(icon) for icon in prompt.icons],
        meta=json_text(prompt.meta),
        extra=None,
    )
