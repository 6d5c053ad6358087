"""Prompts, and what completes their arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from everything.documents import files
from everything.media import PNG
from wasmcp.guest import ContentBlock, EmbeddedResource, Icon, Image, Message, completion, prompt

_CITIES = ["paris", "park city", "parma", "bremen", "berlin"]


@prompt(title="Simple", icons=[Icon(src="https://example.com/prompt.svg", mime_type="image/svg+xml", sizes=["any"])])
def test_simple_prompt() -> str:
    """A prompt without arguments."""
    return "This is a simple prompt for testing."


@prompt
def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    """A prompt with two arguments.

    Args:
        arg1: First test argument
        arg2: Second test argument
    """
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


@prompt
def test_prompt_with_embedded_resource(resourceUri: str) -> list[ContentBlock | str]:  # noqa: N803 - as clients know it
    """A prompt with the contents of a resource.

    Args:
        resourceUri: URI of the resource to embed
    """
    return [
        EmbeddedResource(resourceUri, "Embedded resource content for testing.", "text/plain"),
        "Please process the embedded resource above.",
    ]


@prompt
def test_prompt_with_image() -> list[ContentBlock | str]:
    """A prompt with a picture."""
    return [Image(PNG, "image/png"), "Please analyze the image above."]


@prompt
def test_conversation(tone: Literal["formal", "friendly"] = "formal") -> list[Message]:
    """A prompt of several messages.

    Args:
        tone: Tone of the messages.
    """
    return [Message("user", f"Answer in a {tone} tone."), Message("assistant", "I will.")]


@completion(test_prompt_with_arguments, "arg1")
def cities(value: str) -> list[str]:
    """Propose cities."""
    return [city for city in _CITIES if city.startswith(value)]


@completion(test_prompt_with_arguments, "arg2")
def like_the_first(value: str, arguments: Mapping[str, str]) -> list[str]:
    """Propose what goes with the first argument."""
    return [f"{arguments.get('arg1', 'nothing')} {value}"]


@completion(files, "path")
def paths(value: str) -> list[str]:
    """Propose paths."""
    return [path for path in ("src/main.py", "src/test.py", "README.md") if path.startswith(value)]
