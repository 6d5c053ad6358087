"""Settings that a server's author decides: baked in where the framework looks for its environment.

What they mean is the framework's business (framework/transport, `Settings.zig`). docs/reference/environment.md has all.
"""

from __future__ import annotations

from collections.abc import Mapping

from wasmcp.errors import CompositionError

BAKED = (
    "WASMCP_ALLOWED_HOSTS",
    "WASMCP_ALLOWED_ORIGINS",
    "WASMCP_DISABLE_SSE",
    "WASMCP_REQUIRE_ORIGIN",
    "WASMCP_STATE_TTL",
)
"""The settings that may be baked in."""

_ELSEWHERE = {
    "WASMCP_STATE_KEYS": "is a secret, and a server is given to others: whoever runs the server sets it",
    "WASMCP_MAX_BODY": "is for whoever runs the server, and has the memory",
    "WASMCP_SESSION_ENABLED": "is for whoever runs the server, and keeps the sessions",
}


def setting_problem(name: str, value: object) -> str | None:
    """Say what is wrong with a setting, as the end of a sentence that begins with its name; None when nothing is."""
    if name in _ELSEWHERE:
        return _ELSEWHERE[name]
    if name not in BAKED:
        return f"is no setting; known: {', '.join(f'`{known}`' for known in BAKED)}"
    if not isinstance(value, str) or not value.strip():
        return f"must be a string that is not empty, not {value!r}"
    return None


def check_settings(settings: Mapping[str, str], *, environment: bool) -> None:
    """Check what is to be baked in.

    Raises:
        CompositionError: a setting may not be, or the environment is to be read as well.
    """
    problems = [f"`{name}` {problem}" for name, value in settings.items() if (problem := setting_problem(name, value))]
    if settings and environment:
        problems.append("settings are either baked in or read from the environment, not both")
    if problems:
        raise CompositionError("; ".join(problems))
