"""Conversion of return types to output schemas, and of returned values to tool results."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wasmcp.guest.client_requests.mrtr import InputRequiredResult
from wasmcp.guest.content import BLOCKS, InputRequired, Text, ToolResult
from wasmcp.guest.errors import MismatchError
from wasmcp.guest.json_types.annotations import Resolver
from wasmcp.guest.json_types.base import Definitions, Foreign, JsonType, documentation_around, documented, undocumented
from wasmcp.guest.json_types.containers import Map
from wasmcp.guest.json_types.json_codec import encode, sendable
from wasmcp.guest.json_types.records import Record, documentation_of
from wasmcp.guest.json_types.untyped_json import dump_any


@dataclass(slots=True)
class Rendered:
    """An encoded tool result.

    Attributes:
        content: The content blocks.
        structured: ``structuredContent`` as JSON text.
        is_error: True for a tool error.
        meta: ``_meta`` as JSON text.
        input_required: Requests to the client, which are sent instead of the result.
    """

    content: list[Any]
    structured: str | None = None
    is_error: bool = False
    meta: str | None = None
    input_required: InputRequiredResult | None = None


TextResult = tuple[str, str]
"""The result of most tools, a text block and the structured content, in few instructions: see `rendered`."""

Renderer = Callable[[Any], Rendered | TextResult]


def rendered(result: Rendered | TextResult) -> Rendered:
    """Return a result in its general form."""
    return Rendered([Text(result[0])], result[1]) if isinstance(result, tuple) else result


def failure(text: str) -> Rendered:
    """Return a tool error with a text for the model."""
    return Rendered([Text(sendable(text))], is_error=True)


def output_of(annotation: Any, resolver: Resolver, described: str | None) -> tuple[dict[str, Any] | None, Renderer]:
    """Return the output schema of a return annotation, and a function that converts returned values to results.

    Objects are sent unchanged; every other value as the member ``result`` of an object, which clients of every revision
    can read. Content blocks, ``None`` and ``Any`` have no schema.

    Args:
        annotation: The evaluated annotation; `typing.Any` without one.
        resolver: The resolver of the tool's annotations.
        described: The docstring's text about the result.

    Raises:
        UnsupportedTypeError: The type has no JSON Schema.
    """
    if InputRequired in typing.get_args(annotation):
        others = tuple(item for item in typing.get_args(annotation) if item is not InputRequired)
        return output_of(typing.Union[others], resolver, described)  # noqa: UP007 - of a computed tuple
    if annotation in (Any, object) or _is_content(annotation):
        return None, render_any
    if annotation in (None, type(None)):
        return None, _render_none
    json_type = resolver.json_type(annotation)
    record = undocumented(json_type)
    documentation = {**({"description": described} if described else {}), **documentation_of(annotation)}
    definitions = Definitions([json_type], output=True)
    if isinstance(record, (Record, Map)) or (isinstance(record, Foreign) and record.is_object):
        body = record.schema(definitions) if isinstance(record, Map) else record.body(definitions)
        around = documented(documentation_around(json_type), documentation)
        return definitions.finish(documented({"type": "object", **body}, around)), _object_renderer(json_type)
    inner = documented(json_type.schema(definitions), documentation)
    schema = {"type": "object", "properties": {"result": inner}, "required": ["result"]}
    return definitions.finish(schema), _wrapped_renderer(json_type)


def _is_content(annotation: Any) -> bool:
    """Return True if an annotation is of content blocks, also in a list, or in a union with strings and None."""
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin is typing.Annotated:
        return _is_content(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return any(map(_is_content, arguments)) and all(
            _is_content(argument) or argument in (str, type(None)) for argument in arguments
        )
    if origin in (list, tuple):
        return any(map(_is_content, arguments))
    return annotation in (ToolResult, InputRequired, *BLOCKS)


def _object_renderer(json_type: JsonType) -> Renderer:
    dump = json_type.dump

    def render(value: Any) -> TextResult:
        text = encode(dump(value))
        return text, text

    return render


def _wrapped_renderer(json_type: JsonType) -> Renderer:
    dump = json_type.dump

    def render(value: Any) -> TextResult:
        dumped = dump(value)
        text = encode(dumped)
        return sendable(dumped) if type(dumped) is str else text, f'{{"result":{text}}}'

    return render


def _render_none(value: Any) -> Rendered:
    if value is not None:
        raise MismatchError(f"expected None, got {type(value).__qualname__}")
    return Rendered([])


def render_any(value: Any) -> Rendered:
    """Return the result for a value without an annotation.

    Raises:
        MismatchError: The value has no JSON form.
    """
    if isinstance(value, ToolResult):
        structured = None if value.structured is None else encode(dump_any(value.structured))
        meta = None if value.meta is None else encode(dump_any(value.meta))
        return Rendered([_block(item) for item in value.content], structured, value.is_error, meta)
    if isinstance(value, (list, tuple)) and any(isinstance(item, BLOCKS) for item in value):
        return Rendered([_block(item) for item in value])
    if value is None:
        return Rendered([])
    if isinstance(value, (*BLOCKS, str)):
        return Rendered([_block(value)])
    return Rendered([Text(encode(dump_any(value)))])


def render_structured(value: Any) -> Rendered | TextResult:
    """Return the result for a value that the author's own output schema describes.

    Raises:
        MismatchError: The value has no JSON form.
    """
    if isinstance(value, ToolResult):
        return render_any(value)
    text = encode(dump_any(value))
    return text, text


def _block(value: Any) -> Any:
    if isinstance(value, str):
        return Text(sendable(value))
    if isinstance(value, BLOCKS):
        return value
    raise MismatchError(f"expected a content block or a string, got {type(value).__qualname__}")
