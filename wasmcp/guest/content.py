"""Results that a handler can return in addition to plain values: content blocks, messages of a prompt, whole results.

Field names and meanings follow the specification's schema (`ContentBlock`, `CallToolResult`, `GetPromptResult`) in
snake_case. Binary data is `bytes` here; base64 is applied when the result is encoded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from wasmcp.guest.json_types.string_types import is_date_time

Role = Literal["user", "assistant"]


@dataclass(frozen=True, kw_only=True)
class Annotations:
    """Hints for the use of a content block or resource. Specification: schema `Annotations`.

    Attributes:
        audience: The intended readers: ``user``, ``assistant`` or both.
        priority: 0 (entirely optional) to 1 (required).
        last_modified: An RFC 3339 date and time with an offset, such as ``2026-01-02T03:04:05Z``.

    Raises:
        ValueError: An attribute has another value: clients reject a whole list because of it.
    """

    audience: Sequence[Role] = ()
    priority: float | None = None
    last_modified: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.audience, str) or any(role not in ("user", "assistant") for role in self.audience):
            raise ValueError(f"`audience` must be a list of `user` and `assistant`, not {self.audience!r:.60}")
        if self.priority is not None and not 0 <= self.priority <= 1:
            raise ValueError(f"`priority` must be a number from 0 to 1, not {self.priority!r:.60}")
        modified = self.last_modified
        # TypeScript clients accept capital letters only.
        if modified is not None and (modified != modified.upper() or not is_date_time(modified)):
            reason = "must be an RFC 3339 date and time with an offset, such as `2026-01-02T03:04:05Z`"
            raise ValueError(f"`last_modified` {reason}, not {modified!r:.60}")


@dataclass(frozen=True, kw_only=True)
class Icon:
    """An image for user interfaces. Specification: schema `Icon`.

    Attributes:
        src: An ``https:`` or ``data:`` URI.
        mime_type: Its media type, for example ``image/png``.
        sizes: Sizes in pixels such as ``48x48``, or ``any``.
        theme: The background that the icon was drawn for.

    Raises:
        ValueError: The theme is neither ``light`` nor ``dark``.
    """

    src: str
    mime_type: str | None = None
    sizes: Sequence[str] = ()
    theme: Literal["light", "dark"] | None = None

    def __post_init__(self) -> None:
        if self.theme not in (None, "light", "dark"):
            raise ValueError(f"`theme` must be `light` or `dark`, not {self.theme!r:.60}")


@dataclass(frozen=True)
class Text:
    """A text. Specification: schema `TextContent`.

    Attributes:
        text: The text.
        annotations: Hints for clients.
        meta: The block's ``_meta``.
    """

    text: str
    annotations: Annotations | None = None
    meta: Mapping[str, Any] | None = None

    def __init__(
        self, text: str, annotations: Annotations | None = None, meta: Mapping[str, Any] | None = None
    ) -> None:
        """Set the attributes. Most results of tools have a text, and the generated method takes three times as long."""
        attributes = vars(self)
        attributes["text"] = text
        if annotations is not None:
            attributes["annotations"] = annotations
        if meta is not None:
            attributes["meta"] = meta


@dataclass(frozen=True)
class Image:
    """An image. Specification: schema `ImageContent`.

    Attributes:
        data: The bytes of the image file.
        mime_type: For example ``image/png``.
        annotations: Hints for clients.
        meta: The block's ``_meta``.

    Raises:
        TypeError: The data is not bytes.
    """

    data: bytes
    mime_type: str
    annotations: Annotations | None = None
    meta: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        _check_bytes(self.data)


@dataclass(frozen=True)
class Audio:
    """Audio. Specification: schema `AudioContent`.

    Attributes:
        data: The bytes of the audio file.
        mime_type: For example ``audio/wav``.
        annotations: Hints for clients.
        meta: The block's ``_meta``.

    Raises:
        TypeError: The data is not bytes.
    """

    data: bytes
    mime_type: str
    annotations: Annotations | None = None
    meta: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        _check_bytes(self.data)


@dataclass(frozen=True)
class ResourceLink:
    """A link to a resource that the client can read. Specification: schema `ResourceLink`.

    Attributes:
        uri: The URI of the resource.
        name: Its name.
        title: A display name.
        description: A description for the model.
        mime_type: Its media type.
        size: Its size in bytes.
        icons: Icons for user interfaces.
        annotations: Hints for clients.
        meta: The block's ``_meta``.

    Raises:
        ValueError: The size is not a number of bytes.
    """

    uri: str
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    size: int | None = None
    icons: Sequence[Icon] = ()
    annotations: Annotations | None = None
    meta: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        check_size(self.size)


@dataclass(frozen=True)
class EmbeddedResource:
    """The contents of a resource inside a result. Specification: schema `EmbeddedResource`.

    Attributes:
        uri: The URI of the resource.
        data: A string, or the bytes of a blob.
        mime_type: The media type of the data.
        annotations: Hints for clients.
        meta: The block's ``_meta``.

    Raises:
        TypeError: The data is neither a string nor bytes.
    """

    uri: str
    data: str | bytes
    mime_type: str | None = None
    annotations: Annotations | None = None
    meta: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.data, str):
            _check_bytes(self.data)


def _check_bytes(data: object) -> None:
    if not isinstance(data, (bytes, bytearray, memoryview)):  # `bytes(5)` would be five zeros
        raise TypeError(f"`data` must be bytes, not {type(data).__name__}")


def check_size(size: object) -> None:
    """Check that a size is a number of bytes, or None.

    Raises:
        ValueError: The size is another value.
    """
    if size is not None and (type(size) is not int or not 0 <= size < 2**53):
        raise ValueError(f"`size` must be a number of bytes, not {size!r:.60}")


ContentBlock = Text | Image | Audio | ResourceLink | EmbeddedResource
"""One block of a result's content."""

