"""Values of the protocol under the names of FastMCP and the official SDK, and their content blocks.

Fields are accepted and read in the spelling of the specification (``mimeType``) and of Python (``mime_type``). Binary
data is base64 text, as in the specification.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from wasmcp.guest import content
from wasmcp.guest.content import Message as PlainMessage
from wasmcp.guest.errors import MismatchError
from wasmcp.guest.json_types.conversions import dump_any
from wasmcp.guest.json_types.json_codec import encode
from wasmcp.guest.json_types.string_types import decode_bytes, encode_bytes

_CAPITAL = re.compile(r"(?<=[a-z0-9])([A-Z])")

_UNSET: Any = object()
"""The default of a field that is required."""


def _snake(name: str) -> str:
    """Return the Python spelling of a field; ``_meta`` is ``meta``."""
    return "meta" if name == "_meta" else _CAPITAL.sub(lambda found: f"_{found[1].lower()}", name)


def _camel(name: str) -> str:
    """Return the specification's spelling of a field."""
    first, *others = name.split("_")
    return "_meta" if name == "meta" else first + "".join(other.capitalize() for other in others)


class ProtocolValue:
    """A value of the protocol, with keyword arguments only.

    Attributes:
        FIELDS: The fields in Python's spelling, and their defaults.

    Raises:
        TypeError: A field is unknown or missing.
    """

    FIELDS: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, **given: Any) -> None:
        found = {_snake(name): value for name, value in given.items()}
        kind = type(self).__name__
        unknown = [name for name in found if name not in self.FIELDS]
        if unknown:
            raise TypeError(f"`{kind}` has no field `{unknown[0]}`: it has {', '.join(map(_camel, self.FIELDS))}")
        for name, default in self.FIELDS.items():
            value = found.get(name, default)
            if value is _UNSET:
                raise TypeError(f"`{kind}` needs `{_camel(name)}`")
            self.__dict__[name] = value

    def __getattr__(self, name: str) -> Any:
        """Return a field by the specification's spelling."""
        try:
            return self.__dict__[_snake(name)]
        except KeyError:
            raise AttributeError(f"`{type(self).__name__}` has no field `{name}`") from None

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__ == self.__dict__

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items() if value is not None)
        return f"{type(self).__name__}({fields})"

    def model_dump(self, **_: Any) -> dict[str, Any]:
        """Return the JSON value, in the specification's spelling, without empty fields."""
        return {_camel(name): _dumped(value) for name, value in self.__dict__.items() if value is not None}


def _dumped(value: Any) -> Any:
    if isinstance(value, ProtocolValue):
        return value.model_dump()
    return [_dumped(item) for item in value] if isinstance(value, (list, tuple)) else value


class Annotations(ProtocolValue):
    """Hints for the use of a content block or resource. Specification: schema `Annotations`."""

    FIELDS: ClassVar = {"audience": None, "priority": None, "last_modified": None}


class ToolAnnotations(ProtocolValue):
    """Hints on the behaviour of a tool. Specification: schema `ToolAnnotations`."""

    FIELDS: ClassVar = dict.fromkeys(
        ("title", "read_only_hint", "destructive_hint", "idempotent_hint", "open_world_hint")
    )


class Icon(ProtocolValue):
    """An image for user interfaces. Specification: schema `Icon`."""

    FIELDS: ClassVar = {"src": _UNSET, "mime_type": None, "sizes": None, "theme": None}


class TextContent(ProtocolValue):
    """A text. Specification: schema `TextContent`."""

    FIELDS: ClassVar = {"type": "text", "text": _UNSET, "annotations": None, "meta": None}


class ImageContent(ProtocolValue):
    """An image; ``data`` is base64 text. Specification: schema `ImageContent`."""

    FIELDS: ClassVar = {"type": "image", "data": _UNSET, "mime_type": _UNSET, "annotations": None, "meta": None}


class AudioContent(ProtocolValue):
    """Audio; ``data`` is base64 text. Specification: schema `AudioContent`."""

    FIELDS: ClassVar = {"type": "audio", "data": _UNSET, "mime_type": _UNSET, "annotations": None, "meta": None}


class ResourceLink(ProtocolValue):
    """A link to a resource. Specification: schema `ResourceLink`."""

    FIELDS: ClassVar = {
        "type": "resource_link",
        "uri": _UNSET,
        "name": _UNSET,
        **dict.fromkeys(("title", "description", "mime_type", "size", "icons", "annotations", "meta")),
    }


