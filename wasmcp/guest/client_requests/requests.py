"""What a `Context` can ask the client in the middle of a function."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar, overload

from wasmcp.guest.client_requests.elicitation_schema import form_of
from wasmcp.guest.client_requests.mrtr import Dialogue
from wasmcp.guest.client_requests.results import Elicited, Roots, Sampled, sampling_messages
from wasmcp.guest.content import Audio, Image, Text
from wasmcp.guest.json_types.string_formats import is_uri
from wasmcp.guest.prompt_messages import Message

T = TypeVar("T")


class Questions(ABC):
    """The part of `wasmcp.guest.Context` that asks. See the guide on asking the client for what a question means."""

    __slots__ = ()

    @abstractmethod
    def _asked(self) -> Dialogue:
        """Return what the client was asked in this call."""

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
            MissingCapabilityError: The client cannot show forms.
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
            MissingCapabilityError: The client cannot show links.
            ValueError: It is not an absolute URL.
        """
        if not is_uri(url):
            raise ValueError(f"a link must be an absolute URL, such as `https://example.com/pay`, not {url!r:.60}")
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
            MissingCapabilityError: The client has no model, or none that is given tools.
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
            MissingCapabilityError: The client has no roots.
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
