"""Development builds of servers: an edit of Python modules needs no build.

The components in Python are built without the author's modules (see `wasmcp.wasi`), which are read anew
for each server that is opened; components in other languages are built as usual. The lists are read at run time, so
that a tool that two components have is not an error here. The server is stored in the cache, not in the
project, and nothing but `wasmcp.host.open_server` with these modules runs it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasmcp import toolchains
from wasmcp.compose.extensions import listed_tasks
from wasmcp.compose.interfaces import MIDDLEWARE, TASK_TOOLS
from wasmcp.errors import (
    CatalogueError,
    ComponentsError,
    InvalidSettingError,
    RequestError,
    ToolchainError,
    WasmcpError,
)
from wasmcp.project import manifest
from wasmcp.project.build_plan import ResolvedComponent, plan, resolve
from wasmcp.project.build_steps import SKIP, built_components, chosen_server, composed_servers, skipped
from wasmcp.project.catalogue_recording import check_lists
from wasmcp.project.config import load
from wasmcp.project.events import Progress, notes
from wasmcp.protocol import IDENTITIES, LISTS
from wasmcp.storage import Cache, digest_of_value, file_failures
from wasmcp.toolchains.base import ComponentSource, DevelopmentToolchain

if TYPE_CHECKING:
    from wasmcp.host import Server
    from wasmcp.project.manifest import Built


@dataclass(frozen=True)
class DevelopmentServer:
    """Development build of a server, with the modules of its Python components.

    Attributes:
        path: The file; its `manifest.json` is in the same folder.
        modules: The modules by the component's name, for the argument `development` of `wasmcp.host.open_server`; and
            after a check, under the name of the interface `task-tools`, the tools that run as tasks.
        sources: The sources of these components, by name.
    """

    path: Path
    modules: dict[str, str]
    sources: Mapping[str, tuple[DevelopmentToolchain, ComponentSource]]

    def check(self, *, quick: bool = False) -> None:
        """Start the server and check its lists, as a build does. Tools that are listed run as tasks afterwards.

        Args:
            quick: Compile it in less time, to slower code.

        Raises:
            CatalogueError: A list is not valid.
            CompositionError: The declaration of a tool that runs as a task is not valid.
            HostError: The server does not start.
            ToolchainError: Modules cannot be imported, or declare something invalid: the error of a build.
        """
        from wasmcp.host import open_server

        with open_server(self.path, instances=1, quick=quick, development=self.modules) as running:
            self.check_running(running)

    def owners(self, server: Server) -> dict[str, dict[str, str]]:
        """Return the components that own the entries of the running server, by kind of list and by identity.

        The entries of compiled components are recorded. The other ones belong to the component in Python; of several,
        each lists its own in a server where the others have no modules.
        """
        entry = manifest.read(self.path.with_name("manifest.json")).get(self.path.stem, {})
        found: dict[str, dict[str, str]] = {kind: {} for kind in IDENTITIES}
        for component in entry.get("components", ()):
            for kind, identities in component.get("entries", {}).items():
                found[kind] |= dict.fromkeys(identities, component["name"])
        for name in self.sources:
            if len(self.sources) == 1:
                self._add_owner(found, server, name)
                continue
            from wasmcp.host import open_server

            others = self.sources.keys() - {name}
            own = {key: text for key, text in self.modules.items() if key not in others}
            with open_server(self.path, instances=1, quick=True, development=own) as alone:
                self._add_owner(found, alone, name)
        return found

    @staticmethod
    def _add_owner(found: dict[str, dict[str, str]], server: Server, name: str) -> None:
        for kind, method, _, member, identity in LISTS:
            try:
                for item in server.list_all(method, member):
                    found[kind].setdefault(item[identity], name)
            except RequestError:  # without the capability
                continue

    def check_running(self, server: Server) -> bool:
        """Check the lists of a running server with these modules; see `check`.

        Returns:
            True if tools run as tasks that did not before: the server has to be opened again.
        """
        try:
            check_lists(self.path.stem, server)
            known = self.modules.get(TASK_TOOLS)
            if known is None:
                return False
            has_tools = "tools" in server.discover()["capabilities"]
            tools = [*server.list_all("tools/list", "tools")] if has_tools else []
        except RequestError as error:
            raise self._failure(error) or CatalogueError(self.path.stem, f"it cannot list: {error}") from error
        self.modules[TASK_TOOLS] = listed_tasks(known, tools)
        return self.modules[TASK_TOOLS] != known

    def _failure(self, error: RequestError) -> ToolchainError | None:
        """Return the error of a build for an error response about modules; None for other responses."""
        data: Any = error.data
        if not isinstance(data, dict) or data.get("component") not in self.sources:
            return None
        tools, source = self.sources[data["component"]]
        return tools.failure_of(source, data["errors"])


@file_failures()
def development_server(
    root: Path, server: str | None = None, *, progress: Progress | None = None, cache: Cache | None = None
) -> DevelopmentServer:
    """Return the development build of a project's server with its modules as they are now.

    It is built if dependencies, configuration, or components in other languages changed.

    Args:
        root: The folder with the ``pyproject.toml``.
        server: The server's key; if omitted, the only one, or ``default``.
        progress: Called when a slow step begins or has ended.
        cache: The cache; the user's if omitted.

    Raises:
        ConfigError: The configuration has mistakes, or the server is unknown.
        InvalidSettingError: `WASMCP_SKIP_BUILD` is set.
        ToolchainError: A module cannot be parsed, or imports what its component does not have.
        WasmcpError: See `wasmcp.project.build`.
    """
    if skipped():
        raise InvalidSettingError(f"`{SKIP}` excludes a development build, which is made when it is needed: unset it")
    cache = Cache() if cache is None else cache
    report = (lambda _: None) if progress is None else progress
    project = load(root)
    key = chosen_server(project, server)
    needed = replace(project, servers={key: project.servers[key]})
    resolution = resolve(needed)
    found = {name: _developed(one) for name, one in resolution.components.items()}
    planned = replace(plan(replace(resolution, components=found)), development=True)
    sources: dict[str, tuple[DevelopmentToolchain, ComponentSource]] = {
        name: (one.toolchain, one.source)
        for name, one in found.items()
        if one.source is not None and isinstance(one.toolchain, DevelopmentToolchain)
    }
    modules = _modules(sources, cache, report)
    has_tasks = any(sources[name][0].can_have_tasks(text) for name, text in modules.items())
    folder = cache.development_directory(project.root, key)
    inputs = digest_of_value([planned.servers[key].inputs, has_tasks])
    step = replace(planned.servers[key], output=folder / f"{key}.wasm", inputs=inputs)
    planned = replace(planned, servers={key: step}, unlisted_tasks=has_tasks)
    record = folder / "manifest.json"
    with cache.lock(str(folder)):
        if not manifest.is_fresh(manifest.read(record).get(key), step.inputs, step.output):
            components = built_components(planned, [key], cache, report)
            composed, entry = composed_servers(planned, [key], components, report)[key]
            for one in entry["components"]:
                one.update(_entries(components[one["name"]]))
            if composed.task_values:
                entry["task-tools"] = dict(composed.task_values)
            folder.mkdir(parents=True, exist_ok=True)
            composed.write(step.output)
            manifest.write(record, {key: entry})
        known = manifest.read(record)[key].get("task-tools")
    if known is not None:
        modules[TASK_TOOLS] = listed_tasks(json.dumps(known), ())
    return DevelopmentServer(step.output, modules, sources)


def _entries(part: Built) -> dict[str, Any]:
    """Return the member of the manifest with the recorded entries of a component, for `DevelopmentServer.owners`."""
    if part.catalogue is None:
        return {}
    lists = {kind: [item[identity] for item in part.catalogue.items(kind)] for kind, identity in IDENTITIES.items()}
    return {"entries": {kind: found for kind, found in lists.items() if found}}


def _developed(one: ResolvedComponent) -> ResolvedComponent:
    """Return a component for a development build; unchanged if its language has none."""
    if one.source is None or one.config.language is None:
        return one
    tools = toolchains.development_toolchain(one.config.language)
    if tools is None:
        return one
    # Its lists are read at run time: this needs the grant.
    config = replace(one.config, dynamic=True, grants=one.config.grants | {MIDDLEWARE})
    return replace(one, config=config, toolchain=tools, inputs=tools.inputs(one.source))


def _modules(
    sources: Mapping[str, tuple[DevelopmentToolchain, ComponentSource]], cache: Cache, report: Progress
) -> dict[str, str]:
    found: dict[str, str] = {}
    failed: dict[str, WasmcpError] = {}
    for name, (tools, source) in sources.items():
        try:
            found[name] = tools.modules(source, cache=cache.toolchain(tools.name), progress=notes(report))
        except ToolchainError as error:
            failed[name] = error
    ComponentsError.raise_any(failed)
    return found