class TextResourceContents(ProtocolValue):
    """The text of a resource. Specification: schema `TextResourceContents`."""

    FIELDS: ClassVar = {"uri": _UNSET, "text": _UNSET, "mime_type": None, "meta": None}


class BlobResourceContents(ProtocolValue):
    """The bytes of a resource, as base64 text. Specification: schema `BlobResourceContents`."""

    FIELDS: ClassVar = {"uri": _UNSET, "blob": _UNSET, "mime_type": None, "meta": None}


class EmbeddedResource(ProtocolValue):
    """The contents of a resource inside a result. Specification: schema `EmbeddedResource`."""

    FIELDS: ClassVar = {"type": "resource", "resource": _UNSET, "annotations": None, "meta": None}


class CallToolResult(ProtocolValue):
    """A whole tool result. Specification: schema `CallToolResult`."""

    FIELDS: ClassVar = {"content": (), "structured_content": None, "is_error": False, "meta": None}


class PromptMessage(ProtocolValue):
    """A message of a prompt. Specification: schema `PromptMessage`."""

    FIELDS: ClassVar = {"role": _UNSET, "content": _UNSET}


class SamplingMessage(PromptMessage):
    """A message of a sampling request. Specification: schema `SamplingMessage`."""


class GetPromptResult(ProtocolValue):
    """A whole prompt result. Specification: schema `GetPromptResult`."""

    FIELDS: ClassVar = {"messages": _UNSET, "description": None, "meta": None}


class ModelHint(ProtocolValue):
    """A hint for the choice of a model. Specification: schema `ModelHint`."""

    FIELDS: ClassVar = {"name": None}


class ModelPreferences(ProtocolValue):
    """Preferences for the choice of a model. Specification: schema `ModelPreferences`."""

    FIELDS: ClassVar = dict.fromkeys(("hints", "cost_priority", "speed_priority", "intelligence_priority"))


class TransportSecuritySettings:
    """Settings of the official SDK's transport, without effect in a component: the host has settings of its own."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings


class ErrorData(ProtocolValue):
    """A JSON-RPC error. Specification: schema `Error`."""

    FIELDS: ClassVar = {"code": _UNSET, "message": _UNSET, "data": None}


class _Media:
    """Binary data from bytes or from a file, with a media type made from the format or the suffix."""

    kind = ""
    suffixes: ClassVar[Mapping[str, str]] = {}
    default = ""

    def __init__(
        self,
        path: str | Path | None = None,
        data: bytes | None = None,
        format: str | None = None,  # noqa: A002 - the name in both libraries
        annotations: Annotations | None = None,
    ) -> None:
        if (path is None) == (data is None):
            raise ValueError(f"`{type(self).__name__}` needs either `path` or `data`")
        self.path = None if path is None else Path(path)
        self.data = data
        self.annotations = annotations
        self._format = format

    @property
    def mime_type(self) -> str:
        """The media type."""
        if self._format:
            return f"{self.kind}/{self._format.lower()}"
        return self.default if self.path is None else self.suffixes.get(self.path.suffix.lower(), _BINARY)

    def read(self) -> bytes:
        """Return the bytes.

        Raises:
            OSError: The file cannot be read.
        """
        return self.data if self.path is None else self.path.read_bytes()  # type: ignore[return-value]


_BINARY = "application/octet-stream"


class Image(_Media):
    """An image as a tool's result: from bytes, or from a file."""

    kind = "image"
    suffixes: ClassVar = {
        ".png": "image/png",
        ".jpg": "image/jpeg",
        ".jpeg": "image/jpeg",
        ".gif": "image/gif",
        ".webp": "image/webp",
    }
    default = "image/png"

    def to_image_content(self) -> ImageContent:
        """Return the content block."""
        return ImageContent(data=encode_bytes(self.read()), mimeType=self.mime_type, annotations=self.annotations)


class Audio(_Media):
    """Audio as a tool's result: from bytes, or from a file."""

    kind = "audio"
    suffixes: ClassVar = {
        ".wav": "audio/wav",
        ".mp3": "audio/mpeg",
        ".ogg": "audio/ogg",
        ".m4a": "audio/mp4",
        ".flac": "audio/flac",
    }
    default = "audio/wav"

    def to_audio_content(self) -> AudioContent:
        """Return the content block."""
        return AudioContent(data=encode_bytes(self.read()), mimeType=self.mime_type, annotations=self.annotations)


