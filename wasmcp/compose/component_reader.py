"""Components of a server: their specification, the result of reading them, and the capabilities that servers declare.

A server declares the capabilities of its components, the notifications that they can send, and extensions.

Source: wit/handler.wit; `wasmcp.component` decodes. Specification: schema `ServerCapabilities`;
basic/patterns/subscriptions; server/utilities/logging; basic/versioning, "Extension Negotiation".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wasmcp import apps_section
from wasmcp.apps_section import AppPage
from wasmcp.component import interface_names
from wasmcp.component.custom_sections import without_sections
from wasmcp.component.decode import ComponentInfo, decode
from wasmcp.component.types import Instance, mismatch
from wasmcp.compose.catalogue import Catalogue, nothing_offered
from wasmcp.compose.grant_rules import GrantRules
from wasmcp.compose.interfaces import CAPABILITIES, CAPABILITY_NAMES, GRANTS, MESSAGES, SERVER_HANDLER
from wasmcp.compose.upstream_adapters import adapted, advice_for
from wasmcp.declaration_section import Declares, declares
from wasmcp.errors import ComponentError, CompositionError, InvalidComponentError, InvalidComponentsError
from wasmcp.protocol import TASKS
from wasmcp.skills_section import EXTENSION, SECTION, SETTINGS, Skill, skills_of


@dataclass(frozen=True)
class ComponentSpec:
    """Component to compose into a server.

    Attributes:
        name: Its name in errors and reports; unique in a server.
        data: The component, or its file.
        catalogue: Its catalogue; None: unknown, so its lists are read at run time.
        grants: Families of interfaces that it can use: `env`, `fs`, `sockets`, `http`, `kv`, `sessions`; and
            `middleware`, which a component needs that exports `server-handler` or has no recorded catalogue.
        dynamic: True to read its lists at run time in spite of a catalogue, because they change.
        config: Its configuration, a JSON object: the value of the interface `config`.
        rules: The rules of its grants; families without rules are granted as a whole.
    """

    name: str
    data: bytes | Path
    catalogue: Catalogue | None = None
    grants: frozenset[str] = field(default=frozenset())
    dynamic: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)
    rules: GrantRules = field(default_factory=GrantRules)


@dataclass(frozen=True)
class Component:
    """Component that was read and recognised.

    Attributes:
        spec: Its specification.
        data: Its bytes.
        info: Its imports and exports.
        offers: Its exports that become server handlers, by contract, with the names of the exports: capabilities in the
            order of the chain, then `server-handler`.
        declares: Its declarations about itself.
        skills: The skills that it carries; `data` is without them.
        pages: The pages of its apps that it carries; `data` is without them.
    """

    spec: ComponentSpec
    data: bytes
    info: ComponentInfo
    offers: dict[str, str]
    declares: Declares = field(default_factory=Declares)
    skills: tuple[Skill, ...] = ()
    pages: tuple[AppPage, ...] = ()

    @property
    def name(self) -> str:
        """Name of the component."""
        return self.spec.name

    @property
    def catalogue(self) -> Catalogue | None:
        """Catalogue, if it is recorded and does not change: only such components become members of a segment."""
        if self.spec.dynamic or SERVER_HANDLER in self.offers:
            return None
        return self.spec.catalogue


def read_component(spec: ComponentSpec) -> Component:
    """Read and recognise a component.

    Raises:
        InvalidComponentError: The file cannot be read or is not a component, it exports no interface of a server or one
            of another version of the contract, or a grant is unknown.
    """
    unknown = sorted(spec.grants - set(GRANTS))
    if unknown:
        known = ", ".join(f"`{family}`" for family in GRANTS)
        raise InvalidComponentError(spec.name, f"unknown grant `{unknown[0]}`; the families are {known}")
    data = _bytes(spec)
    declared = declares(data)
    try:
        info = decode(data, spec.name, export_types=True)
        skills = skills_of(data)
        pages = apps_section.pages_of(data)
        if skills or pages:
            data = without_sections(without_sections(data, SECTION), apps_section.SECTION)
            info = decode(data, spec.name, export_types=True)
        data, info = adapted(spec.name, data, info)
    except ComponentError as error:
        at = "" if error.offset is None else f" (at byte {error.offset:,} of {len(data):,})"
        raise InvalidComponentError(spec.name, f"{_source(spec)}is not usable: {error.problem}{at}") from error
    return Component(spec, data, info, _offers(spec.name, info), declared, skills, pages)


def read_components(specs: Iterable[ComponentSpec]) -> list[Component]:
    """Read the components of a server; see `read_component`. Their names must differ.

    Raises:
        InvalidComponentError: A component cannot be read, has the name of another one, or has an empty catalogue.
        InvalidComponentsError: This is true of several components.
    """
    components: dict[str, Component] = {}
    refused: list[InvalidComponentError] = []
    for spec in specs:
        try:
            components[spec.name] = _read_member(spec, components)
        except InvalidComponentError as error:
            refused.append(error)
    raise_refused(refused)
    return list(components.values())


def _read_member(spec: ComponentSpec, others: Collection[str]) -> Component:
    if spec.name in others:
        raise InvalidComponentError(spec.name, "two components have this name: rename one of them")
    component = read_component(spec)
    if component.catalogue is not None and not component.catalogue.capabilities:
        exported = [CAPABILITY_NAMES[contract] for contract in component.offers if contract in CAPABILITY_NAMES]
        raise InvalidComponentError(spec.name, nothing_offered(spec.name, exported))
    return component


def raise_refused(refused: Sequence[InvalidComponentError]) -> None:
    """Raise the errors about components, if any.

    Raises:
        InvalidComponentError: The error is about one component.
        InvalidComponentsError: The errors are about several components.
    """
    if len(refused) == 1:
        raise refused[0]
    if refused:
        raise InvalidComponentsError(refused)


def check_offers(component: Component, expected: Mapping[str, Instance]) -> None:
    """Check that the exports of a component have the types that the framework expects.

    Args:
        component: The component.
        expected: The expected type, by contract.

    Raises:
        InvalidComponentError: The component was built against other contracts of the same version.
    """
    for contract, export in component.offers.items():
        offered = component.info.exports[export]
        problem = None if offered.kind == "instance" else f"it is of kind {offered.kind}"
        if isinstance(offered.type, Instance):
            problem = mismatch(expected[contract], offered.type, ("this wasmcp", f"`{component.name}`"))
        if problem:
            raise InvalidComponentError(
                component.name,
                f"it exports `{export}` with other types than this wasmcp composes: {problem}; "
                "build it against the current contracts",
                interface=export.partition("@")[0],
            )


def _source(spec: ComponentSpec) -> str:
    return f"`{spec.data.name}` " if isinstance(spec.data, Path) else "it "


def _bytes(spec: ComponentSpec) -> bytes:
    if not isinstance(spec.data, Path):
        return spec.data
    try:
        return spec.data.read_bytes()
    except OSError as error:
        raise InvalidComponentError(
            spec.name, f"`{spec.data.name}` cannot be read: {error.strerror or error}"
        ) from error


def _offers(name: str, info: ComponentInfo) -> dict[str, str]:
    """Find the exports that become server handlers, and report those that only resemble one."""
    offers = {}
    for contract in (*CAPABILITIES, SERVER_HANDLER):
        found = interface_names.find(contract, info.exports)
        if found is not None:
            offers[contract] = found
            continue
        other = interface_names.find(contract.partition("@")[0], info.exports)
        if other is not None:
            raise InvalidComponentError(
                name,
                f"it exports `{other}`, but this wasmcp composes `{contract}`: build it against the current contracts",
                interface=contract.partition("@")[0],
                wanted=contract.partition("@")[2],
                found=other.partition("@")[2],
            )
    if not offers:
        expected = ", ".join(f"`{contract}`" for contract in (*CAPABILITIES, SERVER_HANDLER))
        exports = ", ".join(f"`{export}`" for export in info.exports) or "nothing"
        advice = advice_for(info.exports)
        raise InvalidComponentError(
            name,
            f"it exports {exports}; a part of a server exports one of {expected}{advice and f'; {advice}'}",
            interface=next(iter(CAPABILITIES)),
        )
    return offers


_METHOD = "[method]request."
_LOG = "log"
_CHANGES = (
    ("tools", "listChanged", "notify-tools-changed"),
    ("prompts", "listChanged", "notify-prompts-changed"),
    ("resources", "listChanged", "notify-resources-changed"),
    ("resources", "subscribe", "notify-resource-updated"),
)
_ANNOUNCED = frozenset({_LOG, *(function for _, _, function in _CHANGES)})

Extensions = Mapping[str, Mapping[str, Any]]


def server_capabilities(
    components: Sequence[Component],
    extensions: Extensions | None = None,
    *,
    skills: bool = False,
    apps: bool = False,
    tasks: bool = False,
) -> dict[str, Any]:
    """Return the `ServerCapabilities` object for the components' capabilities, notifications and extensions.

    A capability without entries in the catalogue is not declared. A component with its own server handler can answer
    `tools/list` as well, which is unknown at build time, so it counts as offering tools and the capabilities that it
    declares.

    Args:
        components: The components in the order of the chain.
        extensions: The extensions of the server itself.
        skills: The server has skills.
        apps: The server has apps.
        tasks: Tools of the server can run as tasks.

    Raises:
        CompositionError: Two components have different settings for an extension.
    """
    capabilities: dict[str, Any] = {}
    functions = _used(components)
    if _LOG in functions:
        capabilities["logging"] = {}
    for name in CAPABILITY_NAMES.values():
        if any(name in offered(component) for component in components) or (skills and name == "resources"):
            capabilities[name] = {}
    for name, member, function in _CHANGES:
        if name in capabilities and function in functions:
            capabilities[name] = {**capabilities[name], member: True}
    announced = _extensions(components, extensions or {})
    if skills:
        announced = {**announced, EXTENSION: SETTINGS}
    if apps:
        announced = {apps_section.EXTENSION: apps_section.SETTINGS, **announced}
    if tasks:
        announced = {**announced, TASKS: {}}
    if announced:
        capabilities["extensions"] = announced
    return capabilities


def offered(component: Component) -> set[str]:
    """Return the names of the capabilities that a component counts as offering."""
    found = {name for contract, name in CAPABILITY_NAMES.items() if contract in component.offers}
    if component.catalogue is not None:
        found &= set(component.catalogue.capabilities)
    if SERVER_HANDLER in component.offers:
        found |= {"tools", *(component.declares.offers & set(CAPABILITY_NAMES.values()))}
    return found


def declared_by(components: Sequence[Component]) -> Declares:
    """Return the declarations of a server part that is composed of these components."""
    offers = frozenset(name for component in components for name in offered(component))
    return Declares(offers, _used(components), _extensions(components, {}))


def _used(components: Iterable[Component]) -> frozenset[str]:
    """Return the functions of `request` that components can call, of those that a server declares.

    A component cannot call a function that it does not import, and it can declare that it does not call one that it
    imports.
    """
    found: set[str] = set()
    for component in components:
        name = component.info.find_import(MESSAGES)
        messages = component.info.imports[name] if name is not None else None
        if not isinstance(messages, Instance):
            continue
        imported = {function.removeprefix(_METHOD) for function in messages.exports} & _ANNOUNCED
        declared = component.declares.uses
        found |= imported if declared is None else imported & declared
    return frozenset(found)


def _extensions(components: Iterable[Component], own: Extensions) -> dict[str, Any]:
    """Return the extensions of a server by identifier; its own settings override those of its components."""
    found: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for component in components:
        for identifier, settings in component.declares.extensions.items():
            known = found.setdefault(identifier, (component.name, settings))
            if known[1] != settings and identifier not in own:
                raise CompositionError(
                    f"`{known[0]}` and `{component.name}` announce the extension `{identifier}` with different "
                    "settings: choose them in the `extensions` of the server"
                )
    merged = {**{identifier: settings for identifier, (_, settings) in found.items()}, **own}
    return {identifier: dict(merged[identifier]) for identifier in sorted(merged)}
