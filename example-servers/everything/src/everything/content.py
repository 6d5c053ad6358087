"""Tools that answer with each kind of content, and with an error."""

from __future__ import annotations

from everything.media import PNG, WAV
from wasmcp.guest import (
    Annotations,
    Audio,
    ContentBlock,
    EmbeddedResource,
    Icon,
    Image,
    ResourceLink,
    Text,
    ToolError,
    ToolResult,
    tool,
)


@tool(
    title="Simple text",
    read_only=True,
    idempotent=True,
    icons=[Icon(src="https://example.com/text.png", mime_type="image/png", sizes=["48x48"], theme="light")],
    meta={"example.com/kind": "text"},
)
def test_simple_text() -> Text:
    """Answer with a text."""
    return Text("This is a simple text response for testing.")


@tool
def test_image_content() -> Image:
    """Answer with a picture."""
    return Image(PNG, "image/png")


@tool
def test_audio_content() -> Audio:
    """Answer with a sound."""
    return Audio(WAV, "audio/wav")


@tool
def test_embedded_resource() -> EmbeddedResource:
    """Answer with the contents of a resource."""
    return EmbeddedResource("test://embedded-resource", "This is an embedded resource content.", "text/plain")


@tool
def test_resource_link() -> ResourceLink:
    """Answer with a link to a resource."""
    return ResourceLink(
        "test://static-text",
        "static-text",
        title="Static text",
        mime_type="text/plain",
        annotations=Annotations(audience=["assistant"], priority=0.5),
    )


@tool
def test_multiple_content_types() -> list[ContentBlock]:
    """Answer with a text, a picture and a resource."""
    return [
        Text("Multiple content types test:"),
        Image(PNG, "image/png"),
        EmbeddedResource("test://mixed-content-resource", '{"test":"data","value":123}', "application/json"),
    ]


@tool
def test_structured_content() -> ToolResult:
    """Answer with a text and a value."""
    return ToolResult(["Two values"], structured={"values": [1, "two"]}, meta={"example.com/kind": "structured"})


@tool
def test_error_handling() -> None:
    """Fail."""
    raise ToolError("This tool intentionally returns an error for testing")
