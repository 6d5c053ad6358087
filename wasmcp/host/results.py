"""What a server's answers look like to a Python caller: thin views of the wire's objects, the whole in `raw`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Tool:
    """A tool, as `tools/list` shows it. Specification: schema `Tool`."""

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


@dataclass(frozen=True)
class ToolResult:
    """The result of a call. Specification: schema `CallToolResult`.

    Attributes:
        content: The content blocks as the wire has them.
        structured_content: The structured result, any JSON value; None when there is none.
        is_error: Whether the tool says that it failed.
        meta: The result's `_meta`.
        raw: The whole result object; its `resultType` is `input_required` when the tool asks for something first.
    """

    content: list[dict[str, Any]]
    structured_content: Any
    is_error: bool
    meta: dict[str, Any] | None = field(repr=False)
    raw: dict[str, Any] = field(repr=False)

    @classmethod
    def from_wire(cls, raw: dict[str, Any]) -> ToolResult:
        """View a `CallToolResult` object."""
        return cls(
            content=raw.get("content", []),
            structured_content=raw.get("structuredContent"),
            is_error=bool(raw.get("isError", False)),
            meta=raw.get("_meta"),
            raw=raw,
        )

    @property
    def text(self) -> str:
        """All text blocks, joined by line feeds."""
        return "\n".join(block["text"] for block in self.content if block.get("type") == "text")


@dataclass(frozen=True)
class HttpResponse:
    """An HTTP response.

    Attributes:
        status: The status code.
        headers: The field lines in order, names as sent.
        body: The body, whole.
        chunks: The pieces that a streamed body came in; empty when it was not streamed.
    """

    status: int
    headers: list[tuple[str, str]]
    body: str
    chunks: list[str] = field(default_factory=list, repr=False)

    def header(self, name: str) -> str | None:
        """The first field of this name (RFC 9110: names are case-insensitive), or None."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


def parse_field_lines(text: str) -> list[tuple[str, str]]:
    """Part field lines (RFC 9112, section 5) into names and values."""
    pairs = (line.partition(":") for line in text.split("\r\n") if line)
    return [(name, value.strip(" \t")) for name, _, value in pairs]
