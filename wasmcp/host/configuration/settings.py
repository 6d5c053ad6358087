"""The settings of a server, `WASMCP_*`: where they come from, and what this host adds.

All of them: docs/reference/environment.md.

What they mean is the server's business (framework/transport, `Settings.zig`; framework/server-io, `settings.zig`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wasmcp.environment import SERVER, check, check_ours, check_passed, check_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wasmcp.host.engine.limits import Limits

STATE_KEYS = "WASMCP_STATE_KEYS"
MAX_BODY = "WASMCP_MAX_BODY"
ALLOWED_HOSTS = "WASMCP_ALLOWED_HOSTS"
BOUND_TO = "WASMCP_BOUND_TO"
"""What `wasmcp serve` listens on, told to the server; not for an operator to set."""


def from_environment(environment: Mapping[str, str], passed: Iterable[str] = ()) -> dict[str, str]:
    """Take the settings out of the environment of an operator, who runs a server with it.

    Args:
        environment: Variables by name.
        passed: Names of those that the server's components see.

    Raises:
        InvalidSettingError: A name in it would be ignored.
    """
    check(environment, passed=passed)
    return {name: environment[name] for name in SERVER if name in environment}


def check_given(settings: Mapping[str, str], env: Mapping[str, str], environment: Mapping[str, str]) -> None:
    """Check the names of what a program gives a server that it opens.

    Args:
        settings: Settings by name.
        env: Variables for the server's components by name.
        environment: The environment of the program, whose `WASMCP_*` must be known names.

    Raises:
        InvalidSettingError: A name is unknown, or in a wrong place.
    """
    check_settings(settings, internal=(BOUND_TO,))
    check_passed(env)
    check_ours(environment)


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

    from wasmcp.host.engine.limits import Limits

    limits = given or Limits()
    text = settings.get(MAX_BODY, "")
    return replace(limits, request=int(text)) if text.isascii() and text.isdigit() and len(text) < 12 else limits
