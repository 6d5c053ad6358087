"""Stores of a server: the framework components behind `key-value` and `sessions`, added if a component uses them.

One `kv-store` serves all components; each component with session values has its own `session-store`, and a generated
component of constants that tells it the owner's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from wasmcp.component import interface_names
from wasmcp.component.constant_component import constants
from wasmcp.component.graph import Node, Value
from wasmcp.component.types import Instance
from wasmcp.compose.component_reader import Component
from wasmcp.compose.framework import FrameworkComponent
from wasmcp.compose.interfaces import GRANTED, KEY_VALUE, SESSION_BUCKETS, SESSION_OWNER, SESSIONS
from wasmcp.errors import CompositionError

FIRST_DRAFT = "0.2.0-draft"
SECOND_DRAFT = "0.2.0-draft2"
DRAFTS = {FIRST_DRAFT: "kv-store-draft", SECOND_DRAFT: "kv-store"}
"""Drafts of `wasi:keyvalue`, and the framework component for each."""


class _Instantiate(Protocol):
    def __call__(
        self, name: str, services: Mapping[str, Value | None], *, label: str | None = None, component: str = ""
    ) -> Node: ...


class _Generate(Protocol):
    def __call__(self, name: str, data: bytes, *, label: str | None = None, component: str = "") -> Node: ...


class Stores:
    """Stores of one server, which satisfy the grants of `key-value` and `sessions`."""

    def __init__(
        self,
        framework: Mapping[str, FrameworkComponent],
        instantiate: _Instantiate,
        generated: _Generate,
        draft: str | None,
    ) -> None:
        """Create the stores of a server without components.

        Args:
            framework: The framework components, by name.
            instantiate: Makes an instance of a framework component.
            generated: Makes an instance of a generated component.
            draft: The draft of `wasi:keyvalue`; None: the services are imported.

        Raises:
            CompositionError: The draft is unknown.
        """
        if draft is not None and draft not in DRAFTS:
            known = " and ".join(f"`{one}`" for one in DRAFTS)
            raise CompositionError(f"unknown draft `{draft}` of `wasi:keyvalue`; known: {known}")
        kv_store = DRAFTS[draft or SECOND_DRAFT]
        # A replacement of `kv-store` replaces the store of either draft.
        replaced = framework["kv-store"].ours is not None and framework[kv_store].ours is None
        self._kv_store = "kv-store" if replaced else kv_store
        self._framework = framework
        self._instantiate = instantiate
        self._generated = generated
        self._imported = draft is None
        self._node: Node | None = None

    def services(self, component: Component) -> dict[str, tuple[Value | None, Instance]]:
        """Return the services of a component: by contract, the instance and its type. Without instance: imported."""
        return {
            contract: (self._value(contract, component), type_) for contract, type_ in self.types(component).items()
        }

    def types(self, component: Component) -> dict[str, Instance]:
        """Return the types of a component's services, by contract."""
        return {
            contract: self._type(contract)
            for contract, family in GRANTED.items()
            if family in component.spec.grants and interface_names.find(contract, component.info.imports)
        }

    def _type(self, contract: str) -> Instance:
        return self._framework["session-store" if contract == SESSIONS else self._kv_store].provides(contract)

    def _value(self, contract: str, component: Component) -> Value | None:
        if self._imported:
            return None
        if self._node is None:
            self._node = self._instantiate(self._kv_store, {})
        if contract == KEY_VALUE:
            return self._node.export(KEY_VALUE)
        owner = {SESSION_OWNER: self._framework["session-store"].wants(SESSION_OWNER)}
        named = constants(owner, lambda _interface, _name, _type: component.name)
        services = {
            KEY_VALUE: self._node.export(KEY_VALUE),
            SESSION_BUCKETS: self._node.export(SESSION_BUCKETS),
            SESSION_OWNER: self._generated("session-owner", named, component=component.name).export(SESSION_OWNER),
        }
        return self._instantiate("session-store", services, component=component.name).export(SESSIONS)
