"""The `Context` of FastMCP and the official SDK, on that of `wasmcp.guest`, and its elicitation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from wasmcp.guest import context as plain_context
from wasmcp.guest.client_requests import Elicited
from wasmcp.guest.content import Audio, Image, Text
from wasmcp.guest.fastmcp.errors import RefusedMethod
from wasmcp.guest.fastmcp.values import (
    CONTENT,
    ModelPreferences,
    SamplingMessage,
    TextContent,
    block_of,
    message_of,
    plain,
)

if TYPE_CHECKING:
    from wasmcp.guest.client_requests import Root, Sampled

T = TypeVar("T")


@dataclass(frozen=True)
class AcceptedElicitation(Generic[T]):
    """The user submitted the form; ``data`` is its value."""

    data: T
    action: Literal["accept"] = "accept"


@dataclass(frozen=True)
class DeclinedElicitation:
    """The user declined."""

    action: Literal["decline"] = "decline"
    data: None = None


@dataclass(frozen=True)
class CancelledElicitation:
    """The user closed the form."""

    action: Literal["cancel"] = "cancel"
    data: None = None


ElicitationResult = AcceptedElicitation[Any] | DeclinedElicitation | CancelledElicitation

_VALUE = "value"
Load = Callable[[Any], Any]


def form(response_type: Any, title: str | None = None, description: str | None = None) -> tuple[Any, Load]:
    """Return a form for `wasmcp.guest.Context.elicit`, and a function that makes the author's value of its data.

    Args:
        response_type: A type, a model of pydantic, a list of choices, a list of one list of choices (several can be
            chosen), a dict of choices with titles, a list of one such dict, or None.
        title: The title of the single field of a form of choices or of a simple type.
        description: Its description.

    Raises:
        TypeError: The list of choices is empty.
    """
    described = {key: text for key, text in (("title", title), ("description", description)) if text is not None}
    if response_type is None:
        return None, lambda _: {}
    if isinstance(response_type, (list, dict)):
        several = isinstance(response_type, list) and len(response_type) == 1 and not isinstance(response_type[0], str)
        choices = response_type[0] if several and isinstance(response_type, list) else response_type
        if not choices:
            raise TypeError("an elicitation needs at least one choice")
        return _single({**_choices(choices, several=several), **described}), lambda content: content[_VALUE]
    if hasattr(response_type, "model_json_schema"):
        return flat_schema(response_type.model_json_schema()), response_type.model_validate
    if hasattr(response_type, "parse_obj") and hasattr(response_type, "schema"):
        return flat_schema(response_type.schema()), response_type.parse_obj
    if described and response_type in _SIMPLE:
        return _single({"type": _SIMPLE[response_type], **described}), lambda content: content[_VALUE]
    return response_type, lambda value: value


_SIMPLE = {str: "string", int: "integer", float: "number", bool: "boolean"}


def _single(field: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {_VALUE: field}, "required": [_VALUE]}


def _choices(choices: Any, *, several: bool) -> dict[str, Any]:
    if isinstance(choices, Mapping):
        options = [{"const": key, "title": dict(facts).get("title", key)} for key, facts in choices.items()]
        return {"type": "array", "items": {"anyOf": options}} if several else {"type": "string", "oneOf": options}
    values = [str(choice) for choice in choices]
    if several:
        return {"type": "array", "items": {"type": "string", "enum": values}}
    return {"type": "string", "enum": values}


def flat_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a model as forms have it: references in place, no null, no title of the whole."""
    definitions = {**schema.get("$defs", {}), **schema.get("definitions", {})}
    properties = {}
    for name, field in schema.get("properties", {}).items():
        found = dict(field)
        for key in ("allOf", "anyOf"):
            options = [option for option in found.get(key, ()) if option.get("type") != "null"]
            if len(options) == 1:
                del found[key]
                found = {**options[0], **found}
        reference = found.pop("$ref", None)
        if reference is not None:
            found = {**definitions.get(str(reference).rpartition("/")[2], {}), **found}
        if found.get("default", 0) is None:
            del found["default"]
        properties[name] = found
    required = [name for name in schema.get("required", ()) if name in properties]
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def result_of(elicited: Elicited[Any], load: Load) -> ElicitationResult:
    """Return the result of an elicitation with the author's value."""
    if elicited.action == "accept":
        return AcceptedElicitation(load(elicited.data))
    return DeclinedElicitation() if elicited.action == "decline" else CancelledElicitation()


_LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
_MAX_TOKENS = 512
"""The number of tokens of a sampling request without `max_tokens`, as in FastMCP."""

_DYNAMIC = "components that change what they list are dynamic: `Context.tools_changed` of `wasmcp.guest`"


