"""Settings of a server, `WASMCP_*`: their source, and the values that this host adds.

docs/reference/environment.md lists them. The server interprets them (framework/transport, `Settings.zig`;
framework/server-io, `settings.zig`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wasmcp.environment import BOUND_TO, SERVER, check, check_ours, check_passed, check_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wasmcp.host.engine.limits import Limits

STATE_KEYS = "WASMCP_STATE_KEYS"
MAX_BODY = "WASMCP_MAX_BODY"
ALLOWED_HOSTS = "WASMCP_ALLOWED_HOSTS"
SESSIONS = "WASMCP_SESSION_ENABLED"


def from_environment(environment: Mapping[str, str], passed: Iterable[str] = ()) -> dict[str, str]:
    """Extract the settings from the environment of the operator.

    Args:
        environment: Variables by name.
        passed: Names of the variables that are passed to the server's components.

    Raises:
        InvalidSettingError: A name in the environment would be ignored.
    """
    check(environment, passed=passed)
    return {name: environment[name] for name in SERVER if name in environment}


def check_given(settings: Mapping[str, str], env: Mapping[str, str], environment: Mapping[str, str]) -> None:
    """Check the names of the settings and variables that a program gives a server.

    Args:
        settings: Settings by name.
        env: Variables for the server's components by name.
        environment: The environment of the program, whose `WASMCP_*` must be known names.

    Raises:
        InvalidSettingError: A name is unknown or misplaced.
    """
    check_settings(settings, internal=(BOUND_TO,))
    check_passed(env)
    check_ours(environment)


def with_state_keys(given: Mapping[str, str]) -> dict[str, str]:
    """Add a random key for request state, unless the operator sets one: all instances must share it."""
    settings = dict(given)
    if STATE_KEYS not in settings:
        import os

        settings[STATE_KEYS] = os.urandom(32).hex()
    return settings


def limits_for(settings: Mapping[str, str], given: Limits | None) -> Limits:
    """Raise or lower the request limit to `MAX_BODY`. The server reports a value that is not a number."""
    from dataclasses import replace

    from wasmcp.host.engine.limits import Limits

    limits = given or Limits()
    text = settings.get(MAX_BODY, "")
    return replace(limits, request=int(text)) if text.isascii() and text.isdigit() and len(text) < 12 else limits
