"""Fixtures of the world around servers: outgoing HTTP, clock and random numbers."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from pytest_wasmcp.targets import Given, option

if TYPE_CHECKING:
    from pathlib import Path

    from wasmcp.testing.outgoing_http import OutgoingHttp, Recording
    from wasmcp.testing.world import Clock, World

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
