"""Functions written for FastMCP or the official SDK, as functions and declarations of `wasmcp.guest`.

The conventions that differ: parameters without an annotation accept any value, ``= Field(...)`` is documentation and a
default, ``Context`` and ``Depends`` are made for each call, and the text of an exception is sent to the client.
"""

from __future__ import annotations

import collections.abc
import contextlib
import functools
import inspect
import sys
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from wasmcp.guest import content
from wasmcp.guest import context as plain_context
from wasmcp.guest.component.error_reporting import report
from wasmcp.guest.content import PromptResult as PlainPromptResult
from wasmcp.guest.content import ToolResult as PlainToolResult
from wasmcp.guest.declarations.prompts import Prompt as PlainPrompt
from wasmcp.guest.declarations.resources import Resource as PlainResource
from wasmcp.guest.declarations.resources import ResourceContents
from wasmcp.guest.declarations.tools import Tool as PlainTool
from wasmcp.guest.declarations.tools import render_any
from wasmcp.guest.errors import McpError, ToolError
from wasmcp.guest.fastmcp.context import Context
from wasmcp.guest.fastmcp.dependencies import CURRENT, Dependency
from wasmcp.guest.fastmcp.errors import FastMCPError, NotFoundError, refuse_feature
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
from wasmcp.guest.json_types.annotated import Field
from wasmcp.guest.json_types.json_codec import encode
from wasmcp.guest.json_types.string_types import decode_bytes
from wasmcp.guest.json_types.uris import UriTemplate

_CALL = "wasmcp_call"
"""The parameter that gets the context of the call, if the author's function has no such parameter."""

_EMPTY = inspect.Parameter.empty
_SEQUENCES = (list, tuple, collections.abc.Sequence)
_STREAMS = (
    collections.abc.Iterator,
    collections.abc.Generator,
    collections.abc.AsyncIterator,
    collections.abc.AsyncGenerator,
)
_LIMITS = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern")


class Ending:
    """The end of a declaration's calls: conversion of results, and errors for the client and for the operator.

    Args:
        kind: The kind of declaration, for reports.
        name: Its name.
        finish: Converts the function's result.
        failure: Makes the text for the client of an unexpected exception.
    """

    def __init__(
        self, kind: str, name: str, finish: Callable[[Any], Any], failure: Callable[[Context, Exception], str]
    ) -> None:
        self._kind = kind
        self._name = name
        self.finish = finish
        self._failure = failure

    async def awaited(self, running: Any, context: Context) -> Any:
        """Return the converted result of a coroutine."""
        with self.reported(context):
            return self.finish(await running)

    @contextlib.contextmanager
    def reported(self, context: Context) -> Iterator[None]:
        """Turn exceptions into errors whose text is sent to the client; report unexpected ones to the operator.

        Raises:
            ToolError: The body of the ``with`` statement raised an exception.
        """
        try:
            yield
        except (ToolError, McpError):
            raise
        except (FastMCPError, NotFoundError) as error:
            raise ToolError(str(error)) from None
        except Exception as error:  # noqa: BLE001 - an author's function can raise anything
            report(self._kind, self._name, error)
            raise ToolError(self._failure(context, error)) from None


