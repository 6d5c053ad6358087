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
        role: Who says it.
        content: One block; a plain string is a `Text`.
    """

    role: Role
    content: ContentBlock | str


@dataclass(frozen=True)
class PromptResult:
    """A whole result, for a prompt that wants to say everything itself. Specification: schema `GetPromptResult`.

    Attributes:
        messages: Plain strings and blocks are messages of the user.
        description: Of what came out; the prompt's by default.
        meta: The result's ``_meta``.
    """

    messages: Sequence[Message | ContentBlock | str]
    description: str | None = None
    meta: Mapping[str, Any] | None = None
