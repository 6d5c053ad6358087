"""Options of servers from the command line and the ini file, and their scope."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_wasmcp.targets import TRANSPORTS, option

SCOPES = ("function", "class", "module", "package", "session")
SHARED_FIXTURES = ("wasmcp_server", "wasmcp_async_server")
"""Fixtures whose scope is that of `wasmcp_server_scope`."""
SESSION_FIXTURE = "wasmcp_session_server"
OVERRIDABLE = (
    "wasmcp_target",
    "wasmcp_limits",
    "wasmcp_env",
    "wasmcp_token",
    "wasmcp_settings",
    "wasmcp_keyvalue",
    "wasmcp_directories",
    "wasmcp_transport",
)
"""Fixtures that users override."""

_TEXTS = {
    "wasmcp_keyvalue": ("URL", "key-value store of servers: memory:, sqlite:PATH or redis://HOST"),
    "wasmcp_transport": ("NAME", f"transport of the methods of servers: {', '.join(TRANSPORTS)}"),
    "wasmcp_server_scope": ("SCOPE", f"scope of `wasmcp_server`: {', '.join(SCOPES)}"),
    "wasmcp_instances": ("NUMBER", "maximum number of concurrent requests to a server"),
}
_LISTS = {
    "wasmcp_env": ("--wasmcp-env", "NAME=VALUE", "environment variable of servers"),
    "wasmcp_settings": ("--wasmcp-setting", "WASMCP_*=VALUE", "setting of the operator of servers"),
    "wasmcp_directories": ("--wasmcp-directory", "HOST[:GUEST[:ro]]", "directory that servers see"),
}
_NETWORK = "send HTTP requests of servers that have no rule to where they go, instead of refusing them"

Directory = tuple[str, str, bool]
_GIVEN: pytest.StashKey[Given] = pytest.StashKey()


@dataclass(frozen=True)
class Given:
    """Options of the command line and the ini file.

    Attributes:
        env: Environment variables.
        settings: `WASMCP_*` by name.
        keyvalue: The URL of the key-value store.
        directories: ``(host path, guest path, writable)``.
        instances: Maximum number of concurrent requests.
        transport: One of `TRANSPORTS`.
        network: True to send HTTP requests without a rule.
        scope: The scope of `wasmcp_server`.
    """

    env: Mapping[str, str]
    settings: Mapping[str, str]
    keyvalue: str | None
    directories: Sequence[Directory]
    instances: int | None
    transport: str
    network: bool
    scope: str

    @classmethod
    def of(cls, config: pytest.Config) -> Given:
        """Return the options of a run, read once.

        Raises:
            pytest.UsageError: Options are invalid; the message names all of them.
        """
        if _GIVEN not in config.stash:
            config.stash[_GIVEN] = _read(config)
        return config.stash[_GIVEN]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add each option to the command line and to the ini file."""
    group = parser.getgroup("wasmcp")
    for name, (metavar, text) in _TEXTS.items():
        group.addoption(f"--{name.replace('_', '-')}", dest=name, default=None, metavar=metavar, help=text)
        parser.addini(name, text, default="")
    for name, (flag, metavar, text) in _LISTS.items():
        group.addoption(flag, dest=name, action="append", default=[], metavar=metavar, help=f"{text} (repeatable)")
        parser.addini(name, f"{text}: one {metavar} in each line", type="linelist", default=[])
    group.addoption("--wasmcp-network", dest="wasmcp_network", action="store_true", default=None, help=_NETWORK)
    parser.addini("wasmcp_network", _NETWORK, type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Reject invalid options before any test runs."""
    Given.of(config)


def server_scope(fixture_name: str, config: pytest.Config) -> Any:
    """Return the scope of `wasmcp_server`, for pytest."""
    del fixture_name
    return Given.of(config).scope


def _read(config: pytest.Config) -> Given:
    problems: list[str] = []

    def choice(name: str, known: Sequence[str]) -> str:
        found = option(config, name) or known[0]
        if found not in known:
            problems.append(f"`{name}` must be one of {', '.join(f'`{one}`' for one in known)}, got {found!r}")
        return found

    def pairs(name: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for item in [*config.getini(name), *config.getoption(name)]:
            key, separator, value = item.partition("=")
            if not separator or not key.strip():
                problems.append(f"`{name}` must be {_LISTS[name][1]}, got {item!r}")
            else:
                found[key.strip()] = value
        return found

    directories: list[Directory] = []
    roots = ((config.getini, config.rootpath), (config.getoption, config.invocation_params.dir))
    for source, root in roots:
        for item in source("wasmcp_directories"):
            try:
                directories.append(directory(item, root))
            except ValueError as error:
                problems.append(f"`wasmcp_directories`: {error}")
    instances = option(config, "wasmcp_instances")
    if instances is not None and not re.fullmatch(r"[1-9][0-9]{0,5}", instances):
        problems.append(f"`wasmcp_instances` must be a number above 0, got {instances!r}")
        instances = None
    given = Given(
        env=pairs("wasmcp_env"),
        settings=pairs("wasmcp_settings"),
        keyvalue=option(config, "wasmcp_keyvalue"),
        directories=tuple(directories),
        instances=None if instances is None else int(instances),
        transport=choice("wasmcp_transport", TRANSPORTS),
        network=bool(config.getoption("wasmcp_network") or config.getini("wasmcp_network")),
        scope=choice("wasmcp_server_scope", SCOPES),
    )
    if problems:
        raise pytest.UsageError("\n".join(problems))
    return given


def directory(item: str | Sequence[Any], root: Path) -> Directory:
    """Return a directory of a server.

    Args:
        item: `HOST`, `HOST:GUEST` or `HOST:GUEST:ro`, or ``(host path, guest path, writable)``; GUEST is HOST by
            default.
        root: The folder that a relative HOST starts from.

    Raises:
        ValueError: It has another form, or the directory does not exist.
    """
    if isinstance(item, str):
        parts: list[Any] = item.split(":")
        writable = parts[-1] != "ro" or len(parts) == 1
        parts = parts if writable else parts[:-1]
        item = (parts[0], parts[-1], writable) if len(parts) <= 2 and all(parts) else ()
    if len(item) != 3 or not isinstance(item[2], bool):
        raise ValueError("expected HOST, HOST:GUEST, HOST:GUEST:ro or (host, guest, writable)")
    host = root / item[0]
    if not host.is_dir():
        raise ValueError(f"`{host}` is not a directory")
    return str(host), str(item[1]), item[2]


# Scopes


def check_scopes(config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    """Check that what a shared server is made of is shared by its tests.

    Raises:
        pytest.UsageError: An override or a marker belongs to fewer tests than the server; the message names all.
    """
    problems: dict[str, None] = {}
    overrides: dict[tuple[str, str], Any] = {}
    for item in items:
        names = getattr(item, "fixturenames", ())
        scopes = {name: Given.of(config).scope for name in SHARED_FIXTURES if name in names}
        if SESSION_FIXTURE in names:
            scopes[SESSION_FIXTURE] = "session"
        for fixture, scope in scopes.items():
            if scope == "function":
                continue
            for problem in _problems(item, fixture, scope, overrides):
                problems[problem] = None
    if problems:
        raise pytest.UsageError("\n".join(problems))


def _problems(item: pytest.Item, fixture: str, scope: str, overrides: dict[tuple[str, str], Any]) -> list[str]:
    found = []
    definitions: Mapping[str, Sequence[Any]] = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    for name in OVERRIDABLE:
        used = definitions.get(name, ())
        if not used:
            continue
        own = str(used[-1].scope)
        where = used[-1].baseid or "a plugin"
        if SCOPES.index(own) < SCOPES.index(scope):
            found.append(
                f"{where}: the fixture `{name}` has the scope `{own}`, and `{fixture}` has `{scope}`: declare it with "
                f'@pytest.fixture(scope="{scope}"), or narrow `wasmcp_server_scope`'
            )
        elif scope == "session":
            first = overrides.setdefault((fixture, name), used[-1])
            if first is not used[-1]:
                found.append(
                    f"{where}: another fixture `{name}` holds elsewhere ({first.baseid or 'the default'}), and the "
                    f"tests of a session share one `{fixture}`: use the scope `module`, or one override for all"
                )
    if "make_wasmcp_server" in getattr(item, "fixturenames", ()):
        return found  # the marker can be meant for it
    shared = _nodes_of_scope(item, scope)
    for node, marker in item.iter_markers_with_node("wasmcp"):
        if node not in shared and (marker.args or marker.kwargs):
            found.append(
                f"{item.nodeid}: @pytest.mark.wasmcp has no effect on a `{fixture}` of the scope `{scope}`, which "
                "other tests share: mark the whole of them, use `make_wasmcp_server`, or narrow `wasmcp_server_scope`"
            )
    return found


def _nodes_of_scope(item: pytest.Item, scope: str) -> list[pytest.Collector]:
    """Return the collector that shares a server of a scope, and those above it."""
    kinds: dict[str, type[Any]] = {
        "class": pytest.Class,
        "module": pytest.Module,
        "package": pytest.Package,
        "session": pytest.Session,
    }
    chain = item.listchain()[:-1]
    order = list(kinds)
    for kind in order[order.index(scope) :]:
        for index in range(len(chain) - 1, -1, -1):
            if isinstance(chain[index], kinds[kind]):
                return [node for node in chain[: index + 1] if isinstance(node, pytest.Collector)]
    return []
