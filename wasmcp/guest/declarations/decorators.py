"""``@tool``, ``@resource``, ``@prompt``, ``@completion``: a plain typed function is declared, and stays one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, overload

from wasmcp.guest.content import Annotations, Icon
from wasmcp.guest.declarations.completions import Completer
from wasmcp.guest.declarations.prompts import Prompt
from wasmcp.guest.declarations.registry import COMPLETIONS, PROMPTS, RESOURCES, TOOLS, ListCache
from wasmcp.guest.declarations.resources import Cache, Resource
from wasmcp.guest.declarations.rules import is_closed
from wasmcp.guest.declarations.tools import Tool

F = TypeVar("F", bound=Callable[..., Any])


@overload
def tool(function: F, /) -> F: ...


@overload
def tool(
    *,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
    read_only: bool | None = None,
    destructive: bool | None = None,
    idempotent: bool | None = None,
    open_world: bool | None = None,
    icons: Sequence[Icon] = (),
    meta: Mapping[str, Any] | None = None,
    input_schema: Mapping[str, Any] | None = None,
    output_schema: Mapping[str, Any] | None = None,
    coerce: bool | None = None,
    references: bool | None = None,
) -> Callable[[F], F]: ...


def tool(
    function: F | None = None,
    /,
    *,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
    read_only: bool | None = None,
    destructive: bool | None = None,
    idempotent: bool | None = None,
    open_world: bool | None = None,
    icons: Sequence[Icon] = (),
    meta: Mapping[str, Any] | None = None,
    input_schema: Mapping[str, Any] | None = None,
    output_schema: Mapping[str, Any] | None = None,
    coerce: bool | None = None,
    references: bool | None = None,
) -> F | Callable[[F], F]:
    """Declare a function as a tool: ``@tool``, or ``@tool(title="...", read_only=True)``.

    The function is returned as it is. Its parameters become the tool's arguments, checked and converted before it is
    called; its return type becomes the output schema. Specification: server/tools, schema `Tool`.

    Args:
        function: The function, when the decorator is used without parentheses.
        name: What clients call; the function's name by default.
        title: A name for people.
        description: For the model; the docstring's text by default.
        read_only: It changes nothing (``readOnlyHint``).
        destructive: It may destroy what is there, not only add (``destructiveHint``).
        idempotent: Calling it again with the same arguments changes nothing more (``idempotentHint``).
        open_world: It deals with the world outside (``openWorldHint``).
        icons: Pictures for people.
        meta: The tool's ``_meta``.
        input_schema: The schema of the arguments, sent as it is. Then only the parameters are checked, by their types;
            a last parameter ``**arguments`` gets what else is there.
        output_schema: The schema of ``structuredContent``, sent as it is; what is returned is not held to it.
        coerce: Also take JSON in strings, ``"5"`` for 5 and ``'["a"]'`` for a list, which some models send. None: as
            `coerce` in the component's table says, by default not.
        references: Refer to a type that is used twice in the input schema (``$ref``), instead of writing it in place
            each time. None: as `schema-references` in the component's table says, by default not.

    Raises:
        DeclarationError: The function cannot become a tool.
    """
    hints = {"read_only": read_only, "destructive": destructive, "idempotent": idempotent, "open_world": open_world}
    given = {key: value for key, value in hints.items() if value is not None}
    frame = sys._getframe(1)  # noqa: SLF001 - annotations of nested functions name what is around them

    def declare(target: F) -> F:
        TOOLS.declare(
            lambda names: Tool(
                target,
                name=name,
                title=title,
                description=description,
                hints=given,
                icons=icons,
                meta=meta,
                input_schema=input_schema,
                output_schema=output_schema,
                coerce=coerce,
                references=references,
                names=names,
            ),
            target,
            frame,
        )
        return target

    return declare if function is None else declare(function)


def resource(
    uri: str,
    *,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
    mime_type: str | None = None,
    size: int | None = None,
    icons: Sequence[Icon] = (),
    annotations: Annotations | None = None,
    meta: Mapping[str, Any] | None = None,
    cache: Cache | None = None,
    unchecked: Sequence[str] = (),
) -> Callable[[F], F]:
    """Declare a function as a resource, or as all resources of a template: ``@resource("notes://{id}{?version}")``.

    The function gets the variables of the URI, decoded and converted to the types of its parameters, and returns a
    text, bytes, a value that is sent as JSON, a `ResourceContents`, or a list of those.
    Specification: server/resources, schemas `Resource` and `ResourceTemplate`.

    Args:
        uri: The URI, or a template (RFC 6570): ``{id}``, ``{+path}``, ``{/a,b}``, ``{.ext}``, ``{;p}``, ``{?q,tags*}``,
            ``{&more}``, ``{#part}``; no prefixes (``{id:3}``).
        name: The function's name by default.
        title: A name for people.
        description: The docstring's text by default.
        mime_type: By default ``text/plain``, ``application/octet-stream`` or ``application/json``.
        size: In bytes, where it is known beforehand.
        icons: Pictures for people.
        annotations: Hints on its use.
        meta: Its ``_meta``.
        cache: How long what is read may be kept.
        unchecked: Variables that may hold anything. Of all others a value with a ``..`` segment, an absolute path or
            NUL is no resource: nobody leaves the folder that a variable is put under.

    Raises:
        DeclarationError: The function cannot become a resource.
    """
    frame = sys._getframe(1)  # noqa: SLF001 - see `tool`

    def declare(target: F) -> F:
        RESOURCES.declare(
            lambda names: Resource(
                target,
                uri,
                name=name,
                title=title,
                description=description,
                mime_type=mime_type,
                size=size,
                icons=icons,
                annotations=annotations,
                meta=meta,
                cache=cache,
                unchecked=unchecked,
                names=names,
            ),
            target,
            frame,
        )
        return target

    return declare


@overload
def prompt(function: F, /) -> F: ...


@overload
def prompt(
    *,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
    icons: Sequence[Icon] = (),
    meta: Mapping[str, Any] | None = None,
) -> Callable[[F], F]: ...


def prompt(
    function: F | None = None,
    /,
    *,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
    icons: Sequence[Icon] = (),
    meta: Mapping[str, Any] | None = None,
) -> F | Callable[[F], F]:
    """Declare a function as a prompt: ``@prompt``, or ``@prompt(title="...")``.

    Its parameters become the prompt's arguments. They arrive as texts; a parameter of another type gets the value that
    the text stands for. It returns a text (a message of the user), a `Message`, a content block, a list of those, or a
    `PromptResult`. Specification: server/prompts, schema `Prompt`.

    Args:
        function: The function, when the decorator is used without parentheses.
        name: What clients ask for; the function's name by default.
        title: A name for people.
        description: The docstring's text by default.
        icons: Pictures for people.
        meta: Its ``_meta``.

    Raises:
        DeclarationError: The function cannot become a prompt.
    """
    frame = sys._getframe(1)  # noqa: SLF001 - see `tool`

    def declare(target: F) -> F:
        PROMPTS.declare(
            lambda names: Prompt(
                target, name=name, title=title, description=description, icons=icons, meta=meta, names=names
            ),
            target,
            frame,
        )
        return target

    return declare if function is None else declare(function)


def completion(target: Callable[..., Any] | str, argument: str) -> Callable[[F], F]:
    """Declare what is proposed while an argument is typed.

    .. code-block:: python

        @completion(review, "language")
        def languages(value: str) -> list[str]:
            return [name for name in LANGUAGES if name.startswith(value)]

    The function gets what is typed so far; a second parameter gets the arguments that are filled in already, one of
    type `Context` the call. It returns strings, the best first, or a `Completion`. Arguments that are an enum, a
    ``Literal`` or a boolean need none. Specification: server/utilities/completion.

    Args:
        target: The prompt or the resource with a template: its function, its name or its template.
        argument: The argument or variable.

    Raises:
        DeclarationError: The function cannot become a completion.
    """
    frame = sys._getframe(1)  # noqa: SLF001 - see `tool`

    def declare(function: F) -> F:
        COMPLETIONS.declare(lambda names: Completer(function, target, argument, names=names), function, frame)
        return function

    return declare


def cache_lists(cache: Cache) -> None:
    """Say how long the component's lists (tools, prompts, resources, templates) may be kept.

    Call it at the top of a module. Without it, and where the server says less, the server decides: lists that were
    recorded when the server was built do not change while it runs. Specification: server/utilities/caching.

    Args:
        cache: How long and by whom.

    Raises:
        RuntimeError: The component is built already.
    """
    if is_closed():
        raise RuntimeError("`cache_lists` in a call has no effect: call it when the module is imported")
    ListCache.cache = cache
