"""Which changes a server may announce: those that one of its components has a function for.

Specification: basic/patterns/subscriptions; schema `ServerCapabilities` (`listChanged`, `subscribe`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wasmcp.component.decode import ComponentInfo
from wasmcp.component.model import Instance
from wasmcp.compose.contracts import MESSAGES

_ANNOUNCEMENTS = (
    ("tools", "listChanged", "[method]request.notify-tools-changed"),
    ("prompts", "listChanged", "[method]request.notify-prompts-changed"),
    ("resources", "listChanged", "[method]request.notify-resources-changed"),
    ("resources", "subscribe", "[method]request.notify-resource-updated"),
)


def add_announcements(capabilities: dict[str, Any], components: Iterable[ComponentInfo]) -> None:
    """Add to a `ServerCapabilities` object what these components may announce of what the server offers."""
    used: set[str] = set()
    for info in components:
        found = info.find_import(MESSAGES)
        messages = info.imports[found] if found is not None else None
        if isinstance(messages, Instance):
            used.update(messages.exports)
    for name, member, function in _ANNOUNCEMENTS:
        if name in capabilities and function in used:
            capabilities[name] = {**capabilities[name], member: True}
