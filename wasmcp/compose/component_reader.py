"""The components that a server is made of: what is given, and what each one turns out to be.

Source: wit/handler.wit; ../component decodes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wasmcp.component import interface_names
from wasmcp.component.decode import ComponentInfo, decode
from wasmcp.component.type_mismatch import mismatch
from wasmcp.component.types import Instance
from wasmcp.compose.catalogue import Catalogue, nothing_offered
from wasmcp.compose.interfaces import CAPABILITIES, CAPABILITY_NAMES, GRANTS, SERVER_HANDLER
from wasmcp.compose.upstream_adapters import adapted, advice_for
from wasmcp.declaration_section import Declares, declares
from wasmcp.errors import ComponentError, InvalidComponentError, InvalidComponentsError


@dataclass(frozen=True)
class ComponentSpec:
    """A component to be composed into a server.

    Attributes:
        name: what it is called in errors and reports; unique in a server.
        data: the component, or the file that holds it.
        catalogue: what it offers; None: not known, so it is asked at run time.
        grants: families of interfaces it gets: `env`, `fs`, `sockets`, `http`, `kv`, `sessions`; and `middleware`,
            which a component needs that exports `server-handler` or whose offers are not known beforehand.
        dynamic: whether what it offers changes at run time, so that it is asked though a catalogue is there.
        config: its configuration, a JSON object: what it gets of the interface `config`.
    """

    name: str
    data: bytes | Path
    catalogue: Catalogue | None = None
    grants: frozenset[str] = field(default=frozenset())
    dynamic: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Component:
    """A component that was read and recognised.

    Attributes:
        spec: what was given.
        data: its bytes.
        info: what it imports and exports.
        offers: its exports that make a link of the chain each, by contract, under the names it exports them with:
            capabilities in the order of the links, then `server-handler`.
        declares: what it says about itself.
    """

    spec: ComponentSpec
    data: bytes
    info: ComponentInfo
    offers: dict[str, str]
    declares: Declares = field(default_factory=Declares)

    @property
    def name(self) -> str:
        """Its name."""
        return self.spec.name

    @property
    def catalogue(self) -> Catalogue | None:
        """What it offers, when it is known and stays so: only such components go into a segment."""
        if self.spec.dynamic or SERVER_HANDLER in self.offers:
            return None
        return self.spec.catalogue


def read_component(spec: ComponentSpec) -> Component:
    """Read a component and find out what it is.

    Raises:
        InvalidComponentError: The file cannot be read or is not a component, it exports no interface of a server or
            one of another version of the contract, or a grant is unknown.
    """
    unknown = sorted(spec.grants - set(GRANTS))
    if unknown:
        known = ", ".join(f"`{family}`" for family in GRANTS)
        raise InvalidComponentError(spec.name, f"there is no grant `{unknown[0]}`; the families are {known}")
    data = _bytes(spec)
    said = declares(data)
    try:
        info = decode(data, spec.name, export_types=True)
        data, info = adapted(spec.name, data, info)
    except ComponentError as error:
        at = "" if error.offset is None else f" (at byte {error.offset:,} of {len(data):,})"
        raise InvalidComponentError(spec.name, f"{_source(spec)}is not usable: {error.problem}{at}") from error
    return Component(spec, data, info, _offers(spec.name, info), said)


def read_components(specs: Iterable[ComponentSpec]) -> list[Component]:
    """Read the components of a server; see :func:`read_component`. Their names must differ.

    Raises:
        InvalidComponentError: one cannot be read, has the name of another one, or is known to offer nothing.
        InvalidComponentsError: several cannot be taken.
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
        raise InvalidComponentError(spec.name, "two components have this name: call one of them something else")
    component = read_component(spec)
    if component.catalogue is not None and not component.catalogue.capabilities:
        exported = [CAPABILITY_NAMES[contract] for contract in component.offers if contract in CAPABILITY_NAMES]
        raise InvalidComponentError(spec.name, nothing_offered(spec.name, exported))
    return component


def raise_refused(refused: Sequence[InvalidComponentError]) -> None:
    """Raise what is wrong with components, all of it; nothing where nothing is.

    Raises:
        InvalidComponentError: it is about one component.
        InvalidComponentsError: it is about several.
    """
    if len(refused) == 1:
        raise refused[0]
    if refused:
        raise InvalidComponentsError(refused)


def check_offers(component: Component, wanted: Mapping[str, Instance]) -> None:
    """Check that what a component offers has the types that the framework wants.

    Args:
        component: the component.
        wanted: the type that is wanted, by contract.

    Raises:
        InvalidComponentError: it was built against other contracts of the same version.
    """
    for contract, export in component.offers.items():
        offered = component.info.exports[export]
        problem = None if offered.kind == "instance" else f"it is of kind {offered.kind}"
        if isinstance(offered.type, Instance):
            problem = mismatch(wanted[contract], offered.type, ("this wasmcp", f"`{component.name}`"))
        if problem:
            raise InvalidComponentError(
                component.name,
                f"it exports `{export}` in another form than this wasmcp composes: {problem}; "
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
    """Find the exports that make links, and complain about what is nearly one."""
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
        wanted = ", ".join(f"`{contract}`" for contract in (*CAPABILITIES, SERVER_HANDLER))
        exports = ", ".join(f"`{export}`" for export in info.exports) or "nothing"
        advice = advice_for(info.exports)
        raise InvalidComponentError(
            name,
            f"it exports {exports}; a part of a server exports one of {wanted}{advice and f'; {advice}'}",
            interface=next(iter(CAPABILITIES)),
        )
    return offers
