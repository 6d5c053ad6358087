"""Declared tools: their description for clients, and their calls.

Name, description, schemas and converters of arguments and results are computed when the module is imported, which for
a component is at build time. A call only runs them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

from wasmcp.guest.client_requests.mrtr import InputRequiredResult
from wasmcp.guest.component.error_reporting import report
from wasmcp.guest.content import Icon
from wasmcp.guest.context import Context
from wasmcp.guest.declarations.apps import App, Visibility, shown
from wasmcp.guest.declarations.docstring import parse_docstring
from wasmcp.guest.declarations.meta import Task, tagged, with_task
from wasmcp.guest.declarations.per_request import Condition, Description, PerRequest
from wasmcp.guest.declarations.rules import ToolOptions
from wasmcp.guest.declarations.signature import Signature, place_of_member
from wasmcp.guest.declarations.tool_results import (
    Rendered,
    Renderer,
    TextResult,
    failure,
    output_of,
    render_structured,
    rendered,
)
from wasmcp.guest.errors import McpError, MismatchError, ToolError, UnsupportedTypeError
from wasmcp.guest.json_types.json_codec import decode_arguments
from wasmcp.guest.json_types.schema_checks import problems

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

    @property
    def uses_context(self) -> bool:
        """True if a call uses its context."""
        return self._signature.uses_context

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
            return self._call(arguments, context)
        except ToolError as error:
            return failure(str(error))
        except McpError:
            raise
        except BaseException as error:  # noqa: BLE001 - nothing may leave a component: it would trap
            report("tool", self.name, error)
            return failure(f"Error executing tool {self.name}")
        finally:
            context._expire()  # noqa: SLF001 - of this package

    def _call(self, arguments: str | None, context: Context) -> Rendered | TextResult:
        try:
            given = decode_arguments(arguments) if arguments else {}
        except (ValueError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            return failure(f"Invalid arguments for tool {self.name}: they are not JSON that can be read: {reason}")
        if type(given) is not dict:
            return failure(f"Invalid arguments for tool {self.name}: expected an object")
        try:
            loaded = self._load(given)
        except MismatchError as mismatch:
            return failure(f"Invalid arguments for tool {self.name}: {mismatch}")
        except RecursionError:
            return failure(f"Invalid arguments for tool {self.name}: nested too deeply")
        value = self._signature.call(loaded, context)
        if type(value) is InputRequiredResult:
            return Rendered([], input_required=value)
        try:
            return self._render(value)
        except MismatchError as mismatch:
            raise TypeError(f"tool `{self.name}` did not return a value of its annotation: {mismatch}") from None

    def _load(self, given: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._signature.load(given)
        except MismatchError:
            if not self._coerces:
                raise
        return self._signature.load(self._signature.coerced(given))