class File(_Media):
    """A file as a tool's result, embedded as a resource: from bytes, or from a file."""

    kind = "application"
    suffixes: ClassVar = {
        ".txt": "text/plain",
        ".md": "text/markdown",
        ".json": "application/json",
        ".pdf": "application/pdf",
        ".csv": "text/csv",
        ".html": "text/html",
    }
    default = _BINARY

    def __init__(
        self,
        path: str | Path | None = None,
        data: bytes | None = None,
        format: str | None = None,  # noqa: A002
        name: str | None = None,
        annotations: Annotations | None = None,
    ) -> None:
        super().__init__(path, data, format, annotations)
        self.name = name

    @property
    def mime_type(self) -> str:
        """The media type."""
        if self._format and self._format.lower() in ("plain", "txt", "text"):
            return "text/plain"
        return super().mime_type

    def to_resource_content(self) -> EmbeddedResource:
        """Return the content block."""
        name = self.name or ("resource" if self.path is None else self.path.stem)
        suffix = self._format or ("" if self.path is None else self.path.suffix.lstrip("."))
        uri = f"file:///{name}{f'.{suffix}' if suffix else ''}"
        data = self.read()
        if self.mime_type.startswith("text/"):
            try:
                held: Any = TextResourceContents(uri=uri, text=data.decode(), mimeType=self.mime_type)
            except UnicodeDecodeError:
                held = BlobResourceContents(uri=uri, blob=encode_bytes(data), mimeType=self.mime_type)
        else:
            held = BlobResourceContents(uri=uri, blob=encode_bytes(data), mimeType=self.mime_type)
        return EmbeddedResource(resource=held, annotations=self.annotations)


class ToolResult:
    """A whole tool result: content, structured content and ``_meta``.

    Raises:
        ValueError: Both contents are missing.
        TypeError: The structured content is not an object.
    """

    def __init__(
        self,
        content: Any = None,
        structured_content: Any = None,
        meta: dict[str, Any] | None = None,
        is_error: bool = False,
    ) -> None:
        if content is None and structured_content is None:
            raise ValueError("`ToolResult` needs `content` or `structured_content`")
        self.structured_content = None if structured_content is None else plain(structured_content)
        if not isinstance(self.structured_content, (dict, type(None))):
            raise TypeError("`structured_content` must be an object (a dict)")
        self.content = self.structured_content if content is None else content
        self.meta = meta
        self.is_error = is_error


class Message:
    """A message of a prompt; values other than strings and content blocks become JSON text."""

    default_role = "user"

    def __init__(self, content: Any, role: str | None = None, **_: Any) -> None:
        self.role = role or self.default_role
        self.content = content


class UserMessage(Message):
    """A message of the user."""


class AssistantMessage(Message):
    """A message of the assistant."""

    default_role = "assistant"


class PromptResult:
    """A whole prompt result: messages, a description and ``_meta``."""

    def __init__(self, messages: Any, description: str | None = None, meta: dict[str, Any] | None = None) -> None:
        self.messages = [messages] if isinstance(messages, str) else list(messages)
        self.description = description
        self.meta = meta


class ResourceContent:
    """A part of a resource's contents: a string, bytes, or a value that is sent as JSON."""

    def __init__(self, content: Any, mime_type: str | None = None, meta: dict[str, Any] | None = None) -> None:
        self.content = content
        self.mime_type = mime_type
        self.meta = meta


class ResourceResult:
    """The contents of a resource in one or several parts."""

    def __init__(self, contents: Any, meta: dict[str, Any] | None = None) -> None:
        parts = contents if isinstance(contents, (list, tuple)) else [contents]
        self.contents = [item if isinstance(item, ResourceContent) else ResourceContent(item) for item in parts]
        self.meta = meta


MEDIA = (Image, Audio, File)
CONTENT = (TextContent, ImageContent, AudioContent, ResourceLink, EmbeddedResource)
RESULTS = (ToolResult, CallToolResult, *MEDIA, *CONTENT)
"""Types of results that are content, so that they have no output schema."""


