"""Snapshots of the surfaces of servers: the fixture `wasmcp_snapshot`, and a test without code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_wasmcp.report import properties_of

if TYPE_CHECKING:
    from wasmcp.host import Server

FILE = "wasmcp_snapshot_file"
DEFAULT_FILE = "wasmcp-surface.json"
PROPERTY = "wasmcp_snapshot"
_COLLECTOR = "wasmcp-snapshot"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of snapshots."""
    group = parser.getgroup("wasmcp")
    group.addoption(
        "--wasmcp-snapshot",
        action="store_true",
        help="add a test that compares the server's tools, resources, prompts and grants with a file",
    )
    group.addoption("--wasmcp-snapshot-update", action="store_true", help="write the files of snapshots")
    parser.addini(FILE, "the file of `--wasmcp-snapshot`, relative to the root directory", default=DEFAULT_FILE)


class Snapshot:
    """Comparison of the surfaces of servers with files, for one test."""

    def __init__(self, item: pytest.Item, folder: Path, stem: str, *, update: bool) -> None:
        self._item = item
        self._folder = folder
        self._stem = stem
        self._update = update

    def check(self, server: Server | Mapping[str, Any], name: str = "surface") -> None:
        """Compare a server with its snapshot; fail with the differences in the words of `wasmcp diff`.

        With `--wasmcp-snapshot-update` the snapshot is written instead.

        Args:
            server: The server, or its `surface()`, also a changed one.
            name: The name of the snapshot, for a test with several.
        """
        found = server if isinstance(server, Mapping) else server.surface()
        self._check(found, self._folder / f"{self._stem}.{_file_name(name)}.json")

    def check_configured(self, found: Mapping[str, Any]) -> None:
        """Compare a surface with the file of the ini value."""
        config = self._item.config
        self._check(found, config.rootpath / str(config.getini(FILE)))

    def _check(self, found: Mapping[str, Any], path: Path) -> None:
        """Compare a surface with that in a file, or write the file."""
        from wasmcp.errors import SurfaceFileError
        from wasmcp.insight.server_diff import (
            count_text,
            difference_lines,
            read_surface,
            surface_differences,
            write_surface,
        )

        shown = _relative(path, self._item.config.rootpath)
        update = "run pytest with `--wasmcp-snapshot-update`"
        try:
            known = read_surface(path)
            if self._update:
                differences = surface_differences(known, found) if known is not None else []
                done = f"unchanged {shown}"
                if known is None or differences:
                    write_surface(path, found)
                    what = "new" if known is None else count_text(differences)
                    done = f"wrote {shown}: {what}"
                self._item.user_properties.append((PROPERTY, done))
                return
        except SurfaceFileError as error:
            pytest.fail(f"{error}; correct the file or delete it, and {update}", pytrace=False)
        if known is None:
            pytest.fail(f"the server has no snapshot `{shown}`: to write it, {update}", pytrace=False)
        differences = surface_differences(known, found)
        if differences:
            lines = "\n".join(difference_lines(differences))
            pytest.fail(
                f"the server differs from its snapshot `{shown}`:\n{lines}\nTo accept it, {update}.", pytrace=False
            )


@pytest.fixture
def wasmcp_snapshot(request: pytest.FixtureRequest) -> Snapshot:
    """Return the snapshots of this test, in the folder `wasmcp_snapshots` next to its module."""
    item = request.node
    update = bool(request.config.getoption("wasmcp_snapshot_update"))
    name = re.sub(r"\[(.*)\]$", r"-\1", item.name)
    return Snapshot(item, item.path.parent / "wasmcp_snapshots", f"{item.path.stem}.{_file_name(name)}", update=update)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the test of `--wasmcp-snapshot`."""
    if not config.getoption("wasmcp_snapshot"):
        return
    from pytest_wasmcp import surface_test

    # A path in the root directory, so that the fixtures of its `conftest.py` hold for the test.
    module = _SurfaceModule.from_parent(session, path=config.rootpath / _COLLECTOR, nodeid=_COLLECTOR)
    module.object = surface_test
    items += [item for item in module.collect() if isinstance(item, pytest.Item)]


class _SurfaceModule(pytest.Module):
    """Collector of the test of `--wasmcp-snapshot`."""

    object: Any

    def _getobj(self) -> Any:
        from pytest_wasmcp import surface_test

        return surface_test


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name the snapshots that were to be written, or the reason why nothing was written."""
    from wasmcp.terminal import printable

    lines = [line for _, line in properties_of(terminalreporter, PROPERTY)]
    failed = terminalreporter.stats.get("failed") or terminalreporter.stats.get("error")
    if config.getoption("wasmcp_snapshot_update") and not lines and not failed:
        lines = [f"wrote nothing: {_absence(added=config.getoption('wasmcp_snapshot'))}"]
    if lines:
        terminalreporter.section("wasmcp snapshots")
        for line in lines:
            terminalreporter.line(printable(line))


def _absence(*, added: bool) -> str:
    """Return the reason why no test of a run has a snapshot."""
    if added:
        return f"the selected tests have no snapshot, and `{_COLLECTOR}::test_surface` is not one of them"
    return "the selected tests have no snapshot; `--wasmcp-snapshot` adds one"


def _file_name(text: str) -> str:
    """Return a text as a part of a file name."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text)[:100] or "_"


def _relative(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
