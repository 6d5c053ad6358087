"""Types of the client: results as typed views of JSON objects, messages during a request, and answers to a server.

Results have the whole object in `raw`. Messages are notifications, and the server-to-client requests of one server:
elicitation, sampling and roots.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from wasmcp.errors import HostError, ToolError, UnansweredInputError


@dataclass(frozen=True)
class Notification:
    """A notification of the server. Specification: basic, "Notifications"."""

    method: str
    params: dict[str, Any]


@dataclass(frozen=True)
class Progress:
    """A progress notification. Specification: basic/patterns/progress."""

    progress: float
    total: float | None = None
    message: str | None = None


@dataclass(frozen=True)
class LogMessage:
    """A log message. Specification: server/utilities/logging."""

    level: str
    data: Any
    logger: str | None = None


@dataclass(frozen=True)
class ClientRequest:
    """A server-to-client request of a result: elicitation, sampling or `roots/list`.

    Attributes:
        method: Its method.
        params: Its parameters.
        key: Its key in `inputRequests`.
    """

    method: str
    params: dict[str, Any]
    key: str = field(default="", compare=False)


@dataclass(frozen=True)
class Observed:
    """Result of a request, with what the server sent before it.

    Attributes:
        notifications: All notifications, in order.
        client_requests: The server-to-client requests that were answered, in order.
    """

    notifications: tuple[Notification, ...] = field(default=(), repr=False, compare=False, kw_only=True)
    client_requests: tuple[ClientRequest, ...] = field(default=(), repr=False, compare=False, kw_only=True)

    @property
    def progress(self) -> list[Progress]:
        """The progress notifications, in order."""
        given = (each.params for each in self.notifications if each.method == "notifications/progress")
        return [Progress(each["progress"], each.get("total"), each.get("message")) for each in given]

    @property
    def logs(self) -> list[LogMessage]:
        """The log messages, in order."""
        given = (each.params for each in self.notifications if each.method == "notifications/message")
        return [LogMessage(each["level"], each.get("data"), each.get("logger")) for each in given]


Handler = Callable[[ClientRequest], Mapping[str, Any] | None]
"""Function that returns the result of a server-to-client request; None for a request that it does not answer."""

Answers = Handler | Sequence[Mapping[str, Any]] | Mapping[str, Mapping[str, Any]]
"""Results of server-to-client requests: from a handler, in the order of the requests, or by key or method."""

CAPABILITIES: dict[str, Any] = {
    "elicitation": {"form": {}, "url": {}},
    "sampling": {"tools": {}, "context": {}},
    "roots": {},
}
"""The capabilities of a client that answers."""

_ROUND = re.compile(r"^\d+\.")
"""Prefix of the keys of a task's requests: the number of the round, in front of the key of the author."""

_MOST_ROUNDS = 64
_PAUSE = 0.01  # seconds before a retry without input, doubled up to the longest
_LONGEST_PAUSE = 0.5


