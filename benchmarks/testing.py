"""Processor time of test runs: the first test with a server of its own, each further one, and a thousand of them."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import Row, Table
from benchmarks.processes import PEERS

ROUNDS = 5
MANY = 1000
IMPORTS = 20
SOME = 10  # further tests of a peer whose tests each start a process
EMPTY = "def test_nothing():\n    pass\n"
OURS = """\
import pytest

@pytest.mark.parametrize("number", range({tests}))
def test_add(wasmcp_server, number):
    assert wasmcp_server.call_tool("add", {{"a": number, "b": 2}}).structured_content == {{"result": number + 2}}
"""
PEER = """\
import asyncio, sys
import pytest
from fastmcp import Client
{imports}

@pytest.mark.parametrize("number", range({tests}))
def test_add(number):
    async def main():
        async with Client({target}) as client:
            assert (await client.call_tool("add", {{"a": number, "b": 2}})).data == number + 2
    asyncio.run(main())
"""
IN_MEMORY, SUBPROCESS = "FastMCP, Client(server) in memory", "FastMCP, a process for each test"


def seconds(folder: Path, text: str, *options: str) -> float:
    """Return the processor seconds of a run of pytest and its children, without plugins of other packages."""
    (folder / "test_it.py").write_text(text, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "test_it.py"]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(PEERS)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise SystemExit(done.stdout + done.stderr)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def plugin_import() -> float:
    """Return the milliseconds that the plugin and its parts take to be imported, where pytest is imported already."""
    code = (
        "import pytest, time; began = time.process_time()\n"
        "from importlib import import_module; import pytest_wasmcp.plugin as plugin\n"
        "for part in plugin.pytest_plugins: import_module(part)\n"
        "print((time.process_time() - began) * 1e3)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", code]

    def once() -> float:
        return float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)

    once()  # the cache of bytecode
    return statistics.median(once() for _ in range(IMPORTS))


def rows(zig: Path) -> list[Row | Table]:
    """Measure tests of one tool, each with a server of its own, above a run of pytest with an empty test."""
    own = ("-p", "pytest_wasmcp.plugin", f"--wasmcp-server={zig}")
    script = repr(str(PEERS / "fastmcp_server.py"))
    memory = {"imports": "sys.argv = ['', 'stdio']\nfrom fastmcp_server import server", "target": "server"}
    process = {
        "imports": "from fastmcp.client.transports import PythonStdioTransport",
        "target": f"PythonStdioTransport({script}, args=['stdio'], python_cmd=sys.executable, keep_alive=False)",
    }
    kinds: dict[str, tuple[Callable[[int], str], tuple[str, ...], int]] = {
        "wasmcp, a fresh server for each test": (lambda tests: OURS.format(tests=tests), own, MANY),
        IN_MEMORY: (lambda tests: PEER.format(tests=tests, **memory), (), MANY),
        SUBPROCESS: (lambda tests: PEER.format(tests=tests, **process), (), SOME + 1),
    }
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="wasmcp-tests-") as name:
        folder = Path(name)
        for text, options, _ in kinds.values():
            seconds(folder, text(1), *options)  # caches of bytecode and of the compiled server
        first: dict[str, list[float]] = {kind: [] for kind in kinds}
        for _ in range(ROUNDS):
            empty = seconds(folder, EMPTY)
            for kind, (text, options, _) in kinds.items():
                first[kind].append(seconds(folder, text(1), *options) - empty)
        empty = statistics.median(seconds(folder, EMPTY) for _ in range(ROUNDS))
        for kind, (text, options, most) in kinds.items():
            one = statistics.median(first[kind])
            all_of_them = seconds(folder, text(most), *options) - empty
            each = (all_of_them - one) / (most - 1)
            found[kind] = [one * 1e3, each * 1e3, all_of_them if most == MANY else one + each * (MANY - 1)]
    ours, peer, slow = found.values()
    columns = ("first test", "each further test", "1,000 tests")
    return [
        Table("tests: processor time above a run of pytest with an empty test", columns, ("ms", "ms", "s"), found),
        *(
            Row(f"tests: {column}", ours[at], ("ms", "ms", "s")[at], peer[at], IN_MEMORY, peer[at])
            for at, column in enumerate(columns)
        ),
        Row("tests: each further test", ours[1], "ms", slow[1] / 20, SUBPROCESS, slow[1]),
        Row("tests: import of the plugin, processor time", plugin_import(), "ms", 30),
    ]
