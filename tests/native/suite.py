"""Suite of pydantic-core: its source distribution, a component with its modules, an instance for each test file."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from support.projects import write_project

from wasmcp.errors import WasmcpError
from wasmcp.host import Limits, open_server
from wasmcp.project import ensure_built

PYDANTIC = "2.14.4"
CORE = "2.50.5"
DIGEST = "sha256:1e740886083ff95530d694e6a3f09ed914bcf92a496d16acd307c6c3484fc36d"
"""Digest of the source distribution of pydantic-core."""

REQUIREMENTS = (
    f"pydantic=={PYDANTIC}",
    "dirty-equals==0.11",
    "hypothesis==6.170.17",
    "inline-snapshot==0.36.1",
    "pytest==9.2.0",
    "pytest-mock==3.17.0",
    "python-dateutil==4.0.0",
    "tzdata==2026.6",
)
"""What the suite requires, of its group `testing-extra`. Left out are numpy, pandas and pytest-examples, which have no
wheels for WebAssembly, and the plugins of pytest that measure and print."""

LEFT_OUT = frozenset({"benchmarks"})
"""Folders of the suite that are not run: measurements."""

TIMEOUT = 900.0
"""Maximum seconds of one file."""

OUTCOMES = ("passed", "failed", "error", "skipped", "xfailed", "xpassed", "trap")

_OPTIONS = ["-q", "-c", "/suite/pytest.ini", "--rootdir=/suite", "--capture=sys", "--basetemp=/tmp/pytest"]
for _plugin in ("cacheprovider", "debugging", "faulthandler", "logging"):
    _OPTIONS += ["-p", f"no:{_plugin}"]
"""Options of pytest: a component has no users, no file descriptors to duplicate, no `pdb` and no `/dev/null`."""

_SETTINGS = """\
[pytest]
filterwarnings =
    error
    ignore:The database setting is not configured
xfail_strict = true
markers =
    skip_gc_traverse_check: skip the automatic check of garbage collection
    thread_unsafe: of a plugin that is left out
    timeout: of a plugin that is left out
"""
"""Settings of the suite, without its options for plugins that are left out."""

_BACKEND = '''\
"""Build backend that knows the metadata of a source distribution: pip reads it before it keeps the file."""

import email
import pathlib


def prepare_metadata_for_build_wheel(directory, config_settings=None):
    data = pathlib.Path("PKG-INFO").read_bytes()
    fields = email.message_from_bytes(data)
    folder = pathlib.Path(directory, f"{fields['Name'].replace('-', '_')}-{fields['Version']}.dist-info")
    folder.mkdir()
    (folder / "METADATA").write_bytes(data)
    return folder.name
'''
_COMPONENT = '''\
"""A tool that runs files of tests by pytest."""

import os

import pytest
import pytest_mock
from wasmcp.guest import tool

{imports}


class Outcomes:
    """Plugin of pytest that keeps the outcome of each test."""

    def __init__(self) -> None:
        self.tests: dict[str, str] = {{}}
        self.messages: dict[str, str] = {{}}

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.outcome != "passed":
            self._keep(report.nodeid, "error" if report.failed else "skipped", report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if hasattr(report, "wasxfail"):
            outcome = "xfailed" if report.skipped else "xpassed"
        elif report.failed and report.when != "call":
            outcome = "error"
        else:
            outcome = report.outcome
        if report.when == "call" or outcome != "passed":
            self._keep(report.nodeid, outcome, report)

    def _keep(self, name: str, outcome: str, report: pytest.CollectReport | pytest.TestReport) -> None:
        self.tests[name] = outcome
        if outcome in ("failed", "error"):
            self.messages[name] = str(report.longrepr)[-1500:]


@tool
def run(arguments: list[str]) -> dict[str, dict[str, str]]:
    """Run pytest with its arguments; return the outcome of each test, and the messages of those that failed."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.chdir("/suite")
    outcomes = Outcomes()
    pytest.main(arguments, plugins=[outcomes, pytest_mock])
    return {{"tests": outcomes.tests, "messages": outcomes.messages}}
