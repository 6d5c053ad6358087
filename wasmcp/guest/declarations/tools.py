"""Declared tools: their description for clients, their calls, and the results of returned values.

Name, description, schemas and converters of arguments and results are computed when the module is imported, which for
a component is at build time. A call only runs them.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from wasmcp.guest.call_errors import FAILED_TOOL, INVALID_TOOL, OBJECT
from wasmcp.guest.component.error_reporting import report
from wasmcp.guest.content import BLOCKS, Icon, InputRequired, Text, ToolResult
from wasmcp.guest.context import EXPIRED, Context
from wasmcp.guest.declarations.docstring import parse_docstring
from wasmcp.guest.declarations.options import (
    App,
    Condition,
    Description,
    PerRequest,
    Task,
    Visibility,
    shown,
    tagged,
    with_task,
)
from wasmcp.guest.declarations.quick_calls import quick_call
from wasmcp.guest.declarations.rules import ToolOptions
from wasmcp.guest.declarations.signature import Signature, place_of_member
from wasmcp.guest.errors import McpError, MismatchError, ToolError, UnsupportedTypeError
from wasmcp.guest.json_types.annotations import Resolver
from wasmcp.guest.json_types.base import Definitions, Foreign, JsonType, documentation_around, documented, undocumented
from wasmcp.guest.json_types.containers import Map
from wasmcp.guest.json_types.conversions import dump_any
from wasmcp.guest.json_types.json_codec import decode_arguments, encode, sendable
from wasmcp.guest.json_types.records import Record, documentation_of
from wasmcp.guest.json_types.schema_checks import problems
from wasmcp.guest.mrtr import InputRequiredResult, InputRequiredSignal


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


TextResult = tuple[Literal["text", "value", "structured"], str]
"""The result of most tools, in few instructions: a case of `tools.outcome` of the WIT, and its text."""

Renderer = Callable[[Any], Rendered | TextResult]


def rendered(result: Rendered | TextResult) -> Rendered:
    """Return a result in its general form."""
    if isinstance(result, Rendered):
        return result
    case, text = result
    json = encode(text) if case == "text" else text
    return Rendered([Text(text)], json if case == "structured" else f'{{"result":{json}}}')


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
        return "structured", encode(dump(value))

    return render


def _wrapped_renderer(json_type: JsonType) -> Renderer:
    dump = json_type.dump

    def render(value: Any) -> TextResult:
        dumped = dump(value)
        return ("text", sendable(dumped)) if type(dumped) is str else ("value", encode(dumped))

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
    return "structured", encode(dump_any(value))


def _block(value: Any) -> Any:
    if isinstance(value, str):
        return Text(sendable(value))
    if isinstance(value, BLOCKS):
        return value
    raise MismatchError(f"expected a content block or a string, got {type(value).__qualname__}")


_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")


class Tool(PerRequest):
    """A declared tool.

    Attributes:
        function: The author's function.
        name: The name that clients call.
        title: A display name.
        description: The description for the model.
        hints: The ``annotations``, by their names in `tool`; those that are None are not set.
        icons: Icons for user interfaces.
        meta: The tool's ``_meta``, with its tags, its scopes and the options of its tasks.
        tags: Tags by which filters of a server select the tool.
        scopes: Scopes that the principal of a request needs for the tool.
        input_schema: The JSON Schema of the arguments.
        output_schema: The JSON Schema of ``structuredContent``; None without one.
        identity: The name.
        uses_context: True if a call uses its context.

    Raises:
        DeclarationError: The function cannot become a tool.
        NameError: An annotation uses a name that does not exist yet.
    """

    kind: ClassVar = "tool"

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        title: str | None = None,
        description: Description | None = None,
        enabled: Condition | None = None,
        hints: Mapping[str, bool | None] | None = None,
        icons: Sequence[Icon] = (),
        meta: Mapping[str, Any] | None = None,
        ui: App | None = None,
        visibility: Sequence[Visibility] | None = None,
        tags: Sequence[str] = (),
        scopes: Sequence[str] = (),
        task: bool | Literal["steps"] | Task | None = None,
        input_schema: Mapping[str, Any] | None = None,
        output_schema: Mapping[str, Any] | None = None,
        coerce: bool | None = None,
        references: bool | None = None,
        names: Mapping[str, Any] | None = None,
    ) -> None:
        self.function = function
        given = self._depend(enabled, description)
        self._signature = Signature(function, "tool", names, open_ended=input_schema is not None)
        self.name = self.identity = function.__name__ if name is None else name
        self.title = title
        self.hints = {hint: value for hint, value in (hints or {}).items() if value is not None}
        self.icons = tuple(icons)
        self.meta = tagged(self._signature, shown(self._signature, meta, ui, visibility), tags, scopes)
        self.meta = with_task(self._signature, self.meta, task)
        if not _NAME.fullmatch(self.name):
            reason = f"the name `{self.name}` must be 1 to 128 of A-Z, a-z, 0-9, `_`, `-` and `.`"
            raise self._signature.refused(None, reason)
        documentation = self._signature.documentation
        for kind, line in self._signature.resolver.unread:
            self._signature.unread(f"the docstring of `{kind}` has `{line}`")
        own = input_schema is not None  # the author's schema has no place for the documentation of parameters
        text = parse_docstring(function.__doc__, ()).description if own else documentation.description
        self.description = text if given is None else given
        self._coerces = ToolOptions.coerce if coerce is None else coerce
        if input_schema is None:
            references = ToolOptions.references if references is None else references
            self.input_schema = self._signature.schema(references=references)
        else:
            self.input_schema = dict(input_schema)
        if self.input_schema.get("type") != "object":
            raise self._signature.refused(None, 'the `input_schema` must have `"type": "object"`')
        returned = self._signature.returned
        self.output_schema: dict[str, Any] | None
        self._render: Renderer
        if output_schema is not None:
            self.output_schema, self._render = dict(output_schema), render_structured
        else:
            try:
                self.output_schema, self._render = output_of(returned, self._signature.resolver, documentation.returns)
            except UnsupportedTypeError as error:
                raise self._signature.refused(place_of_member("return", error), str(error)) from error
        if given is None and (output_schema is not None or self.output_schema is None):
            self.description = self._signature.with_result(self.description)
        for place, schema in (("input schema", self.input_schema), ("output schema", self.output_schema)):
            wrong = [] if schema is None else problems(schema)
            if wrong:
                raise self._signature.refused(place, "; ".join(wrong))
        self.uses_context = self._signature.uses_context
        self._quick_call = self._signature.takes_members_only and quick_call(
            function, self._signature.members, None if output_schema is not None else returned, self._finished
        )

    def call(self, arguments: str | None, context: Context) -> Rendered:
        """Call the tool as a client does. Errors are returned as a result with ``is_error``.

        Args:
            arguments: The arguments as JSON text; None counts as ``{}``.
            context: The call; it has expired when this method returns.

        Raises:
            McpError: The tool raised it, or a client of 2026-07-28 does not support a request of the tool.
        """
        return rendered(self.answer(arguments, context))

    def answer(self, arguments: str | None, context: Context) -> Rendered | TextResult:
        """Call the tool: as `call`, with the result of most tools in the form that takes fewer instructions.

        The context of a call without `uses_context` can be one that has expired.
        """
        try:
            if self._quick_call:
                found: Rendered | TextResult | None = self._quick_call(arguments, context)
                if found is not None:
                    return found
            return self._call(arguments, context)
        except ToolError as error:
            return failure(str(error))
        except McpError:
            raise
        except InputRequiredSignal:
            return Rendered([], input_required=context._get_client_requests().input_required())  # noqa: SLF001
        except BaseException as error:  # noqa: BLE001 - nothing may leave a component: it would trap
            report("tool", self.name, error)
            return failure(FAILED_TOOL.format(self.name))
        finally:
            if context is not EXPIRED:
                context._expire()  # noqa: SLF001 - of this package

    def _call(self, arguments: str | None, context: Context) -> Rendered | TextResult:
        try:
            given = decode_arguments(arguments) if arguments else {}
        except (ValueError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            return self._invalid(f"they are not JSON that can be read: {reason}")
        if type(given) is not dict:
            return self._invalid(OBJECT)
        try:
            loaded = self._load(given)
        except MismatchError as mismatch:
            return self._invalid(str(mismatch))
        except RecursionError:
            return self._invalid("nested too deeply")
        return self._rendered(self._signature.call(loaded, context))

    def _finished(self, value: Any, context: Context) -> Rendered | TextResult:
        return self._rendered(self._signature.completed(value, context))

    def _rendered(self, value: Any) -> Rendered | TextResult:
        if type(value) is InputRequiredResult:
            return Rendered([], input_required=value)
        try:
            return self._render(value)
        except MismatchError as mismatch:
            raise TypeError(f"tool `{self.name}` did not return a value of its annotation: {mismatch}") from None

    def _invalid(self, problems: str) -> Rendered:
        return failure(INVALID_TOOL.format(self.name, problems))

    def _load(self, given: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._signature.load(given)
        except MismatchError:
            if not self._coerces:
                raise
        return self._signature.load(self._signature.coerced(given))
