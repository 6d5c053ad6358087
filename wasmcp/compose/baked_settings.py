"""Settings that a server's author bakes in, in place of the framework's environment.

The framework defines their meaning (framework/transport, `Settings.zig`); docs/reference/environment.md lists all.
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
"""Settings that can be baked in."""

_ELSEWHERE = {
    "WASMCP_STATE_KEYS": "is a secret, and servers are distributed: the operator sets it",
    "WASMCP_MAX_BODY": "depends on the memory of the host: the operator sets it",
    "WASMCP_SESSION_ENABLED": "depends on where sessions are kept: the operator sets it",
}


def setting_problem(name: str, value: object) -> str | None:
    """Return what is wrong with a setting, as the end of a sentence that begins with its name, or None."""
    if name in _ELSEWHERE:
        return _ELSEWHERE[name]
    if name not in BAKED:
        return f"is not a setting that can be baked in; known: {', '.join(f'`{known}`' for known in BAKED)}"
    if not isinstance(value, str) or not value.strip():
        return f"must be a string that is not empty, not {value!r}"
    return None


def check_settings(settings: Mapping[str, str], *, environment: bool) -> None:
    """Check the settings to bake in.

    Raises:
        CompositionError: A setting cannot be baked in, or the environment is to be read as well.
    """
    problems = [f"`{name}` {problem}" for name, value in settings.items() if (problem := setting_problem(name, value))]
    if settings and environment:
        problems.append("settings are either baked in or read from the environment, not both")
    if problems:
        raise CompositionError("; ".join(problems))
