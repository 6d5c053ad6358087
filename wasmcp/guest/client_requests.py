"""Server-to-client requests of a `Context`, elicitation, sampling and roots, and their results.

Schemas of elicitation forms are made from types: flat objects of simple values. Specification: client/elicitation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, NoReturn, TypeVar, cast, overload

from wasmcp.guest.content import Audio, Image, Message, Text
from wasmcp.guest.errors import McpError, MismatchError, ToolError, UnsupportedTypeError
from wasmcp.guest.json_types.annotations import Resolver, written
from wasmcp.guest.json_types.base import Definitions, Foreign, JsonType, documentation_around, documented, undocumented
from wasmcp.guest.json_types.containers import Union, without_null
from wasmcp.guest.json_types.records import Record, load_members
from wasmcp.guest.json_types.scalars import Null
from wasmcp.guest.json_types.string_types import decode_bytes, encode_bytes
from wasmcp.guest.mrtr import INVALID_PARAMS, ClientRequests, ClientResult

T = TypeVar("T")


class Elicited(ClientResult, Generic[T]):
    """The result of an elicitation. True when the user accepted. Specification: schema `ElicitResult`."""

    __slots__ = ("_load",)

    def __init__(
        self,
        client_requests: ClientRequests,
        key: str,
        found: dict[str, Any] | None,
        load: Callable[[dict[str, Any]], Any],
    ) -> None:
        super().__init__(client_requests, key, found)
        self._load = load
        if found is not None:
            self._checked()

    def __await__(self) -> Generator[Any, None, Elicited[T]]:
        yield from self._wait()
        return self

    def _checked(self) -> Any:
        if self.action != "accept":
            return None
        try:
            return self._load(self.raw.get("content") or {})
        except MismatchError as mismatch:
            raise McpError(INVALID_PARAMS, f"the input response `{self.key}` does not fit: {mismatch}") from None

    @property
    def action(self) -> Literal["accept", "decline", "cancel"]:
        """The action of the user: ``accept``, ``decline`` or ``cancel``."""
        return cast("Literal['accept', 'decline', 'cancel']", self.raw.get("action"))

    def __bool__(self) -> bool:
        return self.action == "accept"

    @property
    def data(self) -> T:
        """The value that the user entered, converted to the type of the form.

        Raises:
            ToolError: The user did not accept. If it is not caught, the client gets a tool error.
        """
        if not self:
            raise ToolError(f"the user did not agree: {self.action}")
        return cast("T", self._checked())


@dataclass(frozen=True)
class ToolCall:
    """A tool call that the client's model requests. Specification: schema `ToolUseContent`."""

    id: str
    name: str
    input: Mapping[str, Any]


SampledBlock = Text | Image | Audio | ToolCall


class Sampled(ClientResult):
    """The message of the client's model. Specification: schema `CreateMessageResult`."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, Sampled]:
        yield from self._wait()
        return self

    @property
    def content(self) -> list[SampledBlock]:
        """The blocks of the message; blocks of unknown kinds are left out."""
        content = self.raw.get("content")
        return [made for item in (content if isinstance(content, list) else [content]) if (made := _block(item))]

    @property
    def text(self) -> str:
        """The text of all text blocks of the message."""
        return "\n".join(block.text for block in self.content if isinstance(block, Text))

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The tool calls that the model requests."""
        return [block for block in self.content if isinstance(block, ToolCall)]

    @property
    def model(self) -> str:
        """The name of the model."""
        model = self.raw.get("model")
        return model if isinstance(model, str) else ""

    @property
    def stop_reason(self) -> str | None:
        """The reason why the model stopped: ``endTurn``, ``maxTokens``, ``stopSequence``, ``toolUse``..."""
        reason = self.raw.get("stopReason")
        return reason if isinstance(reason, str) else None


def _block(item: Any) -> SampledBlock | None:
    """Return a block, which the framework has checked; None for a block of an unknown kind."""
    kind = item["type"]
    if kind == "text":
        return Text(item["text"])
    if kind in ("image", "audio"):
        return (Image if kind == "image" else Audio)(decode_bytes(item["data"]), item["mimeType"])
    if kind == "tool_use":
        return ToolCall(item["id"], item["name"], item["input"])
    return None


