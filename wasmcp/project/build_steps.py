"""Build of a plan: compile components or use the cache, record catalogues, compose, write; and what was built before.

Servers that were built before are in the tree and fit a version; components are in the cache.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasmcp.compose.interfaces import SERVER_HANDLER
from wasmcp.errors import ArtifactError, ComponentError, ComponentsError, ConfigError, ServersError, WasmcpError
from wasmcp.file_writing import write_atomically
from wasmcp.project import manifest
from wasmcp.project.build_plan import (
    ComponentStep,
    Plan,
    Resolution,
    ServerStep,
    plan,
    plan_component,
    plan_components,
    resolve,
    resolve_component,
    resolve_components,
)
from wasmcp.project.component_files import pages_in, with_pages
from wasmcp.project.config import load
from wasmcp.project.events import (
    CompilationFailed,
    CompilationFinished,
    CompilationStarted,
    Note,
    Progress,
    ServerComposed,
    notes,
)
from wasmcp.project.manifest import Built, built_entry, is_cached, is_written, read, server_entry, stale
from wasmcp.project.model import Project, ServerConfig
from wasmcp.registry import FetchOptions, environment_says
from wasmcp.storage import Cache, digest_of_bytes, digest_of_file, digest_of_value, digests_of_framework, file_failures
from wasmcp.toolchains.base import Versioned, did_you_mean, require_pins
from wasmcp.wasi import REASON, is_development

if TYPE_CHECKING:
    from wasmcp.apps_section import AppPage
    from wasmcp.compose.catalogue import Catalogue
    from wasmcp.compose.composed_server import ComposedServer
    from wasmcp.project.model import SkillFolders
    from wasmcp.skills_section import Skill

SKIP = "WASMCP_SKIP_BUILD"
"""Environment variable that stops hooks and pytest from building: existing files are used unchanged."""


def skipped() -> bool:
    """Return true if `SKIP` is set."""
    return environment_says(SKIP)


@file_failures()
def build(
    planned: Plan,
    *,
    servers: Iterable[str] | None = None,
    progress: Progress | None = None,
    cache: Cache | None = None,
    force: bool = False,
) -> tuple[Path, ...]:
    """Build the servers that are out of date, and write the manifest.

    Nothing in the tree changes unless all of them can be built.

    Args:
        planned: The plan.
        servers: The keys of the servers to build; all if omitted.
        progress: Called when a slow step begins or has ended.
        cache: The cache of components; the user's if omitted.
        force: Compose servers that are up to date as well.

    Returns:
        The files of these servers, now up to date.

    Raises:
        MissingToolchainError: A compiler is needed and not installed.
        ToolchainError: A source does not compile.
        CatalogueError: A component does not boot, or its catalogue is not valid.
        CompositionError: The components cannot be composed.
        StorageError: A file of the project or of the cache cannot be written.
    """
    requested = list(planned.servers if servers is None else servers)
    paths = tuple(planned.servers[key].output for key in requested)
    cache = Cache() if cache is None else cache
    report = (lambda _: None) if progress is None else progress
    if not force and not set(manifest.stale(planned)) & set(requested):
        return paths
    with cache.lock(digest_of_value(str(planned.project.manifest))):
        stale = manifest.stale(planned)
        todo = [key for key in requested if force or key in stale]
        if todo:
            components = built_components(planned, todo, cache, report)
            done = composed_servers(planned, todo, components, report)
            _write(planned, done)
    return paths


@file_failures()
def ensure_built(root: Path, server: str | None = None, *, progress: Progress | None = None) -> Path:
    """Return the file of a project's server, building it if it is missing or out of date.

    With the environment variable ``WASMCP_SKIP_BUILD`` the existing file is used unchanged.

    Args:
        root: The folder with the ``pyproject.toml``.
        server: The server's key; if omitted, the only one, or ``default``.
        progress: Called when a slow step begins or has ended.

    Raises:
        ConfigError: The configuration has mistakes, or the server is unknown.
        ArtifactError: Building is disabled and the file is missing.
        WasmcpError: See `build`.
    """
    project = load(root)
    chosen = chosen_server(project, server)
    if skipped():
        path = project.output(chosen)
        if not path.is_file():
            label = path.relative_to(project.root).as_posix()
            raise ArtifactError(label, f"does not exist, and `{SKIP}` keeps it from being built")
        return path
    return build(plan(resolve(project)), servers=[chosen], progress=progress)[0]


def chosen_server(project: Project, server: str | None) -> str:
    """Return the key of a project's server: the given one, the only one, or `default`.

    Raises:
        ConfigError: The project has no such server.
    """
    keys = list(project.servers)
    chosen = server or (keys[0] if len(keys) == 1 else "default")
    if chosen not in keys:
        problem = f"`tool.wasmcp.servers` has no server `{chosen}`{did_you_mean(chosen, keys)}"
        raise ConfigError([problem])
    return chosen


@file_failures()
def build_component(
    project: Project,
    name: str,
    *,
    progress: Progress | None = None,
    cache: Cache | None = None,
    fetching: FetchOptions | None = None,
) -> Built:
    """Return one component of a project with its catalogue, compiled now or from the cache.

    Args:
        project: The configuration of the project.
        name: A key of `[tool.wasmcp.components]`.
        progress: Called when a slow step begins or has ended.
        cache: The cache of components; the user's if omitted.
        fetching: Options for fetching a remote component.

    Raises:
        ConfigError: The project has no such component.
        WasmcpError: See `build`.
    """
    if name not in project.components:
        problem = f"`tool.wasmcp.components` has no component `{name}`{did_you_mean(name, project.components)}"
        raise ConfigError([problem])
    planned = Plan(project, {}, digests_of_framework(), fetching)
    step = plan_component(project, resolve_component(project, project.components[name], fetching))
    report = (lambda _: None) if progress is None else progress
    return _component(planned, step, Cache() if cache is None else cache, report)


def built_components(planned: Plan, servers: Iterable[str], cache: Cache, report: Progress) -> dict[str, Built]:
    """Build the components of these servers, several at once: compilers run as separate processes."""
    from concurrent.futures import ThreadPoolExecutor

    steps = planned.components(servers)
    with ThreadPoolExecutor(max_workers=max(1, min(len(steps), os.cpu_count() or 1))) as pool:
        futures = {name: pool.submit(_component, planned, step, cache, report) for name, step in steps.items()}
    # All have ended here: the errors of all are reported, and compiled components are in the cache.
    failed: dict[str, WasmcpError] = {}
    built: dict[str, Built] = {}
    for name, future in futures.items():
        try:
            built[name] = future.result()
        except WasmcpError as error:
            failed[name] = error
    ComponentsError.raise_any(failed)
    return built


def _component(planned: Plan, step: ComponentStep, cache: Cache, report: Progress) -> Built:
    from wasmcp.compose.component_reader import ComponentSpec, read_component
    from wasmcp.project.catalogue_recording import catalogue_of

    name = step.config.name
    built_with = dict(step.pins)
    if step.config.package:
        from wasmcp.project import lock_entries

        fetching = planned.fetching or lock_entries.options_for(planned.project.root)
        data = lock_entries.fetch_pinned(step.config.package, replace(fetching, progress=notes(report))).read_bytes()
        found = digest_of_bytes(data)
    elif step.source is None or step.toolchain is None:
        data = (planned.project.root / step.config.file).read_bytes()
        found = digest_of_bytes(data)
    else:
        with cache.lock(step.inputs):
            entry = cache.component(step.inputs)
            if entry is None:
                require_pins(step.toolchain, step.source, step.pins)
                report(CompilationStarted(name, step.source.label))
                begun = time.perf_counter()
                output = cache.component_path(step.inputs)
                output.parent.mkdir(parents=True, exist_ok=True)
                folder = cache.toolchain(step.toolchain.name)
                try:
                    step.toolchain.build(step.source, output, cache=folder, progress=notes(report))
                except BaseException:
                    report(CompilationFailed(name, time.perf_counter() - begun))
                    raise
                _take_names(output, cache, keep=step.config.names)
                tools = step.toolchain
                compilers = tools.built_with(step.source) if isinstance(tools, Versioned) else {}
                entry = cache.record_component(step.inputs, compilers)
                report(CompilationFinished(name, output.stat().st_size, time.perf_counter() - begun))
            built_with.update(cache.built_with(step.inputs))
        path, found = entry
        data = path.read_bytes()
    catalogue = None
    # A custom server handler can answer lists itself, so its lists are read at run time, as with `dynamic`.
    offers = read_component(ComponentSpec(name, data)).offers
    if not step.config.dynamic and SERVER_HANDLER not in offers:
        with cache.lock(found):
            catalogue = catalogue_of(name, data, found, planned.framework, cache, progress=report)
    data, complete, catalogue = _with_contents(planned, step, data, found, catalogue)
    return Built(step, data, complete, found, catalogue, built_with)


def _take_names(component: Path, cache: Cache, *, keep: bool) -> None:
    """Move the function names of a compiled component to the cache; a component that keeps them has them as well."""
    from wasmcp.component.custom_sections import function_names, strip

    data = component.read_bytes()
    cache.record_names(function_names(data))
    write_atomically(component, strip(data, names=keep))


def _with_contents(
    planned: Plan, step: ComponentStep, data: bytes, found: str, catalogue: Catalogue | None
) -> tuple[bytes, str, Catalogue | None]:
    """Return a component with its extensions, skills and pages of apps, its digest and its catalogue."""
    from wasmcp import apps_section
    from wasmcp.declaration_section import with_extensions
    from wasmcp.skills_section import section

    skills = _skills(planned, step.config.skills)
    pages: tuple[AppPage, ...] = ()
    if catalogue is not None and step.source is not None:
        pages = pages_in(planned.project.root, step.config.name, catalogue, step.pages)
    if not (step.config.extensions or skills or pages):
        return data, found, catalogue
    data = with_extensions(data, step.config.extensions) if step.config.extensions else data
    data += section(skills) + apps_section.section(pages)
    found = digest_of_bytes(data)
    return data, found, None if catalogue is None else replace(with_pages(catalogue, pages), digest=found)


def _skills(planned: Plan, folders: SkillFolders) -> tuple[Skill, ...]:
    if not folders.paths:
        return ()
    from wasmcp.project.component_files import read_skills

    return read_skills(planned.project.root, folders)


def composed_servers(
    planned: Plan, servers: Iterable[str], components: Mapping[str, Built], report: Progress
) -> dict[str, tuple[ComposedServer, dict[str, Any]]]:
    """Compose servers; return each with its entry in the manifest, by key.

    Raises:
        CompositionError: One of them cannot be composed.
        ServersError: Several of them cannot be composed.
    """
    failed: dict[str, WasmcpError] = {}
    done: dict[str, tuple[ComposedServer, dict[str, Any]]] = {}
    for key in servers:
        try:
            done[key] = _compose(planned, planned.servers[key], components, report)
        except WasmcpError as error:
            failed[key] = error
    ServersError.raise_any(failed)
    return done


def _check_limits(config: ServerConfig, tools: Sequence[str]) -> None:
    """Check that the rate limits of single tools are about tools of the server: another name would limit nothing.

    Raises:
        ConfigError: The error lists all other names.
    """
    table = f"tool.wasmcp.servers.{config.key}.limits.tool"
    problems = [
        f"`{table}` names `{name}`, which is not a tool of the server{did_you_mean(name, tools)}"
        for name in config.configuration.limits.tool
        if name not in tools
    ]
    if problems:
        raise ConfigError(problems)


def _compose(
    planned: Plan, step: ServerStep, components: Mapping[str, Built], report: Progress
) -> tuple[ComposedServer, dict[str, Any]]:
    from wasmcp.compose.component_reader import ComponentSpec
    from wasmcp.compose.composed_server import KEYVALUE, STORED_SESSIONS, check_runtime
    from wasmcp.compose.composition import compose_server
    from wasmcp.compose.framework import SECOND_DRAFT
    from wasmcp.compose.grants import breadth_warnings, denial_warnings
    from wasmcp.compose.metadata import ServerMetadata

    config = step.config
    metadata = ServerMetadata(
        name=config.name,
        version=step.version,
        title=config.title,
        description=config.description,
        website_url=config.website_url,
        instructions=config.instructions,
        extensions=config.extensions,
    )
    parts = [components[name] for name in config.components]
    specs = [
        ComponentSpec(
            name=part.step.config.name,
            data=part.data,
            catalogue=part.catalogue,
            grants=part.step.config.grants,
            dynamic=part.step.config.dynamic,
            config=part.step.config.values,
            rules=part.step.config.rules,
        )
        for part in parts
    ]
    replaced = {name: planned.project.root / file for name, file in config.framework.items()}
    runtime = config.runtime
    begun = time.perf_counter()
    composed = compose_server(
        specs,
        metadata,
        on_duplicate=config.on_duplicate,
        environment=config.environment,
        auth=config.auth,
        settings=config.settings,
        access=config.access,
        keyvalue=KEYVALUE.get(runtime, SECOND_DRAFT),
        framework=replaced,
        development=planned.development,
        stored_sessions=runtime in STORED_SESSIONS,
        skills=_skills(planned, config.skills),
        unlisted_tasks=planned.unlisted_tasks,
    )
    known = all(part.catalogue is not None for part in parts)
    if known:
        _check_limits(config, [tool["name"] for tool in composed.tools])
    if runtime != "wasmcp" and not planned.development:
        check_runtime(runtime, composed.imports)
    given = [part.step.config.name for part in parts if part.step.config.language is None]
    for warning in (*denial_warnings(composed.denied), *breadth_warnings(composed.unlimited)):
        report(Note(f"warning: {warning}"))
    for name in given:  # sources of compiled components show their imports
        if name in composed.denied:
            report(Note(f"imported by `{name}` and not granted: {', '.join(composed.denied[name])}"))
    inside = step.output.is_relative_to(planned.project.root)
    label = step.output.relative_to(planned.project.root).as_posix() if inside else "a development build"
    report(ServerComposed(config.key, label, composed.size, time.perf_counter() - begun))
    entries = [built_entry(part, planned.project.root) for part in parts]
    entry = server_entry(
        step.output.name,
        metadata,
        entries,
        composed,
        inputs=step.inputs,
        known=known,
        configuration=config.configuration,
        development=planned.development,
    )
    return composed, entry


def _write(planned: Plan, done: Mapping[str, tuple[ComposedServer, dict[str, Any]]]) -> None:
    """Write the composed servers, then the manifest, then remove servers that only the previous manifest names."""
    project = planned.project
    before = manifest.read(project.manifest)
    project.directory.mkdir(exist_ok=True)
    for key, (composed, _) in done.items():
        composed.write(planned.servers[key].output)
    kept = {key: entry for key, entry in before.items() if key in planned.servers}
    manifest.write(project.manifest, {**kept, **{key: entry for key, (_, entry) in done.items()}})
    for key in before.keys() - planned.servers.keys():
        # The file's name follows from the key, never from the manifest, which must not choose the files to remove.
        if Path(f"{key}.wasm").name == f"{key}.wasm":
            project.output(key).unlink(missing_ok=True)


@file_failures()
def clean(project: Project) -> None:
    """Remove the files that a build leaves in the tree, if any."""
    for path in project.outputs:
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # missing, or contains other files
        project.directory.rmdir()


def unfit(project: Project, version: str) -> list[str]:
    """Return a sentence for each server in the tree that cannot be distributed as this version."""
    entries = read(project.manifest)
    problems = []
    for key in project.servers:
        path = project.output(key)
        label, entry = path.relative_to(project.root).as_posix(), entries.get(key)
        if not path.is_file():
            problems.append(f"`{label}` does not exist")
        elif entry is None or entry.get("digest") != digest_of_file(path):
            problems.append(f"`{label}` is not the server that `manifest.json` in the same folder describes")
        elif (built := entry.get("metadata", {}).get("version")) != version:
            problems.append(f"`{label}` was built as version {built}, and the wheel has version {version}")
        elif _is_development(path):
            problems.append(f"`{label}`: {REASON}")
    return problems


def _is_development(path: Path) -> bool:
    from wasmcp.component.decode import decode

    try:
        return is_development(decode(path.read_bytes()).imports)
    except ComponentError:
        return False


def changed(project: Project, version: str) -> list[str]:
    """Return a sentence for the servers in the tree whose sources have changed since their build, as far as is known.

    Nothing is fetched and nothing is compiled for this check.
    """
    from wasmcp.registry import FetchOptions

    try:
        left = stale(plan(resolve(project, version=version, fetching=FetchOptions(project.root, offline=True))))
    except WasmcpError as error:
        return [f"cannot check if the servers are up to date: {error}"]
    listed = ", ".join(f"`{key}`" for key in left if project.output(key).is_file())
    return [f"the sources of {listed} changed since it was built"] if listed else []


@dataclass(frozen=True)
class Missing:
    """Parts of a build that are not in the cache.

    Attributes:
        languages: The languages of the components that have to be compiled.
        boms: True if a bill of materials has to be written.
    """

    languages: frozenset[str]
    boms: bool


def has_boms(project: Project, cache: Cache | None = None) -> bool:
    """Return True if the cache has the bills of materials of the servers in the tree, which are used as they are."""
    cache = Cache() if cache is None else cache
    entries = read(project.manifest)
    return all(is_written(project, key, entries.get(key, {}), cache) for key in project.servers)


@file_failures()
def missing(project: Project, version: str | None, cache: Cache | None = None) -> Missing:
    """Return the parts of a project's next build that are not in the cache, as far as that is known.

    Nothing is fetched and nothing is compiled. If the components cannot be planned without the network, the result is
    all parts.

    Args:
        project: The configuration of the project.
        version: The distribution's version; None if it is not known yet, which is part of a bill of materials.
        cache: The cache; the user's if omitted.

    Raises:
        StorageError: A file of the project cannot be read.
    """
    from wasmcp.registry import FetchOptions

    cache = Cache() if cache is None else cache
    used = {name for server in project.servers.values() for name in server.components}
    wanted = {name: one.language for name, one in project.components.items() if name in used and one.language}
    try:
        found = resolve_components(project, FetchOptions(project.root, offline=True))
        steps = plan_components(project, found)
    except WasmcpError:
        return Missing(frozenset(wanted.values()), boms=True)
    languages = frozenset(language for name, language in wanted.items() if cache.component(steps[name].inputs) is None)
    if languages or version is None:
        return Missing(languages, boms=True)
    planned = plan(Resolution(project, version, found))
    return Missing(languages, boms=not all(is_cached(project, step, cache) for step in planned.servers.values()))
