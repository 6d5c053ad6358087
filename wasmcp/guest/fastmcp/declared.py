"""Tools, resources and prompts that were declared by `FastMCP`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wasmcp.guest.content import PromptResult as PlainPromptResult
from wasmcp.guest.content import ToolResult as PlainToolResult
from wasmcp.guest.declarations.prompts import Prompt as PlainPrompt
from wasmcp.guest.declarations.resources import Resource as PlainResource
from wasmcp.guest.declarations.resources import ResourceContents
from wasmcp.guest.declarations.tool_results import render_any
from wasmcp.guest.declarations.tools import Tool as PlainTool
from wasmcp.guest.fastmcp.adaptation import Adapted, Ending, is_loose, output_hint
from wasmcp.guest.fastmcp.context import Context
from wasmcp.guest.fastmcp.values import (
    RESULTS,
    BlobResourceContents,
    GetPromptResult,
    PromptResult,
    ResourceContent,
    ResourceResult,
    TextResourceContents,
    ToolAnnotations,
    annotations_of,
    icons_of,
    message_of,
    plain,
    tool_result,
)
from wasmcp.guest.json_types.json_codec import encode
from wasmcp.guest.json_types.string_formats import decode_bytes
from wasmcp.guest.json_types.uris import UriTemplate

UNSET: Any = object()
"""The value of an argument that was not given, where None has a meaning."""


class DeclaredTool(PlainTool):
    """A tool that was declared by `FastMCP.tool`."""

    def __init__(
        self,
        adapted: Adapted,
        server: Any,
        *,
        name: str | None,
        title: str | None,
        description: str | None,
        annotations: Any,
        output_schema: Any,
        icons: Any,
        meta: Mapping[str, Any] | None,
    ) -> None:
        own = name or adapted.name
        found = annotations if isinstance(annotations, ToolAnnotations) else ToolAnnotations(**(annotations or {}))
        hints = {hint: getattr(found, f"{hint}_hint") for hint in ("read_only", "destructive", "idempotent")}
        hints["open_world"] = found.open_world_hint
        returned = output_hint(adapted.returned)
        if output_schema is None or output_schema is False:
            returned, schema = Any, None
        else:
            schema = None if output_schema is UNSET else output_schema
        is_open = returned is Any and schema is None
        loosely = not is_open and is_loose(returned)

        def finish(value: Any) -> Any:
            if isinstance(value, RESULTS) or is_open:
                result = tool_result(value)
                return result if output_schema in (UNSET, schema) else _without_structure(result)
            return plain(value) if loosely or schema is not None else value

        failure = server.failure(f"Error calling tool {own!r}")
        call = adapted.wrapper(Ending("tool", own, finish, failure), returned)
        super().__init__(
            call,
            name=own,
            title=title or found.title,
            description=description,
            hints=hints,
            icons=icons_of(icons),
            meta=meta,
            output_schema=schema,
            coerce=server.coerces,
        )
        self.function = adapted.function
        render = self._render
        # An explicit result is sent as it was made, whatever the annotation.
        self._render = lambda value: render_any(value) if isinstance(value, PlainToolResult) else render(value)


def _without_structure(result: PlainToolResult) -> PlainToolResult:
    return PlainToolResult(result.content, None, is_error=result.is_error, meta=result.meta)


class DeclaredResource(PlainResource):
    """A resource that was declared by `FastMCP.resource`."""

    def __init__(
        self,
        adapted: Adapted,
        server: Any,
        uri: str,
        *,
        name: str | None,
        title: str | None,
        description: str | None,
        mime_type: str,
        annotations: Any,
        icons: Any,
        meta: Mapping[str, Any] | None,
        is_unchecked: bool,
    ) -> None:
        self.adapted = adapted
        own = name or adapted.name

        def failure(context: Context, error: Exception) -> str:
            text: str = server.failure(f"Error reading resource {context.plain.target!r}")(context, error)
            return text

        call = adapted.wrapper(Ending("resource", own, self.finish, failure), Any)
        unchecked = tuple(UriTemplate(uri).variables) if is_unchecked else ()
        super().__init__(
            call,
            uri,
            name=own,
            title=title,
            description=description,
            mime_type=mime_type,
            icons=icons_of(icons),
            annotations=annotations_of(annotations),
            meta=meta,
            unchecked=unchecked,
        )
        self.function = adapted.function

    @staticmethod
    def finish(value: Any) -> Any:
        """Return the contents of a resource as `wasmcp.guest` takes them."""
        if isinstance(value, ResourceResult):
            value = value.contents
        if isinstance(value, (ResourceContent, TextResourceContents, BlobResourceContents)):
            value = [value]
        kinds = (ResourceContent, TextResourceContents, BlobResourceContents, ResourceContents)
        if isinstance(value, (list, tuple)) and value and all(isinstance(item, kinds) for item in value):
            return [_part(item) for item in value]
        return value if isinstance(value, (str, bytes)) else encode(plain(value))


def _part(value: Any) -> ResourceContents:
    if isinstance(value, ResourceContents):
        return value
    if isinstance(value, TextResourceContents):
        return ResourceContents(value.text, value.mime_type, str(value.uri), value.meta)
    if isinstance(value, BlobResourceContents):
        return ResourceContents(decode_bytes(value.blob), value.mime_type, str(value.uri), value.meta)
    data = value.content
    default = "text/plain" if isinstance(data, str) else "application/octet-stream"
    if not isinstance(data, (str, bytes)):
        data, default = encode(plain(data)), "application/json"
    return ResourceContents(data, value.mime_type or default, None, value.meta)


class DeclaredPrompt(PlainPrompt):
    """A prompt that was declared by `FastMCP.prompt`."""

    def __init__(
        self,
        adapted: Adapted,
        server: Any,
        *,
        name: str | None,
        title: str | None,
        description: str | None,
        icons: Any,
        meta: Mapping[str, Any] | None,
    ) -> None:
        self.adapted = adapted
        own = name or adapted.name
        failure = server.failure(f"Error rendering prompt {own!r}")
        call = adapted.wrapper(Ending("prompt", own, finish_prompt, failure), Any)
        super().__init__(call, name=own, title=title, description=description, icons=icons_of(icons), meta=meta)
        self.function = adapted.function


def finish_prompt(value: Any) -> PlainPromptResult:
    """Return the messages of a prompt as `wasmcp.guest` takes them."""
    if isinstance(value, PlainPromptResult):
        return value
    if isinstance(value, (PromptResult, GetPromptResult)):
        return PlainPromptResult([message_of(item) for item in value.messages], value.description, value.meta)
    items = value if isinstance(value, (list, tuple)) else [value]
    return PlainPromptResult([message_of(item) for item in items])
