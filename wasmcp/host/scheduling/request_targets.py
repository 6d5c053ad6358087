"""Targets of requests: the method, and the name or URI in its parameters, read without validation."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from wasmcp.host.bindings.messages import StdioRequest, TaskRequest

if TYPE_CHECKING:
    from wasmcp.host.bindings.messages import Request

_PARSED = 4096  # maximum bytes of a message that is parsed; in a larger one the members are searched for
_METHOD = re.compile(rb'"method"\s*:\s*"([^"\\]{1,100})"')
_NAME = re.compile(rb'"(?:name|uri)"\s*:\s*"([^"\\]{1,200})"')


def target_of(request: Request) -> tuple[str, str]:
    """Return the method, and the name or URI of the target, of a request; empty texts where they are not found."""
    if isinstance(request, TaskRequest):
        return f"tasks.{request.function}", ""
    message = request.line if isinstance(request, StdioRequest) else request.body
    if len(message) <= _PARSED:
        try:
            parsed = json.loads(message)
        except (ValueError, RecursionError):
            return "", ""
        if not isinstance(parsed, dict):
            return "", ""
        params = parsed.get("params")
        name = params.get("name", params.get("uri")) if isinstance(params, dict) else ""
        return str(parsed.get("method", ""))[:100], str(name or "")[:200]
    found = [pattern.search(message, 0, _PARSED) for pattern in (_METHOD, _NAME)]
    method, name = (match[1].decode("utf-8", "replace") if match else "" for match in found)
    return method, name
