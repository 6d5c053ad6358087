"""Composition of servers and handlers from components."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from wasmcp import apps_section
from wasmcp.component import interface_names
from wasmcp.component.encode import encode
from wasmcp.component.graph import Graph
from wasmcp.component.topology import MAX_DEFINITIONS, MAX_INSTANCES, count
from wasmcp.compose.access import Access
from wasmcp.compose.access_rules import access_section, compiled
from wasmcp.compose.apps import checked_apps
from wasmcp.compose.capabilities import declared_by, server_capabilities
from wasmcp.compose.chain_plan import (
    OnDuplicate,
    Part,
    Segment,
    catalogue_of,
    components_of,
    members_of,
    plan_chain,
    tools_of,
)
from wasmcp.compose.component_reader import Component, ComponentSpec, read_components
from wasmcp.compose.composed_server import ComposedServer
from wasmcp.compose.composition import Composition
from wasmcp.compose.framework import ISSUER_DRAFTS, SECOND_DRAFT, SESSION_DRAFTS, load_framework
from wasmcp.compose.generated_components import server_metadata, settings_section
from wasmcp.compose.grants import check_middlewares, denied_to, unlimited_grants
from wasmcp.compose.interfaces import SERVER_HANDLER, TASK_TOOLS, TYPES
from wasmcp.compose.metadata import Authorization, ServerMetadata, check_settings
from wasmcp.compose.roles import roles_section
from wasmcp.compose.skills import catalogue_of_skills, collect, with_generated
from wasmcp.compose.tasks import check_storage, names_of_tasks, task_tools, task_values
from wasmcp.compose.wiring import comes_from_outside
from wasmcp.errors import CompositionError, LimitExceededError
from wasmcp.revision_views import to_json_text
from wasmcp.skills_section import Skill, SkillSummary, record, section
from wasmcp.wasi import INTERFACE


def compose_server(
    components: Sequence[ComponentSpec],
    metadata: ServerMetadata,
    *,
    on_duplicate: OnDuplicate = "error",
    environment: bool = False,
    settings: Mapping[str, str] | None = None,
    keyvalue: str = SECOND_DRAFT,
    auth: Authorization = "operator",
    framework: Mapping[str, bytes | Path] | None = None,
    development: bool = False,
    access: Access | None = None,
    stored_sessions: bool = False,
    skills: Sequence[Skill] = (),
    unlisted_tasks: bool = False,
) -> ComposedServer:
    """Compose a server.

    Args:
        components: The components in the order of the chain; at least one.
        metadata: The server's description of itself.
        on_duplicate: Handling of a tool, resource, template or prompt of the same name in two components: an error,
            or (`first`) the first component owns it.
        environment: True if the framework reads its settings from the environment of the process. Under `wasmcp.host`
            it gets them another way; another runtime must be configured to pass the environment on.
        settings: Settings of the author, baked in; see `wasmcp.compose.metadata.BAKED`. They exclude
            `environment`.
        keyvalue: The draft of `wasi:keyvalue` for components with a grant of it, of `wasmcp.compose.framework.DRAFTS`;
            `wasmcp.host` has both.
        auth: The server's authorization.
        framework: Replacements of framework components, by name.
        development: True if components of development builds are permitted; see `wasmcp.wasi`.
        access: Its access rules: the entries that exist under each path of its endpoint, and its policy.
        stored_sessions: True if sessions over HTTP are kept in `wasi:keyvalue`, for runtimes whose storage lasts and
            that keep no sessions themselves; see `wasmcp.compose.deployment_targets.STORED_SESSIONS`. The keys of an
            issuer that the server fetches itself are then kept there, too.
        skills: Its skills, in addition to those of its components.
        unlisted_tasks: True for a development build in which tools that are listed at run time can run as tasks: its
            host implements `task-tools`.

    Returns:
        The server. The same arguments give the same bytes.

    Raises:
        CompositionError: The components cannot be composed; see its subclasses.
        MissingPackageDataError: The framework is not built.
    """
    if not components:
        raise CompositionError("a server needs at least one component")
    check_settings(settings or {}, environment=environment, auth=auth)
    read = read_components(components)
    check_middlewares(read)
    served = collect(read, skills)
    parts = plan_chain(read, on_duplicate=on_duplicate, skills=catalogue_of_skills(served))
    served = with_generated(served, members_of(parts))
    apps = checked_apps(read)
    has_apps = bool(apps) or any(component.pages for component in read)
    tasks = task_tools(tools_of(parts))
    check_storage(tasks, [component.name for component in read if _stores(component)])
    # A component with the whole of `wasi:keyvalue` could change tasks: a release build is refused if there are any.
    unlisted_tasks = unlisted_tasks and not any(map(_stores, read))
    has_tasks = bool(tasks) or unlisted_tasks
    without_tasks = server_capabilities(read, metadata.extensions, skills=bool(served), apps=has_apps)
    capabilities = server_capabilities(read, metadata.extensions, skills=bool(served), apps=has_apps, tasks=has_tasks)
    described = server_metadata(metadata, capabilities)
    composition = Composition(load_framework(framework), described, keyvalue, development=development)
    composition.check(read)
    access = access or Access()
    about_tasks = task_values(tasks, without_tasks, notifies=not access.policy.deny)
    named = None
    if tasks and not unlisted_tasks:
        named = names_of_tasks(composition.framework["tasks"].wants(TASK_TOOLS), about_tasks)
    rules = compiled(access, parts, auth=auth, development=development, tasks=tasks, unlisted_tasks=unlisted_tasks)
    text = None if rules is None else to_json_text(rules)
    composition.serve(
        parts,
        environment=environment,
        settings=settings or {},
        rules=text,
        auth=auth,
        sessions=SESSION_DRAFTS[keyvalue] if stored_sessions else None,
        # A component with the whole of `wasi:keyvalue` could replace the keys that tokens are verified with.
        issuers=ISSUER_DRAFTS[keyvalue] if stored_sessions and not any(map(_stores, read)) else None,
        skills=served,
        tasks=named,
        has_tasks=has_tasks,
        keyvalue=keyvalue,
    )
    encoded = encode(composition.graph)
    permitted = (*((INTERFACE,) if development else ()), *((TASK_TOOLS,) if unlisted_tasks else ()))
    _check_imports(composition.graph, (name for name in encoded.imports if name not in permitted))
    check_size(encoded.to_bytes(), read)
    summaries = tuple(SkillSummary.of(one.skill, one.owner) for one in served)
    return ComposedServer(
        chunks=(
            *encoded.chunks,
            roles_section(encoded.nodes),
            *([access_section(text)] if text else ()),
            *([settings_section(settings)] if settings else ()),
            *([record(summaries)] if summaries else ()),
            *([apps_section.record(apps)] if apps else ()),
        ),
        capabilities=capabilities,
        tools=tools_of(parts),
        imports=tuple(sorted(encoded.imports)),
        exports=tuple(composition.graph.exports),
        framework={name: component.digest for name, component in composition.framework.items()},
        instances=encoded.instances,
        catalogue=catalogue_of(parts),
        denied={component.name: found for component in read if (found := denied_to(component))},
        unlimited={component.name: found for component in read if (found := unlimited_grants(component))},
        access=rules,
        skills=summaries,
        has_fixed_lists=not (settings or framework or development or served or rules or auth == "required")
        and _has_fixed_lists(parts),
        apps=apps,
        tasks=tasks,
        task_values=about_tasks if unlisted_tasks else {},
    )


def _has_fixed_lists(parts: Sequence[Part]) -> bool:
    """Return true if the chain is one recorded catalogue, so that no code of a component takes part in a list."""
    alone = len(parts) == 1 and isinstance(parts[0], Segment)
    return alone and not any(SERVER_HANDLER in component.offers for component in components_of(parts))


def _stores(component: Component) -> bool:
    """Return true if a component imports `wasi:keyvalue` from the host."""
    imported = (name for name in component.info.imports if name.startswith("wasi:keyvalue/"))
    return any(comes_from_outside(component, name) for name in imported)


def check_size(data: bytes, components: Sequence[Component]) -> None:
    """Check that engines accept the size of a composition, so that the author learns of a limit, not the operator.

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


