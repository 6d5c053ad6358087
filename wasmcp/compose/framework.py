"""Framework components, read and decoded once per process, and the stores of a server among them.

The stores are the framework components behind `key-value` and `sessions`, added if a component uses them. One
`kv-store` serves all components; each component with session values has its own `session-store`, and a generated
component of constants that gives it the owner's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from wasmcp.component import interface_names
from wasmcp.component.constant_component import constants
from wasmcp.component.decode import ComponentInfo, decode
from wasmcp.component.graph import Node, Value
from wasmcp.component.types import ExternType, Instance, mismatch
from wasmcp.compose.component_reader import Component
from wasmcp.compose.interfaces import (
    GRANTED,
    KEY_VALUE,
    MESSAGES,
    SERVER_METADATA,
    SESSION_BUCKETS,
    SESSION_OWNER,
    SESSIONS,
    TYPES,
    WIRE,
)
from wasmcp.errors import ComponentError, CompositionError, InvalidComponentError
from wasmcp.package_data import FRAMEWORK_COMPONENTS, framework_component


@dataclass(frozen=True)
class FrameworkComponent:
    """Framework component.

    Attributes:
        name: One of `wasmcp.package_data.FRAMEWORK_COMPONENTS`.
        data: Its bytes.
        info: Its imports and exports.
        ours: The component of wasmcp that it replaces, if any.
    """

    name: str
    data: bytes
    info: ComponentInfo
    ours: FrameworkComponent | None = None

    def wants(self, contract: str) -> Instance:
        """Return the type of a contract that it imports, or would import if it used it."""
        found = interface_names.find(contract, self.info.imports)
        if found is None and self.ours is not None:
            return self.ours.wants(contract)
        return _instance(self.info.imports[found or contract])

    def provides(self, contract: str) -> Instance:
        """Return the type of a contract that it exports."""
        return _instance(self.info.exports[interface_names.find(contract, self.info.exports) or contract].type)

    @cached_property
    def digest(self) -> str:
        """Digest of the component, as `sha256:HEX`."""
        return f"sha256:{sha256(self.data).hexdigest()}"


def load_framework(given: Mapping[str, bytes | Path] | None = None) -> dict[str, FrameworkComponent]:
    """Return the framework components by name.

    Args:
        given: Replacements of the framework components of wasmcp, by name.

    Raises:
        MissingPackageDataError: A framework component of wasmcp is not built.
        InvalidComponentError: A replacement cannot be read, has an unknown name, or has another world.
    """
    ours = {name: _loaded(name, framework_component(name)) for name in FRAMEWORK_COMPONENTS}
    framework = dict(ours)
    for name, source in (given or {}).items():
        if name not in ours:
            known = ", ".join(f"`{one}`" for one in ours)
            raise InvalidComponentError(name, f"this is not a framework component; known: {known}")
        found = _decoded(name, source) if isinstance(source, bytes) else _loaded(name, source)
        _check_world(found, ours)
        framework[name] = replace(found, ours=ours[name])
    return framework


def _loaded(name: str, path: Path) -> FrameworkComponent:
    try:
        status = path.stat()
        return _read(name, path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise InvalidComponentError(name, f"`{path.name}` cannot be read: {error.strerror or error}") from error


def _check_world(found: FrameworkComponent, ours: Mapping[str, FrameworkComponent]) -> None:
    """Check that a component can replace one of wasmcp: it exports the same, and imports only what the framework has.

    Raises:
        InvalidComponentError: The error lists everything that is missing or different.
    """
    sides = ("wasmcp's own", "the replacement")
    problems = []
    for contract, export in ours[found.name].info.exports.items():
        given = interface_names.find(contract, found.info.exports)
        offered = None if given is None else found.info.exports[given].type
        if given is None:
            problems.append(f"it does not export `{contract}`")
        elif isinstance(export.type, Instance) and isinstance(offered, Instance) and contract.startswith("wasmcp:"):
            problem = mismatch(export.type, offered, sides)
            problems += [f"it exports `{given}` with other types: {problem}"] if problem else []
    known = {*ours[found.name].info.imports, SERVER_METADATA, TYPES}
    known |= {MESSAGES, WIRE} - set(ours[found.name].info.exports)
    provided = {contract: export.type for one in ours.values() for contract, export in one.info.exports.items()}
    for contract, expected in found.info.imports.items():
        offered = provided.get(interface_names.find(contract, provided) or "")
        if contract.startswith("wasi:"):
            continue
        if interface_names.find(contract, known) is None:
            problems.append(f"it imports `{contract}`, which is not provided there")
        elif isinstance(expected, Instance) and isinstance(offered, Instance):
            problem = mismatch(expected, offered, sides[::-1])
            problems += [f"it imports `{contract}` with other types: {problem}"] if problem else []
    if problems:
        listed = "\n".join(f"  * {problem}" for problem in problems)
        raise InvalidComponentError(found.name, f"the replacement of this framework component does not fit:\n{listed}")


@lru_cache(maxsize=32)
def _read(name: str, path: Path, _size: int, _modified: int) -> FrameworkComponent:
    return _decoded(name, path.read_bytes())


def _decoded(name: str, data: bytes) -> FrameworkComponent:
    try:
        return FrameworkComponent(name, data, decode(data, name, export_types=True))
    except ComponentError as error:
        raise InvalidComponentError(name, f"this framework component is not usable: {error.problem}") from error


def _instance(type_: ExternType | None) -> Instance:
    if not isinstance(type_, Instance):
        raise TypeError("a contract is an instance")
    return type_


FIRST_DRAFT = "0.2.0-draft"
SECOND_DRAFT = "0.2.0-draft2"
DRAFTS = {FIRST_DRAFT: "kv-store-draft", SECOND_DRAFT: "kv-store"}
"""Drafts of `wasi:keyvalue`, and the framework component for each."""
SESSION_DRAFTS = {FIRST_DRAFT: "stored-sessions-draft", SECOND_DRAFT: "stored-sessions"}
"""The framework components that keep sessions over HTTP in the storage of the runtime, by draft."""
ISSUER_DRAFTS = {FIRST_DRAFT: "issuer-storage-draft", SECOND_DRAFT: "issuer-storage"}
"""The framework components that keep the keys of issuers in the storage of the runtime, by draft."""


class Instantiate(Protocol):
    """Maker of instances of framework components."""

    def __call__(
        self, name: str, services: Mapping[str, Value | None], *, label: str | None = None, component: str = ""
    ) -> Node:
        """Return a new instance for the whole server or one component of it."""


class Generate(Protocol):
    """Maker of instances of generated components."""

    def __call__(
        self, name: str, data: bytes, *, label: str | None = None, component: str = "", whole: bool = False
    ) -> Node:
        """Return a new instance for the whole server or one component of it."""


class Stores:
    """Stores of one server, which satisfy the grants of `key-value` and `sessions`."""

    def __init__(
        self,
        framework: Mapping[str, FrameworkComponent],
        instantiate: Instantiate,
        generated: Generate,
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
