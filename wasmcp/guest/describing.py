"""What is declared -> what lists say of it, in the types of the bindings.

Imported inside a component only: the bindings are there and nowhere else.
"""

from __future__ import annotations

from typing import Any

from wit_world.imports import types  # type: ignore[import-not-found]

from wasmcp.guest.lowering import facts_of, icon_of, json_text, text_of
from wasmcp.guest.prompts import Prompt
from wasmcp.guest.resources import Resource
from wasmcp.guest.tools import Tool
from wasmcp.guest.wire import encode, sendable


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
