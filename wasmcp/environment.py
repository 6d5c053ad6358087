"""Table of all environment variables of wasmcp, and the check that refuses those that are not in it.

A misspelt setting must not be ignored: `WASMCP_ALOWED_ORIGINS` or `WASMCP_AUTH_MDOE` without effect leave a server more
open than its operator intends. The names `WASMCP_*` belong to wasmcp; the names `JWT_*` are settings of authorization,
with the names of the Rust tool `wasmcp`. docs/reference/environment.md describes every name.
The framework gets the table through `wasmcp.bindgen.protocol_table`, for runtimes in which it reads the environment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

AUTH_MODE = "WASMCP_AUTH_MODE"
"""The setting that switches authorization on (`oauth`) or off (`public`)."""

INTROSPECTION_SECRET = "JWT_INTROSPECTION_CLIENT_SECRET"  # noqa: S105 - a name
"""The setting with the secret of the server at the introspection endpoint."""

AUTHORIZATION = (
    AUTH_MODE,
    "WASMCP_SERVER_URI",
    "WASMCP_AUTH_SERVER_URL",
    "JWT_ISSUER",
    "JWT_AUDIENCE",
    "JWT_ALGORITHMS",
    "JWT_ALGORITHM",
    "JWT_REQUIRED_SCOPES",
    "JWT_LEEWAY",
    "JWT_PUBLIC_KEY",
    "JWT_JWKS",
    "JWT_JWKS_URI",
    "JWT_JWKS_TTL",
    "JWT_INTROSPECTION_URI",
    "JWT_INTROSPECTION_CLIENT_ID",
    INTROSPECTION_SECRET,
    "JWT_INTROSPECTION_TTL",
)
"""Settings of authorization (framework/authorization, `Settings.zig`). `JWT_ALGORITHM` is the Rust tool's name of
`JWT_ALGORITHMS`."""

SERVER = (
    "WASMCP_ALLOWED_ORIGINS",
    "WASMCP_ALLOWED_HOSTS",
    "WASMCP_REQUIRE_ORIGIN",
    "WASMCP_MAX_BODY",
    "WASMCP_DISABLE_SSE",
    "WASMCP_SESSION_ENABLED",
    "WASMCP_SESSION_TTL",
    "WASMCP_STATE_KEYS",
    "WASMCP_STATE_TTL",
    *AUTHORIZATION,
)
"""Settings of a server."""

BOUND_TO = "WASMCP_BOUND_TO"
"""The setting with which the embedding host names the addresses that it listens on."""

SESSION_VALUES = "WASMCP_SESSION_VALUES"
"""The setting with which the embedding host promises to keep the values of sessions whose ids are sealed."""

HOST_FETCHES = "WASMCP_HOST_FETCHES"
"""The setting with which the embedding host promises to fetch keys of issuers, and to introspect tokens."""

HOSTS = (BOUND_TO, SESSION_VALUES, HOST_FETCHES)
"""Settings that only the embedding host adds."""

TOOLS = (
    "WASMCP_CACHE_BYTES",
    "WASMCP_CACHE_DIR",
    "WASMCP_CARGO",
    "WASMCP_DATA_DIR",
    "WASMCP_FAST",
    "WASMCP_KEYVALUE",
    "WASMCP_KEY_PASSWORD",
    "WASMCP_LOCKED",
    "WASMCP_NODE",
    "WASMCP_OFFLINE",
    "WASMCP_QUICK",
    "WASMCP_REGISTRY_HOST",
    "WASMCP_REGISTRY_PASSWORD",
    "WASMCP_REGISTRY_USER",
    "WASMCP_SKIP_BUILD",
    "WASMCP_WASM_TOOLS",
    "WASMCP_ZIG",
)
"""Variables of the commands, of the build hook and of the pytest plugin."""

TESTS = (
    "WASMCP_BINDGEN_SEEDS",
    "WASMCP_FUZZ",
    "WASMCP_MATRIX",
    "WASMCP_SCREENSHOTS",
    "WASMCP_SOAK",
    "WASMCP_UPDATE_GOLDEN",
)
"""Variables of wasmcp's own test suite."""

ELSEWHERE = ("WASMCP_HOME", "WASMCP_VERSION")
"""Variables of the installer of the Rust tool `wasmcp`, which can be installed on the same machine."""

UNSUPPORTED = (
    "WASMCP_DISCOVERY_CACHE_TTL",
    "WASMCP_SESSION_BUCKET",
)
"""Settings of the Rust tool that have no counterpart here yet."""

KNOWN = frozenset({*SERVER, *TOOLS, *TESTS, *ELSEWHERE})
"""Every name that can be set."""

SWITCHES = ("WASMCP_FAST", "WASMCP_LOCKED", "WASMCP_OFFLINE", "WASMCP_QUICK", "WASMCP_SKIP_BUILD")
"""Variables with the values `1` and `true`, `0` and `false`."""

_REGO = "POLICY"
"""The variable of the Rust tool with the text of a policy. Others can use its name: the text decides."""

_OURS = "WASMCP_"
_PREFIXES = (_OURS, "JWT_")


