"""Runtimes of a composed server, and the commands that start it.

Each server has all entry points; the command decides which one is used. Sources: the help of wasmtime and of wash 2.10,
Spin's documentation; the drafts of `wasi:keyvalue` that each of them implements.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from wasmcp.component import interface_names
from wasmcp.environment import AUTH_MODE
from wasmcp.errors import CompositionError

if TYPE_CHECKING:
    from wasmcp.compose.metadata import Authorization

Runtime = Literal["wasmtime", "spin", "wasmcloud"]
Transport = Literal["http", "stdio"]

KEYVALUE = {"wasmtime": "0.2.0-draft", "spin": "0.2.0-draft2", "wasmcloud": "0.2.0-draft"}
"""Draft of `wasi:keyvalue` that each runtime provides."""

STORED_SESSIONS = ("spin", "wasmcloud")
"""Runtimes that keep values of `wasi:keyvalue` for later requests, but no sessions over HTTP."""

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


@dataclass(frozen=True)
class Protection:
    """Commands that run a server with authorization.

    Attributes:
        commands: The commands, the runtime's own first if it can pass settings; empty if the server has no
            authorization, or the author configured it.
        problem: The reason why the runtime's own command is missing, and how to get it; the empty string otherwise.
    """

    commands: tuple[str, ...] = ()
    problem: str = ""

    def lines(self) -> tuple[str, ...]:
        """Return lines of text for users."""
        if not self.commands:
            return ()
        *first, last = FROM_OPERATOR
        head = f"protect it, with {', '.join(first)} and {last} in the environment:"
        return (head, *(f"  {command}" for command in self.commands), *([f"  {self.problem}"] if self.problem else []))


FROM_OPERATOR = ("WASMCP_SERVER_URI", "JWT_ISSUER", "JWT_JWKS")
"""Settings whose values only the operator knows."""


def protection(
    runtime: Runtime,
    file: Path,
    imports: Iterable[str],
    *,
    auth: Authorization,
    environment: bool,
    settings: Mapping[str, str],
) -> Protection:
    """Return the commands that run a server over HTTP with authorization.

    A runtime passes a server no environment by itself, so that `WASMCP_AUTH_MODE=oauth wasmtime serve` is public.

    Args:
        runtime: The runtime that the server is composed for.
        file: The server.
        imports: The imports of the server.
        auth: Its authorization.
        environment: True if it reads its settings from the environment.
        settings: Settings that are baked in.
    """
    if auth == "none" or settings.get(AUTH_MODE, "").strip().lower() == "oauth":
        return Protection()
    ours = f"{AUTH_MODE}=oauth wasmcp serve {shlex.quote(str(file))}"
    if not environment:
        outcome = "it answers 401 there" if auth == "required" else "it is public there"
        return Protection((ours,), f"{runtime} passes it no settings, and {outcome}: {_BAKE}, or `--environment`")
    if runtime == "wasmcloud":
        return Protection((ours,), f"wash passes it no environment: {_BAKE}")
    own = run_commands(runtime, "http", file, imports)[0]
    path = shlex.quote(str(file))
    if runtime == "spin":  # takes values only
        passed = "".join(f' --env {name}="${name}"' for name in FROM_OPERATOR)
        return Protection((f"{own} --env {AUTH_MODE}=oauth{passed}", ours))
    passed = "".join(f"--env {name} " for name in (f"{AUTH_MODE}=oauth", *FROM_OPERATOR))
    return Protection((f"{own.removesuffix(path)}{passed}{path}", ours))


_BAKE = "bake them in (`settings`, `--setting NAME=VALUE`)"


def _wash_dev(file: Path) -> str:
    """Return a command that runs a server with wasmCloud's `wash dev` (wash 2), in a project made for it.

    `wash dev` reads `.wash/config.yaml` of its project; JSON is YAML. It listens on port 8000.
    """
    folder = f"{file.stem}.wasmcloud"
    config = json.dumps({"build": {"command": "true", "component_path": str(file.absolute())}})
    write = f"mkdir -p {shlex.quote(f'{folder}/.wash')} && echo {shlex.quote(config)} > "
    return f"{write}{shlex.quote(f'{folder}/.wash/config.yaml')} && wash -C {shlex.quote(folder)} dev"