class Conversation:
    """Rounds of one request: sent again with the results that its server-to-client requests get.

    Attributes:
        requests: The server-to-client requests that were answered, in order.
    """

    def __init__(self, answers: Answers) -> None:
        self.requests: list[ClientRequest] = []
        self._handler = answers if callable(answers) else None
        self._by_name = dict(answers) if isinstance(answers, Mapping) else None
        self._left = list(answers) if isinstance(answers, Sequence) else []

    def run(self, send: Callable[[Mapping[str, Any]], dict[str, Any]], params: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request until its result requires no input, and return that result.

        Args:
            send: Sends the request with some parameters, and returns the result object.
            params: The parameters of the request.

        Raises:
            UnansweredInputError: A server-to-client request has no answer.
            HostError: The server requires input again and again.
        """
        given = dict(params)
        pause = _PAUSE
        for _ in range(_MOST_ROUNDS):
            result = send(given)
            if result.get("resultType") != "input_required":
                return result
            given = {name: value for name, value in params.items() if name not in {"inputResponses", "requestState"}}
            wanted = result.get("inputRequests")
            if isinstance(wanted, dict) and wanted:
                given["inputResponses"] = {key: self.answer(key, each) for key, each in wanted.items()}
                pause = _PAUSE
            else:
                time.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            if "requestState" in result:
                given["requestState"] = result["requestState"]
        raise HostError(f"the server required input more than {_MOST_ROUNDS} times for one request")

    def answer(self, key: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Return the result of a server-to-client request.

        Raises:
            UnansweredInputError: The request has no answer.
        """
        request = ClientRequest(wanted["method"], wanted.get("params") or {}, key)
        found: Mapping[str, Any] | None = None
        if self._handler is not None:
            found = self._handler(request)
        elif self._by_name is not None:
            names = (key, _ROUND.sub("", key), request.method)
            found = next((self._by_name[name] for name in names if name in self._by_name), None)
        elif self._left:
            found = self._left.pop(0)
        if found is None:
            raise UnansweredInputError(
                request.method, f"the answers have none for the key `{key}` ({_shortened_params(request.params)})"
            )
        self.requests.append(request)
        return dict(found)


def _shortened_params(params: Mapping[str, Any]) -> str:
    text = str(params.get("message") or dict(params))
    return text if len(text) <= 200 else f"{text[:200]}..."


_LONGEST = 300  # characters of one value in a representation


@dataclass(frozen=True, repr=False)
class Tool:
    """A tool, as listed by `tools/list`. Specification: schema `Tool`."""

    name: str
    title: str | None
    description: str | None
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None
    annotations: dict[str, Any] | None
    raw: dict[str, Any] = field(repr=False)

    @classmethod
    def from_wire(cls, raw: dict[str, Any]) -> Tool:
        """View a `Tool` object."""
        return cls(
            name=raw["name"],
            title=raw.get("title"),
            description=raw.get("description"),
            input_schema=raw.get("inputSchema", {}),
            output_schema=raw.get("outputSchema"),
            annotations=raw.get("annotations"),
            raw=raw,
        )

    def __repr__(self) -> str:
        """Return the name and the parameters with their types; `?` marks an optional one."""
        required = self.input_schema.get("required", ())
        properties = self.input_schema.get("properties", {})
        parameters = (
            f"{name}{'' if name in required else '?'}: {_kind(schema)}" for name, schema in properties.items()
        )
        return f"Tool({self.name}({', '.join(parameters)}))"


def _kind(schema: Any) -> str:
    """Return the type of a JSON Schema in a few words."""
    if not isinstance(schema, dict):
        return "any"
    if "enum" in schema:
        return " | ".join(repr(each) for each in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(_kind(each) for each in schema["anyOf"])
    kind = schema.get("type", "any")
    return " | ".join(kind) if isinstance(kind, list) else str(kind)


@dataclass(frozen=True, repr=False)
class ToolResult(Observed):
    """The result of a call. Specification: schema `CallToolResult`.

    Attributes:
        content: The content blocks as JSON objects.
        structured_content: The structured result, any JSON value; None if the result has no such member.
        is_error: True if the result is a tool error.
        meta: The result's `_meta`.
        raw: The whole result object; its `resultType` is `input_required` if the tool needs input first.
    """

    content: list[dict[str, Any]]
    structured_content: Any
    is_error: bool
    meta: dict[str, Any] | None = field(repr=False)
    raw: dict[str, Any] = field(repr=False)

    @classmethod
    def from_wire(
        cls,
        raw: dict[str, Any],
        notifications: Iterable[Notification] = (),
        client_requests: Iterable[ClientRequest] = (),
    ) -> ToolResult:
        """View a `CallToolResult` object."""
        return cls(
            content=raw.get("content", []),
            structured_content=raw.get("structuredContent"),
            is_error=bool(raw.get("isError", False)),
            meta=raw.get("_meta"),
            raw=raw,
            notifications=tuple(notifications),
            client_requests=tuple(client_requests),
        )

    @property
    def text(self) -> str:
        """All text blocks, joined by line feeds."""
        return "\n".join(block["text"] for block in self.content if block.get("type") == "text")

    @property
    def data(self) -> Any:
        """The structured result; of an object that has only the member `result`, that member.

        Functions that return no object have such a member. None if the result has no structured content.

        Raises:
            ToolError: The result is a tool error.
        """
        found = self.raise_for_error().structured_content
        return found["result"] if isinstance(found, dict) and found.keys() == {"result"} else found

    def raise_for_error(self) -> Self:
        """Return this result if it is not a tool error.

        Raises:
            ToolError: It is a tool error.
        """
        if self.is_error:
            raise ToolError(self.text or repr(self.content), self)
        return self

    def assert_tool_error(self, match: str | None = None) -> str:
        """Return the text of a tool error.

        Args:
            match: A regular expression that the text must contain.

        Raises:
            AssertionError: The result is not a tool error, or its text does not contain the expression.
        """
        __tracebackhide__ = True  # pytest shows the line of the test
        if not self.is_error:
            raise AssertionError(f"expected a tool error, got {self!r}")
        if match is not None:
            import re

            if re.search(match, self.text) is None:
                raise AssertionError(f"expected a tool error that matches {match!r}, got {self.text!r}")
        return self.text

    def __repr__(self) -> str:
        """Return what a reader of a failed test needs: the error, or the structured result, or the content."""
        if self.raw.get("resultType") == "input_required":
            return f"ToolResult(input_required={_shortened(self.raw.get('inputRequests'))})"
        if self.is_error:
            return f"ToolResult(error={_shortened(self.text or self.content)})"
        shown = "" if self.structured_content is None else f"data={_shortened(self.data)}"
        if not shown or any(block.get("type") != "text" for block in self.content):
            blocks = self.text if all(block.get("type") == "text" for block in self.content) else self.content
            name = "text" if isinstance(blocks, str) else "content"
            shown += (", " if shown else "") + f"{name}={_shortened(blocks)}"
        return f"ToolResult({shown})"


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text)} characters)"


