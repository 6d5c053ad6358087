"""Entries of a dynamic component: its lists are made for each request.

.. code-block:: python

    from wasmcp.guest import Context, Tool, dynamic_tools, make_tool, tool

    def is_admin(context: Context) -> bool:
        return context.identity is not None and "admin" in context.identity.scopes

    @tool(enabled=is_admin)
    def reset() -> str: ...

    @dynamic_tools
    def reports(context: Context) -> list[Tool]:
        return [report_tool(name) for name in config.get("reports", list[str])]

    def report_tool(name: str) -> Tool:
        def run(year: int) -> str:
            return f"{name} of {year}"

        return make_tool(run, name=f"report_{name}", description=f"Run the report {name}.")

Resources, resource templates and prompts are made in the same way. The component has ``dynamic = true`` in its table:
the lists of other components are recorded when the server is built. Specification: server/tools, server/resources and
server/prompts, "List Changed Notification".
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from wasmcp.guest.content import Annotations, Icon
from wasmcp.guest.context import Context
from wasmcp.guest.declarations.options import Source
from wasmcp.guest.declarations.prompts import Completer, Prompt
from wasmcp.guest.declarations.registry import (
    PROMPT_SOURCES,
    PROMPTS,
    RESOURCE_SOURCES,
    RESOURCES,
    TOOL_SOURCES,
    TOOLS,
    Registry,
)
from wasmcp.guest.declarations.resources import Cache, Resource
from wasmcp.guest.declarations.tools import Tool
from wasmcp.guest.json_types.uris import key_of, normalized_template

F = TypeVar("F", bound=Callable[..., Any])
E = TypeVar("E", Tool, Resource, Prompt)
C = TypeVar("C", Resource, Prompt)


def dynamic_tools(function: F) -> F:
    """Declare a function that makes tools for each request: it returns a list of `Tool` objects of `make_tool`.

    It is called for each `tools/list`, and for each call of a tool that is not declared by `tool`. A parameter of type
    `Context` gets the request; it can be ``async def``. Tools that are declared by `tool` come first. Send
    `Context.tools_changed` when the lists of clients change.

    Args:
        function: The function.

    Raises:
        DeclarationError: The function cannot be declared, or the component is already built.
    """
    frame = sys._getframe(1)  # noqa: SLF001 - annotations of nested functions name what is around them
    TOOL_SOURCES.declare(lambda names: Source(function, Tool, names), function, frame)
    return function


def dynamic_resources(function: F) -> F:
    """Declare a function that makes resources for each request: it returns a list of objects of `make_resource`.

    Those with a URI template are resource templates. It is called for each `resources/list` and
    `resources/templates/list`, and for each read of a URI that no resource declared by `resource` has; otherwise see
    `dynamic_tools`. Send `Context.resources_changed` when the lists of clients change.

    Args:
        function: The function.

    Raises:
        DeclarationError: The function cannot be declared, or the component is already built.
    """
    frame = sys._getframe(1)  # noqa: SLF001 - see `dynamic_tools`
    RESOURCE_SOURCES.declare(lambda names: Source(function, Resource, names), function, frame)
    return function


def dynamic_prompts(function: F) -> F:
    """Declare a function that makes prompts for each request: it returns a list of objects of `make_prompt`.

    It is called for each `prompts/list`, and for each prompt of a request that is not declared by `prompt`; otherwise
    see `dynamic_tools`. Send `Context.prompts_changed` when the lists of clients change.

    Args:
        function: The function.

    Raises:
        DeclarationError: The function cannot be declared, or the component is already built.
    """
    frame = sys._getframe(1)  # noqa: SLF001 - see `dynamic_tools`
    PROMPT_SOURCES.declare(lambda names: Source(function, Prompt, names), function, frame)
    return function


def make_tool(
    function: Callable[..., Any],
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
    tags: Sequence[str] = (),
    input_schema: Mapping[str, Any] | None = None,
    output_schema: Mapping[str, Any] | None = None,
    coerce: bool | None = None,
    references: bool | None = None,
) -> Tool:
    """Return a tool for `dynamic_tools`; the arguments are those of `tool`.

    Raises:
        DeclarationError: The function cannot become a tool.
        NameError: An annotation uses a name that does not exist.
    """
    hints = {"read_only": read_only, "destructive": destructive, "idempotent": idempotent, "open_world": open_world}
    return Tool(
        function,
        name=name,
        title=title,
        description=description,
        hints=hints,
        icons=icons,
        meta=meta,
        tags=tags,
        input_schema=input_schema,
        output_schema=output_schema,
        coerce=coerce,
        references=references,
        names=dict(sys._getframe(1).f_locals),  # noqa: SLF001 - see `dynamic_tools`
    )


def make_resource(
    function: Callable[..., Any],
    uri: str,
    /,
    *,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
    mime_type: str | None = None,
    size: int | None = None,
    icons: Sequence[Icon] = (),
    annotations: Annotations | None = None,
    meta: Mapping[str, Any] | None = None,
    tags: Sequence[str] = (),
    cache: Cache | None = None,
    unchecked: Sequence[str] = (),
    completions: Mapping[str, Callable[..., Any]] | None = None,
) -> Resource:
    """Return a resource or resource template for `dynamic_resources`; the arguments are those of `resource`.

    In addition, `completions` maps variables of a template to the functions that complete them; see `completion`. The
    build checks templates of `resource` only: a URI that matches this template in several ways gets the first match.

    Raises:
        DeclarationError: The function cannot become a resource, or a completion cannot be used.
        NameError: An annotation uses a name that does not exist.
    """
    names = dict(sys._getframe(1).f_locals)  # noqa: SLF001 - see `dynamic_tools`
    made = Resource(
        function,
        uri,
        name=name,
        title=title,
        description=description,
        mime_type=mime_type,
        size=size,
        icons=icons,
        annotations=annotations,
        meta=meta,
        tags=tags,
        cache=cache,
        unchecked=unchecked,
        names=names,
    )
    return _completed(made, completions or {}, names)


def make_prompt(
    function: Callable[..., Any],
    /,
    *,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
    icons: Sequence[Icon] = (),
    meta: Mapping[str, Any] | None = None,
    tags: Sequence[str] = (),
    completions: Mapping[str, Callable[..., Any]] | None = None,
) -> Prompt:
    """Return a prompt for `dynamic_prompts`; the arguments are those of `prompt`.

    In addition, `completions` maps arguments to the functions that complete them; see `completion`.

    Raises:
        DeclarationError: The function cannot become a prompt, or a completion cannot be used.
        NameError: An annotation uses a name that does not exist.
    """
    names = dict(sys._getframe(1).f_locals)  # noqa: SLF001 - see `dynamic_tools`
    made = Prompt(
        function, name=name, title=title, description=description, icons=icons, meta=meta, tags=tags, names=names
    )
    return _completed(made, completions or {}, names)


def _completed(made: C, completions: Mapping[str, Callable[..., Any]], names: Mapping[str, Any]) -> C:
    made.completers = {
        argument: Completer(function, made.reference, argument, names=names)
        for argument, function in completions.items()
    }
    for completer in made.completers.values():
        completer.check([(made.reference, made.function, made.variables)])
    return made


class FoundResource(NamedTuple):
    """A resource that a request can read.

    Attributes:
        resource: The resource, or the template that the URI matches.
        variables: The variables of the URI, returned by `Resource.values`.
    """

    resource: Resource
    variables: Mapping[str, str | list[str]]


def listed_tools(context: Context) -> list[Tool]:
    """Return the tools that a request lists: the enabled ones, with their descriptions for this request.

    Raises:
        ValueError: Two tools have the same name.
    """
    return _without_duplicates(_listed(TOOLS, TOOL_SOURCES, context))


def listed_resources(context: Context) -> list[Resource]:
    """Return the resources that a request lists, without templates; see `listed_tools`."""
    every = _listed(RESOURCES, RESOURCE_SOURCES, context)
    return _without_duplicates(resource for resource in every if not resource.is_template)


def listed_templates(context: Context) -> list[Resource]:
    """Return the resource templates that a request lists; see `listed_tools`."""
    every = _listed(RESOURCES, RESOURCE_SOURCES, context)
    return _without_duplicates(resource for resource in every if resource.is_template)


def listed_prompts(context: Context) -> list[Prompt]:
    """Return the prompts that a request lists; see `listed_tools`."""
    return _without_duplicates(_listed(PROMPTS, PROMPT_SOURCES, context))


def offered_tool(name: str, context: Context) -> Tool | None:
    """Return the tool that a request can call by a name; None without one."""
    return _offered(TOOLS, TOOL_SOURCES, name, context)


def offered_resource(uri: str, context: Context) -> FoundResource | None:
    """Return the resource that a request can read by a URI; None without one.

    Resources with a fixed URI have precedence over templates, and those declared by `resource` over those of sources.
    """
    key = key_of(uri)
    declared = [resource for resource in RESOURCES.all().values() if resource.is_enabled(context)]
    found = next((one for one in declared if not one.is_template and one.identity == key), None)
    if found is None:
        made = list(_made(RESOURCE_SOURCES, context))
        found = next((one for one in made if not one.is_template and one.identity == key), None)
        if found is None:
            templates = [one for one in (*declared, *made) if one.is_template]
            match = context.match_template(uri, [one.pattern for one in templates])
            if match is None:
                return None
            template = templates[match.template]
            return FoundResource(template, template.values(match.variables))
    return FoundResource(found, {})


def offered_template(template: str, context: Context) -> Resource | None:
    """Return the resource template that a request can complete; None without one."""
    try:
        text = normalized_template(template).text
    except ValueError:
        return None
    every = _listed(RESOURCES, RESOURCE_SOURCES, context)
    return next((one for one in every if one.is_template and one.uri == text), None)


def offered_prompt(name: str, context: Context) -> Prompt | None:
    """Return the prompt that a request can get by a name; None without one."""
    found = _offered(PROMPTS, PROMPT_SOURCES, name, context)
    return None if found is None else found.described_for(context)


def _offered(registry: Registry[E], sources: Registry[Source[E]], name: str, context: Context) -> E | None:
    declared = registry.all().get(name)
    if declared is not None:
        return declared if declared.is_enabled(context) else None
    return next((one for one in _made(sources, context) if one.name == name), None)


def _listed(registry: Registry[E], sources: Registry[Source[E]], context: Context) -> Iterator[E]:
    yield from (one.described_for(context) for one in registry.all().values() if one.is_enabled(context))
    yield from _made(sources, context)


def _made(sources: Registry[Source[E]], context: Context) -> Iterator[E]:
    for source in sources.all().values():
        yield from source.make(context)


def _without_duplicates(entries: Iterable[E]) -> list[E]:
    """Return the entries.

    Raises:
        ValueError: Two of them have the same name, or the same URI.
    """
    found: dict[Hashable, E] = {}
    for entry in entries:
        if entry.identity in found:
            named = "URI" if isinstance(entry, Resource) else "name"
            raise ValueError(f"two {entry.kind}s for one request have the {named} `{entry.identity}`")
        found[entry.identity] = entry
    return list(found.values())
