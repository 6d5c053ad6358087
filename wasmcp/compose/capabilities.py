"""Capabilities that a server declares: those of its components, the notifications that they can send, and extensions.

Specification: schema `ServerCapabilities`; basic/patterns/subscriptions; server/utilities/logging; basic/versioning,
"Extension Negotiation".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wasmcp import apps_section
from wasmcp.component.types import Instance
from wasmcp.compose.component_reader import Component
from wasmcp.compose.interfaces import CAPABILITY_NAMES, MESSAGES, SERVER_HANDLER
from wasmcp.declaration_section import Declares
from wasmcp.errors import CompositionError
from wasmcp.protocol import TASKS
from wasmcp.skills_section import EXTENSION, SETTINGS

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
