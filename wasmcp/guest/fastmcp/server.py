"""The class `FastMCP`: declarations with the decorators of FastMCP and of the official SDK."""

from __future__ import annotations

import contextlib
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from wasmcp.guest.declarations.registry import PROMPTS, RESOURCES, TOOLS
from wasmcp.guest.fastmcp.adaptation import (
    UNSET,
    Adapted,
    DeclaredPrompt,
    DeclaredResource,
    DeclaredTool,
    finish_prompt,
    plain_function,
)
from wasmcp.guest.fastmcp.context import Context
from wasmcp.guest.fastmcp.dependencies import get_context
from wasmcp.guest.fastmcp.errors import NotFoundError, RefusedMethod, author_frame, refuse_feature, warn_of
from wasmcp.guest.fastmcp.values import (
    ToolAnnotations,
)
from wasmcp.guest.json_types.uris import key_of

_WILDCARD = re.compile(r"\{(\w+)\*\}")

F = TypeVar("F", bound=Callable[..., Any])


_TRANSPORT = "the transport belongs to the host: `wasmcp serve` has options for it"
_MANY = "make each server a component of its own, and list them in the `components` of one server"
_GUARD = "write a component with the grant `middleware`, or use the host's options"
_AUTH = "tokens are checked outside of the component, by settings of the operator (`JWT_...`)"

IGNORED = {
    "host": "pass `--host` to `wasmcp serve`",
    "port": "pass `--port` to `wasmcp serve`",
    "debug": "pass `-v` to `wasmcp serve`",
    "log_level": "clients choose the level of log messages",
    "json_response": _TRANSPORT,
    "stateless_http": _TRANSPORT,
    "streamable_http_path": _TRANSPORT,
    "sse_path": _TRANSPORT,
    "message_path": _TRANSPORT,
    "mount_path": _TRANSPORT,
    "transport_security": "set `WASMCP_ALLOWED_HOSTS` and `WASMCP_ALLOWED_ORIGINS`",
    "dependencies": "put them into `dependencies` of the component's table",
}
"""Arguments of `FastMCP` that have no effect in a component, and what to do instead."""

REFUSED = {
    "auth": _AUTH,
    "auth_server_provider": _AUTH,
    "token_verifier": _AUTH,
    "middleware": _GUARD,
    "providers": _MANY,
    "transforms": "declare the tools under the names that clients are to see",
    "tool_transformations": "declare the tools under the names that clients are to see",
    "include_tags": "leave out the decorators of the other tools",
    "exclude_tags": "leave out their decorators",
    "tool_serializer": "return a `ToolResult` from the tools",
    "sampling_handler": "clients without sampling cannot be served: catch `MissingCapabilityError`",
    "sampling_handler_behavior": "clients without sampling cannot be served: catch `MissingCapabilityError`",
    "session_state_store": "values of a session are stored by the host: grant `sessions`",
    "event_store": _TRANSPORT,
    "extensions": "name them in `extensions` of the component's table",
    "experimental_capabilities": "name extensions in `extensions` of the component's table",
    "resource_security": "use `@wasmcp.guest.resource(..., unchecked=[...])` for variables that may hold any path",
}
"""Arguments of `FastMCP` that are refused, and what to do instead."""

_DUPLICATES = ("tools", "resources", "prompts")
_KNOWN = frozenset(
    {
        *("version", "title", "description", "website_url", "icons", "tasks", "on_duplicate", "client_log_level"),
        *(f"{prefix}_duplicate_{kind}" for prefix in ("on", "warn_on") for kind in _DUPLICATES),
        *("dereference_schemas", "list_page_size", "request_state_security", "subscriptions"),
        *("cache_ttl", "cache_scope", "cache_hints"),
    }
)
"""Arguments that are part of the server's table, or that the framework does without them."""