@dataclass(frozen=True)
class Root:
    """A folder or file that the client works in, by its URI. Specification: schema `Root`."""

    uri: str
    name: str | None = None


class Roots(ClientResult, Sequence[Root]):
    """The client's roots, a sequence of `Root`. Specification: schema `ListRootsResult`."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, Roots]:
        yield from self._wait()
        return self

    def _roots(self) -> list[Root]:
        return [Root(item["uri"], item.get("name")) for item in self.raw["roots"]]

    def __getitem__(self, index: Any) -> Any:
        return self._roots()[index]

    def __len__(self) -> int:
        return len(self._roots())

    def __iter__(self) -> Iterator[Root]:
        return iter(self._roots())


def sampling_messages(messages: Any) -> list[Any]:
    """Return sampling messages in the form of the specification (schema `SamplingMessage`).

    Args:
        messages: A string, a `Message`, or a sequence of them; mappings are not changed.

    Raises:
        TypeError: A message is of another type.
    """
    if isinstance(messages, (str, Message, Mapping, Text, Image, Audio)):
        messages = [messages]
    found: list[Any] = []
    for item in messages:
        if isinstance(item, Mapping):
            found.append(item)
        elif isinstance(item, Message):
            found.append({"role": item.role, "content": _written(item.content)})
        else:
            found.append({"role": "user", "content": _written(item)})
    return found


def _written(block: Any) -> dict[str, Any]:
    if isinstance(block, str):
        return {"type": "text", "text": block}
    if isinstance(block, Text):
        return {"type": "text", "text": block.text}
    if isinstance(block, (Image, Audio)):
        kind = "image" if isinstance(block, Image) else "audio"
        return {"type": kind, "data": encode_bytes(block.data), "mimeType": block.mime_type}
    raise TypeError(f"a model can be sent text, images and audio, not {type(block).__qualname__}")


_TYPES = {"string", "number", "integer", "boolean"}
_FORMATS = {"email", "uri", "date", "date-time"}
_KNOWN = {
    "type", "title", "description", "default", "enum", "enumNames", "oneOf", "anyOf", "const",
    "format", "minLength", "maxLength", "minimum", "maximum", "items", "minItems", "maxItems",
}  # fmt: skip
_VALUE = "value"

Form = tuple[dict[str, Any], Callable[[dict[str, Any]], Any]]

_forms: dict[Any, Form] = {}


def form_of(requested: Any) -> Form:
    """Return the schema of a form, and a function that converts its content to the value for the author.

    Args:
        requested: A dataclass, TypedDict, NamedTuple or model of pydantic 2; a simple type such as ``str`` for a form
            of one field; or a JSON Schema, which is sent unchanged and whose content stays a dict.

    Raises:
        TypeError: The type cannot be represented in a form.
    """
    if isinstance(requested, Mapping):
        return dict(requested), dict
    try:
        known = _forms.get(requested)
    except TypeError:  # unhashable
        known = None
    if known is None:
        try:
            known = _made(requested)
        except UnsupportedTypeError as error:
            path = ".".join(reversed(error.path))
            place = f"`{written(requested)}`, member `{path}`" if path else f"`{written(requested)}`"
            raise TypeError(f"{place} cannot be a form: {error}") from None
        _forms[requested] = known
    return known


def _made(requested: Any) -> Form:
    try:
        json_type = Resolver().json_type(requested)
    except NameError as error:
        raise UnsupportedTypeError(f"its annotations name `{error.name}`, which its module does not have") from None
    definitions = Definitions([json_type])
    record = undocumented(json_type)
    model = record.object_schema() if isinstance(record, Foreign) else None
    if model is not None:
        return _of_model(model), json_type.load
    if not isinstance(record, Record):
        schema = {"type": "object", "properties": {_VALUE: _simple(json_type, {}, definitions)}, "required": [_VALUE]}
        return schema, lambda content: json_type.load(content.get(_VALUE))
    properties = {}
    for member in record.members:
        try:
            properties[member.name] = _simple(member.json_type, member.documentation, definitions)
        except UnsupportedTypeError as error:
            error.path.append(member.name)
            raise
    required = [member.name for member in record.members if member.required]
    schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    json_types = {member.name: without_null(member.json_type) for member in record.members if member.accepted}
    # Optional fields are absent, never null.
    return schema, lambda content: record.make(**load_members(json_types, tuple(required), content))


def _of_model(model: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a form for a model of another library."""
    properties = {}
    for name, found in model.get("properties", {}).items():
        try:
            properties[name] = _checked(_without_null(found), "string")
        except UnsupportedTypeError as error:
            error.path.append(name)
            raise
    schema = {"type": "object", "properties": properties}
    return {**schema, "required": model["required"]} if model.get("required") else schema


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an optional field: forms have no null."""
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    if len(options) != 1:
        return schema
    outer = {name: value for name, value in schema.items() if name != "anyOf"}
    if outer.get("default", 0) is None:
        del outer["default"]
    return documented(options[0], outer)


def _simple(json_type: JsonType, documentation: Mapping[str, Any], definitions: Definitions) -> dict[str, Any]:
    """Return the schema of one field. Specification: schema `PrimitiveSchemaDefinition`."""
    documentation = documented(documentation_around(json_type), documentation)
    json_type = undocumented(json_type)
    if isinstance(json_type, Union):
        # An optional field is a field that is not required: forms have no null.
        options = [option for option in json_type.options if not isinstance(option, Null)]
        if len(options) != 1:
            raise UnsupportedTypeError("a field has one type")
        json_type = options[0]
        if documentation.get("default", 0) is None:
            del documentation["default"]
    return _checked(documented(json_type.schema(definitions), documentation), json_type.name)


def _checked(found: dict[str, Any], name: str) -> dict[str, Any]:
    kind = found.get("type")
    if kind == "array":
        items = found.get("items")
        if not isinstance(items, Mapping) or not ("enum" in items or "anyOf" in items):
            raise UnsupportedTypeError("a list in a form is a choice of several: `list[Literal[...]]` or of an enum")
    elif kind not in _TYPES:
        raise UnsupportedTypeError(
            "only strings, numbers, booleans, enums and lists of an enum's members can be in a form"
        )
    elif found.get("format", "email") not in _FORMATS or "contentEncoding" in found:
        raise UnsupportedTypeError(f"a form has no strings of the format `{found.get('format', name)}`")
    elif kind != "string" and "enum" in found:
        raise UnsupportedTypeError("the choices of a form are strings")
    return {key: value for key, value in found.items() if key in _KNOWN}


class ClientRequestMethods(ABC):
    """The methods of `wasmcp.guest.Context` that send requests to the client, in the middle of a function."""

    __slots__ = ()

    @abstractmethod
    def _get_client_requests(self) -> ClientRequests:
        """Return the server-to-client requests of this call."""

    @overload
    def elicit(self, message: str, form: type[T], *, key: str | None = None) -> Elicited[T]: ...

    @overload
    def elicit(
        self, message: str, form: Mapping[str, Any] | None = None, *, key: str | None = None
    ) -> Elicited[dict[str, Any]]: ...

    def elicit(self, message: str, form: Any = None, *, key: str | None = None) -> Elicited[Any]:
        """Request input of the user by a form. In ``async def`` functions, ``await`` it.

        Without a result the function ends here, and runs again from its start when the client has sent it: code
        before this line runs each time, except for values of `once`. Every run must send the same requests in the same
        order. Specification: client/elicitation, basic/patterns/mrtr.

        Args:
            message: The text that the user reads.
            form: A dataclass, TypedDict or NamedTuple of simple fields, a simple type (a form of one field), a JSON
                Schema, or None for a form without fields (a confirmation only).
            key: The key of the request in ``inputRequests``; by default made from its order and its parameters.

        Raises:
            MissingCapabilityError: The client does not support forms.
            McpError: The result does not fit the form.
            TypeError: The type cannot be represented in a form.
        """
        schema, load = form_of({"type": "object", "properties": {}} if form is None else form)
        params = {"message": message, "requestedSchema": schema}
        client_requests = self._get_client_requests()
        found = client_requests.request("elicitation/create", params, key)
        return Elicited(client_requests, *found, load)

    def elicit_url(self, message: str, url: str, *, key: str | None = None) -> Elicited[None]:
        """Request that the user opens a link, for data that must not pass through the client: credentials, payments.

        The action ``accept`` means that the user agreed to open the link, not that the task behind it is complete. The
        function ends and runs again as with `elicit`. Specification: client/elicitation, "URL Mode".

        Args:
            message: The text that the user reads.
            url: The absolute URL of the link.
            key: See `elicit`.

        Raises:
            MissingCapabilityError: The client does not support elicitation by URL.
            RuntimeError: The URL is not absolute.
        """
        params = {"mode": "url", "message": message, "url": url}
        client_requests = self._get_client_requests()
        found = client_requests.request("elicitation/create", params, key)
        return Elicited(client_requests, *found, lambda _: None)

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
        """Request a completion of the client's model. The function ends and runs again as with `elicit`.

        Specification: client/sampling, schema `CreateMessageRequestParams`.

        Args:
            messages: The conversation; a string is a message of the user, a mapping is sent unchanged.
            max_tokens: The maximum number of tokens.
            system: A system prompt.
            temperature: The sampling temperature.
            stop_sequences: Texts that end the completion.
            preferences: Preferences for the choice of a model. Schema `ModelPreferences`.
            tools: Tools that the model can call, in the form of the specification's schema `Tool`.
            tool_choice: The mode of tool use: ``auto``, ``required`` or ``none``.
            include_context: Context that the client adds to the conversation; deprecated by the specification.
            metadata: Metadata for the provider of the model.
            key: See `elicit`.

        Raises:
            MissingCapabilityError: The client does not support sampling, or sampling with tools.
            McpError: The client's result is not a message.
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
        client_requests = self._get_client_requests()
        return Sampled(client_requests, *client_requests.request("sampling/createMessage", params, key))

    def roots(self, *, key: str | None = None) -> Roots:
        """Request the folders and files that the client works in. The function ends and runs again as with `elicit`.

        Specification: client/roots.

        Args:
            key: See `elicit`.

        Raises:
            MissingCapabilityError: The client does not support roots.
            McpError: The client's result is not a list of roots.
        """
        client_requests = self._get_client_requests()
        return Roots(client_requests, *client_requests.request("roots/list", {}, key))

    def once(self, name: str, make: Callable[[], T]) -> T:
        """Return a value that is made in the first run of this call, and kept over its further runs.

        .. code-block:: python

            ticket = context.once("ticket", lambda: uuid4().hex)
            if context.elicit(f"Book ticket {ticket}?"):
                book(ticket)

        The value is part of the sealed request state that the client sends back, and becomes a plain JSON value: keep
        it small.

        Args:
            name: The name of the value, unique within this call.
            make: A function that makes the value.

        Raises:
            TypeError: The value has no JSON form.
        """
        kept: T = self._get_client_requests().once(name, make)
        return kept

    def checkpoint(self, state: Any = True) -> NoReturn:
        """End this step of a long function; the next step runs the function again from its start, with the state.

        .. code-block:: python

            @tool(task="steps")
            def index(pages: int, context: Context) -> str:
                done = context.state or 0
                if done < pages:
                    index_page(done)
                    context.checkpoint(done + 1)
                return f"{pages} pages"

        A step is a request of its own, possibly in another process: only the state, the values of `once` and the
        client's results are kept. In a call that does not become a task, a step is a round of
        basic/patterns/mrtr without requests: clients send the call again at once.

        Args:
            state: A JSON value: the value of `state` in the next step.

        Raises:
            TypeError: The state has no JSON form.
        """
        self._get_client_requests().checkpoint(state)

    @property
    def state(self) -> Any:
        """The state of the last `checkpoint` of this call; None before the first."""
        return self._get_client_requests().state()
