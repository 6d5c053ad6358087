"""A tool: what a plain typed function says to clients, and how it is called.

Everything that can be known beforehand is worked out when the module is imported, which in a component is at build
time: name, description, schemas, and what checks and converts arguments and results. A call only runs it.
"""

from __future__ import annotations

import inspect
import re
import sys
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import CoroutineType
from typing import Any

from wasmcp.guest.annotations import Resolver, written
from wasmcp.guest.content import Icon
from wasmcp.guest.context import Context
from wasmcp.guest.docstring import parse_docstring
from wasmcp.guest.errors import DeclarationError, Mismatch, ToolError, Unsupported
from wasmcp.guest.failures import report
from wasmcp.guest.field import Field
from wasmcp.guest.members import default_of, documentation_of
from wasmcp.guest.records import Member, load_members
from wasmcp.guest.results import Rendered, failure, output_of
from wasmcp.guest.schema import Definitions
from wasmcp.guest.wire import decode

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")


class Tool:
    """A declared tool.

    Attributes:
        function: The author's function.
        name: What clients call.
        title: A name for people.
        description: For the model.
        hints: The ``annotations`` of the tool that are set, by their names in `tool`.
        icons: Pictures for people.
        meta: The tool's ``_meta``.
        input_schema: JSON Schema of the arguments.
        output_schema: JSON Schema of ``structuredContent``; None when there is none.

    Raises:
        DeclarationError: The function cannot become a tool.
        NameError: An annotation uses a name that does not exist yet.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        hints: Mapping[str, bool] | None = None,
        icons: Sequence[Icon] = (),
        meta: Mapping[str, Any] | None = None,
        names: Mapping[str, Any] | None = None,
    ) -> None:
        self.function = function
        plain = inspect.unwrap(function)
        if not inspect.isfunction(plain) or inspect.isgeneratorfunction(plain) or inspect.isasyncgenfunction(plain):
            raise self._refused(None, "only a plain function that returns its result can be a tool")
        self.name = function.__name__ if name is None else name
        self.title = title
        self.hints = dict(hints or {})
        self.icons = tuple(icons)
        self.meta = meta
        if not _NAME.fullmatch(self.name):
            raise self._refused(None, f"the name `{self.name}` must be 1 to 128 of A-Z, a-z, 0-9, `_`, `-` and `.`")
        documentation = parse_docstring(function.__doc__)
        self.description = documentation.description if description is None else description
        resolver = Resolver(names)
        try:
            hints_of = resolver.hints(function)
        except Unsupported as error:
            raise self._refused(None, str(error)) from error
        self._context: list[str] = []
        self._positional: list[tuple[str, Any]] = []
        self._members = self._parameters(resolver, hints_of, documentation.parameters)
        self.input_schema = self._input_schema()
        try:
            returned = hints_of.get("return", Any)
            self.output_schema, self._render = output_of(returned, resolver, documentation.returns)
        except Unsupported as error:
            raise self._refused(_place("return", error), str(error)) from error
        self._load = {member.name: member.shape.load for member in self._members}
        self._required = tuple(member.name for member in self._members if member.required)
        if inspect.iscoroutinefunction(plain) and sys.platform == "wasi":
            import wasmcp.guest.loop  # noqa: F401 - at run time there is nothing to import from

    def _refused(self, parameter: str | None, reason: str) -> DeclarationError:
        return DeclarationError(self.function, parameter, reason)

    def _parameters(self, resolver: Resolver, hints: dict[str, Any], described: dict[str, str]) -> list[Member]:
        members = []
        for name, parameter in inspect.signature(self.function).parameters.items():
            place = f"parameter `{name}`"
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
                raise self._refused(place, f"`{stars}{name}` has no JSON Schema: name each argument, or take a list")
            if parameter.kind is parameter.POSITIONAL_ONLY:
                self._positional.append((name, parameter.default))
            if name not in hints:
                raise self._refused(place, "it has no annotation: a tool's parameters need types")
            if _is_context(hints[name]):
                self._context.append(name)
                continue
            if isinstance(parameter.default, Field):
                raise self._refused(place, f"write `Annotated[{written(hints[name])}, Field(...)]`, not a default")
            try:
                shape = resolver.shape(hints[name])
            except Unsupported as error:
                raise self._refused(_place(place, error), str(error)) from error
            documentation = documentation_of(hints[name])
            if name in described:
                documentation.setdefault("description", described[name])
            required = parameter.default is parameter.empty
            if not required:
                documentation.update(default_of(shape, parameter.default))
            members.append(Member(name, shape, required=required, returned=True, documentation=documentation))
        return members

    def _input_schema(self) -> dict[str, Any]:
        definitions = Definitions([member.shape for member in self._members])
        schema: dict[str, Any] = {"type": "object"}
        if self._members:
            schema["properties"] = {member.name: member.schema(definitions) for member in self._members}
        required = [member.name for member in self._members if member.required]
        if required:
            schema["required"] = required
        schema["additionalProperties"] = False
        return definitions.finish(schema)

    def call(self, arguments: str | None, context: Context) -> Rendered:
        """Call the tool as a client does. Never raises: whatever goes wrong is a result with ``is_error``.

        Args:
            arguments: The arguments as JSON text; None counts as ``{}``.
            context: The call; it has expired when this returns.
        """
        try:
            return self._call(arguments, context)
        except ToolError as error:
            return failure(str(error))
        except BaseException as error:  # noqa: BLE001 - nothing may leave a component: it would trap
            report(self.name, error)
            return failure(f"Error executing tool {self.name}")
        finally:
            context._expire()  # noqa: SLF001 - of this package

    def _call(self, arguments: str | None, context: Context) -> Rendered:
        try:
            given = decode(arguments) if arguments else {}
        except (ValueError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            return failure(f"Invalid arguments for tool {self.name}: they are not JSON that can be read: {reason}")
        if type(given) is not dict:
            return failure(f"Invalid arguments for tool {self.name}: expected an object")
        try:
            loaded = load_members(self._load, self._required, given)
        except Mismatch:
            return failure(f"Invalid arguments for tool {self.name}: {'; '.join(self._problems(given))}")
        except RecursionError:
            return failure(f"Invalid arguments for tool {self.name}: nested too deeply")
        for name in self._context:
            loaded[name] = context
        positional = [loaded.pop(name, default) for name, default in self._positional]
        value = self.function(*positional, **loaded)
        if type(value) is CoroutineType:
            from wasmcp.guest.loop import run

            value = run(value)
        try:
            return self._render(value)
        except Mismatch as mismatch:
            raise TypeError(f"tool `{self.name}` did not return what its annotation promises: {mismatch}") from None

    def _problems(self, given: dict[str, Any]) -> Iterator[str]:
        """Yield what is wrong with each argument: a model corrects all of them at once."""
        for name, value in given.items():
            try:
                load_members(self._load, (), {name: value})
            except Mismatch as mismatch:  # noqa: PERF203 - collecting them is what this is
                yield str(mismatch)
        for name in self._required:
            if name not in given:
                yield f"{name}: required, but missing"


def _place(place: str, error: Unsupported) -> str:
    members = ".".join(reversed(error.path))
    return f"{place}, member `{members}`" if members else place


def _is_context(annotation: Any) -> bool:
    if isinstance(annotation, type):
        return issubclass(annotation, Context)
    return any(map(_is_context, typing.get_args(annotation)))
