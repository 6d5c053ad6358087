"""Hooks of the plugin. They do not import wasmtime, so that collecting tests stays fast.

Tests of functions run in the environment of pytest, and the packages of a component are only in the component: a test
that cannot import one gets advice.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_wasmcp.report import RECORDINGS, add_sections, attach_shared
from pytest_wasmcp.targets import Builds, Marked, check_scopes, folder_of, is_fast, option, positive

_PARTS = (
    "report",
    "costs",
    "coverage",
    "fuzz",
    "snapshot",
    "suite_options",
    "targets",
    "fixtures",
)
pytest_plugins = tuple(f"pytest_wasmcp.{part}" for part in _PARTS)
"""Parts of the plugin with options, hooks or fixtures of their own."""

MARKER = (
    "wasmcp(server=None, *, timeout=None, memory=None, limits=None, env=None, token=None, settings=None, "
    "keyvalue=None, directories=None, instances=None, transport=None): the composed MCP server of a test (a name of "
    "[tool.wasmcp.servers] or the path of a .wasm file), its limits (seconds, bytes), the access token of its "
    "requests, and further options of wasmcp.host.open_server"
)
SERVER_MARKER = "wasmcp_server"
SERVER_FIXTURES = {"make_wasmcp_server", "wasmcp_shared_servers", "wasmcp_session_servers"}
FUNCTIONS_FIRST = "wasmcp_functions_first"
SETTINGS = {
    "wasmcp_server": ("NAME|FILE", "the composed MCP server to test: a name of [tool.wasmcp.servers] or a .wasm file"),
    "wasmcp_timeout": ("SECONDS", "timeout of one request to a composed server"),
    "wasmcp_memory": ("BYTES", "memory limit of one instance of a composed server"),
}


FAST_HELP = "test development builds: an edit of Python modules needs no build (also WASMCP_FAST=1)"


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Add the hooks of the plugin, which its own parts use."""
    from pytest_wasmcp import hooks

    pluginmanager.add_hookspecs(hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add each setting as a command-line option and as an ini value."""
    group = parser.getgroup("wasmcp", "WebAssembly MCP servers")
    for name, (metavar, text) in SETTINGS.items():
        # No default: otherwise it would hide the ini value.
        group.addoption(f"--{name.replace('_', '-')}", dest=name, default=None, metavar=metavar, help=text)
        parser.addini(name, text, default="")
    group.addoption("--wasmcp-fast", dest="wasmcp_fast", action="store_true", default=None, help=FAST_HELP)
    parser.addini(FUNCTIONS_FIRST, "run tests of servers after all others", type="bool", default=False)
    parser.addini("wasmcp_fast", FAST_HELP, type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and reject invalid settings before any test runs."""
    from wasmcp.environment import check_ours
    from wasmcp.errors import InvalidSettingError

    config.addinivalue_line("markers", MARKER)
    config.addinivalue_line("markers", f"{SERVER_MARKER}: added to each test that starts a composed server")
    try:
        check_ours(os.environ)
    except InvalidSettingError as error:
        raise pytest.UsageError(str(error)) from None
    is_fast(config)
    positive(config, "wasmcp_timeout", "seconds")
    positive(config, "wasmcp_memory", "bytes")


def pytest_report_header(config: pytest.Config) -> str:
    """Return a line with the versions and the server."""
    from importlib.metadata import version

    from wasmcp.terminal import without_password

    target = without_password(option(config, "wasmcp_server") or "the project's own")
    if is_fast(config):
        target += " (development builds)"
    return f"wasmcp: {version('wasmcp')}, wasmtime {version('wasmtime')}, server: {target}"


@pytest.hookimpl(wrapper=True, tryfirst=True)  # before pytest selects tests by markers, and after plugins that shuffle
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None, None, None]:
    """Check the markers, mark the tests of servers, and put them after the others with `wasmcp_functions_first`.

    An invalid marker is an error of the run, not of one test.
    """
    for item in items:
        Marked.of(item)
        if SERVER_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(SERVER_MARKER)
    check_scopes(config, items)
    yield
    if config.getini(FUNCTIONS_FIRST):
        items.sort(key=lambda item: item.get_closest_marker(SERVER_MARKER) is not None)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Record the messages of shared servers for this test."""
    attach_shared(item, begin=True)


@pytest.hookimpl(wrapper=True, tryfirst=True)  # around the other parts, which need the recordings as well
def pytest_runtest_makereport(
    item: pytest.Item,
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the messages of its servers to the report of a failed test."""
    attach_shared(item)
    report = yield
    if report.failed:
        add_sections(item, call, report)
    if call.when == "teardown" and RECORDINGS in item.stash:
        del item.stash[RECORDINGS]  # pytest keeps its items to the end of the session
    return report


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MISSING = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Add a section to the report of a module of tests that lacks a package of a component."""
    report = yield
    if report.failed and isinstance(collector, pytest.Module):
        missing = _MISSING.findall(str(report.longrepr))
        project = Builds().project(folder_of(collector)) if missing else None
        if project is not None and (advice := _advice(project, missing[-1].partition(".")[0])):
            report.sections.append(("wasmcp", advice))
    return report


def _advice(project: Path, module: str) -> str:
    """Return what to install for a module; the empty string if no component requires its package."""
    from wasmcp.migration.needs import DISTRIBUTIONS

    wanted = _joined(DISTRIBUTIONS.get(module, module))
    for component, requirements in _requirements(project):
        if wanted in {_joined(name[0]) for line in requirements if (name := _NAME.match(line))}:
            return (
                f"component `{component}` requires the package of `{module}`, and this environment does not have it. "
                "Tests of functions run in this environment: install the component's packages here as well, "
                f"for example with an extra of the project:\n  pip install {shlex.join(requirements)}"
            )
    return ""


def _requirements(project: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the requirements by name (PEP 508) of each component of a project."""
    import tomllib

    try:
        document: Any = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))
    except (OSError, ValueError):
        return
    components = document["tool"]["wasmcp"].get("components")
    for name, table in components.items() if isinstance(components, dict) else ():
        listed = table.get("dependencies") if isinstance(table, dict) else None
        lines = listed if isinstance(listed, list) else []
        yield name, [line for line in lines if isinstance(line, str) and _NAME.match(line) and " @ " not in line]


def _joined(name: str) -> str:
    return re.sub(r"[-_.\s]+", "", name).lower()