@dataclass(frozen=True)
class Resource:
    """A resource, as listed by `resources/list`; `size` in bytes. Specification: schema `Resource`."""

    uri: str
    name: str
    title: str | None
    description: str | None
    mime_type: str | None
    size: int | None
    annotations: dict[str, Any] | None
    raw: dict[str, Any] = field(repr=False)

    @classmethod
    def from_wire(cls, raw: dict[str, Any]) -> Resource:
        """View a `Resource` object."""
        return cls(
            uri=raw["uri"],
            name=raw["name"],
            title=raw.get("title"),
            description=raw.get("description"),
            mime_type=raw.get("mimeType"),
            size=raw.get("size"),
            annotations=raw.get("annotations"),
            raw=raw,
        )


@dataclass(frozen=True)
class ResourceTemplate:
    """A URI template (RFC 6570), as listed by `resources/templates/list`. Specification: schema `ResourceTemplate`."""

    uri_template: str
    name: str
    title: str | None
    description: str | None
    mime_type: str | None
    annotations: dict[str, Any] | None
    raw: dict[str, Any] = field(repr=False)

    @classmethod
    def from_wire(cls, raw: dict[str, Any]) -> ResourceTemplate:
        """View a `ResourceTemplate` object."""
        return cls(
            uri_template=raw["uriTemplate"],
            name=raw["name"],
            title=raw.get("title"),
            description=raw.get("description"),
            mime_type=raw.get("mimeType"),
            annotations=raw.get("annotations"),
            raw=raw,
        )


@dataclass(frozen=True)
class ResourceResult(Observed):
    """The contents of a resource. Specification: schema `ReadResourceResult`.

    Attributes:
        contents: The contents as JSON objects: each has `text`, or `blob` in base64.
        meta: The result's `_meta`.
        raw: The whole result object; its `resultType` is `input_required` if the resource needs input first.
    """

    contents: list[dict[str, Any]]
    meta: dict[str, Any] | None = field(repr=False)
    raw: dict[str, Any] = field(repr=False)

    @classmethod
    def from_wire(
        cls,
        raw: dict[str, Any],
        notifications: Iterable[Notification] = (),
        client_requests: Iterable[ClientRequest] = (),
    ) -> ResourceResult:
        """View a `ReadResourceResult` object."""
        return cls(
            contents=raw.get("contents", []),
            meta=raw.get("_meta"),
            raw=raw,
            notifications=tuple(notifications),
            client_requests=tuple(client_requests),
        )

    @property
    def text(self) -> str:
        """All contents that are text, joined by line feeds."""
        return "\n".join(part["text"] for part in self.contents if "text" in part)

    @property
    def data(self) -> bytes:
        """All contents as bytes, concatenated; text as UTF-8.

        Raises:
            HostError: A blob is not base64 (RFC 4648, section 4).
        """
        return b"".join(_blob(part) if "blob" in part else part["text"].encode() for part in self.contents)