class FastMCP:
    """A server's declarations, with the decorators of FastMCP and of the official SDK.

    All objects of a component declare into the lists of that component. The name, the version, the instructions, the
    icons and the website of a server are in its table in ``pyproject.toml``.

    Args:
        name: The server's name, for the author.
        instructions: The instructions, for the author.
        lifespan: A function that returns an asynchronous context manager. It is entered before the first call of an
            instance, and never exited: an instance ends without notice.
        tools: Functions to declare as tools.
        mask_error_details: True to send only the names of tools in error texts, not the texts of exceptions.
        strict_input_validation: True to reject JSON inside strings, such as ``"5"`` for 5.
        options: Other arguments: those of the transport are reported as without effect, the others are refused.

    Raises:
        UnsupportedFeatureError: An argument is not available in a component.
        TypeError: An argument is unknown.
    """

    def __init__(
        self,
        name: str | None = None,
        instructions: str | None = None,
        *,
        lifespan: Callable[..., Any] | None = None,
        tools: Iterable[Any] = (),
        mask_error_details: bool = False,
        strict_input_validation: bool = False,
        **options: Any,
    ) -> None:
        self.name = name or "server"
        self.instructions = instructions
        self.lifespan = lifespan
        self.lifespan_value: Any = {}
        self._entered: Any = None
        self._masked = mask_error_details
        self.coerces = not strict_input_validation
        for option, value in options.items():
            self._option(option, value)
        for tool in tools or ():
            self.add_tool(tool)

    def _option(self, name: str, value: Any) -> None:
        if name in IGNORED:
            warn_of(f"`FastMCP({name}=...)` has no effect in a component: {IGNORED[name]}")
        elif name in REFUSED:
            if value not in (None, (), [], {}):
                refuse_feature(f"FastMCP({name}=...)", REFUSED[name])
        elif name == "tasks" and value:
            refuse_feature("FastMCP(tasks=True)", "declare its tools by `@tool(task=True)` of `wasmcp.guest`")
        elif name.startswith("on_duplicate") and value in ("replace", "ignore"):
            refuse_feature(f'FastMCP({name}="{value}")', "a name that is declared twice is an error")
        elif name not in _KNOWN:
            raise TypeError(f"FastMCP() has no argument `{name}`")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    async def start(self) -> None:
        """Enter the ``lifespan`` before the first call of the instance."""
        if self.lifespan is not None and self._entered is None:
            entered = self.lifespan(self)
            value = await entered.__aenter__()
            self._entered = entered
            self.lifespan_value = {} if value is None else value

    def failure(self, text: str) -> Callable[[Context, Exception], str]:
        """Return a function that makes the text for the client of an unexpected exception."""
        return lambda _, error: text if self._masked else f"{text}: {error}"

    # Tools.

    def tool(
        self,
        name_or_fn: str | Callable[..., Any] | None = None,
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        tags: Iterable[str] | None = None,
        annotations: ToolAnnotations | Mapping[str, Any] | None = None,
        output_schema: Any = UNSET,
        structured_output: bool | None = None,
        icons: Iterable[Any] | None = None,
        meta: Mapping[str, Any] | None = None,
        enabled: bool = True,
        exclude_args: Iterable[str] | None = None,
        version: str | int | None = None,
        timeout: float | None = None,
        task: Any = None,
        run_in_thread: bool = True,  # noqa: ARG002 - a component has one thread
        serializer: Any = None,
        auth: Any = None,
        app: Any = None,
    ) -> Any:
        """Declare a tool: ``@mcp.tool``, ``@mcp.tool()``, ``@mcp.tool("name")`` or ``mcp.tool(function)``.

        The function is returned, with itself as its attribute ``fn``.

        Args:
            name_or_fn: The function, or the name.
            name: The name that clients call; by default the function's name.
            title: A display name.
            description: The description; by default the text of the docstring.
            tags: Tags, sent as ``_meta.fastmcp.tags``.
            annotations: Hints on the tool's behaviour.
            output_schema: The JSON Schema of the structured content; None to send none.
            structured_output: False to send no output schema.
            icons: Icons for user interfaces.
            meta: The tool's ``_meta``.
            enabled: False to leave the tool out.
            exclude_args: Parameters that clients do not see.
            version: A version, sent as ``_meta.fastmcp.version``.
            timeout: The longest time of an ``async def`` tool in seconds.
            task: Refused unless it is false.
            run_in_thread: Without effect: a component has one thread.
            serializer: Refused.
            auth: Refused.
            app: Refused.
        """
        for option, value, advice in (
            ("task", task, "declare the tool by `@tool(task=True)` of `wasmcp.guest`"),
            ("serializer", serializer, "return a `ToolResult`"),
            ("auth", auth, _AUTH),
            ("app", app, "declare user interfaces by `app` and `@tool(ui=...)` of `wasmcp.guest`"),
        ):
            if value:
                refuse_feature(f"tool({option}=...)", advice)
        frame = author_frame()

        def declare(function: F) -> F:
            named = name or (name_or_fn if isinstance(name_or_fn, str) else None)
            if not enabled:
                return function
            if timeout is not None and not inspect.iscoroutinefunction(plain_function(function)):
                refuse_feature("tool(timeout=...)", "only `async def` tools can be ended; the host ends every call")
            if isinstance(function, Tool):
                return self.add_tool(function)
            TOOLS.declare(
                lambda names: DeclaredTool(
                    Adapted(function, self, names, excluded=exclude_args or (), timeout=timeout),
                    self,
                    name=named,
                    title=title,
                    description=description,
                    annotations=annotations,
                    output_schema=None if structured_output is False else output_schema,
                    icons=icons,
                    meta=_meta(meta, tags, version),
                ),
                function,
                frame,
            )
            with contextlib.suppress(AttributeError):  # methods and some callable objects have no attributes
                function.fn = function  # type: ignore[attr-defined]
            return function

        return declare(name_or_fn) if callable(name_or_fn) else declare

    def add_tool(self, tool: Any, **options: Any) -> Any:
        """Declare a tool: a function with the arguments of `tool`, or a `Tool`."""
        if isinstance(tool, Tool):
            self.tool(tool.fn, **tool.options)
            return tool
        return self.tool(tool, **options)

    # Resources.

    def resource(
        self,
        uri: str,
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        mime_type: str | None = None,
        tags: Iterable[str] | None = None,
        annotations: Any = None,
        icons: Iterable[Any] | None = None,
        meta: Mapping[str, Any] | None = None,
        enabled: bool = True,
        version: str | int | None = None,
        auth: Any = None,
        app: Any = None,
        task: Any = None,
        security: Any = UNSET,
    ) -> Callable[[F], F]:
        """Declare a resource or a resource template: ``@mcp.resource("notes://{id}")``.

        ``{path*}`` matches slashes, as ``{+path}`` of RFC 6570, and is listed in that form.

        Args:
            uri: The URI or the template.
            name: The name in lists; by default the function's name.
            title: A display name.
            description: The description; by default the text of the docstring.
            mime_type: The media type; ``text/plain`` by default.
            tags: Tags, sent as ``_meta.fastmcp.tags``.
            annotations: Hints for clients.
            icons: Icons for user interfaces.
            meta: The resource's ``_meta``.
            enabled: False to leave the resource out.
            version: A version, sent as ``_meta.fastmcp.version``.
            auth: Refused.
            app: Refused.
            task: Refused unless it is false.
            security: None to accept any value of the variables, also ``..``; other policies are refused.
        """
        if callable(uri):
            raise TypeError('the decorator needs a URI: `@mcp.resource("notes://all")`')
        for option, value in (("auth", auth), ("app", app), ("task", task)):
            if value:
                refuse_feature(f"resource({option}=...)", _AUTH if option == "auth" else "leave it out")
        if security is not None and security is not UNSET:
            refuse_feature("resource(security=...)", REFUSED["resource_security"])
        frame = author_frame()
        template = _WILDCARD.sub(r"{+\1}", uri)

        def declare(function: F) -> F:
            if not enabled:
                return function
            RESOURCES.declare(
                lambda names: DeclaredResource(
                    Adapted(function, self, names),
                    self,
                    template,
                    name=name,
                    title=title,
                    description=description,
                    mime_type=mime_type or "text/plain",
                    annotations=annotations,
                    icons=icons,
                    meta=_meta(meta, tags, version),
                    is_unchecked=security is None,
                ),
                function,
                frame,
            )
            with contextlib.suppress(AttributeError):
                function.fn = function  # type: ignore[attr-defined]
            return function

        return declare

    def add_resource(self, resource: Any) -> Any:
        """Declare a `Resource` or a `TextResource`."""
        self.resource(resource.uri, **resource.options)(resource.fn)
        return resource

    add_template = add_resource

    # Prompts.

    def prompt(
        self,
        name_or_fn: str | Callable[..., Any] | None = None,
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        tags: Iterable[str] | None = None,
        icons: Iterable[Any] | None = None,
        meta: Mapping[str, Any] | None = None,
        enabled: bool = True,
        version: str | int | None = None,
        auth: Any = None,
        task: Any = None,
    ) -> Any:
        """Declare a prompt: ``@mcp.prompt``, ``@mcp.prompt()``, ``@mcp.prompt("name")`` or ``mcp.prompt(function)``.

        Args:
            name_or_fn: The function, or the name.
            name: The name that clients request; by default the function's name.
            title: A display name.
            description: The description; by default the text of the docstring.
            tags: Tags, sent as ``_meta.fastmcp.tags``.
            icons: Icons for user interfaces.
            meta: The prompt's ``_meta``.
            enabled: False to leave the prompt out.
            version: A version, sent as ``_meta.fastmcp.version``.
            auth: Refused.
            task: Refused unless it is false.
        """
        for option, value in (("auth", auth), ("task", task)):
            if value:
                refuse_feature(f"prompt({option}=...)", _AUTH if option == "auth" else "leave it out")
        frame = author_frame()

        def declare(function: F) -> F:
            named = name or (name_or_fn if isinstance(name_or_fn, str) else None)
            if not enabled:
                return function
            PROMPTS.declare(
                lambda names: DeclaredPrompt(
                    Adapted(function, self, names),
                    self,
                    name=named,
                    title=title,
                    description=description,
                    icons=icons,
                    meta=_meta(meta, tags, version),
                ),
                function,
                frame,
            )
            with contextlib.suppress(AttributeError):
                function.fn = function  # type: ignore[attr-defined]
            return function

        return declare(name_or_fn) if callable(name_or_fn) else declare

    def add_prompt(self, prompt: Any) -> Any:
        """Declare a prompt: a function, or a `Prompt`."""
        if isinstance(prompt, Prompt):
            self.prompt(prompt.fn, **prompt.options)
            return prompt
        return self.prompt(prompt)

    # Reading of what is declared.

    async def read_resource(self, uri: str, context: Context | None = None) -> list[Any]:
        """Return the parts of a resource of this component, during a call.

        Raises:
            NotFoundError: The component has no such resource, or it was not declared by `FastMCP`.
            RuntimeError: No call is running.
        """
        running = _running(context)
        resource, found = _declared_at(str(uri), running)
        if not isinstance(resource, DeclaredResource):
            raise NotFoundError(f"`{uri}` was declared by `wasmcp.guest.resource`: call its function")
        value = resource.finish(await resource.adapted.run(running, resource.loaded(str(uri), found)))
        return resource.parts(value, str(uri))

    async def get_prompt(
        self, name: str, arguments: Mapping[str, str] | None = None, context: Context | None = None
    ) -> Any:
        """Return the messages of a prompt of this component, during a call.

        Raises:
            NotFoundError: The component has no such prompt, or it was not declared by `FastMCP`.
            RuntimeError: No call is running.
        """
        running = _running(context)
        found = PROMPTS.all().get(name)
        if found is None:
            raise NotFoundError(f"Unknown prompt: {name!r}")
        if not isinstance(found, DeclaredPrompt):
            raise NotFoundError(f"`{name}` was declared by `wasmcp.guest.prompt`: call its function")
        return finish_prompt(await found.adapted.run(running, found.loaded(json.dumps(dict(arguments or {})))))

    def get_context(self) -> Context:
        """Return the context of the call that is running.

        Raises:
            RuntimeError: No call is running.
        """
        return _running(None)

    # Running: the host does it.

    def run(self, *_: Any, **__: Any) -> None:
        """Do nothing in a component, which the host runs; natively print how to run it."""
        if sys.platform != "wasi":
            sys.stderr.write("this server runs as a component: `hatch build`, then `wasmcp run`\n")

    async def run_async(self, *_: Any, **__: Any) -> None:
        """Do nothing; see `run`."""
        self.run()

    run_stdio_async = run_async
    run_http_async = run_async
    run_sse_async = run_async
    run_streamable_http_async = run_async

    # Refused.

    mount = RefusedMethod(_MANY)
    import_server = RefusedMethod(_MANY)
    add_provider = RefusedMethod(_MANY)
    unmount = RefusedMethod(_MANY)
    as_proxy = RefusedMethod("compose the other server's component; a remote server cannot be part of a component")
    from_openapi = RefusedMethod("write a tool for each operation, with the grant `http`")
    from_fastapi = RefusedMethod("write a tool for each operation, with the grant `http`")
    from_client = RefusedMethod("compose the other server's component")
    add_middleware = RefusedMethod(_GUARD)
    add_extension = RefusedMethod("name it in `extensions` of the component's table")
    add_transform = RefusedMethod("declare the tools under the names that clients are to see")
    add_tool_transformation = RefusedMethod("declare the tools under the names that clients are to see")
    custom_route = RefusedMethod("a server answers MCP only: serve other routes from another program")
    http_app = RefusedMethod("use `wasmcp serve`, or mount `wasmcp.host` in an ASGI application")
    sse_app = RefusedMethod("use `wasmcp serve`: the transport HTTP with SSE of 2024-11-05 has a successor")
    streamable_http_app = RefusedMethod("use `wasmcp serve`, or mount `wasmcp.host` in an ASGI application")
    completion = RefusedMethod('declare each with `@wasmcp.guest.completion(function, "argument")`')
    add_completion_handler = RefusedMethod('declare each with `@wasmcp.guest.completion(function, "argument")`')


