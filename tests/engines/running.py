"""Servers of the matrix, and their start under each runtime."""

from __future__ import annotations

import contextlib
import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

from click.testing import CliRunner
from support.npm_packages import installed, node
from support.polyglot_project import polyglot_server
from support.server_processes import free_port, listening, wasmcp_serve, wasmtime
from support.tokens import ISSUER, SERVER, compose, jwk, private_key, whoami_component
from support.wash_host import wash_host
from support.wash_servers import wash_dev
from support.zig_servers import granted_server, keeping_server

from engines.table import LANGUAGES, RUNTIMES
from wasmcp.cli.group import commands
from wasmcp.compose import inspect_component
from wasmcp.compose.composed_server import run_commands

KEY = private_key("ES256")
JCO = f"@bytecodealliance/jco@{RUNTIMES['jco'].version}"


class Servers:
    """Servers of the matrix, each composed once for each set of options.

    Args:
        folder: Folder of the files.
        web: URL of a web server that components can send requests to.
        wash: Returns the program `wash`.
    """

    def __init__(self, folder: Path, web: str, wash: Callable[[], str]) -> None:
        self.folder = folder
        self.web = web
        self.wash = wash
        self._made: dict[str, Path] = {}

    def path(self, kind: str, runtime: str) -> Path:
        """Return the file of a server, composed for a runtime."""
        options = dict(RUNTIMES[runtime].composing) if kind == "store" else {}
        key = f"{kind}-{'-'.join(map(str, options.values()))}"
        if key not in self._made:
            path = self.folder / key.replace(".", "") / f"{kind}.wasm"
            path.parent.mkdir()
            if kind == "languages":
                path = polyglot_server(path.parent)
            elif kind in LANGUAGES:
                path = polyglot_server(path.parent, [kind])
            elif kind == "store":
                keeping_server(path, "sessions", "kv", **options)
            elif kind == "network":
                granted_server(path, {"http": [self.web]})
            else:
                settings = {
                    "WASMCP_AUTH_MODE": "oauth",
                    "JWT_ISSUER": ISSUER,
                    "JWT_JWKS": json.dumps({"keys": [jwk(KEY, "ES256", kid="k")]}),
                    "WASMCP_SERVER_URI": SERVER,
                }
                path.write_bytes(compose(whoami_component(path.parent), settings=settings, auth="required"))
            self._made[key] = path
        return self._made[key]

    @contextlib.contextmanager
    def running(self, kind: str, runtime: str) -> Iterator[int]:
        """Run a server under a runtime; its port."""
        server = self.path(kind, runtime)
        with _STARTS[runtime](self, server) as port:
            yield port


@contextlib.contextmanager
def _wasmcp(_: Servers, server: Path) -> Iterator[int]:
    with wasmcp_serve(server) as port:
        yield port


@contextlib.contextmanager
def _wasmtime(_: Servers, server: Path) -> Iterator[int]:
    """Run the command that `wasmcp compose` prints."""
    imports = inspect_component(server.read_bytes()).imports
    _, serve, *rest = shlex.split(run_commands("wasmtime", "http", server, imports)[0])
    port = free_port()
    with listening([wasmtime(), serve, "--addr", f"127.0.0.1:{port}", *rest], port):
        yield port


@contextlib.contextmanager
def _wash_dev(servers: Servers, server: Path) -> Iterator[int]:
    """Run the command that `wasmcp compose` prints."""
    folder = servers.folder / f"wash-dev-{server.relative_to(servers.folder).parts[0]}"
    folder.mkdir()
    with wash_dev(servers.wash(), server, folder) as port:
        yield port


@contextlib.contextmanager
def _wash_host(servers: Servers, server: Path) -> Iterator[int]:
    """Deploy with the files and commands of `wasmcp deploy wasmcloud`."""
    folder = servers.folder / f"wash-host-{server.relative_to(servers.folder).parts[0]}"
    folder.mkdir()
    with wash_host(servers.wash(), folder) as host:
        image = f"{host.registry}/matrix/{server.stem}:1"
        options = ["--image", image, "--host", "127.0.0.1", "--name", server.stem, "-o", str(folder / "out")]
        done = CliRunner().invoke(commands, ["deploy", "wasmcloud", str(server), *options])
        assert done.exit_code == 0, done.output
        host.push(folder / "out", image)
        status = host.apply(folder / "out" / "workload.yaml")
        assert status["workloadState"] == "WORKLOAD_STATE_RUNNING", status["message"]
        yield host.port


@contextlib.contextmanager
def _jco(_: Servers, server: Path) -> Iterator[int]:
    program = installed(JCO) / "node_modules" / "@bytecodealliance" / "jco" / "dist" / "jco.js"
    port = free_port()
    command = [node(), str(program), "serve", "--host", "127.0.0.1", "--port", str(port), str(server)]
    with listening(command, port, patience=300):
        yield port


_STARTS: dict[str, Callable[[Servers, Path], contextlib.AbstractContextManager[int]]] = {
    "wasmcp": _wasmcp,
    "wasmtime": _wasmtime,
    "wash-dev": _wash_dev,
    "wash-host": _wash_host,
    "jco": _jco,
}
