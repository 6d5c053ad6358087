"""The project `example-servers/tested`, built once, as the root of test runs, and options of runs within a test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "example-servers" / "tested"


@pytest.fixture(scope="session")
def tested_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, so that a test may build in it."""
    copy = tmp_path_factory.mktemp("tested") / "project"
    ignored = shutil.ignore_patterns("_wasmcp", "dist", "__pycache__", ".*_cache")
    return Path(shutil.copytree(SOURCE, copy, ignore=ignored))


@pytest.fixture(scope="session")
def tested_server(tested_project: Path) -> Path:
    """The project's composed server."""
    from wasmcp.project import ensure_built

    return ensure_built(tested_project)


@pytest.fixture
def in_tested_project(pytester: pytest.Pytester, tested_project: Path, tested_server: Path) -> pytest.Pytester:
    """The project, already built, without its tests, as the root of a test run."""
    ignored = shutil.ignore_patterns("tests", "__pycache__", ".*_cache")
    shutil.copytree(tested_project, pytester.path, ignore=ignored, dirs_exist_ok=True)
    return pytester


IN_PROCESS = ("-p", "no:faulthandler")
"""Options of `runpytest_inprocess`: pytest's faulthandler plugin resets the handlers of signals when an inner run ends,
also that of wasmtime, so that the next trap of a component would end this process."""
