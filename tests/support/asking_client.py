"""A client for declared functions: calls them again with its answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from wasmcp.guest import Context
from wasmcp.guest.declarations.registry import tool_of
from wasmcp.guest.declarations.tool_results import Rendered
from wasmcp.guest.testing import LocalContext

ABLE = {"elicitation": {"form": {}, "url": {}}, "sampling": {"tools": {}, "context": {}}, "roots": {}}


class Call:
    """A client: calls a function again with its answers, as in basic/patterns/mrtr."""

    def __init__(
        self, function: Callable[..., Any], capabilities: Mapping[str, Any] = ABLE, version: str = "2026-07-28"
    ) -> None:
        self.tool = tool_of(function)
        self.capabilities = capabilities
        self.version = version
        self.state: bytes | None = None
        self.rounds = 0

    def __call__(self, **answers: Any) -> Any:
        """One round; returns the questions by key, or the result."""
        self.rounds += 1
        context = Context(
            LocalContext(
                client_capabilities=self.capabilities,
                protocol_version=self.version,
                input_responses=answers,
                input_state=self.state,
            )._request
        )
        rendered = self.tool.call("{}", context)
        if rendered.input_required is None:
            return rendered
        self.state = rendered.input_required.state
        return {key: (method, json.loads(params)) for key, method, params in rendered.input_required.requests}


def text(rendered: Rendered) -> str:
    assert not rendered.is_error, rendered.content
    return rendered.content[0].text
