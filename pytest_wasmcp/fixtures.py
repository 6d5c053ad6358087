"""Fixtures: servers for tests, their world (outgoing HTTP, clock and random numbers), and fakes for unit tests."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_wasmcp.targets import Builds, Given, is_fast, option, positive, server_scope

if TYPE_CHECKING:
    from pytest_wasmcp.aio import AsyncServer
    from pytest_wasmcp.factory import MakeServer, Token
    from wasmcp.auth.issuer import Issuer
    from wasmcp.guest.testing import FakeHttp, FakeKv
    from wasmcp.host import Limits
    from wasmcp.testing.outgoing_http import OutgoingHttp, Recording
    from wasmcp.testing.server import ServerUnderTest
    from wasmcp.testing.world import Clock, World


@pytest.fixture(scope="session")
def wasmcp_target() -> str | Path | None:
    """Return the server that tests run against; override it for a module or a folder."""
    return None


@pytest.fixture(scope="session")
def wasmcp_env() -> Mapping[str, str]:
    """Return environment variables of servers; override it for a module or a folder."""
    return {}


@pytest.fixture(scope="session")
def wasmcp_settings() -> Mapping[str, str]:
    """Return settings (`WASMCP_*`) of servers; override it for a module or a folder."""
    return {}


@pytest.fixture(scope="session")
def wasmcp_keyvalue() -> str | None:
    """Return the URL of the key-value store of servers; override it for a module or a folder."""
    return None


@pytest.fixture(scope="session")
def wasmcp_directories() -> Sequence[Any]:
    """Return the directories that servers see; override it for a module or a folder."""
    return ()


@pytest.fixture(scope="session")
def wasmcp_transport() -> str | None:
    """Return the transport of the methods of servers; override it for a module or a folder."""
    return None


@pytest.fixture(scope="session")
def wasmcp_token() -> Token:
    """Return the access token of requests; override it for a module or a folder."""
    return None


@pytest.fixture(scope=server_scope)
def wasmcp_issuer() -> Iterator[Issuer]:
    """Yield an issuer of access tokens, with an HTTP server on loopback: metadata, keys, introspection."""
    from pytest_wasmcp.factory import new_issuer

    with new_issuer() as issuer:
        yield issuer


@pytest.fixture(scope="session")
def wasmcp_limits(pytestconfig: pytest.Config) -> Limits:
    """Return the limits of the command line or the ini file; override it for other limits."""
    from wasmcp.host import Limits

    timeout = positive(pytestconfig, "wasmcp_timeout", "seconds")
    memory = positive(pytestconfig, "wasmcp_memory", "bytes")
    given: dict[str, Any] = {}
    if timeout:
        given["timeout"] = float(timeout)
    if memory:
        given["memory"] = int(memory)
    return Limits(**given)


@pytest.fixture(scope="session")
def wasmcp_builds(pytestconfig: pytest.Config) -> Iterator[Builds]:
    """Yield the cache of the builds of this session, failures included; the code of its servers stays loaded."""
    from wasmcp.host.engine.loaded_code import KEPT

    with KEPT.keeping():
        yield Builds(fast=is_fast(pytestconfig))


def _factory(name: str, scope: Any) -> Any:
    """Return the fixture of a factory of servers of a scope."""

    @pytest.fixture(name=name, scope=scope)
    def factory(  # noqa: PLR0917 - pytest passes by name
        request: pytest.FixtureRequest,
        wasmcp_target: str | Path | None,
        wasmcp_limits: Limits,
        wasmcp_env: Mapping[str, str],
        wasmcp_token: Token,
        wasmcp_settings: Mapping[str, str],
        wasmcp_keyvalue: str | None,
        wasmcp_directories: Sequence[Any],
        wasmcp_transport: str | None,
        wasmcp_builds: Builds,
        wasmcp_world: World,
    ) -> Iterator[MakeServer]:
        from pytest_wasmcp.factory import MakeServer, Overrides  # lazy: it is not needed to collect tests

        overrides = Overrides(
            wasmcp_target,
            wasmcp_limits,
            wasmcp_env,
            wasmcp_token,
            wasmcp_settings,
            wasmcp_keyvalue,
            wasmcp_directories,
            wasmcp_transport,
        )
        with ExitStack() as stack:
            yield MakeServer(request, overrides, wasmcp_builds, wasmcp_world, stack)

    factory.__doc__ = "Yield a factory of servers, for tests that need several servers or other options."
    return factory


make_wasmcp_server = _factory("make_wasmcp_server", "function")
wasmcp_shared_servers = _factory("wasmcp_shared_servers", server_scope)
wasmcp_session_servers = _factory("wasmcp_session_servers", "session")


@pytest.fixture(scope=server_scope)
def wasmcp_server(wasmcp_shared_servers: MakeServer) -> ServerUnderTest:
    """Return the project's composed server, rebuilt if it is stale, with a new state for each scope (default: test)."""
    return wasmcp_shared_servers()


