"""Processes that compile better in the background, and outlive their server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from filelock import FileLock
from support.minimal_servers import WAT
from support.waiting import wait_until
from wasmtime import wat2wasm

from wasmcp.errors import ArtifactError
from wasmcp.host import open_server
from wasmcp.host.engine import compile_cache, compiler_process

pytestmark = pytest.mark.usefixtures("empty_cache")

SERVER = """\
import os, sys, threading, time
from pathlib import Path
from wasmcp.host.engine import compiler_process
threading.Thread(target=compiler_process.fill_cache, args=(sys.argv[1],), kwargs={"fuel": False}, daemon=True).start()
tasks = Path(f"/proc/{os.getpid()}/task")
while not (found := [int(pid) for path in tasks.glob("*/children") for pid in path.read_text().split()]):
    time.sleep(0.01)
while os.getsid(found[0]) != found[0]:
    time.sleep(0.01)
print(found[0], flush=True)
time.sleep(600)
"""
"""A server that compiles better, prints the process that does so, and is killed."""


@pytest.fixture
def server_file(tmp_path: Path) -> Path:
    path = tmp_path / "server.wasm"
    path.write_bytes(wat2wasm(WAT.read_text("utf-8")))
    return path


def target(path: Path) -> Path:
    """The compiled form of a server, which need not exist."""
    cache = compile_cache.cache_directory()
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    return compile_cache._target(cache, path.read_bytes(), quick=False, fuel=False)


def lock(path: Path) -> AbstractContextManager[object]:
    """The lock with which a process compiles a server."""
    compiled = target(path)
    return FileLock(compiled.with_name(f"{compiled.name}.lock"), mode=0o600)


def has_ended(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists the children of a process")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_compilation_goes_on_when_the_server_ends(server_file: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", SERVER, str(server_file)]
    with lock(server_file):  # the process in the background starts, but does not compile
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        os.killpg(process.pid, number)  # as a terminal does
        process.wait(60)
        process.stdout.close()
        assert not has_ended(pid)
        assert not target(server_file).exists()
    wait_until(target(server_file).exists)
    wait_until(lambda: has_ended(pid))
    assert compile_cache.is_compiled(server_file)


@pytest.mark.skipif(not hasattr(signal, "alarm"), reason="only Unix has alarms")
def test_process_that_fills_the_cache_ends_by_itself(server_file: Path) -> None:
    code = "import sys; from wasmcp.host.engine.compile_cache import fill; fill(sys.argv[1], fuel=False, seconds=1)"
    with lock(server_file):
        done = subprocess.run([sys.executable, "-c", code, str(server_file)], timeout=60, check=False)
    assert done.returncode == -signal.SIGALRM
    assert not target(server_file).exists()


def test_processes_compile_a_server_once(server_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled: list[object] = []
    monkeypatch.setattr(compiler_process, "fill_cache", lambda *arguments, **_: filled.append(arguments))
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(compile_cache.load(server_file, background=True)))
    with lock(server_file):
        thread.start()
        time.sleep(0.2)
        code = compile_cache._compiled(
            None, server_file.read_bytes(), "server", quick=False, fuel=False, background=False
        )
        compile_cache._store(target(server_file), code)
    thread.join(60)
    assert len(found) == 1
    assert not filled


def test_failure_in_the_background_is_reported(tmp_path: Path) -> None:
    bad = tmp_path / "bad.wasm"
    bad.write_bytes(wat2wasm("(component)")[:8] + b"\1")
    with pytest.raises(ArtifactError, match=r"`.*bad.wasm` is not a valid component: "):
        compile_cache.load(bad, background=True)


def test_server_is_compiled_where_no_process_can_be_started(server_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler_process, "can_start", lambda: False)
    compile_cache.load(server_file, background=True).close()
    with open_server(server_file) as server:
        assert server.send("one") == "one"
