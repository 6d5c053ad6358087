"""Fixtures: servers for tests, and fakes for unit tests."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from pytest_wasmcp.aio import AsyncServer
from pytest_wasmcp.report import RECORDINGS, Recording
from pytest_wasmcp.targets import Builds, Marked, is_fast, locate, positive
from wasmcp.environment import AUTH_MODE

if TYPE_CHECKING:
    from wasmcp.auth.issuer import Issuer
    from wasmcp.guest.testing import FakeHttp, FakeKv
    from wasmcp.host import Limits, Server


class MakeServer(Protocol):
    """Type of `make_wasmcp_server`: a factory whose servers are closed when the test ends."""

    def __call__(
        self,
        target: str | Path | None = None,
        *,
        limits: Limits | None = None,
        env: Mapping[str, str] | None = None,
        token: str | bool | Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Server:
        """Start a server: one of `[tool.wasmcp]` by its name, or any composed `.wasm` file by its path."""


@pytest.fixture
def wasmcp_target() -> str | Path | None:
    """Return the server that tests run against; override it for a module or a folder."""
    return None


@pytest.fixture
def wasmcp_env() -> Mapping[str, str]:
    """Return environment variables of servers; override it for a module or a folder."""
    return {}


@pytest.fixture
def wasmcp_token() -> str | bool | Mapping[str, Any] | None:
    """Return the access token of requests; override it for a module or a folder."""
    return None


@pytest.fixture
def wasmcp_issuer() -> Iterator[Issuer]:
    """Yield an issuer of access tokens, with an HTTP server on loopback: metadata, keys, introspection."""
    from wasmcp.errors import AuthorizationError

    try:
        from wasmcp.auth.issuer_server import serving
    except AuthorizationError as error:
        pytest.fail(str(error), pytrace=False)
    with serving(clients={"wasmcp": secrets.token_urlsafe(16)}) as issuer:
        yield issuer


@pytest.fixture
def wasmcp_limits(request: pytest.FixtureRequest) -> Limits:
    """Return the limits of the marker, the command line or the ini file; override it for other limits."""
    from wasmcp.host import Limits

    marked = Marked.of(request.node)
    timeout = marked.timeout or positive(request.config, "wasmcp_timeout", "seconds")
    memory = marked.memory or positive(request.config, "wasmcp_memory", "bytes")
    given: dict[str, Any] = {}
    if timeout:
        given["timeout"] = float(timeout)
    if memory:
        given["memory"] = int(memory)
    return Limits(**given)


@pytest.fixture(scope="session")
def wasmcp_builds(pytestconfig: pytest.Config) -> Builds:
    """Return the cache of the builds of this session, failures included."""
    return Builds(fast=is_fast(pytestconfig))


@pytest.fixture
def make_wasmcp_server(  # noqa: PLR0917 - pytest passes by name
    request: pytest.FixtureRequest,
    wasmcp_target: str | Path | None,
    wasmcp_limits: Limits,
    wasmcp_env: Mapping[str, str],
    wasmcp_token: str | bool | Mapping[str, Any] | None,
    wasmcp_builds: Builds,
) -> Iterator[MakeServer]:
    """Yield a factory of servers, for tests that need several servers or other options."""
    from wasmcp.host import open_server

    node = request.node
    marked = Marked.of(node)
    environment = {**wasmcp_env, **(marked.env or {})}
    usual_token = wasmcp_token if marked.token is None else marked.token

    with ExitStack() as stack:

        def make(
            target: str | Path | None = None,
            *,
            limits: Limits | None = None,
            env: Mapping[str, str] | None = None,
            token: str | bool | Mapping[str, Any] | None = None,
            **options: Any,
        ) -> Server:
            given = usual_token if token is None else token
            if given is not None and given is not False:
                issuer: Issuer = request.getfixturevalue("wasmcp_issuer")
                options["token"] = given if isinstance(given, str) else issuer.token(**_arguments(given))
                settings = options.get("settings") or {}
                options["settings"] = settings if AUTH_MODE in settings else {**issuer.settings(), **settings}
            found = locate(node, target or marked.server or wasmcp_target, wasmcp_builds)
            recording = Recording(node, found.path)
            node.stash.setdefault(RECORDINGS, []).append(recording)
            given_options = {
                "limits": limits or wasmcp_limits,
                "env": environment if env is None else env,
                "on_wire": recording.on_wire,
                "development": found.development,
                **options,
            }
            server = stack.enter_context(open_server(found.path, **recording.opening(given_options)))
            stack.callback(recording.closing)
            return recording.opened(server)

        yield make


def _arguments(token: bool | Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the arguments of `Issuer.token` for a token that is not a text."""
    return {} if isinstance(token, bool) else token


@pytest.fixture
def wasmcp_server(make_wasmcp_server: MakeServer) -> Server:
    """Return the project's composed server, rebuilt if it is stale, with a new state for this test."""
    return make_wasmcp_server()


@pytest.fixture
def wasmcp_async_server(make_wasmcp_server: MakeServer) -> AsyncServer:
    """Return the project's composed server for a test that is a coroutine function."""
    return AsyncServer(make_wasmcp_server())


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
