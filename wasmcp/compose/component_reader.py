"""Components of a server: their specification, and the result of reading them.

Source: wit/handler.wit; `wasmcp.component` decodes.
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
from wasmcp.compose.interfaces import CAPABILITIES, CAPABILITY_NAMES, GRANTS, SERVER_HANDLER
from wasmcp.compose.upstream_adapters import adapted, advice_for
from wasmcp.declaration_section import Declares, declares
from wasmcp.errors import ComponentError, InvalidComponentError, InvalidComponentsError
from wasmcp.skills_section import SECTION, Skill, skills_of


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