def problems(environment: Mapping[str, str], *, prefixes: tuple[str, ...] = _PREFIXES) -> list[str]:
    """Return the problems of the variables in an environment, one sentence for each variable, sorted.

    Values are checked only for variables that the tools read; a server checks the values of its own settings.

    Args:
        environment: Variables by name; variables that do not belong to wasmcp are skipped.
        prefixes: Prefixes of the names to check, in capital letters; names are matched in any case.
    """
    found = []
    for name in environment:
        upper = name.upper()
        if upper.startswith(prefixes):
            problem = _bad_value(name, environment[name]) if name in KNOWN else unknown(name)
        elif name == _REGO and prefixes == _PREFIXES and environment[name].lstrip().startswith("package mcp"):
            problem = (
                f"`{name}` has a policy in Rego, of the Rust tool `wasmcp`, which is not evaluated: write its rules in "
                "`[tool.wasmcp.servers.NAME.policy]`; see docs/guides/policy.md"
            )
        else:
            problem = _misspelt_prefix(name, upper)
        if problem is not None:
            found.append(problem)
    return sorted(found)


def check(environment: Mapping[str, str], *, passed: Iterable[str] = ()) -> None:
    """Raise an error for names that would be ignored, for entry points that run a server for an operator.

    Args:
        environment: Variables by name.
        passed: Names that are passed on to the server's components: for components `JWT_*` can mean anything.

    Raises:
        InvalidSettingError: A name is unknown or not supported yet, or a value is wrong.
    """
    kept = {name for name in passed if not name.upper().startswith(_OURS)}
    _refuse(problems({name: value for name, value in environment.items() if name not in kept}))


def check_ours(environment: Mapping[str, str]) -> None:
    """Raise an error for unknown names `WASMCP_*`, for builds, tests and libraries, which do not own `JWT_*`.

    Raises:
        InvalidSettingError: A name is unknown or not supported yet, or a value is wrong.
    """
    _refuse(problems(environment, prefixes=(_OURS,)))


def check_passed(variables: Iterable[str]) -> None:
    """Raise an error for names of settings among the variables for a server's components.

    Raises:
        InvalidSettingError: A name begins with `WASMCP_`.
    """
    _refuse(
        [
            f"`{_shown(name)}` cannot be passed to components: the names `WASMCP_*` are settings; set a setting in the "
            "environment of the command, or give it as `settings=` in Python"
            for name in sorted(variables)
            if name.upper().startswith(_OURS)
        ]
    )


def check_settings(settings: Mapping[str, str], *, internal: tuple[str, ...] = ()) -> None:
    """Raise an error for unknown names among the settings that a program passes to a server.

    Args:
        settings: Values by name.
        internal: Further known names.

    Raises:
        InvalidSettingError: A name is not a setting of a server.
    """
    found = []
    for name, value in settings.items():
        if name == AUTH_MODE:
            problem = _bad_value(name, value)
        else:
            problem = None if name in SERVER or name in internal else unknown(name, SERVER)
        if problem is not None:
            found.append(problem)
    _refuse(sorted(found))


def unknown(name: str, known: Iterable[str] = KNOWN) -> str:
    """Return the reason why a name cannot be set, with the nearest known name if one is similar."""
    shown = _shown(name)
    if name in UNSUPPORTED:
        return f"`{shown}` is not supported yet: unset it"
    if name in KNOWN:
        return f"`{shown}` is not a setting of a server; settings are {', '.join(f'`{each}`' for each in SERVER)}"
    from difflib import get_close_matches  # imported late: it would slow down the start of a server

    near = get_close_matches(name.upper(), sorted({*known, *UNSUPPORTED}), n=1, cutoff=0.6)
    hint = f"did you mean `{near[0]}`?" if near else "see docs/reference/environment.md for the known names;"
    return f"`{shown}` is unknown: {hint} wasmcp ignores no variable `WASMCP_*` or `JWT_*`"


def _bad_value(name: str, value: str) -> str | None:
    if name == AUTH_MODE:
        accepted = value.strip().lower() in {"public", "oauth"}
        return None if accepted else f"`{AUTH_MODE}` must be `public` or `oauth`, not `{_shown(value)}`"
    if name in SWITCHES and value.lower() not in {"", "0", "1", "false", "true"}:
        return f"`{name}` must be `1`, `true`, `0` or `false`, not `{_shown(value)}`"
    if name == "WASMCP_CACHE_BYTES" and value and not (value.isascii() and value.isdigit() and len(value) < 16):
        return f"`{name}` must be a number of bytes, not `{_shown(value)}`"
    return None


def _misspelt_prefix(name: str, upper: str) -> str | None:
    """Return the problem of a name that ends like a setting and whose prefix is similar: `WASMPC_ALLOWED_HOSTS`."""
    if not upper.startswith("W"):
        return None
    for known in SERVER:
        rest = known.removeprefix(_OURS)
        if upper.endswith(rest) and sorted(upper.removesuffix(rest).replace("_", "")) == sorted("WASMCP"):
            return f"`{_shown(name)}` is unknown: did you mean `{known}`?"
    return None


def _shown(text: str) -> str:
    from wasmcp.terminal import printable

    return printable(text if len(text) <= 80 else f"{text[:80]}...")


def _refuse(found: list[str]) -> None:
    if found:
        from wasmcp.errors import InvalidSettingError

        raise InvalidSettingError(*found)
