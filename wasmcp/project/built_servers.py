"""State of what was built before: servers in the tree that fit a version, and components in the cache."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wasmcp.component.decode import decode
from wasmcp.errors import ComponentError, WasmcpError
from wasmcp.project.build_plan import plan, plan_components
from wasmcp.project.manifest import read, stale
from wasmcp.project.model import Project
from wasmcp.project.resolution import Resolution, resolve, resolve_components
from wasmcp.project.sbom import is_cached, is_written
from wasmcp.storage import digest
from wasmcp.storage.cache import Cache, file_failures
from wasmcp.wasi import REASON, is_development


def unfit(project: Project, version: str) -> list[str]:
    """Return a sentence for each server in the tree that cannot be distributed as this version."""
    entries = read(project.manifest)
    problems = []
    for key in project.servers:
        path = project.output(key)
        label, entry = path.relative_to(project.root).as_posix(), entries.get(key)
        if not path.is_file():
            problems.append(f"`{label}` does not exist")
        elif entry is None or entry.get("digest") != digest.of_file(path):
            problems.append(f"`{label}` is not the server that `manifest.json` in the same folder describes")
        elif (built := entry.get("metadata", {}).get("version")) != version:
            problems.append(f"`{label}` was built as version {built}, and the wheel has version {version}")
        elif _is_development(path):
            problems.append(f"`{label}`: {REASON}")
    return problems


def _is_development(path: Path) -> bool:
    try:
        return is_development(decode(path.read_bytes()).imports)
    except ComponentError:
        return False


def changed(project: Project, version: str) -> list[str]:
    """Return a sentence for the servers in the tree whose sources have changed since their build, as far as is known.

    Nothing is fetched and nothing is compiled for this check.
    """
    from wasmcp.registry.fetch_options import FetchOptions

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
    from wasmcp.registry.fetch_options import FetchOptions

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