class MCPServer(FastMCP):
    """The class of the official SDK 2, which sends no texts of exceptions except those of ``ToolError``."""

    def __init__(
        self,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        instructions: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(name, instructions, mask_error_details=True, title=title, description=description, **options)


class _Object:
    """A function with the options of its decorator, for the methods ``add_...``."""

    def __init__(self, fn: Callable[..., Any], options: dict[str, Any]) -> None:
        self.fn = fn
        self.options = options

    @classmethod
    def from_function(cls, fn: Callable[..., Any], **options: Any) -> Any:
        """Return an object for a function, with the options of the decorator."""
        return cls(fn, options)


class Tool(_Object):
    """A tool to add by `FastMCP.add_tool`: ``Tool.from_function(function, name="...")``."""


class Prompt(_Object):
    """A prompt to add by `FastMCP.add_prompt`: ``Prompt.from_function(function)``."""


class Resource(_Object):
    """A resource to add by `FastMCP.add_resource`: ``Resource.from_function(function, uri="...")``."""

    def __init__(self, fn: Callable[..., Any], options: dict[str, Any]) -> None:
        super().__init__(fn, {name: value for name, value in options.items() if name not in ("uri", "uri_template")})
        self.uri = str(options.get("uri") or options.get("uri_template") or "")


class TextResource(Resource):
    """A resource with a fixed text: ``TextResource(uri="...", text="...")``."""

    def __init__(self, *, uri: Any, text: str, name: str | None = None, **options: Any) -> None:
        def read() -> str:
            return text

        super().__init__(read, {"uri": uri, "name": name or str(uri), **options})


def _meta(meta: Mapping[str, Any] | None, tags: Iterable[str] | None, version: Any) -> dict[str, Any] | None:
    """Return ``_meta`` with tags and version as FastMCP sends them."""
    own: dict[str, Any] = {}
    if tags:
        own["tags"] = sorted(tags)
    if version is not None:
        own["version"] = str(version)
    if not own:
        return None if meta is None else dict(meta)
    return {**(meta or {}), "fastmcp": {**dict((meta or {}).get("fastmcp") or {}), **own}}


def _running(context: Context | None) -> Context:
    return get_context() if context is None else context


def _declared_at(uri: str, running: Context) -> tuple[Any, dict[str, str | list[str]]]:
    """Return the resource with a URI, and its variables. A fixed URI has precedence over a template."""
    declared = RESOURCES.all().values()
    key = key_of(uri)
    for resource in declared:
        if not resource.is_template and resource.identity == key:
            return resource, {}
    templates = [resource for resource in declared if resource.is_template]
    match = running.plain.match_template(uri, [resource.pattern for resource in templates])
    if match is None:
        raise NotFoundError(f"Unknown resource: {uri!r}")
    resource = templates[match.template]
    return resource, resource.values(match.variables)
