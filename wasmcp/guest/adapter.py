"""The component's export ``wasmcp:mcp-v20260728/tools`` over the declared tools.

Imported inside a component only: the bindings are there and nowhere else. `Tools` is what componentize-py calls.
"""

from __future__ import annotations

import io
import sys
from typing import Any

from componentize_py_types import Err  # type: ignore[import-not-found]
from wit_world.exports import tools as exports  # type: ignore[import-not-found]
from wit_world.imports import types  # type: ignore[import-not-found]

from wasmcp.guest.content import Annotations, Audio, EmbeddedResource, Icon, Image, ResourceLink, Text
from wasmcp.guest.context import Context
from wasmcp.guest.failures import report
from wasmcp.guest.plain import dump_any
from wasmcp.guest.registry import registered
from wasmcp.guest.results import Rendered
from wasmcp.guest.tools import Tool
from wasmcp.guest.wire import encode, sendable

# A component has no standard input: what asks for some gets the end of it, not a trap.
sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")  # type: ignore[misc]

if "asyncio" in sys.modules:
    from wasmcp.guest.loop import install

    install()

INVALID_PARAMS = -32602
_LEVELS = {level.name.lower(): level for level in types.LogLevel}


def _json(value: Any) -> str | None:
    return None if value is None else encode(dump_any(value))


def _text(value: str | None) -> str | None:
    return None if value is None else sendable(value)


def _annotations(value: Annotations | None) -> Any:
    if value is None:
        return None
    priority = None if value.priority is None else float(value.priority)
    return types.Annotations(
        [types.Role[role.upper()] for role in value.audience], priority, _text(value.last_modified)
    )


def _icon(icon: Icon) -> Any:
    theme = None if icon.theme is None else types.IconTheme[icon.theme.upper()]
    return types.Icon(sendable(icon.src), _text(icon.mime_type), [sendable(size) for size in icon.sizes], theme)


def _block(block: Any) -> Any:
    kind = type(block)
    if kind is Text:
        if block.annotations is None and block.meta is None:
            return types.Content_Text(types.TextContent(sendable(block.text), None, None))
        content = types.TextContent(sendable(block.text), _annotations(block.annotations), _json(block.meta))
        return types.Content_Text(content)
    if kind in (Image, Audio):
        media = types.MediaContent(
            bytes(block.data), sendable(block.mime_type), _annotations(block.annotations), _json(block.meta)
        )
        return types.Content_Image(media) if kind is Image else types.Content_Audio(media)
    if kind is ResourceLink:
        return types.Content_ResourceLink(_link(block))
    return types.Content_EmbeddedResource(_embedded(block))


def _link(link: ResourceLink) -> Any:
    return types.ResourceLink(
        uri=sendable(link.uri),
        name=sendable(link.name),
        title=_text(link.title),
        description=_text(link.description),
        mime_type=_text(link.mime_type),
        size=link.size,
        icons=[_icon(icon) for icon in link.icons],
        annotations=_annotations(link.annotations),
        meta=_json(link.meta),
    )


def _embedded(resource: EmbeddedResource) -> Any:
    data = resource.data
    held = types.ResourceData_Text(sendable(data)) if isinstance(data, str) else types.ResourceData_Blob(bytes(data))
    contents = types.ResourceContents(sendable(resource.uri), _text(resource.mime_type), held, None)
    return types.EmbeddedResource(contents, _annotations(resource.annotations), _json(resource.meta))


def _outcome(rendered: Rendered) -> Any:
    if rendered.wanted is not None:
        requests = [types.InputRequest(*request) for request in rendered.wanted[0]]
        return exports.Outcome_InputRequired(types.InputRequired(requests, rendered.wanted[1]))
    content = [_block(block) for block in rendered.content]
    return exports.Outcome_Complete(
        types.ToolResult(content, rendered.structured, rendered.is_error, rendered.meta, None)
    )


def _tool(tool: Tool) -> Any:
    hints = tool.hints
    annotations = None
    if hints:
        names = ("read_only", "destructive", "idempotent", "open_world")
        annotations = types.ToolAnnotations(None, *(hints.get(name) for name in names))
    return types.Tool(
        name=tool.name,
        title=_text(tool.title),
        description=_text(tool.description),
        input_schema=encode(tool.input_schema),
        output_schema=None if tool.output_schema is None else encode(tool.output_schema),
        annotations=annotations,
        icons=[_icon(icon) for icon in tool.icons],
        meta=_json(tool.meta),
        extra=None,
    )


_TOOLS = registered()
_PAGE = exports.Page([_tool(tool) for tool in _TOOLS.values()], None, None)


class Tools:
    """The export: its two functions are those of the WIT interface ``tools``."""

    def list_tools(self, request: Any, cursor: str | None) -> Any:  # noqa: ARG002
        """Return all tools on one page; there is no second one to ask for."""
        if cursor is not None:
            raise Err(types.Error(INVALID_PARAMS, "unknown cursor: the tools are on one page", None))
        return _PAGE

    def call_tool(self, request: Any, name: str) -> Any:
        """Call a tool; None when it is not one of these. Never raises."""
        tool = _TOOLS.get(name)
        if tool is None:
            return None
        try:
            outcome = _outcome(tool.call(request.arguments(), Context(request, _LEVELS)))
        except BaseException as error:  # noqa: BLE001 - content blocks hold whatever the author put there
            report(name, error)
            content = types.TextContent(f"Error executing tool {name}", None, None)
            outcome = exports.Outcome_Complete(
                types.ToolResult([types.Content_Text(content)], None, True, None, None)  # noqa: FBT003
            )
        _flush()
        return outcome


def _flush() -> None:
    """Write what ``print`` has buffered: nobody would do it later."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001, S110 - replaced or closed by the author; not worth an answer
        pass