def _blob(part: dict[str, Any]) -> bytes:
    """Decode a blob. The decoder skips invalid characters, so the result must encode to the same text."""
    from binascii import a2b_base64, b2a_base64

    try:
        data = a2b_base64(part["blob"])
        if b2a_base64(data, newline=False) == part["blob"].encode("ascii"):
            return data
    except (ValueError, TypeError, AttributeError):  # `binascii.Error` is a ValueError
        pass
    raise HostError(f"the `blob` of `{part.get('uri')}` is not base64 (RFC 4648, section 4)")


@dataclass(frozen=True)
class Prompt:
    """A prompt, as listed by `prompts/list`. Specification: schema `Prompt`."""

    name: str
    title: str | None
    description: str | None
    arguments: list[dict[str, Any]]
    raw: dict[str, Any] = field(repr=False)

    @classmethod
    def from_wire(cls, raw: dict[str, Any]) -> Prompt:
        """View a `Prompt` object."""
        return cls(
            name=raw["name"],
            title=raw.get("title"),
            description=raw.get("description"),
            arguments=raw.get("arguments", []),
            raw=raw,
        )


@dataclass(frozen=True)
class PromptResult(Observed):
    """The messages of a prompt. Specification: schema `GetPromptResult`.

    Attributes:
        messages: The messages as JSON objects: `role` and `content`, one block.
        description: The description of the prompt.
        meta: The result's `_meta`.
        raw: The whole result object; its `resultType` is `input_required` if the prompt needs input first.
    """

    messages: list[dict[str, Any]]
    description: str | None
    meta: dict[str, Any] | None = field(repr=False)
    raw: dict[str, Any] = field(repr=False)

    @classmethod
    def from_wire(
        cls,
        raw: dict[str, Any],
        notifications: Iterable[Notification] = (),
        client_requests: Iterable[ClientRequest] = (),
    ) -> PromptResult:
        """View a `GetPromptResult` object."""
        return cls(
            messages=raw.get("messages", []),
            description=raw.get("description"),
            meta=raw.get("_meta"),
            raw=raw,
            notifications=tuple(notifications),
            client_requests=tuple(client_requests),
        )

    @property
    def text(self) -> str:
        """All messages that are text, joined by line feeds."""
        blocks = (message["content"] for message in self.messages)
        return "\n".join(block["text"] for block in blocks if block.get("type") == "text")


@dataclass(frozen=True)
class Completion:
    """Values for an argument, the best first. Specification: schema `CompleteResult`.

    Attributes:
        values: The values, at most 100.
        total: The number of all values; None if the server does not report it.
        has_more: True if more values exist.
    """

    values: list[str]
    total: int | None
    has_more: bool

    @classmethod
    def from_wire(cls, raw: dict[str, Any]) -> Completion:
        """View the `completion` of a `CompleteResult`."""
        return cls(values=raw["values"], total=raw.get("total"), has_more=bool(raw.get("hasMore", False)))


@dataclass(frozen=True)
class HttpResponse:
    """An HTTP response.

    Attributes:
        status: The status code.
        headers: The field lines in order, names as sent.
        body: The whole body.
        chunks: The chunks of a streamed body; empty if it was not streamed.
    """

    status: int
    headers: list[tuple[str, str]]
    body: str
    chunks: list[str] = field(default_factory=list, repr=False)

    def header(self, name: str) -> str | None:
        """Return the first field of this name (RFC 9110: names are case-insensitive), or None."""
        lowered = name.lower()
        return next((value for key, value in self.headers if key.lower() == lowered), None)


def parse_field_lines(text: str) -> list[tuple[str, str]]:
    """Split field lines (RFC 9112, section 5) into names and values."""
    pairs = (line.partition(":") for line in text.split("\r\n") if line)
    return [(name, value.strip(" \t")) for name, _, value in pairs]