class SamplingResult(SimpleNamespace):
    """A model's message: ``text``, ``result``, ``content`` (its first block), ``model``, ``stopReason``, ``role``."""


@dataclass(frozen=True)
class ReadResourceContents:
    """A part of a resource that was read: a string or bytes, and its media type."""

    content: str | bytes
    mime_type: str | None = None


class ReadResource(list[ReadResourceContents]):
    """The contents of a resource that was read; a list of its parts."""

    @property
    def contents(self) -> list[ReadResourceContents]:
        """The parts."""
        return list(self)


class Context:
    """The call that a function answers, with the methods of FastMCP and of the official SDK.

    Declare a parameter of this type, use `CurrentContext` as a default, or call `get_context`. The methods are
    ``async``: await them.

    Attributes:
        fastmcp: The `FastMCP` object.
        plain: The `wasmcp.guest.Context` of the call.
    """

    def __init__(self, server: Any, call: plain_context.Context) -> None:
        self.fastmcp = server
        self.plain = call
        self._state: dict[str, Any] = {}

    def __class_getitem__(cls, _: Any) -> type[Context]:
        """Return the class: the arguments of ``Context[ServerSession, AppContext]`` are for type checkers."""
        return cls

    @property
    def mcp_server(self) -> Any:
        """The `FastMCP` object."""
        return self.fastmcp

    # Logging and progress.

    async def log(
        self, *texts: Any, level: str = "info", logger_name: str | None = None, extra: Any = None, **more: Any
    ) -> None:
        """Send a log message: ``log(message, level="info")`` of FastMCP, or ``log("info", message)`` of the SDK.

        Args:
            texts: The message, or the level and the message.
            level: A severity of RFC 5424.
            logger_name: The name of the logger.
            extra: Further data; it is sent with the message as ``{"msg": ..., "extra": ...}``.
            more: Further data by name; ``message`` and ``data`` are the message.
        """
        named = [more.pop(name) for name in ("message", "data") if name in more]
        given = [*texts, *named]
        if len(given) > 1 and given[0] in _LEVELS:
            level = given.pop(0)
        elif len(given) > 1:
            level = given.pop(1) or level
        logger_name = more.pop("logger", logger_name)
        further = {**(extra or {}), **more}
        message = given[0] if given else ""
        data = {"msg": message, "extra": further} if further else message
        self.plain.log(level, plain(data), logger=logger_name)  # type: ignore[arg-type]

    async def debug(self, message: Any, *names: str | None, **more: Any) -> None:
        """Send a log message of level ``debug``; see `log`."""
        await self._log("debug", message, names, more)

    async def info(self, message: Any, *names: str | None, **more: Any) -> None:
        """Send a log message of level ``info``; see `log`."""
        await self._log("info", message, names, more)

    async def warning(self, message: Any, *names: str | None, **more: Any) -> None:
        """Send a log message of level ``warning``; see `log`."""
        await self._log("warning", message, names, more)

    async def error(self, message: Any, *names: str | None, **more: Any) -> None:
        """Send a log message of level ``error``; see `log`."""
        await self._log("error", message, names, more)

    async def _log(self, level: str, message: Any, names: tuple[str | None, ...], more: dict[str, Any]) -> None:
        if names:
            more = {"logger_name": names[0], **more}
        await self.log(message, level=level, **more)

    async def report_progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Send a progress notification, if the client requested progress."""
        self.plain.progress(progress, total, message)

    # Requests to the client.

    async def elicit(
        self,
        message: str,
        response_type: Any = None,
        *,
        schema: Any = None,
        response_title: str | None = None,
        response_description: str | None = None,
    ) -> ElicitationResult:
        """Request input of the user. The function runs again from its start when the client has answered.

        Args:
            message: The text that the user reads.
            response_type: See `form`.
            schema: The same, under the name of the official SDK.
            response_title: The title of a form's single field.
            response_description: The description of a form's single field.
        """
        wanted = schema if response_type is None else response_type
        requested, load = form(wanted, response_title, response_description)
        return result_of(await self.plain.elicit(message, requested), load)

    async def elicit_url(self, message: str, url: str, *_: Any, **__: Any) -> ElicitationResult:
        """Request that the user opens a link; see `wasmcp.guest.Context.elicit_url`."""
        return result_of(await self.plain.elicit_url(message, url), lambda _: None)

    async def sample(
        self,
        messages: Any,
        system_prompt: str | None = None,
        *,
        include_context: Any = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        model_preferences: Any = None,
        **more: Any,
    ) -> SamplingResult:
        """Request a completion of the client's model. The function runs again from its start with the answer.

        Raises:
            TypeError: An argument is unknown, or not supported: tools that this server would run itself.
        """
        if more:
            reason = "call the tools that the model requests yourself: `Context.sample(tools=...)` of `wasmcp.guest`"
            raise TypeError(f"`sample({next(iter(more))}=...)` is not available in a component: {reason}")
        made = await self.plain.sample(
            _sampling_messages(messages),
            max_tokens=_MAX_TOKENS if max_tokens is None else max_tokens,
            system=system_prompt,
            temperature=temperature,
            include_context=include_context,
            preferences=_preferences(model_preferences),
        )
        return _sampled(made)

    async def list_roots(self) -> list[Root]:
        """Request the client's roots. The function runs again from its start with the answer."""
        return list(await self.plain.roots())

    # The server's own resources and prompts.

    async def read_resource(self, uri: Any) -> ReadResource:
        """Read a resource of this component.

        Raises:
            NotFoundError: The component has no such resource.
        """
        parts = await self.fastmcp.read_resource(str(uri), self)
        return ReadResource(ReadResourceContents(part.data, part.mime_type) for part in parts)

    async def get_prompt(self, name: str, arguments: Mapping[str, str] | None = None) -> Any:
        """Get a prompt of this component.

        Raises:
            NotFoundError: The component has no such prompt.
        """
        return await self.fastmcp.get_prompt(name, arguments, self)

    # Notifications.

    async def send_tool_list_changed(self) -> None:
        """Send `notifications/tools/list_changed`."""
        self.plain.tools_changed()

    async def send_prompt_list_changed(self) -> None:
        """Send `notifications/prompts/list_changed`."""
        self.plain.prompts_changed()

    async def send_resource_list_changed(self) -> None:
        """Send `notifications/resources/list_changed`."""
        self.plain.resources_changed()

    async def notify_resource_updated(self, uri: Any) -> None:
        """Send `notifications/resources/updated`."""
        self.plain.resource_updated(str(uri))

    notify_tools_changed = send_tool_list_changed
    notify_prompts_changed = send_prompt_list_changed
    notify_resources_changed = send_resource_list_changed

    # Facts of the call.

    @property
    def request_id(self) -> str:
        """The JSON-RPC id of the request."""
        return str(self.plain.request_id)

    @property
    def client_id(self) -> str | None:
        """The member ``client_id`` of the request's ``_meta``."""
        found = self.plain.meta.get("client_id")
        return None if found is None else str(found)

    @property
    def session_id(self) -> str | None:
        """The identifier of the session; None without one, as with clients of 2026-07-28."""
        session = self.plain.session
        return None if session is None else session.id

    @property
    def protocol_version(self) -> str:
        """The protocol revision of the response."""
        return self.plain.protocol_version

    @property
    def client_capabilities(self) -> dict[str, Any]:
        """The client's capabilities, as JSON."""
        return self.plain.client_capabilities

    @property
    def headers(self) -> Mapping[str, str] | None:
        """The headers of the HTTP request; None on another transport."""
        http = self.plain.http
        return None if http is None else http.headers

    @property
    def transport(self) -> str:
        """``streamable-http``, or ``stdio`` for every other transport."""
        return "stdio" if self.plain.http is None else "streamable-http"

    @property
    def is_background_task(self) -> bool:
        """False: a component has no background tasks."""
        return False

    def client_supports_extension(self, identifier: str) -> bool:
        """Return True if the client declared an extension."""
        found = self.plain.client_capabilities.get("extensions")
        return isinstance(found, dict) and identifier in found

    @property
    def lifespan_context(self) -> Any:
        """The value of the server's ``lifespan``; an empty dict without one."""
        return self.fastmcp.lifespan_value

    @property
    def request_context(self) -> Any:
        """The request: ``lifespan_context``, ``request_id``, ``meta``, ``session`` and ``request`` (HTTP)."""
        http = self.plain.http
        return SimpleNamespace(
            lifespan_context=self.lifespan_context,
            request_id=self.plain.request_id,
            meta=SimpleNamespace(**{str(name): value for name, value in self.plain.meta.items()}),
            session=self.session,
            request=None if http is None else SimpleNamespace(method=http.method, headers=dict(http.headers)),
        )

    @property
    def session(self) -> Session:
        """The methods of the official SDK's session that a component has."""
        return Session(self)

    # State.

    async def set_state(self, key: str, value: Any, *, serializable: bool = True) -> None:
        """Store a value: in the client's session where it has one and ``sessions`` is granted, else for this call."""
        if serializable and (session := self._stored()) is not None:
            session[f"state:{key}"] = plain(value)
        else:
            self._state[key] = value

    async def get_state(self, key: str) -> Any:
        """Return a value of `set_state`; None without one."""
        if key in self._state or (session := self._stored()) is None:
            return self._state.get(key)
        return session.get(f"state:{key}")

    async def delete_state(self, key: str) -> None:
        """Delete a value of `set_state`."""
        self._state.pop(key, None)
        if (session := self._stored()) is not None and f"state:{key}" in session:
            del session[f"state:{key}"]

    def _stored(self) -> Any:
        session = self.plain.session
        return None if isinstance(session, plain_context._Ungranted) else session  # noqa: SLF001 - of the library

    enable_components = RefusedMethod(_DYNAMIC)
    disable_components = RefusedMethod(_DYNAMIC)
    reset_visibility = RefusedMethod(_DYNAMIC)
    close_sse_stream = RefusedMethod("streams belong to the transport, which closes them")
    close_standalone_sse_stream = RefusedMethod("streams belong to the transport, which closes them")
    sample_step = RefusedMethod("send one request at a time with `sample`")
    send_notification = RefusedMethod("send it by its own method, such as `send_tool_list_changed`")