class Adapted:
    """A function written for FastMCP or the official SDK.

    Args:
        function: The author's function, a bound method, a `functools.partial` or an object with ``__call__``.
        server: The `FastMCP` object.
        names: Names that annotations can use in addition to those of the module.
        excluded: Parameters that clients do not see; they keep their defaults.
        timeout: The longest time of a call in seconds; None for the limit of the host.

    Attributes:
        plain: The plain function behind it.
        name: The function's name.
        returned: The return annotation; ``Any`` without one.

    Raises:
        NameError: An annotation uses a name that does not exist yet.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        server: Any,
        names: Mapping[str, Any] | None,
        *,
        excluded: Iterable[str] = (),
        timeout: float | None = None,
    ) -> None:
        self.function = function
        self.plain = plain_function(function)
        self.name = str(getattr(self.plain, "__name__", type(function).__name__))
        self._server = server
        self._timeout = timeout
        hints = typing.get_type_hints(self.plain, localns=dict(names or {}) or None, include_extras=True)
        self.returned = hints.get("return", Any)
        self._contexts: dict[str, bool] = {}
        self._dependencies: dict[str, Dependency] = {}
        self._defaults: dict[str, Callable[[], Any]] = {}
        self.parameters: list[inspect.Parameter] = []
        hidden = set(excluded)
        for name, parameter in inspect.signature(function).parameters.items():
            hint = hints.get(name, Any)
            kind = _context_of(hint)
            if kind is not None:
                self._contexts[name] = kind is Context
            elif isinstance(parameter.default, Dependency):
                self._dependencies[name] = parameter.default
            elif name not in hidden:
                self.parameters.append(self._parameter(parameter, hint))
        plain = inspect.unwrap(self.plain)
        self.is_async = (
            inspect.iscoroutinefunction(plain)
            or server.lifespan is not None
            or any(dependency.is_async for dependency in self._dependencies.values())
        )
        if self.is_async and sys.platform == "wasi":
            import wasmcp.guest.component.event_loop  # noqa: F401 - at run time there is nothing to import from

    def _parameter(self, parameter: inspect.Parameter, hint: Any) -> inspect.Parameter:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            return parameter.replace(annotation=hint)
        default = parameter.default
        hint, inner = described(hint)
        if _is_field_info(default):
            hint, default = _with_field(hint, default)
        elif isinstance(default, Field):
            hint, default = typing.Annotated[hint, default], _EMPTY
        if default is _EMPTY and inner is not None:
            default = inner
        if callable(default) and isinstance(default, _Factory):
            self._defaults[parameter.name] = default.make
            default = default.make()
        elif default is not parameter.default and default is not _EMPTY:
            self._defaults[parameter.name] = functools.partial(_same, default)
        return parameter.replace(annotation=hint, default=default, kind=parameter.KEYWORD_ONLY)

    def wrapper(self, ending: Ending, returned: Any) -> Callable[..., Any]:
        """Return a function to declare.

        Args:
            ending: The end of its calls.
            returned: The return annotation.
        """
        given = next(iter(self._contexts), _CALL)  # the author's name, which the docstring can have

        def call(**arguments: Any) -> Any:
            context = Context(self._server, arguments.pop(given))
            with ending.reported(context):
                if self.is_async:
                    return ending.awaited(self.run(context, arguments), context)
                value = self._run_now(context, arguments)
                return ending.awaited(value, context) if inspect.iscoroutine(value) else ending.finish(value)

        parameters = [
            *(one for one in self.parameters if one.kind is not one.VAR_KEYWORD),
            inspect.Parameter(given, inspect.Parameter.KEYWORD_ONLY, annotation=plain_context.Context),
        ]
        call.__name__ = self.name
        call.__qualname__ = getattr(self.plain, "__qualname__", self.name)
        call.__module__ = self.plain.__module__
        call.__doc__ = inspect.getdoc(
            self.function if callable(getattr(self.function, "__doc__", None)) else self.plain
        )
        call.__wrapped__ = self.plain  # type: ignore[attr-defined]
        call.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": returned}
        call.__signature__ = inspect.Signature(parameters, return_annotation=returned)  # type: ignore[attr-defined]
        return call

    async def run(self, context: Context, arguments: dict[str, Any]) -> Any:
        """Call the function in an event loop; return its result unchanged."""
        token = CURRENT.set(context)
        try:
            async with contextlib.AsyncExitStack() as stack, _limit(self._timeout):
                await self._server.start()
                for name, dependency in self._dependencies.items():
                    arguments[name] = await dependency.make_async(stack)
                value = self.function(**self._completed(context, arguments))
                return await value if inspect.isawaitable(value) else value
        finally:
            CURRENT.reset(token)

    def _run_now(self, context: Context, arguments: dict[str, Any]) -> Any:
        token = CURRENT.set(context)
        try:
            with contextlib.ExitStack() as stack:
                for name, dependency in self._dependencies.items():
                    arguments[name] = dependency.make(stack)
                return self.function(**self._completed(context, arguments))
        finally:
            CURRENT.reset(token)

    def _completed(self, context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
        for name, is_own in self._contexts.items():
            arguments[name] = context if is_own else context.plain
        for name, make in self._defaults.items():
            if name not in arguments:
                arguments[name] = make()
        return arguments


def _same(value: Any) -> Any:
    return value


class _Factory:
    """A default that is made for each call."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make

    def __call__(self) -> Any:
        return self.make()