def plain(value: Any) -> Any:
    """Return the JSON value of any value: models by their own method, unknown objects by `str`."""
    if hasattr(type(value), "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)) and not hasattr(value, "_fields"):
        return [plain(item) for item in value]
    try:
        return dump_any(value)
    except MismatchError:
        return str(value)


def annotations_of(value: Any) -> content.Annotations | None:
    """Return hints from an `Annotations` or a mapping."""
    if value is None or isinstance(value, content.Annotations):
        return value
    found = value if isinstance(value, Annotations) else Annotations(**value)
    return content.Annotations(
        audience=tuple(found.audience or ()), priority=found.priority, last_modified=found.last_modified
    )


def icons_of(values: Sequence[Any] | None) -> list[content.Icon]:
    """Return icons from `Icon` values or mappings."""
    found = []
    for value in values or ():
        icon = value if isinstance(value, (Icon, content.Icon)) else Icon(**value)
        found.append(
            content.Icon(src=icon.src, mime_type=icon.mime_type, sizes=tuple(icon.sizes or ()), theme=icon.theme)
        )
    return found


def is_content(value: Any) -> bool:
    """Return True for content blocks and media, of this package and of `wasmcp.guest`."""
    return isinstance(value, (*CONTENT, *MEDIA, *content.BLOCKS))


def block_of(value: Any) -> content.ContentBlock:
    """Return the content block of a value; values other than content become text."""
    if isinstance(value, content.BLOCKS):
        return value
    if isinstance(value, Image):
        value = value.to_image_content()
    elif isinstance(value, Audio):
        value = value.to_audio_content()
    elif isinstance(value, File):
        value = value.to_resource_content()
    if isinstance(value, TextContent):
        return content.Text(value.text, annotations_of(value.annotations), value.meta)
    if isinstance(value, (ImageContent, AudioContent)):
        make = content.Image if isinstance(value, ImageContent) else content.Audio
        return make(decode_bytes(value.data), value.mime_type, annotations_of(value.annotations), value.meta)
    if isinstance(value, ResourceLink):
        return content.ResourceLink(
            uri=str(value.uri),
            name=value.name,
            title=value.title,
            description=value.description,
            mime_type=value.mime_type,
            size=value.size,
            icons=icons_of(value.icons),
            annotations=annotations_of(value.annotations),
            meta=value.meta,
        )
    if isinstance(value, EmbeddedResource):
        held = value.resource
        data = held.text if isinstance(held, TextResourceContents) else decode_bytes(held.blob)
        around = annotations_of(value.annotations)
        return content.EmbeddedResource(str(held.uri), data, held.mime_type, around, value.meta)
    if isinstance(value, bytes):
        try:
            return content.Text(value.decode())
        except UnicodeDecodeError:
            return content.Text(encode_bytes(value))
    return content.Text(value if isinstance(value, str) else encode(plain(value)))


def blocks_of(value: Any) -> list[content.ContentBlock]:
    """Return the content blocks of a result: a list with content has a block for each item, another list is JSON."""
    if value is None:
        return []
    if isinstance(value, (list, tuple)) and (not value or any(map(is_content, value))):
        return [block_of(item) for item in value]
    return [block_of(value)]


def tool_result(value: Any) -> content.ToolResult:
    """Return the tool result of a value without an output schema; objects are also structured content."""
    if isinstance(value, content.ToolResult):
        return value
    if isinstance(value, (ToolResult, CallToolResult)):
        return content.ToolResult(
            blocks_of(value.content), value.structured_content, is_error=bool(value.is_error), meta=value.meta
        )
    if is_content(value) or isinstance(value, (list, tuple, str, bytes, type(None))):
        return content.ToolResult(blocks_of(value))
    written = plain(value)
    structured = written if isinstance(written, dict) else None
    return content.ToolResult([content.Text(written if isinstance(written, str) else encode(written))], structured)


def message_of(value: Any) -> PlainMessage:
    """Return a message of a prompt; values other than messages are messages of the user."""
    if isinstance(value, PlainMessage):
        return value
    if isinstance(value, (Message, PromptMessage)):
        inner = value.content
        return PlainMessage(value.role, inner if isinstance(inner, str) else block_of(inner))  # type: ignore[arg-type]
    if isinstance(value, Mapping) and set(value) == {"role", "content"}:
        inner = value["content"]
        if isinstance(inner, Mapping) and inner.get("type") == "text":
            inner = inner.get("text", "")
        return PlainMessage(value["role"], inner if isinstance(inner, str) else block_of(inner))
    return PlainMessage("user", value if isinstance(value, str) else block_of(value))
