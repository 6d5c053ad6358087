"""Composition of servers and handlers from components: the graph of the chain and its services.

    transport -> [access-control] -> [segment | dynamic component]* -> method-not-found
    services: server-io, server-metadata, stores

A segment is the framework's `catalogue` over a generated `dispatch` to its members, each wrapped by a middleware for
every capability it has. A dynamic component is wrapped in the same way, with the rest of the chain downstream.

A handler is such a chain without transport, end and services.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from wasmcp import apps_section
from wasmcp.component import interface_names
from wasmcp.component.encode import encode
from wasmcp.component.graph import Component as GraphComponent
from wasmcp.component.graph import Graph, Node, Value
from wasmcp.compose.access import Access
from wasmcp.compose.access_rules import access_section, compiled
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
from wasmcp.compose.component_reader import (
    Component,
    ComponentSpec,
    check_offers,
    declared_by,
    offered,
    raise_refused,
    read_components,
    server_capabilities,
)
from wasmcp.compose.composed_server import ComposedServer, Kind, Role, check_size, roles_section
from wasmcp.compose.deny_stubs import stubs
from wasmcp.compose.extensions import (
    TASK_DRAFTS,
    OwnedSkill,
    apps_data,
    catalogue_of_skills,
    check_storage,
    checked_apps,
    collect,
    names_of_tasks,
    skills_data,
    task_tools,
    task_values,
    with_generated,
)
from wasmcp.compose.framework import (
    CONFIG_TYPE,
    DEVELOPMENT_TYPE,
    ISSUER_DRAFTS,
    SECOND_DRAFT,
    SESSION_DRAFTS,
    FrameworkComponent,
    Stores,
    access_rules,
    authorizer_options,
    catalogue_data,
    configuration,
    dispatch,
    import_name,
    load_framework,
    no_authorization,
    server_metadata,
    settings_component,
    settings_section,
)
from wasmcp.compose.grants import check_middlewares, denied_to, unlimited_grants
from wasmcp.compose.interfaces import (
    ACCESS,
    ACCESS_RULES,
    APPS_DATA,
    AUTHORIZER,
    AUTHORIZER_OPTIONS,
    CAPABILITIES,
    CAPABILITY_NAMES,
    CATALOGUE_DATA,
    CONFIG,
    DISPATCH,
    DYNAMIC_MIDDLEWARES,
    EMBEDDED_TASKS,
    ENTRY_POINTS,
    ENVIRONMENT,
    INSECURE_SEED,
    ISSUER_DOCUMENTS,
    MESSAGES,
    SERVER_HANDLER,
    SERVER_METADATA,
    SESSION_STATES,
    SKILLS_DATA,
    TASK_TOOLS,
    TYPES,
    WIRE,
)
from wasmcp.compose.metadata import Authorization, ServerMetadata, check_settings, fetches_keys
from wasmcp.compose.wiring import Guards, Services, Wiring, check_guarded, check_imports, comes_from_outside
from wasmcp.errors import CompositionError, InvalidComponentError
from wasmcp.revision_views import to_json_text
from wasmcp.skills_section import Skill, SkillSummary, record, section
from wasmcp.wasi import INTERFACE


class Composition:
    """Graph of one server, built from the end of the chain to its beginning."""

    def __init__(
        self,
        framework: Mapping[str, FrameworkComponent],
        metadata: bytes | None,
        keyvalue: str | None = None,
        *,
        development: bool = False,
    ) -> None:
        self.framework = framework
        self._development: Services = {INTERFACE: (None, DEVELOPMENT_TYPE)} if development else {}
        self.graph = Graph()
        self._wiring = Wiring(self.graph)
        self._added: dict[str, GraphComponent] = {}
        self._shared: dict[str, Value] = {}
        self._end: Value | None = None
        self._unanswering: Value | None = None
        self._completions = False
        self._stores = Stores(framework, self._instance, self._generated, keyvalue)
        self._guards = Guards(framework, self._instance, self._generated)
        if metadata is None:  # a part of a server imports the services and the rest of the chain
            return
        self._shared[SERVER_METADATA] = self._generated("server-metadata", metadata).export(SERVER_METADATA)
        server_io = self._instance("server-io", {})
        self._shared[MESSAGES] = server_io.export(MESSAGES)
        self._shared[WIRE] = server_io.export(WIRE)
        self._end = self._instance("method-not-found", {}).export(SERVER_HANDLER)

    def check(self, components: Sequence[Component]) -> None:
        """Check the exports and imports of components against the framework.

        Raises:
            InvalidComponentError: A component does not fit.
            InvalidComponentsError: Several components do not fit.
        """
        expected = {
            contract: self.framework[middleware].wants(contract) for contract, middleware in CAPABILITIES.items()
        }
        expected[SERVER_HANDLER] = self.framework["transport"].wants(SERVER_HANDLER)
        refused: list[InvalidComponentError] = []
        for component in components:
            types = {
                MESSAGES: self.framework["server-io"].provides(MESSAGES),
                SERVER_HANDLER: self.framework["method-not-found"].provides(SERVER_HANDLER),
                **self._stores.types(component),
                **self._guards.types(component),
                CONFIG: CONFIG_TYPE,
                INSECURE_SEED: self.framework["insecure-seed"].provides(INSECURE_SEED),
                **{name: type_ for name, (_, type_) in self._development.items()},
            }
            try:
                check_guarded(component)
                check_offers(component, expected)
                check_imports(component, types)
            except InvalidComponentError as error:
                refused.append(error)
        raise_refused(refused)

    def serve(
        self,
        parts: Sequence[Part],
        *,
        environment: bool,
        settings: Mapping[str, str],
        rules: str | None = None,
        auth: Authorization = "operator",
        sessions: str | None = None,
        issuers: str | None = None,
        skills: Sequence[OwnedSkill] = (),
        tasks: bytes | None = None,
        has_tasks: bool = False,
        keyvalue: str = SECOND_DRAFT,
    ) -> None:
        """Put the transport in front of the chain, and export its entry points.

        Args:
            parts: The chain.
            environment: True if the transport reads its settings from the environment.
            settings: Settings that are baked in.
            rules: The access rules.
            auth: The authorization.
            sessions: The framework component that keeps sessions over HTTP; None for none.
            issuers: The framework component that keeps the keys of issuers, if they are fetched; None for none.
            skills: The skills of the server.
            tasks: The component that names the tools that can run as tasks; None if the host does.
            has_tasks: True if tools can run as tasks.
            keyvalue: The draft of `wasi:keyvalue` that tasks are kept in.

        Raises:
            CompositionError: There are access rules, or authorization is required, and the transport is a replacement
                that does not apply them.
        """
        if skills:
            held = self._generated("skills-data", skills_data(skills))
            data: dict[str, Value | None] = {SKILLS_DATA: held.export(SKILLS_DATA), SERVER_HANDLER: self._end}
            self._end = self._instance("skills", data).export(SERVER_HANDLER)
        chain = self._chain(parts)
        described: dict[str, Value | None] = {}
        if has_tasks:
            named = None if tasks is None else self._generated("task-tools", tasks).export(TASK_TOOLS)
            node = self._instance(TASK_DRAFTS[keyvalue], {TASK_TOOLS: named, SERVER_HANDLER: chain})
            chain = node.export(SERVER_HANDLER)
            described[SERVER_METADATA] = node.export(SERVER_METADATA)
            self.graph.export(EMBEDDED_TASKS, node.export(EMBEDDED_TASKS))
        services = {
            **described,
            **self._accessible(chain, rules, described),
            AUTHORIZER: self._authorizer(auth, fetching=environment or fetches_keys(settings), issuers=issuers),
            SESSION_STATES: self._session_states(sessions),
        }
        transport = self._instance("transport", services)
        checks = {ACCESS: "access rules"} if rules is not None else {}
        checks |= {AUTHORIZER: '`auth = "required"`'} if auth == "required" else {}
        for interface, reason in checks.items():
            if not interface_names.find(interface, transport.info.imports):
                raise CompositionError(
                    f"the server has {reason}, but the replacement of `transport` does not import `{interface}`: its "
                    "requests would not be checked. Replace it by one that does, or remove the replacement"
                )
        if settings:
            name = interface_names.find(ENVIRONMENT, transport.info.imports)
            baked = settings_component(settings, self.framework["transport"])
            if name is not None and baked is not None:
                transport.set(name, self._generated("settings", baked, label="settings of transport").export(name))
        elif not environment:
            self._wiring.deny(transport, (ENVIRONMENT,))
        for entry_point in ENTRY_POINTS:
            value = transport.export(entry_point)
            self.graph.export(value.name, value)

    def _accessible(
        self, chain: Value | None, rules: str | None, described: Mapping[str, Value | None]
    ) -> dict[str, Value | None]:
        """Return the first server handler and the check of requests; without rules the check rejects nothing.

        Args:
            chain: The first server handler of the chain.
            rules: The access rules.
            described: The metadata of the server, if it is not the generated one.
        """
        if rules is None:
            type_ = self.framework["transport"].wants(ACCESS)
            unchecked = self._generated("no-access-rules", stubs({ACCESS: type_}), kind="denial")
            unchecked.set(MESSAGES, self._shared[MESSAGES])
            return {SERVER_HANDLER: chain, ACCESS: unchecked.export(ACCESS)}
        baked = self._generated("access-rules", access_rules(rules), whole=True)
        services = {**described, SERVER_HANDLER: chain, ACCESS_RULES: baked.export(ACCESS_RULES)}
        node = self._instance("access-control", services)
        return {SERVER_HANDLER: node.export(SERVER_HANDLER), ACCESS: node.export(ACCESS)}

    def _authorizer(self, auth: Authorization, *, fetching: bool, issuers: str | None) -> Value:
        """Return the instance that decides which HTTP requests are allowed.

        Args:
            auth: The authorization.
            fetching: True if the server fetches keys and introspects tokens itself, unless its host does.
            issuers: The framework component that keeps fetched keys; None for none.
        """
        if auth == "none":
            wanted = self.framework["transport"].wants(AUTHORIZER)
            return self._generated("no-authorization", no_authorization(wanted)).export(AUTHORIZER)
        imported = self.framework["authorization"].wants(AUTHORIZER_OPTIONS)
        options = self._generated("authorizer-options", authorizer_options(imported, required=auth == "required"))
        services = {AUTHORIZER_OPTIONS: options.export(AUTHORIZER_OPTIONS)}
        decided = self._instance("authorization", services).export(AUTHORIZER)
        if not fetching:
            return decided
        if issuers is None:
            type_ = self.framework["issuer-storage"].provides(ISSUER_DOCUMENTS)
            storage = self._generated("no-issuer-storage", stubs({ISSUER_DOCUMENTS: type_}), kind="denial")
        else:
            storage = self._instance(issuers, {})
        fetcher = {AUTHORIZER: decided, ISSUER_DOCUMENTS: storage.export(ISSUER_DOCUMENTS)}
        return self._instance("key-fetcher", fetcher).export(AUTHORIZER)

    def _session_states(self, name: str | None) -> Value:
        """Return the instance that keeps sessions over HTTP in the storage of the runtime; without it none is kept."""
        if name is not None:
            return self._instance(name, {}).export(SESSION_STATES)
        type_ = self.framework["stored-sessions"].provides(SESSION_STATES)
        return self._generated("no-session-states", stubs({SESSION_STATES: type_}), kind="denial").export(
            SESSION_STATES
        )

    def hand_on(self, parts: Sequence[Part]) -> None:
        """Export the chain itself."""
        first = self._chain(parts)
        if first is not None:
            self.graph.export(SERVER_HANDLER, first)

    def _chain(self, parts: Sequence[Part]) -> Value | None:
        """Compose the server handlers of the chain and return the first of them."""
        downstream = self._end
        self._completions = any("completions" in offered(component) for component in components_of(parts))
        for number in range(len(parts), 0, -1):
            part = parts[number - 1]
            if isinstance(part, Segment):
                downstream = self._segment(number, part, downstream)
            else:
                downstream = self._handlers(part.component, downstream, dynamic=True)
        return downstream

    def _segment(self, number: int, segment: Segment, downstream: Value | None) -> Value:
        imported = self.framework["catalogue"].wants(CATALOGUE_DATA)
        catalogues = [member.catalogue for member in segment.members]
        if segment.skills is not None:  # after the members: requests for these entries go to the end of the chain
            catalogues.append(segment.skills)
        baked = catalogue_data(imported, catalogues, completions=self._completions)
        data = self._generated("catalogue-data", baked, label=f"catalogue-data {number}")
        router = self._generated("dispatch", dispatch(len(segment.members)), label=f"dispatch {number}")
        if MESSAGES in self._shared:
            router.set(MESSAGES, self._shared[MESSAGES])
        for index, member in enumerate(segment.members):
            handler = self._handlers(member.component, self._unanswered())
            if handler is not None:
                router.set(import_name(index), handler)
        services = {
            CATALOGUE_DATA: data.export(CATALOGUE_DATA),
            DISPATCH: router.export(DISPATCH),
            SERVER_HANDLER: downstream,
        }
        return self._instance("catalogue", services, label=f"catalogue {number}").export(SERVER_HANDLER)

    def _unanswered(self) -> Value:
        """Return the end of the chain for members of segments: a handler that leaves all requests unanswered."""
        if self._unanswering is None:
            handler = self.framework["transport"].wants(SERVER_HANDLER)
            node = self._generated("unanswering", stubs({SERVER_HANDLER: handler}), kind="denial")
            if MESSAGES in self._shared:
                node.set(MESSAGES, self._shared[MESSAGES])
            self._unanswering = node.export(SERVER_HANDLER)
        return self._unanswering

    def _handlers(self, component: Component, downstream: Value | None, *, dynamic: bool = False) -> Value | None:
        """Instantiate a component of the server and return the first of its server handlers.

        Its capabilities come first, each wrapped, then its own handler; requests that none of them answers go
        downstream. Capabilities without entries in its catalogue are not wired. The middlewares of a `dynamic`
        component can differ.
        """
        added = self.graph.add(component.name, component.data, component.info)
        node = self.graph.instantiate(added, note=_role(component))
        services: Services = {
            MESSAGES: (self._shared.get(MESSAGES), self.framework["server-io"].provides(MESSAGES)),
            SERVER_HANDLER: (downstream, self.framework["method-not-found"].provides(SERVER_HANDLER)),
            **self._stores.services(component),
            **self._configured(component),
            **self._seeds(component),
            **self._development,
        }
        self._wiring.component(node, component, self._guards.services(component, services))
        first = node.export(component.offers[SERVER_HANDLER]) if SERVER_HANDLER in component.offers else downstream
        wired = offered(component)
        for contract in reversed([offer for offer in component.offers if CAPABILITY_NAMES.get(offer) in wired]):
            middleware = (
                DYNAMIC_MIDDLEWARES.get(contract, CAPABILITIES[contract]) if dynamic else CAPABILITIES[contract]
            )
            provided = {contract: node.export(component.offers[contract]), SERVER_HANDLER: first}
            wrapped = self._instance(middleware, provided, component=component.name)
            first = wrapped.export(SERVER_HANDLER)
        if component.pages:
            held = self._generated("apps-data", apps_data(component.pages), component=component.name)
            pages = {APPS_DATA: held.export(APPS_DATA), SERVER_HANDLER: first}
            first = self._instance("apps", pages, component=component.name).export(SERVER_HANDLER)
        return first

    def _configured(self, component: Component) -> Services:
        """Return the configuration of a component that imports one."""
        if not interface_names.find(CONFIG, component.info.imports):
            if component.spec.config:
                reason = f"it has a table `config`, but imports no `{CONFIG}`: its code does not read the configuration"
                raise InvalidComponentError(component.name, reason, interface=CONFIG.partition("@")[0])
            return {}
        try:
            data = configuration(component.spec.config)
        except (TypeError, ValueError) as error:
            raise InvalidComponentError(component.name, f"its configuration has no JSON form: {error}") from error
        return {CONFIG: (self._generated("config", data, component=component.name).export(CONFIG), CONFIG_TYPE)}

    def _seeds(self, component: Component) -> Services:
        """Return seeds against hash flooding for a component that imports them; not every runtime provides them."""
        if not interface_names.find(INSECURE_SEED, component.info.imports):
            return {}
        if INSECURE_SEED not in self._shared:
            self._shared[INSECURE_SEED] = self._instance("insecure-seed", {}).export(INSECURE_SEED)
        return {INSECURE_SEED: (self._shared[INSECURE_SEED], self.framework["insecure-seed"].provides(INSECURE_SEED))}

    def _instance(
        self, name: str, services: Mapping[str, Value | None], *, label: str | None = None, component: str = ""
    ) -> Node:
        """Instantiate a framework component, for the whole server or one component of it."""
        if name not in self._added:
            own = self.framework[name]
            self._added[name] = self.graph.add(name, own.data, own.info, whole=True)
        label = label or (f"{name} of {component}" if component else name)
        node = self.graph.instantiate(self._added[name], label, Role("framework", name, component))
        given = {contract: value for contract, value in services.items() if value is not None}
        self._wiring.framework(node, {**self._shared, **given})
        return node

    def _generated(
        self,
        name: str,
        data: bytes,
        *,
        label: str | None = None,
        component: str = "",
        kind: Kind = "generated",
        whole: bool = False,
    ) -> Node:
        """Instantiate a generated component, for the whole server or one component of it."""
        label = label or (f"{name} of {component}" if component else name)
        added = self.graph.add(label, data, whole=whole)
        return self.graph.instantiate(added, label, Role(kind, name, component))


def _role(component: Component) -> Role:
    known = component.catalogue
    text = "" if known is None else json.dumps(known.to_dict(), sort_keys=True, separators=(",", ":"))
    digest = None if known is None else f"sha256:{sha256(text.encode()).hexdigest()}"
    spec = component.spec
    return Role(
        "component", component.name, grants=tuple(sorted(spec.grants)), catalogue=digest, rules=spec.rules.to_dict()
    )


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
            that keep no sessions themselves; see `wasmcp.compose.composed_server.STORED_SESSIONS`. The keys of an
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
    """Return true if the chain is one recorded catalogue, so that lists do not call code of a component."""
    alone = len(parts) == 1 and isinstance(parts[0], Segment)
    return alone and not any(SERVER_HANDLER in component.offers for component in components_of(parts))


def _stores(component: Component) -> bool:
    """Return true if a component imports `wasi:keyvalue` from the host."""
    imported = (name for name in component.info.imports if name.startswith("wasi:keyvalue/"))
    return any(comes_from_outside(component, name) for name in imported)


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
