"""Fixtures and options of the suite: the server, a connection for each transport and revision, and its report."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_wasmcp.suite_options import PROPERTY
from pytest_wasmcp.targets import option
from wasmcp.protocol import REVISIONS

if TYPE_CHECKING:
    from wasmcp.client.connection import Client
    from wasmcp.testing.suite import SuiteTarget

_TARGET: pytest.StashKey[SuiteTarget] = pytest.StashKey()


def target_of(config: pytest.Config) -> SuiteTarget:
    """Return the server under test.

    Raises:
        pytest.UsageError: None is given, or it is not one.
    """
    from wasmcp.errors import ConnectionFailedError
    from wasmcp.testing.suite import SuiteTarget

    if _TARGET not in config.stash:
        given = option(config, "wasmcp_server")
        if not given:
            raise pytest.UsageError(
                "the suite needs a server: --wasmcp-server FILE.wasm, a URL, or 'COMMAND ARGUMENT...'"
            )
        variable = config.getoption("wasmcp_suite_token")
        token = os.environ.get(variable) if variable else None
        if variable and not token:
            raise pytest.UsageError(f"the environment variable `{variable}` of `--wasmcp-suite-token` is not set")
        base = config.invocation_params.dir if config.getoption("wasmcp_server") else config.rootpath
        try:
            config.stash[_TARGET] = SuiteTarget.of(given, base=Path(base), token=token)
        except ConnectionFailedError as error:
            raise pytest.UsageError(f"--wasmcp-server: {error}") from None
    return config.stash[_TARGET]


def _transports(config: pytest.Config) -> Sequence[str]:
    try:
        return target_of(config).transports
    except pytest.UsageError as error:  # within a collection it is shown with its traceback
        raise pytest.Collector.CollectError(str(error)) from None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests for each transport, and those of the protocol for each revision."""
    if "suite_client" in metafunc.fixturenames:
        pairs = [(transport, one) for transport in _transports(metafunc.config) for one in REVISIONS]
        ids = [f"{transport}-{revision}" for transport, revision in pairs]
        metafunc.parametrize("suite_client", pairs, indirect=True, ids=ids, scope="session")
    elif "suite_transport" in metafunc.fixturenames:
        metafunc.parametrize("suite_transport", _transports(metafunc.config), scope="session")


@pytest.fixture(scope="session")
def suite_target(pytestconfig: pytest.Config) -> Iterator[SuiteTarget]:
    """Yield the server under test."""
    target = target_of(pytestconfig)
    yield target
    target.close()


@pytest.fixture(scope="session")
def suite_client(request: pytest.FixtureRequest, suite_target: SuiteTarget) -> Iterator[Client]:
    """Yield a client of one transport and revision; tests are skipped if the server does not have the revision."""
    from wasmcp.errors import WasmcpError

    transport, revision = request.param
    try:
        client = suite_target.connect(transport, revision)
    except WasmcpError as error:
        pytest.skip(f"{transport}: no connection with revision {revision}: {str(error).splitlines()[0]}")
    with client:
        yield client


@pytest.fixture(scope="session")
def suite_latest(suite_target: SuiteTarget) -> Iterator[Client]:
    """Yield a client of the first transport, with the latest revision that both know."""
    from wasmcp.errors import WasmcpError

    try:
        client = suite_target.connect(suite_target.transports[0])
    except WasmcpError as error:
        pytest.fail(f"no connection: {error}", pytrace=False)
    with client:
        yield client


@pytest.fixture(scope="session")
def suite_lists(suite_latest: Client) -> dict[str, list[dict[str, Any]]]:
    """Return the lists of the server."""
    from wasmcp.testing.suite import lists_of

    return lists_of(suite_latest)[0]


class Report:
    """Lines of one test for the report of the suite."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item
        self.is_strict = bool(item.config.getoption("wasmcp_suite_strict"))

    def add(self, line: str) -> None:
        """Add a line."""
        self._item.user_properties.append((PROPERTY, line))

    def assert_no_problems(self, problems: Sequence[str], warnings: Sequence[str] = ()) -> None:
        """Fail with the problems; warnings count as problems with `--wasmcp-suite-strict`."""
        from wasmcp.terminal import printable

        for warning in () if self.is_strict else warnings:
            self.add(f"warning: {warning}")
        failing = [*problems, *(warnings if self.is_strict else ())]
        if failing:
            pytest.fail("\n".join(printable(f"- {problem}") for problem in failing), pytrace=False)


@pytest.fixture
def suite_report(request: pytest.FixtureRequest) -> Report:
    """Return the report of this test."""
    return Report(request.node)