def _check_imports(graph: Graph, imports: Iterable[str]) -> None:
    """Check that the server imports only WASI. Only a framework component could import something else."""
    foreign = sorted((name for name in imports if not name.startswith("wasi:")), key=lambda name: name == TYPES)
    if foreign:
        needing = [
            node.label
            for node in graph.nodes
            for name in node.missing()
            if interface_names.compatible(name, foreign[0])
        ]
        raise CompositionError(f"nothing in the server provides `{foreign[0]}`, which `{needing[0]}` imports")


def compose_handler(
    components: Sequence[ComponentSpec],
    *,
    on_duplicate: OnDuplicate = "error",
    framework: Mapping[str, bytes | Path] | None = None,
) -> ComposedServer:
    """Compose a chain that exports `server-handler`.

    It imports the services of the server that it becomes part of, and the `server-handler` of the requests that it does
    not answer. Grants of its components are final: granted interfaces are imported, and that server grants them again
    or denies them.

    Args:
        components: The components in the order of the chain; at least one.
        on_duplicate: See `compose_server`.
        framework: Replacements of framework components, by name.

    Raises:
        CompositionError: The components cannot be composed; see its subclasses.
        MissingPackageDataError: The framework is not built.
    """
    if not components:
        raise CompositionError("a handler needs at least one component")
    read = read_components(components)
    check_middlewares(read)
    apps = checked_apps(read, whole=False)
    parts = plan_chain(read, on_duplicate=on_duplicate)
    carried = [one.skill for one in with_generated(collect(read, ()), members_of(parts))]
    composition = Composition(load_framework(framework), None)
    composition.check(read)
    composition.hand_on(parts)
    encoded = encode(composition.graph)
    check_size(encoded.to_bytes(), read)
    return ComposedServer(
        chunks=(
            *encoded.chunks,
            roles_section(encoded.nodes),
            declared_by(read).section(),
            *([section(carried)] if carried else ()),
            *([apps_section.record(apps)] if apps else ()),
        ),
        capabilities=server_capabilities(read),
        tools=tools_of(parts),
        imports=tuple(sorted(encoded.imports)),
        exports=tuple(composition.graph.exports),
        framework={name: component.digest for name, component in composition.framework.items()},
        instances=encoded.instances,
        denied={component.name: found for component in read if (found := denied_to(component))},
        unlimited={component.name: found for component in read if (found := unlimited_grants(component))},
    )
