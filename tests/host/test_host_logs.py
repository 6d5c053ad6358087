"""Log records of the host: routes to a program's handlers and to standard error, without blocking."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wasmcp.errors import GuestTrapError
from wasmcp.host import Server
from wasmcp.host.client.server import open_server
from wasmcp.host.engine import logs
from wasmcp.host.engine.logs import Echo, RecordQueue
from wasmcp.host.mcp.jsonrpc import report
from wasmcp.host.transports.stdio import StdioSession

TRAP = b'{"jsonrpc":"2.0","id":1,"method":"!T"}'


class Collector(logging.Handler):
    """Handler of an embedding program: keeps records, and waits while it is held."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.arrived = threading.Event()
        self.released = threading.Event()
        self.released.set()

    def emit(self, record: logging.LogRecord) -> None:
        self.arrived.set()
        assert self.released.wait(60)
        self.records.append(record)


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A handler of the logger `wasmcp`, the only one."""
    handler, logger = Collector(), logging.getLogger("wasmcp")
    monkeypatch.setattr(logger, "propagate", False)
    logger.addHandler(handler)
    yield handler
    handler.released.set()
    logs.flush()
    logger.removeHandler(handler)


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def test_failed_request_is_a_record_with_its_error(server: Server, collector: Collector) -> None:
    answers: list[bytes] = []
    session = StdioSession(answers.append, server.limits, None)
    session.ready(server)
    session.line(TRAP)
    session.drain()
    logs.flush()
    assert json.loads(answers[0])["error"]["code"] == -32603
    (record,) = collector.records
    assert (record.name, record.levelname) == ("wasmcp.host.requests", "ERROR")
    assert isinstance(vars(record)["error"], GuestTrapError)
    assert record.getMessage().startswith("GuestTrapError: ")


def test_lines_of_components_are_records(collector: Collector, server_file: Path) -> None:
    echo = Echo("text.wasm")
    echo.write(b"first\nsec")
    echo.write(b"ond \x1b[2J\n")
    echo.close()
    logs.flush()
    assert [record.getMessage() for record in collector.records] == ["first", "second \\x1b[2J"]
    assert {(record.name, record.levelname) for record in collector.records} == {("wasmcp.host.server", "INFO")}
    facts = [(vars(record)["line"], vars(record)["server"]) for record in collector.records]
    assert facts == [("first", "text.wasm"), ("second \x1b[2J", "text.wasm")]


def test_handler_that_blocks_delays_no_request(server: Server, collector: Collector) -> None:
    collector.released.clear()
    answers: list[bytes] = []
    session = StdioSession(answers.append, server.limits, None)
    session.ready(server)
    for _ in range(5):
        session.line(TRAP)
    session.drain()
    assert len(answers) == 5
    assert collector.arrived.wait(60)
    assert collector.records == []
    collector.released.set()
    logs.flush()
    assert len(collector.records) == 5


def test_records_beyond_the_limit_are_dropped_and_counted(
    collector: Collector, capfd: pytest.CaptureFixture[str]
) -> None:
    collector.released.clear()
    queue, logger = RecordQueue(most=20_000), logging.getLogger("wasmcp.host.test")
    for number in range(100):
        queue.put(logger, logger.makeRecord(logger.name, 40, "", 0, str(number), (), None))
    assert not queue.flush(0.01)
    collector.released.set()
    assert queue.flush(60)
    queue.put(logger, logger.makeRecord(logger.name, 40, "", 0, "later", (), None))
    assert queue.flush(60)
    logs.flush()
    kept = [record.getMessage() for record in collector.records]
    assert kept[:3] == ["0", "1", "2"]
    assert kept[-1] == "later"
    assert 30 < len(kept) < 45
    dropped = re.findall(r"^wasmcp: (\d+) log records were dropped", capfd.readouterr().err, re.MULTILINE)
    assert sum(map(int, dropped)) == 101 - len(kept)


def test_handler_with_an_error_does_not_end_the_thread(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(record: logging.LogRecord) -> None:
        raise ValueError(record)

    monkeypatch.setattr(collector, "emit", fail)
    logs.log(logs.REQUESTS, logs.ERROR, "first")
    logs.flush()
    monkeypatch.undo()
    logs.log(logs.REQUESTS, logs.ERROR, "second")
    logs.flush()
    assert "second" in [record.getMessage() for record in collector.records]


def test_levels_of_the_program_apply(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    logs.log(logs.ENGINE, logs.INFO, "below the level of the root logger")
    monkeypatch.setattr(logging.getLogger("wasmcp.host"), "level", logging.INFO)
    logs.log(logs.ENGINE, logs.INFO, "enabled")
    monkeypatch.setattr(logging.getLogger("wasmcp.host.server"), "level", logging.ERROR)
    Echo().write(b"disabled\n")
    monkeypatch.setattr(logging.getLogger("wasmcp.host"), "level", logging.CRITICAL)
    report(GuestTrapError("disabled"))
    logs.flush()
    assert [record.getMessage() for record in collector.records] == ["enabled"]


def test_without_handlers_warnings_go_to_standard_error() -> None:
    script = r"""
