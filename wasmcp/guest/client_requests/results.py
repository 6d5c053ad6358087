"""Results of server-to-client requests: elicitation, sampling and roots."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar, cast

from wasmcp.guest.client_requests.mrtr import INVALID_PARAMS, ClientRequests, ClientResult
from wasmcp.guest.content import Audio, Image, Message, Text
from wasmcp.guest.errors import McpError, MismatchError, ToolError
from wasmcp.guest.json_types.string_formats import decode_bytes, encode_bytes

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
