"""Matrix of runtimes: a fixed part of it, and all of it with `WASMCP_MATRIX=1` (`make matrix`)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest
from support.registries import PROGRAM as REGISTRY
from support.rust_crates import MISSING
from support.wash_servers import needs_nats, needs_wash
from support.web_server import web_server

from engines.checks import check
from engines.running import Servers
from engines.table import CASES, FAILURES, PAGE, RUNTIMES, UNDECIDED, in_slice, page, server_of

WHOLE = os.environ.get("WASMCP_MATRIX") == "1"
CELLS = sorted(
    (
        (runtime, case)
        for runtime in RUNTIMES
        for case in CASES
        if (WHOLE or in_slice(runtime, case)) and (runtime, case) not in UNDECIDED
    ),
    key=lambda cell: (list(RUNTIMES).index(cell[0]), server_of(*cell)),
)
needs_host = pytest.mark.skipif(
    REGISTRY is None, reason="SKIPPED LOUDLY: `docker-registry` is not installed: run `make system-deps`"
)
MARKS = {"wash-dev": [needs_wash], "wash-host": [needs_wash, needs_nats, needs_host]}


class Running:
    """The running server; at most one at a time. A start that failed fails again without another attempt."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers
        self._key = ("", "")
        self._port = 0
        self._failure: AssertionError | None = None
        self._stack = contextlib.ExitStack()

    def port(self, runtime: str, server: str) -> int:
        """Run a server under a runtime, unless it is running; return its port.

        Raises:
            AssertionError: It does not start.
        """
        if self._key != (runtime, server):
            self.close()
            self._key, self._failure = (runtime, server), None
            try:
                self._port = self._stack.enter_context(self.servers.running(server, runtime))
            except AssertionError as error:
                self._failure = error
        if self._failure is not None:
            raise self._failure
        return self._port

    def close(self) -> None:
        """Stop the server."""
        self._stack.close()


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("runtimes")
    with web_server() as web:
        servers = Servers(folder, web, lambda: str(request.getfixturevalue("wash")))
        with contextlib.closing(Running(servers)) as one:
            yield one


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("runtime", "case"), [pytest.param(*cell, marks=MARKS.get(cell[0], []), id="-".join(cell)) for cell in CELLS]
)
def test_cell(runtime: str, case: str, running: Running) -> None:
    if case.startswith("rust-") and MISSING:
        pytest.skip(f"SKIPPED LOUDLY: {MISSING}")
    expected = FAILURES.get((runtime, case))
    try:
        check(case, running.port(runtime, server_of(runtime, case)), running.servers)
    except Exception as error:
        text = _texts(error)
        if expected is None or expected.symptom not in text:
            raise
        pytest.xfail(expected.reason)
    assert expected is None, f"the cell works, against the table: {expected}"


def _texts(error: BaseException) -> str:
    """Return the texts of an error, of those in its group, and of its causes."""
    parts = [f"{type(error).__name__}: {error}"]
    if isinstance(error, BaseExceptionGroup):
        parts += map(_texts, error.exceptions)
    cause = error.__cause__ or error.__context__
    return "\n".join([*parts, *([_texts(cause)] if cause is not None else [])])


def test_page_of_the_documentation_is_that_of_the_table() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `make matrix`"


def test_expected_failures_are_cells() -> None:
    assert {cell for cell in FAILURES if cell[0] not in RUNTIMES or cell[1] not in CASES} == set()
    assert all(failure.reason.endswith(".") and failure.symptom for failure in FAILURES.values())
