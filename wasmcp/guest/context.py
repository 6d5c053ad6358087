"""The call that a tool answers, and what it may say to the client meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar, overload

from wasmcp.guest.answers import Elicited, Roots, Sampled, sampling_messages
from wasmcp.guest.asking import Asked, Dialogue
from wasmcp.guest.content import Audio, Image, Text
from wasmcp.guest.errors import ContextExpired, Mismatch
from wasmcp.guest.forms import form_of
from wasmcp.guest.messages import Message
from wasmcp.guest.plain import dump_any
from wasmcp.guest.wire import encode, sendable

T = TypeVar("T")
LogLevel = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]


@dataclass(frozen=True)
class Identity:
    """Who is asking. Specification: basic/authorization.

    Attributes:
        subject: The token's ``sub``.
        issuer: The token's ``iss``.
        scopes: What was granted.
        claims: All verified claims.
    """

    subject: str
    issuer: str | None
    scopes: Sequence[str]
    claims: Mapping[str, Any]


@dataclass(frozen=True)
class HttpRequest:
    """The HTTP request that carried the call.

    Attributes:
        method: For example ``POST``.
        path: With the query.
        headers: Name (lower case) -> value; of a header sent twice, the last.
    """

    method: str
    path: str
    headers: Mapping[str, str]


class Request(Protocol):
    """The request as the host of the component knows it; JSON values are texts here.

    The WIT resource ``wasmcp:mcp-v20260728/messages.request``, or `wasmcp.guest.testing.LocalContext` in a unit test.
    """

    def target(self) -> str | None: ...  # noqa: D102 - documented in the WIT
    def meta(self) -> str | None: ...  # noqa: D102
    def protocol_version(self) -> str: ...  # noqa: D102
    def client_capabilities(self) -> str: ...  # noqa: D102
    def identity(self) -> Any: ...  # noqa: D102
    def session(self) -> str | None: ...  # noqa: D102
    def http(self) -> Any: ...  # noqa: D102
    def progress(self, progress: float, total: float | None, message: str | None) -> None: ...  # noqa: D102
    def log(self, level: Any, logger: str | None, data: str) -> None: ...  # noqa: D102
    def cancelled(self) -> bool: ...  # noqa: D102
    def notify_tools_changed(self) -> None: ...  # noqa: D102
    def notify_prompts_changed(self) -> None: ...  # noqa: D102
    def notify_resources_changed(self) -> None: ...  # noqa: D102
    def notify_resource_updated(self, uri: str) -> None: ...  # noqa: D102
    def input_responses(self) -> list[tuple[str, str]]: ...  # noqa: D102
    def input_state(self) -> bytes | None: ...  # noqa: D102


class Context:
    """Declare a parameter of this type to get the call that the tool answers; clients do not see the parameter.

    It is valid during that call: afterwards every use raises `ContextExpired`. In unit tests pass a
    `wasmcp.guest.testing.LocalContext`.
    """

    __slots__ = ("_dialogue", "_held", "_levels")

    def __init__(self, request: Request, levels: Mapping[str, Any] | None = None) -> None:
        """Wrap a request; ``levels`` maps the names of log levels to what its ``log`` takes."""
        self._held: Request | None = request
        self._levels = levels
        self._dialogue: Dialogue | None = None

    @property
    def _request(self) -> Request:
        if self._held is None:
            raise ContextExpired
        return self._held

    def _expire(self) -> None:
        self._held = None

    def _asked(self) -> Dialogue:
        if self._dialogue is None:
            request = self._request
            self._dialogue = Dialogue(
                request.input_state(), request.input_responses(), lambda: self.client_capabilities
            )
        return self._dialogue

    def _idle(self) -> None:
        if self._dialogue is not None and self._dialogue.waiting:
            raise Asked

    def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Tell the client how far the call is, if it asked to be told. Specification: basic/patterns/progress.

        Args:
            progress: Must increase from call to call.
            total: Where it ends, when that is known.
            message: What is being done.
        """
        self._request.progress(
            float(progress), None if total is None else float(total), None if message is None else sendable(message)
        )

    def log(self, level: LogLevel, data: Any, *, logger: str | None = None) -> None:
        """Send a log message, if the client asked for this level. Specification: server/utilities/logging.

        Args:
            level: An RFC 5424 severity.
            data: A text, or any value that JSON can hold.
            logger: The name of what is talking.

        Raises:
            ValueError: The level is unknown.
            TypeError: The data has no JSON form.
        """
        request = self._request
        levels = self._levels or _LEVELS
        if level not in levels:
            raise ValueError(f"unknown log level {level!r}; known: {', '.join(levels)}")
        try:
            text = encode(dump_any(data))
        except Mismatch as mismatch:
            raise TypeError(f"a log message must be a value that JSON can hold: {mismatch}") from None
        request.log(levels[level], None if logger is None else sendable(logger), text)

    def debug(self, data: Any) -> None:
        """Send a log message of level ``debug``."""
        self.log("debug", data)

    def info(self, data: Any) -> None:
        """Send a log message of level ``info``."""
        self.log("info", data)

    def warning(self, data: Any) -> None:
        """Send a log message of level ``warning``."""
        self.log("warning", data)

    def error(self, data: Any) -> None:
        """Send a log message of level ``error``."""
        self.log("error", data)

    @property
    def cancelled(self) -> bool:
        """Whether the client has taken the call back: a long tool looks now and then, and gives up."""
        return self._request.cancelled()

    def tools_changed(self) -> None:
        """Tell the clients that listen that the list of tools is another one now.

        Specification: basic/patterns/subscriptions.
        """
        self._request.notify_tools_changed()

    def prompts_changed(self) -> None:
        """Tell the clients that listen that the list of prompts is another one now."""
        self._request.notify_prompts_changed()

    def resources_changed(self) -> None:
        """Tell the clients that listen that the lists of resources and templates are others now."""
        self._request.notify_resources_changed()

    def resource_updated(self, uri: str) -> None:
        """Tell the clients that have subscribed to a resource that it holds something else now."""
        self._request.notify_resource_updated(sendable(uri))

    @property
    def target(self) -> str:
        """The name of the tool or prompt, or the URI of the resource, that was asked for."""
        return self._request.target() or ""

    @property
    def tool_name(self) -> str:
        """The name that the tool was called by."""
        return self._request.target() or ""

    @property
    def protocol_version(self) -> str:
        """The protocol revision that the call is answered in, for example ``2026-07-28``."""
        return self._request.protocol_version()

    @property
    def client_capabilities(self) -> dict[str, Any]:
        """What the client can do. Specification: schema `ClientCapabilities`."""
        return _object(self._request.client_capabilities())

    @property
    def meta(self) -> dict[str, Any]:
        """The request's ``_meta``; empty when there is none."""
        return _object(self._request.meta())

    @property
    def session(self) -> str | None:
        """The session of a client of an older revision, where there is one."""
        return self._request.session()

    @property
    def identity(self) -> Identity | None:
        """Who is asking; None when nobody was authenticated."""
        found = self._request.identity()
        if found is None:
            return None
        return Identity(found.subject, found.issuer, tuple(found.scopes), _object(found.claims))

    @property
    def http(self) -> HttpRequest | None:
        """The HTTP request that carried the call; None when it came another way."""
        found = self._request.http()
        return None if found is None else HttpRequest(found.method, found.path, dict(found.headers))

    @property
    def input_responses(self) -> dict[str, Any]:
        """The client's answers to an earlier `InputRequired`, by key; empty on a first call."""
        return {key: json.loads(value) for key, value in self._request.input_responses()}

    @property
    def input_state(self) -> bytes | None:
        """The state that went with the earlier `InputRequired`."""
        return self._asked().state

    @overload
    def elicit(self, message: str, form: type[T], *, key: str | None = None) -> Elicited[T]: ...

    @overload
    def elicit(
        self, message: str, form: Mapping[str, Any] | None = None, *, key: str | None = None
    ) -> Elicited[dict[str, Any]]: ...

    def elicit(self, message: str, form: Any = None, *, key: str | None = None) -> Elicited[Any]:
        """Ask the user to fill in a form; in ``async def`` functions, ``await`` it.

        The function ends here when the user has not answered yet, and runs again from its start with the answer:
        what happens before this line happens each time, but for what `once` keeps. It must ask the same questions in
        the same order. Specification: client/elicitation, basic/patterns/mrtr.

        Args:
            message: What the user reads.
            form: A dataclass, TypedDict or NamedTuple of simple fields, a simple type (a form of one field), a JSON
                Schema, or None (only a consent).
            key: The key of the question, when the client is to see a certain one.

        Raises:
            CapabilityMissing: The client cannot show forms.
            McpError: The answer does not fit the form.
            TypeError: A form cannot hold the type.
        """
        schema, load = form_of({"type": "object", "properties": {}} if form is None else form)
        params = {"message": message, "requestedSchema": schema}
        dialogue = self._asked()
        found = dialogue.ask("elicitation/create", params, key, {"elicitation": {"form": {}}})
        return Elicited(dialogue, *found, load)

    def elicit_url(self, message: str, url: str, *, key: str | None = None) -> Elicited[None]:
        """Ask the user to follow a link, for what must not pass through the client: credentials, payments.

        Accepting means that the link was opened, not that anything was done there. Otherwise like `elicit`.
        Specification: client/elicitation, "URL Mode".

        Args:
            message: What the user reads.
            url: Where the link leads.
            key: See `elicit`.

        Raises:
            CapabilityMissing: The client cannot show links.
        """
        params = {"mode": "url", "message": message, "url": url}
        dialogue = self._asked()
        found = dialogue.ask("elicitation/create", params, key, {"elicitation": {"url": {}}})
        return Elicited(dialogue, *found, lambda _: None)

    def sample(
        self,
        messages: str | Message | Sequence[str | Message | Mapping[str, Any] | Text | Image | Audio],
        *,
        max_tokens: int,
        system: str | None = None,
        temperature: float | None = None,
        stop_sequences: Sequence[str] | None = None,
        preferences: Mapping[str, Any] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        tool_choice: Literal["auto", "required", "none"] | None = None,
        include_context: Literal["none", "thisServer", "allServers"] | None = None,
        metadata: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Sampled:
        """Have the client's model continue a conversation. Runs and reruns like `elicit`.

        Specification: client/sampling, schema `CreateMessageRequestParams`.

        Args:
            messages: The conversation; a plain string is a message of the user, a mapping is sent as it is.
            max_tokens: At most so many tokens.
            system: A system prompt.
            temperature: How free the model is.
            stop_sequences: What ends the answer.
            preferences: Which model is wanted. Schema `ModelPreferences`.
            tools: What the model may call, in the form of the specification's schema `Tool`.
            tool_choice: Whether it may, must or must not.
            include_context: What the client adds to the conversation; deprecated by the specification.
            metadata: For the provider of the model.
            key: See `elicit`.

        Raises:
            CapabilityMissing: The client has no model, or none that is given tools.
            McpError: The answer is not a message.
        """
        params: dict[str, Any] = {"messages": sampling_messages(messages), "maxTokens": max_tokens}
        optional = {
            "systemPrompt": system,
            "temperature": temperature,
            "stopSequences": None if stop_sequences is None else list(stop_sequences),
            "modelPreferences": preferences,
            "tools": None if tools is None else list(tools),
            "toolChoice": None if tool_choice is None else {"mode": tool_choice},
            "includeContext": include_context,
            "metadata": metadata,
        }
        params.update((name, value) for name, value in optional.items() if value is not None)
        needed: dict[str, Any] = {}
        if tools is not None or tool_choice is not None:
            needed["tools"] = {}
        if include_context not in (None, "none"):
            needed["context"] = {}
        dialogue = self._asked()
        return Sampled(dialogue, *dialogue.ask("sampling/createMessage", params, key, {"sampling": needed}))

    def roots(self, *, key: str | None = None) -> Roots:
        """Ask for the folders and files that the client works in. Runs and reruns like `elicit`.

        Specification: client/roots.

        Args:
            key: See `elicit`.

        Raises:
            CapabilityMissing: The client has no roots.
            McpError: The answer is not a list of roots.
        """
        dialogue = self._asked()
        return Roots(dialogue, *dialogue.ask("roots/list", {}, key, {"roots": {}}))

    def once(self, name: str, make: Callable[[], T]) -> T:
        """Return a value that is made in the first run of this call, and kept while the client is asked.

        .. code-block:: python

            ticket = context.once("ticket", lambda: uuid4().hex)
            if context.elicit(f"Book ticket {ticket}?"):
                book(ticket)

        It travels with the client, sealed, and comes back as the JSON value it was: keep it small.

        Args:
            name: Of the value, within this call.
            make: Makes it.

        Raises:
            TypeError: The value has no JSON form.
        """
        kept: T = self._asked().once(name, make)
        return kept


_LEVELS = {name: name for name in ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")}


def _object(text: str | None) -> dict[str, Any]:
    value = json.loads(text) if text else {}
    return value if isinstance(value, dict) else {}
