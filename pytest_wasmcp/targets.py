"""Server of a test: its settings from marker, fixture, command line or ini file, its scope, and its file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from math import inf
from pathlib import Path
from typing import Any

import pytest

TRANSPORTS = ("in-process", "stdio", "http")
"""As in `wasmcp.testing.server`, which imports wasmtime."""


@dataclass(frozen=True)
class Target:
    """Server of a test.

    Attributes:
        path: Its file.
        development: For a development build, its modules; see `wasmcp.host.open_server`.
    """

    path: Path
    development: Mapping[str, str] | None = None


@dataclass(frozen=True)
class _Failure:
    """A build that failed: its message, and the test that reported it in full."""

    message: str
    test: str


@dataclass
class Builds:
    """Outcomes of the builds of one session, failures included, by project and server.

    A build runs once: its tests share the file, or fail with the same message.

    Attributes:
        fast: True for development builds.
    """

    fast: bool = False
    _outcomes: dict[tuple[Path, str | None], Target | _Failure] = field(default_factory=dict)
    _projects: dict[Path, Path | None] = field(default_factory=dict)

    def project(self, directory: Path) -> Path | None:
        """Return the closest directory, upwards, whose ``pyproject.toml`` has a table ``[tool.wasmcp]``."""
        if directory not in self._projects:
            found = next((parent for parent in (directory, *directory.parents) if _has_servers(parent)), None)
            self._projects[directory] = found
        return self._projects[directory]

    def build(self, root: Path, name: str | None, test: str) -> Target:
        """Return a project's server; fail the test if it does not build."""
        key = (root, name)
        if key not in self._outcomes:
            self._outcomes[key] = _build(root, name, test, fast=self.fast)
        outcome = self._outcomes[key]
        if isinstance(outcome, Target):
            return outcome
        if outcome.test == test:
            pytest.fail(outcome.message, pytrace=False)
        headline = outcome.message.partition("\n")[0]
        pytest.fail(
            f"{headline}\n(the build failed once in this run; {outcome.test} shows the full message)", pytrace=False
        )


def folder_of(node: Any) -> Path:
    """Return the folder of the tests of a node; of a session, that of its first test of a server."""
    if isinstance(node, pytest.Session):
        users = (item for item in node.items if item.get_closest_marker("wasmcp_server") is not None)
        first = next(users, None)
        return node.config.rootpath if first is None else first.path.parent
    path: Path = node.path
    return path if path.is_dir() else path.parent


def locate(node: Any, target: str | Path | None, builds: Builds) -> Target:
    """Return a test's server: the given path, or the server of that name, built by the test's project.

    The project is the closest one above the test's file. A relative path of the command line starts from the
    directory that pytest was started in, one of the ini file from the root directory, any other from the project.

    Args:
        node: The test.
        target: A name or path from an argument, the marker or the fixture `wasmcp_target`; None for the command line
            and the ini file, and the project's only server after them.
        builds: The outcomes of this session.

    The test fails, without a traceback, if the file, the server or the project is not found, and if the build fails.
    """
    config = node.config
    folder = folder_of(node)
    project = builds.project(folder) or builds.project(config.rootpath)
    bases = [base for base in (project, config.rootpath) if base is not None]
    if target is None:
        target = option(config, "wasmcp_server")
        if target is not None and config.getoption("wasmcp_server"):
            bases = [config.invocation_params.dir]
    if target is not None and str(target).endswith(".wasm"):
        paths = dict.fromkeys(base / target for base in bases)
        path = next((path for path in paths if path.is_file()), None)
        if path is None:
            listed = " or ".join(f"`{path}`" for path in paths)
            pytest.fail(FOUR_WAYS.format(reason=f"file not found: {listed}."), pytrace=False)
        return Target(path)
    if project is None:
        reason = f"no `pyproject.toml` with `[tool.wasmcp]` in `{folder}` or a parent of it."
        pytest.fail(FOUR_WAYS.format(reason=reason), pytrace=False)
    return builds.build(project, None if target is None else str(target), node.nodeid or "the session")


def _has_servers(directory: Path) -> bool:
    """Check for a `pyproject.toml` with `[tool.wasmcp]`; one that is not TOML counts, for the build to report it."""
    import tomllib  # lazy: a run without tests of servers does not need it

    try:
        document = tomllib.loads((directory / "pyproject.toml").read_text("utf-8"))
    except OSError:
        return False
    except ValueError:
        return True
    tool = document.get("tool")
    return isinstance(tool, dict) and "wasmcp" in tool


def _build(root: Path, name: str | None, test: str, *, fast: bool) -> Target | _Failure:
    from wasmcp.errors import WasmcpError

    try:
        if not fast:
            from wasmcp.project import ensure_built

            return Target(ensure_built(root, name))
        from wasmcp.project.development import development_server

        server = development_server(root, name)
        server.check()
        return Target(server.path, server.modules)
    except WasmcpError as error:
        return _Failure(str(error), test)


FAST = "WASMCP_FAST"
"""Environment variable of the option `--wasmcp-fast`."""

