"""Facts of a failed test's servers: a report section, properties for JUnit, and the files of `--wasmcp-artifacts`."""

from __future__ import annotations

import json
import re
import threading
import zlib
from collections import deque
from collections.abc import Generator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_wasmcp.report import RECORDINGS, trap_of

if TYPE_CHECKING:
    from pytest_wasmcp.report import Recording

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