BLOCKS = (Text, Image, Audio, ResourceLink, EmbeddedResource)


@dataclass(frozen=True)
class ToolResult:
    """A whole tool result, including structured content and ``_meta``. Specification: schema `CallToolResult`.

    Attributes:
        content: Content blocks; a string becomes a `Text`.
        structured: A value that JSON can represent, sent as ``structuredContent``; None to send none.
        is_error: True for a tool error (``isError``).
        meta: The result's ``_meta``.
    """

    content: Sequence[ContentBlock | str] = ()
    structured: Any = None
    is_error: bool = False
    meta: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class InputRequest:
    """A server-to-client request in an `InputRequired`. Specification: basic/patterns/mrtr (`inputRequests`).

    Attributes:
        method: The method of the request.
        params: The parameters of that method, a JSON object.
    """

    method: Literal["elicitation/create", "sampling/createMessage", "roots/list"]
    params: Mapping[str, Any]


@dataclass(frozen=True)
class InputRequired:
    """A result that carries server-to-client requests: return it when a tool needs input of the client first.

    The call ends. The client calls again; then `Context.input_responses` has its results and `Context.input_state` the
    state. Specification: basic/patterns/mrtr, schema `InputRequiredResult`.

    Attributes:
        requests: The requests by key; the results come back under the same keys.
        state: Bytes that come back with the results.
    """

    requests: Mapping[str, InputRequest]
    state: bytes | None = None


@dataclass(frozen=True)
class Message:
    """A message of a conversation. Specification: schemas `PromptMessage`, `SamplingMessage`.

    Attributes:
        role: The author of the message: ``user`` or ``assistant``.
        content: One content block; a string becomes a `Text`.
    """

    role: Role
    content: ContentBlock | str


@dataclass(frozen=True)
class PromptResult:
    """A whole prompt result, including a description and ``_meta``. Specification: schema `GetPromptResult`.

    Attributes:
        messages: Messages; strings and content blocks become messages of the user.
        description: A description of this result; by default the prompt's.
        meta: The result's ``_meta``.
    """

    messages: Sequence[Message | ContentBlock | str]
    description: str | None = None
    meta: Mapping[str, Any] | None = None