class Session:
    """The methods of the official SDK's ``ServerSession`` that a component has."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def create_message(
        self,
        messages: Any,
        *,
        max_tokens: int,
        system_prompt: str | None = None,
        include_context: Any = None,
        temperature: float | None = None,
        stop_sequences: Any = None,
        metadata: Any = None,
        model_preferences: Any = None,
        **_: Any,
    ) -> SamplingResult:
        """Request a completion of the client's model; see `Context.sample`."""
        made = await self._context.plain.sample(
            _sampling_messages(messages),
            max_tokens=max_tokens,
            system=system_prompt,
            temperature=temperature,
            stop_sequences=stop_sequences,
            include_context=include_context,
            metadata=metadata,
            preferences=_preferences(model_preferences),
        )
        return _sampled(made)

    async def list_roots(self) -> Any:
        """Request the client's roots: an object with the list ``roots``."""
        return SimpleNamespace(roots=await self._context.list_roots())

    async def send_log_message(self, level: str, data: Any, logger: str | None = None, **_: Any) -> None:
        """Send a log message."""
        await self._context.log(level, data, logger_name=logger)

    async def send_progress_notification(
        self,
        progress_token: Any,  # noqa: ARG002 - the token of the current request is used
        progress: float,
        total: float | None = None,
        message: str | None = None,
        **_: Any,
    ) -> None:
        """Send a progress notification of the current request, regardless of its token."""
        await self._context.report_progress(progress, total, message)

    async def send_resource_updated(self, uri: Any) -> None:
        """Send `notifications/resources/updated`."""
        await self._context.notify_resource_updated(uri)

    async def send_tool_list_changed(self) -> None:
        """Send `notifications/tools/list_changed`."""
        await self._context.send_tool_list_changed()

    async def send_prompt_list_changed(self) -> None:
        """Send `notifications/prompts/list_changed`."""
        await self._context.send_prompt_list_changed()

    async def send_resource_list_changed(self) -> None:
        """Send `notifications/resources/list_changed`."""
        await self._context.send_resource_list_changed()

    @property
    def client_params(self) -> Any:
        """The client's ``capabilities``, as JSON."""
        return SimpleNamespace(capabilities=self._context.client_capabilities)


