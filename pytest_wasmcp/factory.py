"""Factory of the servers of a test, a class, a module or a session, with their options from all places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_wasmcp.report import RECORDINGS, SHARED, Recording
from pytest_wasmcp.targets import Builds, Given, Marked, directory, folder_of, locate
from wasmcp.environment import AUTH_MODE

if TYPE_CHECKING:
    from wasmcp.auth.issuer import Issuer
    from wasmcp.host import Limits
    from wasmcp.testing.server import ServerUnderTest
    from wasmcp.testing.world import World

Token = str | bool | Mapping[str, Any] | None


@dataclass(frozen=True)
class Overrides:
    """Values of the fixtures that users override."""

    target: str | Path | None
    limits: Limits
    env: Mapping[str, str]
    token: Token
    settings: Mapping[str, str]
    keyvalue: str | None
    directories: Sequence[Any]
    transport: str | None


class MakeServer:
    """Type of `make_wasmcp_server`: a factory of servers that are closed when a test, class, module or session ends."""

    def __init__(
        self, request: pytest.FixtureRequest, overrides: Overrides, builds: Builds, world: World, stack: ExitStack
    ) -> None:
        self._request = request
        self._node = request.node
        self._overrides = overrides
        self._builds = builds
        self._world = world
        self._stack = stack
        self._marked = Marked.of(self._node)
        self._given = Given.of(request.config)
        self._issuer: Issuer | None = None

    def __call__(
        self,
        target: str | Path | None = None,
        *,
        limits: Limits | None = None,
        env: Mapping[str, str] | None = None,
        token: Token = None,
        settings: Mapping[str, str] | None = None,
        keyvalue: str | None = None,
        directories: Sequence[Any] | None = None,
        transport: str | None = None,
        **options: Any,
    ) -> ServerUnderTest:
        """Start a server: one of `[tool.wasmcp]` by its name, or any composed `.wasm` file by its path.

        Args:
            target: The server; by default that of the marker, the fixture, the command line or the ini file.
            limits: Its limits.
            env: Its environment variables, instead of those of the other places.
            token: The access token of requests; see `wasmcp_token`.
            settings: `WASMCP_*` by name, in addition to those of the other places.
            keyvalue: Its key-value store.
            directories: The directories that it sees, instead of those of the other places.
            transport: `in-process`, `stdio` or `http`.
            options: Further options of `wasmcp.host.open_server`.
        """
        from wasmcp.errors import HostError
        from wasmcp.testing.server import open_for_test

        marked, overrides, given = self._marked, self._overrides, self._given
        whole = {**given.settings, **overrides.settings, **(marked.settings or {}), **(settings or {})}
        found = locate(self._node, target or marked.server or overrides.target, self._builds)
        recording = Recording(self._node, found.path)
        self._record(recording)
        values: dict[str, Any] = {
            "limits": limits or self._limits(),
            "env": {**given.env, **overrides.env, **(marked.env or {})} if env is None else env,
            "on_wire": recording.on_wire,
            "on_message": recording.on_wire,
            "development": found.development,
            "keyvalue": keyvalue or marked.keyvalue or overrides.keyvalue or given.keyvalue,
            "directories": self._directories() if directories is None else self._resolved(directories),
            "instances": marked.instances or given.instances,
            "transport": transport or marked.transport or overrides.transport or given.transport,
            "world": self._world,
            "clock": self._uses_clock(),
            **options,
        }
        self._authorize(values, whole, token)
        if whole:
            values["settings"] = whole
        try:
            server = self._stack.enter_context(open_for_test(found.path, **recording.opening(values)))
        except HostError as error:
            if type(error) is HostError:  # a mistake in the options
                pytest.fail(str(error), pytrace=False)
            raise
        self._stack.callback(recording.closing)
        recording.opened(server)
        return server

    def _record(self, recording: Recording) -> None:
        if isinstance(self._node, pytest.Item):
            self._node.stash.setdefault(RECORDINGS, []).append(recording)
            return
        shared = self._node.stash.setdefault(SHARED, [])
        shared.append(recording)
        self._stack.callback(shared.remove, recording)

    def _limits(self) -> Limits:
        changed: dict[str, Any] = {}
        if self._marked.timeout is not None:
            changed["timeout"] = float(self._marked.timeout)
        if self._marked.memory is not None:
            changed["memory"] = self._marked.memory
        base = self._marked.limits or self._overrides.limits
        return replace(base, **changed) if changed else base

    def _directories(self) -> list[tuple[str, str, bool]]:
        """Return the directories of all places; the narrowest place wins for one path in the server."""
        own = self._resolved([*self._overrides.directories, *(self._marked.directories or ())])
        return list({each[1]: each for each in [*self._given.directories, *own]}.values())

    def _resolved(self, given: Sequence[Any]) -> list[tuple[str, str, bool]]:
        root = self._builds.project(folder_of(self._node)) or self._node.config.rootpath
        try:
            return [directory(each, root) for each in given]
        except ValueError as error:
            pytest.fail(f"`directories`: {error}", pytrace=False)

    def _authorize(self, values: dict[str, Any], settings: dict[str, str], token: Token) -> None:
        """Add the access token of requests, and the settings of the issuer that signed it."""
        usual = self._overrides.token if self._marked.token is None else self._marked.token
        given = usual if token is None else token
        if given is None or given is False:
            return
        issuer = self._opened_issuer()
        values["token"] = given if isinstance(given, str) else issuer.token(**({} if given is True else given))
        if AUTH_MODE not in settings:
            settings.update({**issuer.settings(), **settings})

    def _opened_issuer(self) -> Issuer:
        """Return the issuer of the test; a server of a wider scope than `wasmcp_issuer` has its own."""
        if self._issuer is None:
            shared = self._request.scope in {self._given.scope, "function"}
            self._issuer = (
                self._request.getfixturevalue("wasmcp_issuer") if shared else self._stack.enter_context(new_issuer())
            )
        return self._issuer

    def _uses_clock(self) -> bool:
        """Return True if the clock can be set: for a test that uses `wasmcp_clock`, and for shared servers."""
        return not isinstance(self._node, pytest.Item) or "wasmcp_clock" in self._request.fixturenames


@contextmanager
def new_issuer() -> Iterator[Issuer]:
    """Yield an issuer of access tokens; fail the test if its library is not installed."""
    from wasmcp.errors import AuthorizationError

    try:
        from wasmcp.auth.issuer import serving
    except AuthorizationError as error:
        pytest.fail(str(error), pytrace=False)
    import secrets

    with serving(clients={"wasmcp": secrets.token_urlsafe(16)}) as issuer:
        yield issuer
