"""Reports of failed tests on their servers: sections, properties for JUnit, and the files of `--wasmcp-artifacts`.

They have the messages, the guest's standard error and the trap.
"""

from __future__ import annotations

import json
import re
import threading
import zlib
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from wasmcp.errors import GuestTrapError
    from wasmcp.host import Server

MESSAGES = 20
LONGEST = 2_000

RECORDINGS: pytest.StashKey[list[Recording]] = pytest.StashKey()
SHARED: pytest.StashKey[list[Recording]] = pytest.StashKey()
"""Recordings of the servers that the tests of a class, a module or a session share, at that node."""


class Recording:
    """Recording of the last messages of one server, with the server itself for its standard error.

    Attributes:
        label: The name of the server's file.
        node: The test that opened the server, or that uses it now, if it is shared.
        path: The file of the server.
        server: The server; None until it is open.
    """

    def __init__(self, node: Any, path: Path) -> None:
        """Record for a server.

        Args:
            node: The test that opens it.
            path: The file of the server.
        """
        self.label = path.name
        self.node = node
        self.path = path
        self.server: Server | None = None
        self._hook = node.ihook
        self._is_heard = bool(self._hook.pytest_wasmcp_message.get_hookimpls())
        self._messages: deque[tuple[str, str]] = deque(maxlen=MESSAGES)
        self._seen = 0
        self._lock = threading.RLock()

    def begin(self, item: pytest.Item) -> None:
        """Record for another test."""
        self.node = item
        self._messages.clear()
        self._seen = 0

    def on_wire(self, direction: str, text: str, client: object = None) -> None:
        """Record a message; called by the server for each one, on any thread."""
        with self._lock:
            self._seen += 1
            self._messages.append((direction, text))
            if self._is_heard:
                self._hook.pytest_wasmcp_message(recording=self, direction=direction, text=text, client=client)

    def opening(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the options of `wasmcp.host.open_server`, after the hooks."""
        self._hook.pytest_wasmcp_server_options(recording=self, options=options)
        return options

    def opened(self, server: Server) -> Server:
        """Take the server that was opened."""
        self.server = server
        self._hook.pytest_wasmcp_server_opened(recording=self)
        return server

    def closing(self) -> None:
        """Call the hooks before the server is closed."""
        self._hook.pytest_wasmcp_server_closing(recording=self)

    def wire(self) -> str:
        """Return the last messages, one per line, each shortened to a readable length."""
        messages = list(self._messages)  # other threads can add further ones
        lines = [f"{direction} {shortened(text)}" for direction, text in messages]
        left_out = self._seen - len(messages)
        return "\n".join([f"({left_out} earlier messages)", *lines] if left_out else lines)

    def stderr(self) -> str:
        """Return the guest's standard error."""
        return self.server.stderr if self.server is not None else ""


def shortened(text: str) -> str:
    """Return a text without its middle if it is too long."""
    if len(text) <= LONGEST:
        return text
    half = LONGEST // 2
    return f"{text[:half]} ... {len(text) - LONGEST} characters ... {text[-half:]}"


def attach_shared(item: pytest.Item, *, begin: bool = False) -> None:
    """Add the recordings of servers that a test shares with others to those of the test.

    Args:
        item: The test.
        begin: True before the test, to drop the messages of the test before.
    """
    for node in item.listchain()[:-1]:
        for recording in node.stash.get(SHARED, ()):
            own = item.stash.setdefault(RECORDINGS, [])
            if recording not in own:
                own.append(recording)
                if begin:
                    recording.begin(item)
                recording.node = item


def add_sections(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Append the recordings of a test's servers to its failed report."""
    from wasmcp.terminal import printable

    for recording in item.stash.get(RECORDINGS, []):
        for title, text in (("wasmcp wire", recording.wire()), ("wasmcp guest stderr", recording.stderr())):
            if text:
                report.sections.append((f"{title}: {recording.label}", printable(text, keep="\n\t")))
    error = trap_of(call.excinfo.value if call.excinfo is not None else None)
    if error is not None and error.backtrace:
        report.sections.append(("wasmcp trap", printable(error.backtrace, keep="\n")))


def properties_of(terminalreporter: pytest.TerminalReporter, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the test and the value of each property of a name, of all workers."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                yield from ((report.nodeid, value) for key, value in report.user_properties if key == name)


def trap_of(error: BaseException | None) -> GuestTrapError | None:
    """Return the trap that an exception is, has as a cause or context, or groups; None without one."""
    from wasmcp.errors import GuestTrapError

    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, GuestTrapError):
            return one
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        waiting += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
    return None


def messages_of(text: str) -> list[Any]:
    """Return the JSON-RPC messages of a body: JSON, or server-sent events."""
    found = []
    for part in [text] if text.lstrip()[:1] in {"{", "["} else _events(text):
        try:
            found.append(json.loads(part))
        except (ValueError, RecursionError):
            continue
    return found


def _events(text: str) -> list[str]:
    from wasmcp.client.transport import events

    if "data:" not in text:
        return []
    return [event.data for event in events(line.encode() for line in text.splitlines(keepends=True)) if event.data]


OPTION = "wasmcp_artifacts"
_HELP = "write the messages, standard error and traps of servers of failed tests to files in this folder"
MOST_OF_RUN = 512 << 20
"""Maximum bytes of the messages and standard error of all failed tests of a process."""


class Messages:
    """Messages of one server for a file, the oldest left out beyond a limit.

    Attributes:
        size: Their characters.
    """

    def __init__(self, most: int = 16 << 20) -> None:
        """Begin without messages.

        Args:
            most: The maximum number of their characters.
        """
        self._most = most
        self._lines: deque[tuple[str, str]] = deque()
        self.size = 0
        self._left_out = 0

    def add(self, direction: str, text: str) -> None:
        """Add a message."""
        self._lines.append((direction, text))
        self.size += len(text)
        while self.size > self._most:
            self.drop()

    def drop(self) -> None:
        """Leave the oldest message out."""
        self.size -= len(self._lines.popleft()[1])
        self._left_out += 1

    def text(self) -> str:
        """Return one JSON object a line, in ASCII: `{"direction": "->", "text": "..."}`."""
        head = [json.dumps({"left_out": self._left_out})] if self._left_out else []
        lines = [json.dumps({"direction": direction, "text": text}) for direction, text in list(self._lines)]
        return "".join(f"{line}\n" for line in (*head, *lines))


class TestMessages:
    """Messages of the servers of one test; beyond a limit, the oldest of the server with the most are left out."""

    __test__ = False  # not a class of tests

    def __init__(self, most: int = 64 << 20) -> None:
        """Begin without messages.

        Args:
            most: The maximum number of the characters of all servers.
        """
        self._most = most
        self._kept: dict[int, Messages] = {}
        self._lock = threading.Lock()

    def add(self, server: int, direction: str, text: str) -> None:
        """Add a message of a server; called on any thread."""
        with self._lock:
            self._kept.setdefault(server, Messages()).add(direction, text)
            while sum(one.size for one in self._kept.values()) > self._most:
                max(self._kept.values(), key=lambda one: one.size).drop()

    def text(self, server: int) -> str:
        """Return the messages of a server; see `Messages.text`."""
        with self._lock:
            return self._kept.get(server, Messages()).text()


_MESSAGES: pytest.StashKey[TestMessages] = pytest.StashKey()
_WRITTEN: pytest.StashKey[int] = pytest.StashKey()
"""Bytes of messages and standard error that were written in this run."""
_IS_WRITTEN: pytest.StashKey[bool] = pytest.StashKey()
"""Set if the files of a test were written, for a failure in another phase of it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of the folder."""
    parser.getgroup("wasmcp").addoption("--wasmcp-artifacts", metavar="DIR", help=_HELP)
    parser.addini(OPTION, _HELP + ", relative to the root directory", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Find the folder once, for all workers of pytest-xdist."""
    given, configured = config.getoption(OPTION), config.getini(OPTION)
    if given:
        config.option.wasmcp_artifacts = str(Path(config.invocation_params.dir, given))
    elif configured:
        config.option.wasmcp_artifacts = str(config.rootpath / configured)


def pytest_wasmcp_message(recording: Recording, direction: str, text: str) -> None:
    """Keep a message for the file."""
    node = recording.node
    if node.config.getoption(OPTION):
        node.stash.setdefault(_MESSAGES, TestMessages()).add(id(recording), direction, text)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the facts of its servers to a failed test."""
    report = yield
    if report.failed and item.stash.get(RECORDINGS, None):
        _add_facts(item, call, report)
    if call.when == "teardown":
        if _MESSAGES in item.stash:
            del item.stash[_MESSAGES]
        if _IS_WRITTEN in item.stash:
            del item.stash[_IS_WRITTEN]
    return report


def _add_facts(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    from wasmcp.terminal import printable

    trap = trap_of(call.excinfo.value if call.excinfo is not None else None)
    servers = [_facts(recording, item.config) for recording in item.stash[RECORDINGS]]
    for facts in servers:
        lines = [f"{name}: {value}" for name, value in facts.items()]
        report.sections.append((f"wasmcp server: {facts['file']}", printable("\n".join(lines), keep="\n")))
        item.user_properties += [("wasmcp_server", printable(facts["file"])), ("wasmcp_server_digest", facts["digest"])]
    if trap is not None:
        item.user_properties.append(("wasmcp_trap", printable(trap.reason)))
        if trap.component:
            item.user_properties.append(("wasmcp_trap_component", printable(trap.component)))
    folder = item.config.getoption(OPTION)
    if folder:
        written = _write(Path(folder), item, servers, "" if trap is None else trap.summary() + "\n" + trap.backtrace)
        item.user_properties.append((OPTION, written))
        report.sections.append(("wasmcp artifacts", written))


def _facts(recording: Recording, config: pytest.Config) -> dict[str, Any]:
    """Return the versions and the digest of a server."""
    from importlib.metadata import version

    root = config.rootpath
    path = recording.path
    try:
        data = path.read_bytes()
        digest, size = f"sha256:{sha256(data).hexdigest()}", f"{len(data):,} bytes"
    except OSError as error:
        digest = size = f"unknown: {error.strerror}"
    server = recording.server
    return {
        "file": path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name,
        "digest": digest,
        "size": size,
        "wasmcp": version("wasmcp"),
        "wasmtime": version("wasmtime"),
        "limits": "the server did not open"
        if server is None
        else f"{server.limits.timeout} s a request, {server.limits.memory} bytes a memory",
    }


def _write(folder: Path, item: pytest.Item, servers: list[dict[str, Any]], trap: str) -> str:
    """Write the files of a failed test. Return their folder, or why they cannot be written."""
    from wasmcp.terminal import printable

    name = re.sub(r"[^A-Za-z0-9._-]+", "-", item.nodeid).strip("-.")[-100:]
    target = folder / f"{name}-{zlib.crc32(item.nodeid.encode()):08x}"
    kept = item.stash.get(_MESSAGES, TestMessages())
    left_out = False
    try:
        target.mkdir(parents=True, exist_ok=True)
        for old in () if _IS_WRITTEN in item.stash else target.iterdir():
            with suppress(OSError):
                old.unlink()
        item.stash[_IS_WRITTEN] = True
        recordings = item.stash[RECORDINGS]
        for number, (recording, facts) in enumerate(zip(recordings, servers, strict=True), 1):
            start = f"{number}-{re.sub('[^A-Za-z0-9._-]+', '-', recording.label)}"
            (target / f"{start}.json").write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
            large = {"wire.jsonl": kept.text(id(recording)), "stderr.txt": printable(recording.stderr(), keep="\n\t")}
            for suffix, text in large.items():
                data = text.encode("utf-8", "backslashreplace")
                whole = item.config.stash.get(_WRITTEN, 0) + len(data)
                if whole > MOST_OF_RUN:
                    left_out = True
                    continue
                item.config.stash[_WRITTEN] = whole
                (target / f"{start}.{suffix}").write_bytes(data)
        if trap:
            (target / "trap.txt").write_text(printable(trap, keep="\n\t") + "\n", "utf-8")
    except OSError as error:
        return f"the files in `{target}` cannot be written: {error.strerror}"
    return (
        f"{target} (without messages: those of this run are above {MOST_OF_RUN:,} bytes)" if left_out else str(target)
    )