ServerSession = Session


def _sampling_messages(messages: Any) -> Any:
    """Return messages as `wasmcp.guest.Context.sample` takes them."""
    items = messages if isinstance(messages, (list, tuple)) else [messages]
    found: list[Any] = []
    for item in items:
        if isinstance(item, (str, Mapping, Text, Image, Audio)):
            found.append(item)
        elif isinstance(item, CONTENT):
            found.append(block_of(item))
        else:
            found.append(message_of(item))
    return found


def _preferences(given: Any) -> Mapping[str, Any] | None:
    """Return model preferences as JSON: of names of models, or of a `ModelPreferences`."""
    if given is None or isinstance(given, Mapping):
        return given
    if isinstance(given, ModelPreferences):
        return given.model_dump()
    return {"hints": [{"name": str(name)} for name in ([given] if isinstance(given, str) else given)]}


def _sampled(made: Sampled) -> SamplingResult:
    first: Any = made.content[0] if made.content else Text("")
    block = TextContent(text=first.text) if isinstance(first, Text) else first
    text = made.text
    return SamplingResult(
        text=text,
        result=text,
        content=block,
        content_as_list=[block],
        role="assistant",
        model=made.model,
        stopReason=made.stop_reason,
        stop_reason=made.stop_reason,
        history=[SamplingMessage(role="assistant", content=block)],
    )
