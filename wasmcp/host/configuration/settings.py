"""Settings of a server, `WASMCP_*`: their source, and the values that this host adds.

docs/reference/environment.md lists them. The server interprets them (framework/transport, `Settings.zig`;
framework/server-io, `settings.zig`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wasmcp.environment import (
    AUTH_MODE,
    HOSTS,
    SERVER,
    check,
    check_ours,
    check_passed,
    check_settings,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wasmcp.host.engine.limits import Limits

STATE_KEYS = "WASMCP_STATE_KEYS"
MAX_BODY = "WASMCP_MAX_BODY"
ALLOWED_HOSTS = "WASMCP_ALLOWED_HOSTS"
SESSIONS = "WASMCP_SESSION_ENABLED"
SEALED = "sealed"
"""The value of `SESSIONS` with which the ids of sessions carry their state."""
SESSION_TTL = "WASMCP_SESSION_TTL"
_SEALED_TTL = 86400


def from_environment(environment: Mapping[str, str], passed: Iterable[str] = ()) -> dict[str, str]:
    """Extract the settings from the environment of the operator.

    Args:
        environment: Variables by name.
        passed: Names of the variables that are passed to the server's components.

    Raises:
        InvalidSettingError: A name in the environment would be ignored.
    """
    check(environment, passed=passed)
    # For components `JWT_*` can mean anything: a name that is passed to them is a setting only with authorization.
    theirs = () if AUTH_MODE in environment else {name for name in passed if name.startswith("JWT_")}
    return {name: environment[name] for name in SERVER if name in environment and name not in theirs}


def check_given(settings: Mapping[str, str], env: Mapping[str, str], environment: Mapping[str, str]) -> None:
    """Check the names of the settings and variables that a program gives a server.

    Args:
        settings: Settings by name.
        env: Variables for the server's components by name.
        environment: The environment of the program, whose `WASMCP_*` must be known names.

    Raises:
        InvalidSettingError: A name is unknown or misplaced.
    """
    check_settings(settings, internal=HOSTS)
    check_passed(env)
    check_ours(environment)


def with_state_keys(given: Mapping[str, str]) -> dict[str, str]:
    """Add a random key for request state, unless the operator sets one: all instances must share it."""
    settings = dict(given)
    if STATE_KEYS not in settings:
        import os

        settings[STATE_KEYS] = os.urandom(32).hex()
    return settings


def session_values_seconds(settings: Mapping[str, str], keyvalue: str | None) -> int | None:
    """Return for how long the store keeps the values of sessions; None if they end with the process.

    Sessions with sealed ids outlive the process, so that their values are in the store, if that outlives it too.
    """
    return None if keyvalue in {None, "memory:"} else sealed_seconds(settings)


def sealed_seconds(settings: Mapping[str, str]) -> int | None:
    """Return the validity of sealed session ids; None if ids are not sealed."""
    if settings.get(SESSIONS, "").strip().lower() != SEALED:
        return None
    text = settings.get(SESSION_TTL, "")
    return int(text) if _is_number(text) and int(text) > 0 else _SEALED_TTL


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 12


def limits_for(settings: Mapping[str, str], given: Limits | None) -> Limits:
    """Set the limits that have settings: of a request, and of an unused session.

    The server reports a value that is not a number.
    """
    from dataclasses import replace

    from wasmcp.host.engine.limits import Limits

    limits = given or Limits()
    text = settings.get(MAX_BODY, "")
    limits = replace(limits, request=int(text)) if _is_number(text) else limits
    seconds = settings.get(SESSION_TTL, "")
    if not _is_number(seconds) or int(seconds) == 0:
        return limits
    idle = int(seconds)
    http = replace(limits.http, session_idle=idle, session_begun=min(idle, limits.http.session_begun))
    return replace(limits, http=http)