FOUR_WAYS = """\
No WebAssembly MCP server to test: {reason}
Choose one in one of these ways (the first one set wins):
  marker        @pytest.mark.wasmcp(server="default")   a server of [tool.wasmcp], or the path of a .wasm file
  fixture       def wasmcp_target(): return "dist/server.wasm"   in a conftest.py or test module
  command line  pytest --wasmcp-server=dist/server.wasm
  ini           wasmcp_server = "default"   under [tool.pytest.ini_options]
or define the project's own server in pyproject.toml: [tool.wasmcp.servers.default]"""


@dataclass(frozen=True)
class Marked:
    """Arguments of ``@pytest.mark.wasmcp``, all optional."""

    server: str | Path | None = None
    timeout: float | None = None
    memory: int | None = None
    env: dict[str, str] | None = None
    token: str | bool | dict[str, Any] | None = None
    limits: Any = None
    settings: dict[str, str] | None = None
    keyvalue: str | None = None
    directories: list[Any] | tuple[Any, ...] | None = None
    instances: int | None = None
    transport: str | None = None

    @classmethod
    def of(cls, node: Any) -> Marked:
        """Return the arguments of the closest marker of a test; those it omits come from outer markers.

        Raises:
            pytest.UsageError: An argument is unknown, or has a wrong type.
        """
        merged: dict[str, Any] = {}
        for marker in reversed(list(node.iter_markers("wasmcp"))):
            merged.update(_checked(marker, node.nodeid))
        return cls(**merged)


_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "server": ((str, Path), "a server's name or the path of a .wasm file"),
    "timeout": ((int, float), "seconds, above 0"),
    "memory": ((int,), "bytes, above 0"),
    "env": ((dict,), "a dict of environment variables"),
    "token": ((str, bool, dict), "an access token, True, or the arguments of `wasmcp_issuer.token` as a dict"),
    "limits": ((object,), "a `wasmcp.host.Limits`"),
    "settings": ((dict,), "a dict of settings (`WASMCP_*`)"),
    "keyvalue": ((str,), "the URL of a key-value store"),
    "directories": ((list, tuple), "a list of HOST:GUEST[:ro] or (host, guest, writable)"),
    "instances": ((int,), "a number above 0"),
    "transport": ((str,), "`in-process`, `stdio` or `http`"),
}


def _checked(marker: pytest.Mark, where: str) -> dict[str, Any]:
    names = [field.name for field in fields(Marked)]
    if len(marker.args) > 1:
        raise pytest.UsageError(f"{where}: @pytest.mark.wasmcp takes one positional argument, the server")
    given = dict(marker.kwargs)
    if marker.args:
        given["server"] = marker.args[0]
    for name, value in given.items():
        if name not in names:
            raise pytest.UsageError(
                f"{where}: @pytest.mark.wasmcp has no argument `{name}`; it has {', '.join(f'`{n}`' for n in names)}",
            )
        kinds, expected = _KINDS[name]
        below = isinstance(value, (int, float)) and not 0 < value < inf  # False, too
        if not isinstance(value, kinds) or (isinstance(value, bool) and (bool not in kinds or not value)) or below:
            raise pytest.UsageError(f"{where}: @pytest.mark.wasmcp({name}=...) must be {expected}, got {value!r}")
        if (name == "transport" and value not in TRANSPORTS) or (name == "limits" and not _are_limits(value)):
            raise pytest.UsageError(f"{where}: @pytest.mark.wasmcp({name}=...) must be {expected}, got {value!r}")
    return given


def _are_limits(value: object) -> bool:
    from wasmcp.host.engine.limits import Limits

    return isinstance(value, Limits)


def option(config: pytest.Config, name: str) -> str | None:
    """Return a setting from the command line, or else from the ini file; None if neither has it."""
    value = config.getoption(name) or config.getini(name)
    return str(value) if value else None


def is_fast(config: pytest.Config) -> bool:
    """Return True for development builds: from the command line, the environment, or else the ini file.

    Raises:
        pytest.UsageError: Building is disabled.
    """
    given = os.environ.get(FAST, "").lower()
    chosen = given not in {"0", "false"} if given else bool(config.getini("wasmcp_fast"))
    if not config.getoption("wasmcp_fast") and not chosen:
        return False
    from wasmcp.project import skipped

    if skipped():
        raise pytest.UsageError(
            "`--wasmcp-fast` makes a development build when it is needed, and `WASMCP_SKIP_BUILD` forbids builds: "
            "unset one of them"
        )
    return True


def positive(config: pytest.Config, name: str, unit: str) -> float | None:
    """Return a number above 0 from the command line or the ini file.

    Raises:
        pytest.UsageError: The text is not such a number.
    """
    text = option(config, name)
    if text is None:
        return None
    # `float` would also accept `nan`, which is not a limit, `inf`, `1_0` and white space.
    number = float(text) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) else 0
    if not 0 < number < inf:
        raise pytest.UsageError(f"`{name}` must be a number of {unit} above 0, got {text!r}")
    return number


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
