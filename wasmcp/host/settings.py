"""The settings of a server, `WASMCP_*`: where they come from, and what this host adds.

All of them: docs/reference/environment.md.

What they mean is the server's business (framework/transport, `Settings.zig`; framework/server-io, `settings.zig`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wasmcp.host.limits import Limits

STATE_KEYS = "WASMCP_STATE_KEYS"
MAX_BODY = "WASMCP_MAX_BODY"
ALLOWED_HOSTS = "WASMCP_ALLOWED_HOSTS"
BOUND_TO = "WASMCP_BOUND_TO"
"""What `wasmcp serve` listens on, told to the server; not for an operator to set."""

NAMES = (
    "WASMCP_ALLOWED_ORIGINS",
    ALLOWED_HOSTS,
    "WASMCP_REQUIRE_ORIGIN",
    MAX_BODY,
    "WASMCP_DISABLE_SSE",
    "WASMCP_SESSION_ENABLED",
    STATE_KEYS,
    "WASMCP_STATE_TTL",
)
"""Every setting that there is."""


def from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Take the settings out of an environment."""
    return {name: environment[name] for name in NAMES if name in environment}


def complete(given: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Add what all instances of a server must share: a key for what clients keep, when the operator gives none."""
    settings = dict(given)
    if STATE_KEYS not in settings:
        import os

        settings[STATE_KEYS] = os.urandom(32).hex()
    return tuple(settings.items())


def limits_for(settings: Mapping[str, str], given: Limits | None) -> Limits:
    """Make the limits fit the settings: the host must take what the server may. The server judges what is no number."""
    from dataclasses import replace

    from wasmcp.host.limits import Limits

    limits = given or Limits()
    text = settings.get(MAX_BODY, "")
    return replace(limits, request=int(text)) if text.isascii() and text.isdigit() and len(text) < 12 else limits
