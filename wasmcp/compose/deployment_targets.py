"""Runtimes of a composed server, and the commands that start it.

Each server has all entry points; the command decides which one is used. Sources: the help of wasmtime and of wash 2.10,
Spin's documentation; the drafts of `wasi:keyvalue` that each of them implements.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from wasmcp.component import interface_names
from wasmcp.errors import CompositionError

Runtime = Literal["wasmtime", "spin", "wasmcloud"]
Transport = Literal["http", "stdio"]

KEYVALUE = {"wasmtime": "0.2.0-draft", "spin": "0.2.0-draft2", "wasmcloud": "0.2.0-draft"}
"""Draft of `wasi:keyvalue` that each runtime provides."""

_SERVE_FLAGS = {
    "wasi:cli/environment": "cli",
    "wasi:filesystem": "cli",
    "wasi:sockets": "cli",
    "wasi:keyvalue": "keyvalue",
}
_SOCKETS = ("cli", "inherit-network", "allow-ip-name-lookup")


def check_runtime(runtime: Runtime, imports: Iterable[str]) -> None:
    """Check that a runtime provides the imports of a server.

    Raises:
        CompositionError: The runtime provides another draft of `wasi:keyvalue`.
    """
    offered = KEYVALUE[runtime]
    for name in imports:
        found = interface_names.parse(name)
        if found is None or found.package != "wasi:keyvalue" or name.endswith(f"@{offered}"):
            continue
        draft = name.partition("@")[2]
        others = [f"`--runtime {other}`" for other, known in KEYVALUE.items() if known == draft]
        advice = f"compose for {' or '.join(others)}" if others else "none of the runtimes does"
        raise CompositionError(f"a component imports `{name}`; {runtime} offers {offered} of `wasi:keyvalue`: {advice}")


def run_commands(runtime: Runtime, transport: Transport, file: Path, imports: Iterable[str]) -> tuple[str, ...]:
    """Return commands that run a server, the runtime's own first, the one of wasmcp last.

    Args:
        runtime: The runtime that the server is composed for.
        transport: The transport to use.
        file: The server.
        imports: The imports of the server.
    """
    path = shlex.quote(str(file))
    needed = [name.partition("@")[0] for name in imports]
    ours = f"wasmcp {'serve' if transport == 'http' else 'run'} {path}"
    if runtime == "spin":
        return (f"spin up -f {path}", ours) if transport == "http" else (ours,)
    if runtime == "wasmcloud":
        return (_wash_dev(file), ours) if transport == "http" else (ours,)
    flags = [] if transport == "http" else ["http"]
    for prefix, flag in _SERVE_FLAGS.items():
        if any(name == prefix or name.startswith(f"{prefix}/") for name in needed):
            # `wasmtime run` provides wasi:cli by default
            flags += [] if transport == "stdio" and flag == "cli" else [flag]
    if any(name.startswith("wasi:sockets/") for name in needed):
        flags += _SOCKETS if transport == "http" else _SOCKETS[1:]
    listed = "".join(f"-S{flag} " for flag in dict.fromkeys(flags))
    folder = "--dir . " if any(name.startswith("wasi:filesystem/") for name in needed) else ""
    return (f"wasmtime {'serve' if transport == 'http' else 'run'} {listed}{folder}{path}", ours)


def _wash_dev(file: Path) -> str:
    """Return a command that runs a server with wasmCloud's `wash dev` (wash 2), in a project made for it.

    `wash dev` reads `.wash/config.yaml` of its project; JSON is YAML. It listens on port 8000.
    """
    folder = f"{file.stem}.wasmcloud"
    config = json.dumps({"build": {"command": "true", "component_path": str(file.absolute())}})
    write = f"mkdir -p {shlex.quote(f'{folder}/.wash')} && echo {shlex.quote(config)} > "
    return f"{write}{shlex.quote(f'{folder}/.wash/config.yaml')} && wash -C {shlex.quote(folder)} dev"