@pytest.fixture(scope=server_scope)
def wasmcp_async_server(wasmcp_shared_servers: MakeServer) -> AsyncServer:
    """Return the project's composed server for tests that are coroutine functions."""
    from pytest_wasmcp.aio import AsyncServer

    return AsyncServer(wasmcp_shared_servers())


@pytest.fixture(scope="session")
def wasmcp_session_server(wasmcp_session_servers: MakeServer) -> ServerUnderTest:
    """Return the project's composed server, one for all tests of the session."""
    return wasmcp_session_servers()


@pytest.fixture
def wasmcp_fake_http() -> Iterator[FakeHttp]:
    """Yield a fake network, for handlers that are called without a server."""
    from wasmcp.guest.testing import fake_http

    with fake_http() as network:
        yield network


@pytest.fixture
def wasmcp_fake_kv() -> Iterator[FakeKv]:
    """Yield a fake key-value store in memory, for handlers that are called without a server."""
    from wasmcp.guest.testing import fake_kv

    with fake_kv() as store:
        yield store


@pytest.fixture
def wasmcp_fake_config() -> Iterator[dict[str, Any]]:
    """Yield the configuration, a dict to fill, of handlers that are called without a server."""
    from wasmcp.guest.testing import fake_config

    with fake_config() as values:
        yield values


@pytest.fixture
def wasmcp_fresh_instance() -> Iterator[None]:
    """Discard the objects of providers, for handlers that are called without a server."""
    from wasmcp.guest.testing import fresh_instance

    with fresh_instance():
        yield


MODE = "wasmcp_http_record"
MODES = ("once", "none", "new", "all")
"""As in `wasmcp.testing.outgoing_http`, which is not imported in runs without servers."""
_MODE_HELP = f"mode of recordings of outgoing HTTP: {', '.join(MODES)}"
_WORLD: pytest.StashKey[World] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the world."""
    group = parser.getgroup("wasmcp")
    group.addoption("--wasmcp-http-record", dest=MODE, default=None, choices=MODES, help=_MODE_HELP)
    parser.addini(MODE, _MODE_HELP, default="once")


def pytest_configure(config: pytest.Config) -> None:
    """Reject an invalid mode before any test runs."""
    if config.getini(MODE) not in MODES:
        listed = ", ".join(f"`{one}`" for one in MODES)
        raise pytest.UsageError(f"`{MODE}` must be one of {listed}, got {config.getini(MODE)!r}")


class Http:
    """Outgoing HTTP of the servers of a test, with recordings next to its module.

    Its other methods and attributes are those of `wasmcp.testing.outgoing_http.OutgoingHttp`.
    """

    def __init__(self, network: OutgoingHttp, folder: Path, mode: str) -> None:
        self._network = network
        self._folder = folder
        self._mode = mode

    def record(
        self, path: str | Path, urls: str = "*", *, mode: str | None = None, hide: tuple[str, ...] = ()
    ) -> Recording:
        """Replay the exchanges of a file, or record them in it; see `OutgoingHttp.record`.

        Args:
            path: The file, relative to the folder of the test's module.
            urls: The URL, or a prefix that ends with `*`.
            mode: `once`, `none`, `new` or `all`; by default that of the command line or the ini file.
            hide: Parameters of the query whose values are not written to the file.
        """
        return self._network.record(self._folder / path, urls, mode=mode or self._mode, hide=hide)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)


@pytest.fixture(scope="session")
def wasmcp_world(pytestconfig: pytest.Config) -> Iterator[World]:
    """Yield the world around the servers of this process."""
    from wasmcp.testing.world import World

    world = World(network=Given.of(pytestconfig).network)
    pytestconfig.stash[_WORLD] = world
    yield world
    world.close()


@pytest.fixture
def wasmcp_http(request: pytest.FixtureRequest, wasmcp_world: World) -> Iterator[Http]:
    """Yield the network that the servers of a test see: rules, recordings, requests."""
    mode = option(request.config, MODE) or MODES[0]
    yield Http(wasmcp_world.http, request.path.parent, mode)
    wasmcp_world.http.reset()


@pytest.fixture
def wasmcp_clock(wasmcp_world: World) -> Iterator[Clock]:
    """Yield the clocks and random numbers that the servers of a test see."""
    yield wasmcp_world.clock
    wasmcp_world.clock.reset()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Name the refused requests in the report of a failed test."""
    report = yield
    world = item.config.stash.get(_WORLD, None)
    if world is None or not world.http.refused:
        return report
    if report.failed:
        from wasmcp.terminal import printable

        lines = [*world.http.refused, "", f"rules: {world.http.known()}", _ADVICE]
        report.sections.append(("wasmcp refused HTTP requests", printable("\n".join(lines), keep="\n")))
    if call.when == "teardown":
        world.http.refused.clear()
    return report


_ADVICE = "Add a rule with the fixture `wasmcp_http`, or send requests to where they go with `--wasmcp-network`."
