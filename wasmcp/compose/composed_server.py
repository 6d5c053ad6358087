"""Composed servers: bytes, a description of their parts, the roles of their instances, and runtimes that start them.

Roles are recorded in a custom section, `wasmcp-composition`. Its content is a JSON object with `format` and
`instances`, an array with an object for each instance of the outermost component, in the order of their instantiation
(docs/reference/files.md). Roles are data, not derived from names: a component can have any name, also that of a
framework component.

The record is a claim of the file's author. The wiring, not the record, decides which instances can reach which.

Each server has all entry points; the command that starts it decides which one is used.

Sources: component-model, design/mvp/Binary.md (custom sections); the help of wasmtime and of wash 2.10, Spin's
documentation; the drafts of `wasi:keyvalue` that each of them implements.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from wasmcp.apps_section import AppSummary
from wasmcp.component import interface_names
from wasmcp.component.builder import Chunk
from wasmcp.component.custom_sections import custom_section
from wasmcp.component.graph import Node
from wasmcp.component.topology import MAX_DEFINITIONS, MAX_INSTANCES, count
from wasmcp.compose.catalogue import Catalogue
from wasmcp.compose.component_reader import Component
from wasmcp.compose.extensions import TaskTools
from wasmcp.environment import AUTH_MODE
from wasmcp.errors import CompositionError, LimitExceededError
from wasmcp.revision_views import Item, to_json_text
from wasmcp.skills_section import SkillSummary

if TYPE_CHECKING:
    from wasmcp.compose.metadata import Authorization


@dataclass(frozen=True)
class ComposedServer:
    """Composed server.

    Attributes:
        chunks: Its bytes in pieces.
        capabilities: The `ServerCapabilities` object it declares.
        tools: The recorded tools, in the order of `tools/list`.
        imports: The imports that the host must provide: interfaces of WASI, sorted.
        exports: Its entry points.
        framework: The digests of the framework components, by name.
        instances: The labels of its instances, in the order of instantiation.
        catalogue: The recorded catalogue, in the order of the lists.
        denied: The imports that each component was not granted, by its name; see `wasmcp.compose.grants.denied_to`.
        unlimited: The families that each component was granted as a whole although hosts can be named, by its name; see
            `wasmcp.compose.grants.unlimited_grants`.
        access: Its access rules as JSON values, compiled; None without rules.
        skills: Its skills, sorted by path.
        has_fixed_lists: True if every request for a list gets the recorded one: nothing in the server decides on lists.
        apps: Its apps, in the order of its components.
        tasks: The tools that can run as tasks, and how; see `wasmcp.compose.extensions.task_tools`.
        task_values: The values of `task-tools` before the tools are listed, if its host implements the interface.
    """

    chunks: tuple[Chunk, ...]
    capabilities: Mapping[str, Any]
    tools: tuple[Item, ...]
    imports: tuple[str, ...]
    exports: tuple[str, ...]
    framework: Mapping[str, str]
    instances: tuple[str, ...]
    catalogue: Catalogue = field(default_factory=Catalogue)
    denied: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unlimited: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    access: Mapping[str, Any] | None = None
    skills: tuple[SkillSummary, ...] = ()
    has_fixed_lists: bool = False
    apps: tuple[AppSummary, ...] = ()
    tasks: TaskTools = field(default_factory=dict)
    task_values: Mapping[str, str | bool] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Size in bytes."""
        return sum(len(chunk) for chunk in self.chunks)

    @cached_property
    def data(self) -> bytes:
        """Bytes of the server."""
        return b"".join(self.chunks)

    def write(self, path: Path) -> None:
        """Write the server to a file, atomically.

        Raises:
            OSError: The file cannot be written.
        """
        from wasmcp.file_writing import write_atomically

        write_atomically(path, self.chunks, mode=None, parents=False)


SECTION = "wasmcp-composition"
FORMAT = 1

Kind = Literal["component", "framework", "generated", "denial"]
_KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Role:
    """Purpose of one instance.

    Attributes:
        kind: `component` (one of the server's own), `framework`, `generated` (constants and dispatch), or `denial` (a
            stub of denied imports).
        name: The component's name; for `framework` and `generated` the part's, for example `tools-middleware`.
        component: The server's component that the instance serves; the empty string if it serves the whole server.
        grants: For a component: its grants, sorted.
        catalogue: For a component: the digest of its catalogue, as `sha256:HEX`; None for a dynamic component.
        rules: For a component: the rules of its grants, as `GrantRules.to_dict` returns them.
    """

    kind: Kind
    name: str
    component: str = ""
    grants: tuple[str, ...] = ()
    catalogue: str | None = None
    rules: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the role as JSON values."""
        entry: dict[str, Any] = {"role": self.kind, "name": self.name}
        if self.kind == "component":
            rules = {"rules": dict(self.rules)} if self.rules else {}
            return {**entry, "grants": list(self.grants), **rules, "catalogue": self.catalogue}
        return {**entry, "component": self.component} if self.component else entry


def roles_section(nodes: Sequence[Node]) -> bytes:
    """Return the section for instances in the order of their instantiation.

    Raises:
        TypeError: The note of an instance is not a role.
    """
    instances = []
    for node in nodes:
        if not isinstance(node.note, Role):
            raise TypeError(f"the instance `{node.label}` has no role")
        instances.append(node.note.to_dict())
    return custom_section(SECTION, to_json_text({"format": FORMAT, "instances": instances}).encode())


def read_roles(sections: Sequence[bytes], count: int) -> tuple[Role, ...] | None:
    """Return the recorded roles of a composed file.

    Args:
        sections: The contents of its sections of this name.
        count: The number of its instances.

    Returns:
        A role for each instance, in the order of their instantiation. None without a record, or if it is invalid,
        occurs more than once, or describes another number of instances.
    """
    try:
        document = json.loads(sections[0]) if len(sections) == 1 else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        return None
    instances = document.get("instances")
    if not isinstance(instances, list) or len(instances) != count:
        return None
    roles = [_role(one) for one in instances]
    known = tuple(role for role in roles if role is not None)
    return known if len(known) == count else None


def _role(entry: object) -> Role | None:
    if not isinstance(entry, dict):
        return None
    kind = next((one for one in _KINDS if entry.get("role") == one), None)
    name, component = entry.get("name"), entry.get("component", "")
    grants, catalogue, rules = entry.get("grants", []), entry.get("catalogue"), entry.get("rules", {})
    if (
        kind is None
        or not isinstance(name, str)
        or not isinstance(component, str)
        or not isinstance(grants, list)
        or not all(isinstance(grant, str) for grant in grants)
        or not (catalogue is None or isinstance(catalogue, str))
        or not isinstance(rules, dict)
    ):
        return None
    return Role(kind, name, component, tuple(grants), catalogue, rules)


def check_size(data: bytes, components: Sequence[Component]) -> None:
    """Check that engines accept the size of a composition, so that the author gets the error, not the operator.

    Args:
        data: The composition.
        components: The components it was made of.

    Raises:
        LimitExceededError: The composition is too large.
    """
    counts = count(data)
    if counts.definitions > MAX_DEFINITIONS:
        sizes = sorted(((one.name, count(one.data).definitions) for one in components), key=lambda size: -size[1])
        raise LimitExceededError("core modules and components", counts.definitions, MAX_DEFINITIONS, sizes[:3])
    if counts.instances > MAX_INSTANCES:
        raise LimitExceededError("instances", counts.instances, MAX_INSTANCES, ())


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
"""Settings whose values only the operator has."""


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
