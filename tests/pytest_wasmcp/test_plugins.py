"""The plugin with other plugins of pytest, and in runs that do not use it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import warnings
from importlib.metadata import version
from pathlib import Path

import pytest
from filelock import FileLock

SYNC = """
    import pytest

    pytestmark = pytest.mark.wasmcp(env={"NAME": "Ada"})

    @pytest.mark.parametrize("number", range(3))
    def test_fresh(wasmcp_server, number):
        assert wasmcp_server.call_tool("count", {"key": "x"}).data == 1

    def test_http(wasmcp_server, wasmcp_http, wasmcp_clock):
        wasmcp_http.route("GET", "http://a.example/", text="stub")
        wasmcp_clock.freeze(5)
        assert wasmcp_server.call_tool("fetch", {"url": "http://a.example/"}).data["body"] == "stub"
        assert wasmcp_server.call_tool("now").data == 5000
"""
ASYNC = """
    import pytest

    @MARK
    async def test_async(wasmcp_async_server):
        assert (await wasmcp_async_server.call_tool("count", {"key": "x"})).data == 1
"""
RERUN = """
    import pytest

    attempts = []

    @pytest.mark.flaky(reruns=2)
    def test_again(wasmcp_server):
        attempts.append(wasmcp_server.call_tool("count", {"key": "x"}).data)
        assert len(attempts) == 3
        assert attempts == [1, 1, 1]
"""
NONE = "-p no:randomly -p no:asyncio -p no:rerunfailures -p no:pytest_cov -p no:anyio -p no:xdist"


def without(*wanted: str) -> str:
    """Return the options that disable all plugins but these."""
    options = NONE
    for plugin in wanted:
        options = options.replace(f"-p no:{plugin}", "")
    return options


CASES = {
    "xdist": (SYNC, ("xdist",), ("-n2",), 4),
    "xdist with a shared server": (
        SYNC.replace("data == 1", "data > 0"),
        ("xdist",),
        ("-n2", "--wasmcp-server-scope=module"),
        4,
    ),
    "asyncio strict": (ASYNC.replace("MARK", "pytest.mark.asyncio"), ("asyncio",), ("--asyncio-mode=strict",), 1),
    "asyncio auto": (ASYNC.replace("@MARK", ""), ("asyncio",), ("--asyncio-mode=auto",), 1),
    "anyio": (ASYNC.replace("MARK", "pytest.mark.anyio"), ("anyio",), (), 2),
    "randomly": (SYNC, ("randomly",), ("-p", "randomly", "-o", "wasmcp_functions_first=true"), 4),
    "cov": (SYNC, ("pytest_cov",), ("--cov=.",), 4),
    "importlib": (SYNC, (), ("--import-mode=importlib",), 4),
    "none": (SYNC, (), (), 4),
}


@pytest.mark.parametrize("case", CASES)
def test_runs_with(world_tests: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    code, plugins, options, passed = CASES[case]
    monkeypatch.setenv("PYTEST_ADDOPTS", without(*plugins))
    world_tests.makepyfile(textwrap.dedent(code))
    result = world_tests.runpytest_subprocess("-W", "error::pytest.PytestUnraisableExceptionWarning", *options)
    result.assert_outcomes(passed=passed)


def test_runs_with_rerunfailures(world_tests: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", without("rerunfailures"))
    world_tests.makepyfile(textwrap.dedent(RERUN))
    result = world_tests.runpytest_subprocess()
    assert result.parseoutcomes() == {"passed": 1, "rerun": 2}


def test_a_test_runs_under_the_pytest_that_is_installed(world_tests: pytest.Pytester) -> None:
    world_tests.makepyfile(textwrap.dedent(SYNC))
    result = world_tests.runpytest_subprocess()
    result.stdout.fnmatch_lines([f"*pytest-{version('pytest')}*"])
    result.assert_outcomes(passed=4)


def test_runs_with_pytest_8(world_tests: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = installed_pytest_8()
    monkeypatch.setenv("PYTEST_ADDOPTS", f"{NONE} -p no:timeout -p no:hypothesispytest -p no:syrupy")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    world_tests.makepyfile(textwrap.dedent(SYNC))
    result = world_tests.runpytest_subprocess()
    result.stdout.fnmatch_lines(["*pytest-8.*"])
    result.assert_outcomes(passed=4)


def installed_pytest_8() -> Path:
    """Return a folder with pytest 8 for `PYTHONPATH`, installed once. If it cannot be, the test is skipped."""
    folder = Path(os.environ["WASMCP_CACHE_DIR"]) / "pytest-8"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        if not (folder / "installed").exists():
            command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder)]
            done = subprocess.run(
                [*command, "--upgrade", "pytest>=8,<9"], check=False, capture_output=True, text=True, timeout=300
            )
            if done.returncode != 0:
                warnings.warn(f"pytest 8 cannot be installed: {done.stderr.strip()[-300:]}", stacklevel=2)
                pytest.skip("pytest 8 cannot be installed")
            (folder / "installed").write_text("", "utf-8")
    return folder


def test_a_project_that_does_not_use_the_plugin_imports_nothing_heavy(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", NONE)
    pytester.makepyfile("""
        import sys

        def test_modules():
            ours = {name for name in sys.modules if name.partition(".")[0] in {"wasmcp", "pytest_wasmcp"}}
            allowed = {
                "wasmcp", "wasmcp.environment", "wasmcp.errors", "wasmcp.terminal", "wasmcp.protocol",
            }
            heavy = {"wasmtime", "mcp", "uvicorn", "jwt", "click", "tomlkit", "hypothesis", "ctypes", "httptools"}
            assert not heavy & set(sys.modules)
            used = {name for name in ours if name.startswith("wasmcp") and not name.startswith("wasmcp.errors")}
            assert used <= allowed
        """)
    pytester.runpytest_subprocess("-p", "no:hypothesispytest", "-p", "no:timeout").assert_outcomes(passed=1)


def test_the_plugin_is_imported_without_the_parts_that_run_servers(pytester: pytest.Pytester) -> None:
    code = "import sys, pytest_wasmcp.plugin; print(sorted(n for n in sys.modules if n.startswith('wasmcp.')))"
    pytester.makepyfile(show=code)
    found = pytester.runpython("show.py").stdout.str()
    for part in ("wasmcp.host", "wasmcp.testing", "wasmcp.guest", "wasmcp.project", "wasmcp.compose"):
        assert part not in found