'''
_PYPROJECT = """\
[project]
name = "native-suite"
version = "1"

[tool.wasmcp.components.suite]
source = "src/native_suite/tools.py"
grants = ["fs"]
dependencies = {requirements}

[tool.wasmcp.servers.default]
components = ["suite"]
"""


@dataclass
class Report:
    """Outcomes of a run.

    Attributes:
        tests: Outcome of each test, by its node id; a file in which the instance ended has the outcome ``trap``.
        messages: Messages of those that failed.
    """

    tests: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)

    def count(self, outcome: str) -> int:
        """Return the number of tests with an outcome."""
        return sum(one == outcome for one in self.tests.values())

    @property
    def failed(self) -> set[str]:
        """The tests that did not pass, and are neither skipped nor expected to fail by the suite itself."""
        return {name for name, outcome in self.tests.items() if outcome in ("failed", "error", "xpassed", "trap")}


def differences(report: Report, known: Iterable[str], files: Iterable[str]) -> list[str]:
    """Return a message for each test that failed unexpectedly, and for each that was expected to fail and did not.

    Args:
        report: The outcomes of a run.
        known: The tests that are expected to fail.
        files: The files that were run.
    """
    ran = set(files)
    expected = {name for name in known if name.partition("::")[0] in ran}
    failed = [
        f"failed, and is not expected to: {name} ({report.tests[name]})\n{report.messages.get(name, '')}".rstrip()
        for name in sorted(report.failed - expected)
    ]
    return failed + [f"is expected to fail, and did not: {name}" for name in sorted(expected - report.failed)]


def fetch(folder: Path) -> Path:
    """Return the suite's source distribution, unpacked; it is fetched by pip, and checked by its digest.

    Args:
        folder: The folder to keep it in.
    """
    unpacked = folder / f"pydantic_core-{CORE}"
    if unpacked.is_dir():
        return unpacked
    (folder / "backend").mkdir(parents=True, exist_ok=True)
    (folder / "backend" / "maturin.py").write_text(_BACKEND, "utf-8")
    (folder / "requirements.txt").write_text(f"pydantic-core=={CORE} --hash={DIGEST}\n", "utf-8")
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "--require-hashes"]
    command += ["--no-build-isolation", "-d", str(folder), "-r", str(folder / "requirements.txt")]
    environment = {**os.environ, "PYTHONPATH": str(folder / "backend")}
    subprocess.run(command, check=True, env=environment, timeout=600)
    with tarfile.open(folder / f"pydantic_core-{CORE}.tar.gz") as archive, TemporaryDirectory(dir=folder) as whole:
        archive.extractall(whole, filter="data")
        Path(whole, unpacked.name).rename(unpacked)  # an interrupted run leaves no part of it
    return unpacked


def files_of(suite: Path) -> list[str]:
    """Return the test files of a suite, as paths relative to it."""
    found = [path.relative_to(suite) for path in sorted((suite / "tests").rglob("test_*.py"))]
    return [path.as_posix() for path in found if not LEFT_OUT & set(path.parts)]


def build(suite: Path, folder: Path) -> Path:
    """Build the server whose tool runs a file; return its path.

    The component imports what the tests import: it has no other modules of the standard library and of packages.
    """
    imports = "".join(
        f"try:\n    import {name}  # noqa: F401\nexcept ImportError:\n    pass\n" for name in _imported(suite)
    )
    files = {
        "pyproject.toml": _PYPROJECT.format(requirements=json.dumps(REQUIREMENTS)),
        "src/native_suite/__init__.py": "",
        "src/native_suite/tools.py": _COMPONENT.format(imports=imports),
    }
    return ensure_built(write_project(folder, files))


def _imported(suite: Path) -> list[str]:
    """Return the names of the modules that the suite imports, of other distributions than itself."""
    found = set()
    for file in (suite / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                found.add(node.module)
    return sorted(name for name in found if name != "__future__")


def run(server: Path, suite: Path, files: Iterable[str]) -> Iterator[tuple[str, Report]]:
    """Run test files, each in an instance of its own, and yield its outcomes.

    Args:
        server: The built server.
        suite: The unpacked suite.
        files: Paths relative to the suite.
    """
    (suite / "pytest.ini").write_text(_SETTINGS, "utf-8")
    scratch = suite / "scratch"
    scratch.mkdir(exist_ok=True)
    directories = [(str(suite), "/suite", False), (str(scratch), "/tmp", True)]  # noqa: S108 - in the component
    environment = {"PYTHONDONTWRITEBYTECODE": "1"}
    for file in files:
        with open_server(
            server, limits=Limits(timeout=TIMEOUT), directories=directories, env=environment, instances=1
        ) as opened:
            try:
                found = opened.call_tool("run", {"arguments": [*_OPTIONS, file]})
            except WasmcpError as error:
                yield file, Report({file: "trap"}, {file: str(error)})
                continue
        if found.is_error or found.structured_content is None:
            yield file, Report({file: "trap"}, {file: found.text})
        else:
            yield file, Report(**found.structured_content)
