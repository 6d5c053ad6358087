"""What a tool can return beside plain values: content blocks, and a whole result.

Field names and meanings follow the specification's schema (`ContentBlock`, `CallToolResult`) in snake_case. Bytes are
bytes here; base64 happens on the wire.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from wasmcp.guest.json_types.string_formats import is_date_time

Role = Literal["user", "assistant"]


@dataclass(frozen=True, kw_only=True)
class Annotations:
    """Hints on how a block is to be used. Specification: schema `Annotations`.

    Attributes:
        audience: Who it is for.
        priority: 0 (entirely optional) to 1 (required).
        last_modified: An RFC 3339 date and time with an offset, such as ``2026-01-02T03:04:05Z``.

    Raises:
        ValueError: One is something else: clients refuse a whole list for it.
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
        # Capitals, as TypeScript clients want them.
        if modified is not None and (modified != modified.upper() or not is_date_time(modified)):
            reason = "must be an RFC 3339 date and time with an offset, such as `2026-01-02T03:04:05Z`"
            raise ValueError(f"`last_modified` {reason}, not {modified!r:.60}")


@dataclass(frozen=True, kw_only=True)
class Icon:
    """A picture for people. Specification: schema `Icon`.

    Attributes:
        src: An ``https:`` or ``data:`` URI.
        mime_type: Its media type.
        sizes: ``48x48`` and so on, or ``any``.
        theme: The background it was drawn for.

    Raises:
        ValueError: The theme is another.
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

    def __post_init__(self) -> None:
        _check_bytes(self.data)


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

    def __post_init__(self) -> None:
        _check_bytes(self.data)


@dataclass(frozen=True)
class ResourceLink:
    """A resource that the client may read; its size in bytes. Specification: schema `ResourceLink`.

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

    def __post_init__(self) -> None:
        if not isinstance(self.data, str):
            _check_bytes(self.data)


def _check_bytes(data: object) -> None:
    if not isinstance(data, (bytes, bytearray, memoryview)):  # `bytes(5)` would be five zeros
        raise TypeError(f"`data` must be bytes, not {type(data).__name__}")


def check_size(size: object) -> None:
    """Make sure that a size is a number of bytes, or None.

    Raises:
        ValueError: It is not.
    """
    if size is not None and (type(size) is not int or not 0 <= size < 2**53):
        raise ValueError(f"`size` must be a number of bytes, not {size!r:.60}")


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