from wasmcp.host.engine import logs
logs.log(logs.ENGINE, logs.INFO, "a compilation")
logs.log(logs.CONFIGURATION, logs.WARNING, "a stale server")
logs.log(logs.REQUESTS, logs.ERROR, "an error\nwith \x07details")
logs.flush()
"""
    expected = "wasmcp: warning: a stale server\nwasmcp: an error\nwasmcp: with \\x07details\n"
    assert run(script).stderr == expected


def test_a_process_that_serves_writes_information_without_importing_logging() -> None:
    script = """
import sys
from wasmcp.host.engine import logs
logs.log(logs.ENGINE, logs.INFO, "before")
logs.set_up()
logs.log(logs.ENGINE, logs.INFO, "compiling", path="x.wasm")
logs.flush()
print("logging" in sys.modules)
"""
    done = run(script)
    assert (done.stdout, done.stderr) == ("False\n", "wasmcp: compiling\n")


def test_logs_while_another_thread_imports_logging() -> None:
    script = """
import builtins, sys, threading
from wasmcp.host.engine import logs
assert "logging" not in sys.modules
begun, released, whole = threading.Event(), threading.Event(), builtins.__import__

def pausing(name, *rest):
    if rest and (rest[0] or {}).get("__name__") == "logging":
        begun.set()
        released.wait(60)
    return whole(name, *rest)

builtins.__import__ = pausing
importing = threading.Thread(target=lambda: whole("logging"), daemon=True)
importing.start()
print(begun.wait(60), hasattr(sys.modules["logging"], "getLogger"))
logs.log(logs.REQUESTS, logs.ERROR, "during the import")
released.set()
importing.join()
logs.log(logs.REQUESTS, logs.ERROR, "after it")
logs.flush()
print(hasattr(sys.modules["logging"], "getLogger"))
"""
    done = run(script)
    assert done.stdout == "True False\nTrue\n"
    assert done.stderr == "wasmcp: during the import\nwasmcp: after it\n"


def test_configuration_of_the_program_replaces_standard_error(server_file: Path, tmp_path: Path) -> None:
    script = """
import logging, sys
logging.basicConfig(filename=sys.argv[2], level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
from wasmcp.host.engine import logs
logs.set_up()
logs.log(logs.TRANSPORTS, logs.INFO, "serving")
logs.log(logs.CONFIGURATION, logs.WARNING, "stale")
"""
    done = run(script, "", str(tmp_path / "log"))
    assert done.stderr == ""
    assert (tmp_path / "log").read_text().splitlines() == [
        "wasmcp.host.transports INFO serving",
        "wasmcp.host.configuration WARNING stale",
    ]


def test_blocked_stream_of_a_handler_delays_no_request(server_file: Path) -> None:
    """A pipe takes 64 KiB; each failure logs more than 100 bytes."""
    script = """
import logging, sys
from wasmcp.host import open_server
from wasmcp.host.transports.stdio import StdioSession
logging.basicConfig(level=logging.INFO)  # a handler that blocks when standard error is not read
answers = []
with open_server(sys.argv[1]) as server:
    session = StdioSession(answers.append, server.limits, None)
    session.ready(server)
    for number in range(1000):
        session.line(b'{"jsonrpc":"2.0","id":%d,"method":"!T"}' % number)
    session.drain()
print(len(answers), flush=True)
"""
    command = [sys.executable, "-c", script, str(server_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "1000\n"
        assert "ERROR:wasmcp.host.requests:GuestTrapError" in process.stderr.read()
    assert process.returncode == 0


def test_open_server_logs_the_components_lines_with_the_servers_name(
    server_file: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Callable[[bytes], None]] = []
    with open_server(server_file, echo_stderr=True) as server:
        written.append(server._stderr.write)
        written[0](b"a line\n")
        logs.flush()
    (record,) = collector.records
    assert vars(record)["server"] == str(server_file)
