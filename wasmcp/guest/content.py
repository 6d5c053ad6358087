"""What a tool can return beside plain values: content blocks, and a whole result.

Field names and meanings follow the specification's schema (`ContentBlock`, `CallToolResult`) in snake_case. Bytes are
bytes here; base64 happens on the wire.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["user", "assistant"]


@dataclass(frozen=True, kw_only=True)
class Annotations:
    """Hints on how a block is to be used. Specification: schema `Annotations`.

    Attributes:
        audience: Who it is for.
        priority: 0 (entirely optional) to 1 (required).
        last_modified: ISO 8601.
    """

    audience: Sequence[Role] = ()
    priority: float | None = None
    last_modified: str | None = None


@dataclass(frozen=True, kw_only=True)
class Icon:
    """A picture for people. Specification: schema `Icon`.

    Attributes:
        src: An ``https:`` or ``data:`` URI.
        mime_type: Its media type.
        sizes: ``48x48`` and so on, or ``any``.
        theme: The background it was drawn for.
    """

    src: str
    mime_type: str | None = None
    sizes: Sequence[str] = ()
    theme: Literal["light", "dark"] | None = None


@dataclass(frozen=True)
class Text:
    """Text. Specification: schema `TextContent`."""

    text: str
    annotations: Annotations | None = None
    meta: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Image:
    """A picture. Specification: schema `ImageContent`.

    Attributes:
        data: The file's bytes.
        mime_type: For example ``image/png``.
        annotations: Hints on its use.
        meta: The block's ``_meta``.
    """

    data: bytes
    mime_type: str
    annotations: Annotations | None = None
    meta: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Audio:
    """Sound. Specification: schema `AudioContent`.

    Attributes:
        data: The file's bytes.
        mime_type: For example ``audio/wav``.
        annotations: Hints on its use.
        meta: The block's ``_meta``.
    """

    data: bytes
    mime_type: str
    annotations: Annotations | None = None
    meta: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class ResourceLink:
    """A resource that the client may read. Specification: schema `ResourceLink`."""

    uri: str
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    size: int | None = None
    icons: Sequence[Icon] = ()
    annotations: Annotations | None = None
    meta: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class EmbeddedResource:
    """A resource's contents, in place. Specification: schema `EmbeddedResource`.

    Attributes:
        uri: The resource.
        data: A text, or the bytes of a blob.
        mime_type: Its media type.
        annotations: Hints on its use.
        meta: The block's ``_meta``.
    """

    uri: str
    data: str | bytes
    mime_type: str | None = None
    annotations: Annotations | None = None
    meta: Mapping[str, Any] | None = None


ContentBlock = Text | Image | Audio | ResourceLink | EmbeddedResource
"""One block of a result's content."""

BLOCKS = (Text, Image, Audio, ResourceLink, EmbeddedResource)


@dataclass(frozen=True)
class ToolResult:
    """A whole result, for a tool that wants to say everything itself. Specification: schema `CallToolResult`.

    Attributes:
        content: Blocks; a plain string is a `Text`.
        structured: A value that JSON can hold, sent as ``structuredContent``; None: there is none.
        is_error: Whether the tool failed.
        meta: The result's ``_meta``.
    """

    content: Sequence[ContentBlock | str] = ()
    structured: Any = None
    is_error: bool = False
    meta: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class InputRequest:
    """One thing a tool asks of the client. Specification: basic/patterns/mrtr (`inputRequests`).

    Attributes:
        method: What is asked for.
        params: The parameters of that method, a JSON object.
    """

    method: Literal["elicitation/create", "sampling/createMessage", "roots/list"]
    params: Mapping[str, Any]


@dataclass(frozen=True)
class InputRequired:
    """Returned instead of a result by a tool that needs something from the client first: nothing waits.

    The client calls again; then `Context.input_responses` has the answers and `Context.input_state` the state.
    Specification: basic/patterns/mrtr, schema `InputRequiredResult`.

    Attributes:
        requests: What is asked, by a key that the answer comes back under.
        state: Given back with the answers.
    """

    requests: Mapping[str, InputRequest]
    state: bytes | None = None
