"""The messages of a prompt, and a whole prompt result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wasmcp.guest.content import ContentBlock, Role


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
