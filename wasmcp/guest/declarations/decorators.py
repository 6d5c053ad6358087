"""Decorators of typed functions: ``@tool``, ``@resource``, ``@skill``, ``@prompt``, ``@completion``, and ``app``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar, overload

from wasmcp.guest.content import Annotations, Icon
from wasmcp.guest.declarations.options import (
    MIME_TYPE,
    PAGE,
    App,
    AppPages,
    Condition,
    Csp,
    Description,
    Permission,
    Task,
    Visibility,
)
from wasmcp.guest.declarations.prompts import Completer, Prompt
from wasmcp.guest.declarations.registry import COMPLETIONS, PROMPTS, RESOURCES, TOOLS, ListCache
from wasmcp.guest.declarations.resources import Cache, Resource, ResourceContents, Skill
from wasmcp.guest.declarations.rules import ToolOptions, is_closed, refuse
from wasmcp.guest.declarations.tools import Tool
from wasmcp.guest.errors import DeclarationError, ResourceNotFoundError


def app(
    page: str,
    *,
    uri: str | None = None,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
    csp: Csp | None = None,
    permissions: Sequence[Permission] = (),
    domain: str | None = None,
    prefers_border: bool | None = None,
    tags: Sequence[str] = (),
    scopes: Sequence[str] = (),
) -> App:
    """Declare an app: a page of HTML that hosts show for the tools which name it.

    .. code-block:: python

        ui = app("src/weather.html", csp=Csp(connect_domains=["https://api.weather.gov"]))

        @tool(ui=ui)
        def forecast(city: str) -> Forecast: ...

    The build includes the page, with the scripts, styles and images that it refers to, and the server has it as a
    resource. Specification: extension `io.modelcontextprotocol/ui`, "UI Resource Format".

    Args:
        page: The path of the page in the project, as a string literal.
        uri: The URI of its resource; by default ``ui://`` with the path of the page.
        name: The name in lists; by default the name of the file.
        title: A display name.
        description: The description.
        csp: The origins of other servers that the page uses; none by default. The component's grant ``apps`` must
            permit them.
        permissions: The permissions of browsers that the page uses: ``camera``, ``microphone``, ``geolocation``,
            ``clipboardWrite``. The component's grant ``apps`` must permit them.
        domain: The dedicated origin of the page, in the form that the host defines.
        prefers_border: True for a visible border and background, False for none; by default the host decides.
        tags: Tags by which filters of a server select the resource.
        scopes: Scopes that the principal of a request over HTTP needs for the resource.

    Raises:
        DeclarationError: The app cannot be declared; another resource has its URI, for example.
    """
    asked: dict[str, Any] = {} if csp is None else {"csp": csp.to_json()}
    if permissions:
        asked["permissions"] = {permission: {} for permission in permissions}
    if domain is not None:
        asked["domain"] = domain
    if prefers_border is not None:
        asked["prefersBorder"] = prefers_border
    declared = App(f"ui://{page}" if uri is None else uri, page, asked)

    frame = sys._getframe(1)  # noqa: SLF001 - the declaration is the line that calls this function

    def read() -> ResourceContents:
        html = AppPages.html.get(page)
        if html is None:  # servers answer for the page before they call the component
            raise ResourceNotFoundError
        return ResourceContents(html, meta={"ui": asked})

    code = frame.f_code
    read.__code__ = read.__code__.replace(co_filename=code.co_filename, co_firstlineno=frame.f_lineno)
    read.__name__ = read.__qualname__ = declared.uri
    read.__module__ = str(frame.f_globals.get("__name__"))
    if ToolOptions.dynamic:
        reason = (
            "the build finds the page of an app in the recorded lists of its component, and this component is dynamic: "
            "declare the app in another component of the server"
        )
        refuse(DeclarationError(read, None, reason, kind="app"))
    meta = {"ui": asked, **({} if page in AppPages.html else {PAGE: page})}
    RESOURCES.declare(
        lambda names: Resource(
            read,
            declared.uri,
            name=page.rpartition("/")[2] if name is None else name,
            title=title,
            description=description,
            mime_type=MIME_TYPE,
            meta=meta,
            tags=tags,
            scopes=scopes,
            names=names,
        ),
        read,
        frame,
    )
    return declared


F = TypeVar("F", bound=Callable[..., Any])


@overload
def tool(function: F, /) -> F: ...


@overload
def tool(
    *,
    name: str | None = None,
    title: str | None = None,
    description: Description | None = None,
    enabled: Condition | None = None,
    read_only: bool | None = None,
    destructive: bool | None = None,
    idempotent: bool | None = None,
    open_world: bool | None = None,
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
) -> Callable[[F], F]: ...


def tool(
    function: F | None = None,
    /,
    *,
    name: str | None = None,
    title: str | None = None,
    description: Description | None = None,
    enabled: Condition | None = None,
    read_only: bool | None = None,
    destructive: bool | None = None,
    idempotent: bool | None = None,
    open_world: bool | None = None,
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
) -> F | Callable[[F], F]:
    """Declare a function as a tool: ``@tool``, or ``@tool(title="...", read_only=True)``.

    The function is returned unchanged. Its parameters become the tool's arguments, which are checked and converted
    before the call; its return type becomes the output schema. Specification: server/tools, schema `Tool`.

    Args:
        function: The function, when the decorator is used without parentheses.
        name: The name that clients call; by default the function's name.
        title: A display name.
        description: The description for the model; by default the text of the docstring. In a dynamic component also a
            function that returns the description for a request.
        enabled: In a dynamic component, a function that returns True if the tool exists for a request.
        read_only: The tool does not modify its environment (``readOnlyHint``).
        destructive: The tool can overwrite or delete, not only add (``destructiveHint``).
        idempotent: A repeated call with the same arguments has no further effect (``idempotentHint``).
        open_world: The tool interacts with external systems (``openWorldHint``).
        icons: Icons for user interfaces.
        meta: The tool's ``_meta``.
        ui: The app that hosts show for the tool; see `wasmcp.guest.app`.
        visibility: The callers of the tool: ``model``, ``app`` (apps of this server), or both, which is the default.
        tags: Tags by which filters of a server select the tool; sent as ``_meta["wasmcp/tags"]``.
        scopes: Scopes that the principal of a request over HTTP needs for the tool; sent as
            ``_meta["wasmcp/scopes"]``.
        task: True if a call may continue after its request, as a task whose result the client polls for; ``"steps"`` if
            the function continues by `Context.checkpoint`; a `Task` for more options. Sent as
            ``_meta["wasmcp/task"]``.
        input_schema: The JSON Schema of the arguments, sent unchanged. Then only the parameters are checked, by their
            types; a last parameter ``**arguments`` gets the other arguments.
        output_schema: The JSON Schema of ``structuredContent``, sent unchanged; results are not checked against it.
        coerce: True to also accept JSON inside strings, which some models send: ``"5"`` for 5 and ``'["a"]'`` for a
            list. None for the value of `coerce` in the component's table, which is false by default.
        references: True to refer to a type that occurs twice in the input schema by ``$ref`` instead of repeating it.
            None for the value of `schema-references` in the component's table, which is false by default.

    Raises:
        DeclarationError: The function cannot become a tool.
    """
    hints = {"read_only": read_only, "destructive": destructive, "idempotent": idempotent, "open_world": open_world}
    frame = sys._getframe(1)  # noqa: SLF001 - annotations of nested functions name what is around them

    def declare(target: F) -> F:
        TOOLS.declare(
            lambda names: Tool(
                target,
                name=name,
                title=title,
                description=description,
                enabled=enabled,
                hints=hints,
                icons=icons,
                meta=meta,
                ui=ui,
                visibility=visibility,
                tags=tags,
                scopes=scopes,
                task=task,
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
    description: Description | None = None,
    enabled: Condition | None = None,
    mime_type: str | None = None,
    size: int | None = None,
    icons: Sequence[Icon] = (),
    annotations: Annotations | None = None,
    meta: Mapping[str, Any] | None = None,
    tags: Sequence[str] = (),
    scopes: Sequence[str] = (),
    cache: Cache | None = None,
    unchecked: Sequence[str] = (),
) -> Callable[[F], F]:
    """Declare a function as a resource, or as a resource template: ``@resource("notes://{id}{?version}")``.

    The function gets the variables of the URI, decoded and converted to the types of its parameters. It returns a
    string, bytes, a value that is sent as JSON, a `ResourceContents`, or a list of those.
    Specification: server/resources, schemas `Resource` and `ResourceTemplate`.

    Args:
        uri: The URI, or a URI template (RFC 6570): ``{id}``, ``{+path}``, ``{/a,b}``, ``{.ext}``, ``{;p}``,
            ``{?q,tags*}``, ``{&more}``, ``{#part}``; without prefix modifiers (``{id:3}``).
        name: The name in lists; by default the function's name.
        title: A display name.
        description: The description; by default the text of the docstring. In a dynamic component also a function that
            returns the description for a request.
        enabled: In a dynamic component, a function that returns True if the resource exists for a request.
        mime_type: By default ``text/plain``, ``application/octet-stream`` or ``application/json``.
        size: The size in bytes, if known in advance.
        icons: Icons for user interfaces.
        annotations: Hints for clients: audience, priority, last modification.
        meta: The resource's ``_meta``.
        tags: Tags by which filters of a server select the resource; sent as ``_meta["wasmcp/tags"]``.
        scopes: Scopes that the principal of a request over HTTP needs for the resource; sent as
            ``_meta["wasmcp/scopes"]``.
        cache: Cache hints for the contents.
        unchecked: Names of variables that accept any value. For all other variables a value with a ``..`` segment, an
            absolute path, a NUL, or an encoded ``/`` where a value ends at ``/`` is answered as a resource that does
            not exist, so that a value cannot escape the folder that it is joined to.

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
                enabled=enabled,
                mime_type=mime_type,
                size=size,
                icons=icons,
                annotations=annotations,
                meta=meta,
                tags=tags,
                scopes=scopes,
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
def skill(function: F, /) -> F: ...


@overload
def skill(
    *,
    name: str | None = None,
    description: str | None = None,
    prefix: str = "",
    license: str | None = None,
    compatibility: str | None = None,
    metadata: Mapping[str, str] | None = None,
    allowed_tools: str | None = None,
    title: str | None = None,
    icons: Sequence[Icon] = (),
    meta: Mapping[str, Any] | None = None,
    tags: Sequence[str] = (),
    scopes: Sequence[str] = (),
    cache: Cache | None = None,
) -> Callable[[F], F]: ...


def skill(
    function: F | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    prefix: str = "",
    license: str | None = None,  # noqa: A002 - the name of the field
    compatibility: str | None = None,
    metadata: Mapping[str, str] | None = None,
    allowed_tools: str | None = None,
    title: str | None = None,
    icons: Sequence[Icon] = (),
    meta: Mapping[str, Any] | None = None,
    tags: Sequence[str] = (),
    scopes: Sequence[str] = (),
    cache: Cache | None = None,
) -> F | Callable[[F], F]:
    """Declare a function as a skill: ``@skill``, or ``@skill(prefix="reports", license="Apache-2.0")``.

    The function generates the text of the skill's ``SKILL.md`` at each read, after the front matter, which the
    declaration defines. A parameter of type `Context` gets the request; it can be ``async def``. Resources and resource
    templates below the path of the skill are its other files. Source: extension ``io.modelcontextprotocol/skills``;
    Agent Skills specification.

    Args:
        function: The function, when the decorator is used without parentheses.
        name: The name; by default the function's name, with hyphens instead of underscores.
        description: The description; by default the text of the docstring.
        prefix: The beginning of the skill's path in the server, for example ``acme/reports``.
        license: The field ``license`` of the front matter.
        compatibility: The field ``compatibility``: the requirements of the skill, 500 characters at most.
        metadata: The field ``metadata``.
        allowed_tools: The field ``allowed-tools``; clients ignore it unless their user consents.
        title: A display name.
        icons: Icons for user interfaces.
        meta: The ``_meta`` of the resource ``SKILL.md``.
        tags: Tags by which filters of a server select the skill; sent as ``_meta["wasmcp/tags"]``.
        scopes: Scopes that the principal of a request over HTTP needs for the skill; sent as
            ``_meta["wasmcp/scopes"]``.
        cache: Cache hints for the contents.

    Raises:
        DeclarationError: The function cannot become a skill.
    """
    frame = sys._getframe(1)  # noqa: SLF001 - see `tool`

    def declare(target: F) -> F:
        RESOURCES.declare(
            lambda names: Skill(
                target,
                name=name,
                description=description,
                prefix=prefix,
                license=license,
                compatibility=compatibility,
                metadata=metadata,
                allowed_tools=allowed_tools,
                title=title,
                icons=icons,
                meta=meta,
                tags=tags,
                scopes=scopes,
                cache=cache,
                names=names,
            ),
            target,
            frame,
        )
        return target

    return declare if function is None else declare(function)


@overload
def prompt(function: F, /) -> F: ...


@overload
def prompt(
    *,
    name: str | None = None,
    title: str | None = None,
    description: Description | None = None,
    enabled: Condition | None = None,
    icons: Sequence[Icon] = (),
    meta: Mapping[str, Any] | None = None,
    tags: Sequence[str] = (),
    scopes: Sequence[str] = (),
) -> Callable[[F], F]: ...


def prompt(
    function: F | None = None,
    /,
    *,
    name: str | None = None,
    title: str | None = None,
    description: Description | None = None,
    enabled: Condition | None = None,
    icons: Sequence[Icon] = (),
    meta: Mapping[str, Any] | None = None,
    tags: Sequence[str] = (),
    scopes: Sequence[str] = (),
) -> F | Callable[[F], F]:
    """Declare a function as a prompt: ``@prompt``, or ``@prompt(title="...")``.

    Its parameters become the prompt's arguments. Clients send strings; a parameter of another type gets the converted
    value. It returns a string (a message of the user), a `Message`, a content block, a list of those, or a
    `PromptResult`. Specification: server/prompts, schema `Prompt`.

    Args:
        function: The function, when the decorator is used without parentheses.
        name: The name that clients request; by default the function's name.
        title: A display name.
        description: The description; by default the text of the docstring. In a dynamic component also a function that
            returns the description for a request.
        enabled: In a dynamic component, a function that returns True if the prompt exists for a request.
        icons: Icons for user interfaces.
        meta: The prompt's ``_meta``.
        tags: Tags by which filters of a server select the prompt; sent as ``_meta["wasmcp/tags"]``.
        scopes: Scopes that the principal of a request over HTTP needs for the prompt; sent as
            ``_meta["wasmcp/scopes"]``.

    Raises:
        DeclarationError: The function cannot become a prompt.
    """
    frame = sys._getframe(1)  # noqa: SLF001 - see `tool`

    def declare(target: F) -> F:
        PROMPTS.declare(
            lambda names: Prompt(
                target,
                name=name,
                title=title,
                description=description,
                enabled=enabled,
                icons=icons,
                meta=meta,
                tags=tags,
                scopes=scopes,
                names=names,
            ),
            target,
            frame,
        )
        return target

    return declare if function is None else declare(function)


def completion(target: Callable[..., Any] | str, argument: str) -> Callable[[F], F]:
    """Declare a function that completes an argument of a prompt or a variable of a resource template.

    .. code-block:: python

        @completion(review, "language")
        def languages(value: str) -> Choices:
            return Choices(LANGUAGES)

    The function gets the text typed so far; a second parameter gets the arguments that are already filled in, and a
    parameter of type `Context` gets the call. It returns strings, `Choices`, or a `Completion`. Arguments
    that are an enum, a ``Literal`` or a boolean are completed without it. Specification: server/utilities/completion.

    Args:
        target: The prompt or the resource with a template: its function, its name or its template.
        argument: The name of the argument or variable.

    Raises:
        DeclarationError: The function cannot become a completion.
    """
    frame = sys._getframe(1)  # noqa: SLF001 - see `tool`

    def declare(function: F) -> F:
        COMPLETIONS.declare(lambda names: Completer(function, target, argument, names=names), function, frame)
        return function

    return declare


def cache_lists(cache: Cache) -> None:
    """Set the cache hints of the component's lists: tools, prompts, resources and resource templates.

    Call it at the top of a module. Without it, or if the server's hint is shorter, the server's hint applies. Lists
    that were recorded when the server was built do not change while it runs. Specification: server/utilities/caching.

    Args:
        cache: The lifetime and the scope.

    Raises:
        RuntimeError: The component is already built.
    """
    if is_closed():
        raise RuntimeError("`cache_lists` in a call has no effect: call it when the module is imported")
    ListCache.cache = cache
