"""Fixtures of all tests: one cache between runs, and servers built once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from support.projects import ZIG_PROJECT, write_project

pytest_plugins = [
    "pytester",
    "support.minimal_servers",
    "support.tested_server",
    "support.wash_servers",
]

ROOT = Path(__file__).parent.parent

# Between runs, and apart from the user's own: compiled components are what makes tests fast.
os.environ.setdefault("WASMCP_CACHE_DIR", str(ROOT / ".cache" / "tests"))

# In a run that starts from an empty cache more is compiled than the default keeps: 60 MB for a server in Python. The
# components of the framework, which are compiled first, would be dropped, and compiled again.
os.environ.setdefault("WASMCP_CACHE_BYTES", str(12 << 30))

# Plugins that only `tests/pytest_wasmcp/test_plugins.py` uses: runs inside tests are as those of users without them.
OTHER_PLUGINS = "-p no:randomly -p no:asyncio -p no:rerunfailures -p no:pytest_cov"
os.environ["PYTEST_ADDOPTS"] = OTHER_PLUGINS

# A shell that starts a command in the background has it ignore SIGINT, and processes of tests would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The speed at which a busy machine draws examples does not depend on the code. The same examples in each run, so that
# a change is judged by what it changes; with `WASMCP_SOAK` they are random.
settings.register_profile(
    "wasmcp",
    deadline=None,
    derandomize="WASMCP_SOAK" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("wasmcp")


# In these folders the optimising compilation of a server takes longer than its use. The other folders test the host and
# the framework with the code that users run.
QUICK = {"cli", "end_to_end", "hatch", "migration", "project", "pytest_wasmcp", "registry", "toolchains"}
LIMITS_OF_THE_STACK = {"test_misbehaving_tools.py", "test_native_packages.py"}  # quick code has larger frames


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Compile servers quickly, also those that fixtures of sessions open."""
    folder = item.path.relative_to(ROOT / "tests").parts[0]
    if folder not in QUICK or item.path.name in LIMITS_OF_THE_STACK:
        return (yield)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WASMCP_QUICK", "1")
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Measure no coverage in tests of many random examples: it takes twice the time, and all pass the same lines."""
    coverage = sys.modules.get("coverage")
    measured = coverage and coverage.Coverage.current()
    has_examples = "fuzz" in item.path.name or getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
    if not measured or not has_examples:
        return (yield)
    measured.stop()
    try:
        return (yield)
    finally:
        measured.start()


@pytest.fixture(autouse=True)
def _without_other_plugins(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the options again that `pytester` removes."""
    if "pytester" in request.fixturenames:
        request.getfixturevalue("pytester")
        monkeypatch.setenv("PYTEST_ADDOPTS", OTHER_PLUGINS)


@pytest.fixture(scope="session")
def zig_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of one Zig component with the tools `add`, `spin` and `crash`."""
    return write_project(tmp_path_factory.mktemp("zig-project"), ZIG_PROJECT)


@pytest.fixture(scope="session")
def zig_server(zig_project: Path) -> Path:
    """That project's composed server."""
    from wasmcp.project import ensure_built

    return ensure_built(zig_project)


@pytest.fixture(scope="session")
def example_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example project, so that a test may build in it. Slow: it has a Python component."""
    copy = tmp_path_factory.mktemp("example") / "project"
    ignored = shutil.ignore_patterns("_wasmcp", "dist", "__pycache__", ".pytest_cache")
    return Path(shutil.copytree(ROOT / "example-project", copy, ignore=ignored))


@pytest.fixture(scope="session")
def example_server(example_project: Path) -> Path:
    """The example project's composed server. Slow."""
    from wasmcp.project import ensure_built

    return ensure_built(example_project)


@pytest.fixture(scope="session")
def with_our_wheel(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment variables with which pip finds our wheel, as it would find the published one. Slow."""
    wheels = tmp_path_factory.mktemp("wheels")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(wheels), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    links = " ".join([str(wheels), os.environ.get("PIP_FIND_LINKS", "")]).strip()
    return {**os.environ, "PIP_FIND_LINKS": links}