def _limit(seconds: float | None) -> Any:
    if seconds is None:
        return contextlib.nullcontext()
    import asyncio  # imported already: it is the event loop's

    return asyncio.timeout(seconds)


def plain_function(function: Callable[..., Any]) -> Any:
    """Return the plain function behind a method, a `functools.partial` or an object with ``__call__``."""
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif inspect.ismethod(function) or isinstance(function, staticmethod):
            function = function.__func__
        elif not inspect.isroutine(function) and inspect.ismethod(getattr(function, "__call__", None)):  # noqa: B004
            function = function.__call__  # type: ignore[operator]
        else:
            return function


def _context_of(hint: Any) -> type | None:
    """Return the class of context that a parameter gets; None for another parameter."""
    if isinstance(hint, type):
        return next((kind for kind in (Context, plain_context.Context) if issubclass(hint, kind)), None)
    return next((found for found in map(_context_of, typing.get_args(hint)) if found is not None), None)


def _is_field_info(value: Any) -> bool:
    """Return True for the ``Field(...)`` of pydantic."""
    kind = type(value)
    return kind.__name__ == "FieldInfo" and kind.__module__.partition(".")[0] == "pydantic"


def described(hint: Any) -> tuple[Any, Any]:
    """Return an annotation with the ``Field`` of pydantic as that of `wasmcp.guest`, and the default in it, or None."""
    if typing.get_origin(hint) is not typing.Annotated:
        return hint, None
    inner, *extras = typing.get_args(hint)
    found: Any = None
    kept = []
    for extra in extras:
        if _is_field_info(extra):
            found = _default_of(extra)
            kept.append(field_of(extra))
        else:
            kept.append(extra)
    return typing.Annotated[(inner, *kept)], None if found is _EMPTY else found


def _with_field(hint: Any, info: Any) -> tuple[Any, Any]:
    return typing.Annotated[hint, field_of(info)], _default_of(info)


def _default_of(info: Any) -> Any:
    factory = getattr(info, "default_factory", None)
    if factory is not None:
        return _Factory(factory)
    default = info.default
    is_missing = default is Ellipsis or type(default).__name__ in ("PydanticUndefinedType", "UndefinedType")
    return _EMPTY if is_missing else default


def field_of(info: Any) -> Field:
    """Return the ``Field`` of `wasmcp.guest` for that of pydantic."""
    sources = [info, *(getattr(info, "metadata", None) or ())]
    limits = {}
    for name in _LIMITS:
        value = next((found for source in sources if (found := getattr(source, name, None)) is not None), None)
        if value is not None:
            limits[name] = value
    if getattr(info, "alias", None):
        refuse_feature("Field(alias=...)", "name the parameter as clients are to send it")
    extra = getattr(info, "json_schema_extra", None)
    return Field(
        description=info.description,
        title=info.title,
        examples=getattr(info, "examples", None),
        extra=extra if isinstance(extra, dict) else None,
        **limits,
    )


def output_hint(hint: Any) -> Any:
    """Return the annotation of a result; ``Any`` for content, bytes and lists of anything, which have no schema."""
    return Any if _is_unstructured(hint) else hint


def _is_unstructured(hint: Any) -> bool:
    if hint in (bytes, content.ToolResult, *content.BLOCKS, *_SEQUENCES):
        return True
    if isinstance(hint, type) and issubclass(hint, RESULTS):
        return True
    origin = typing.get_origin(hint)
    if origin in _STREAMS:
        return True
    arguments = typing.get_args(hint)
    if origin is typing.Annotated:
        return _is_unstructured(arguments[0])
    if origin in _SEQUENCES and all(argument in (Any, Ellipsis) for argument in arguments):
        return True
    return origin is not typing.Literal and any(map(_is_unstructured_inside, arguments))


def _is_unstructured_inside(hint: Any) -> bool:
    """Return True for content inside a union or a list."""
    return hint not in _SEQUENCES and _is_unstructured(hint)


def is_loose(hint: Any) -> bool:
    """Return True if an annotation leaves the values of an object open, so that any value can be in them."""
    if hint in (Any, dict, collections.abc.Mapping):
        return True
    origin = typing.get_origin(hint)
    return origin is not typing.Literal and any(map(is_loose, typing.get_args(hint)))


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
