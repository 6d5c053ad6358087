"""Adapters for components that were built for the contracts of the upstream project.

Source: packages `wasmcp:mcp-v20251125@0.1.1`, `wasmcp:mcp-v20250618@0.1.8`, `wasmcp:auth@0.1.1` and
`wasmcp:keyvalue@0.1.0`, limited to `framework/adapters/wit`. The adapters satisfy the imports of such a component as
far as wasmcp's contracts can; stubs deny the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wasmcp.component import interface_names
from wasmcp.component.decode import ComponentInfo, decode
from wasmcp.component.encode import encode
from wasmcp.component.graph import Graph, Node
from wasmcp.component.types import ExternType, Func, Instance, mismatch
from wasmcp.compose.deny_stubs import stubs
from wasmcp.compose.interfaces import CAPABILITY_NAMES, PACKAGE, SERVER_HANDLER, SESSIONS, VERSION
from wasmcp.errors import InvalidComponentError
from wasmcp.package_data import framework_component


@dataclass(frozen=True)
class Contract:
    """Contract of the upstream project.

    Attributes:
        package: The package's name.
        version: Its version; compatible versions are accepted too.
        revision: The suffix of the names of its adapters.
    """

    package: str
    version: str
    revision: str

    def interface(self, name: str) -> str:
        """Return the full name of one of its interfaces."""
        return f"{self.package}/{name}@{self.version}"

    @property
    def services(self) -> dict[str, str]:
        """Interfaces that its components can import, and the adapter that provides each."""
        ours = {self.interface(name): f"services-of-{self.revision}" for name in _SERVICES}
        return {**ours, "wasmcp:auth/helpers@0.1.1": "helpers-of-auth", KEY_VALUE: "store-of-keyvalue"}


CONTRACTS = (
    Contract("wasmcp:mcp-v20251125", "0.1.1", "20251125"),
    Contract("wasmcp:mcp-v20250618", "0.1.8", "20250618"),
)
"""Accepted contracts, the newest first."""

KEY_VALUE = "wasmcp:keyvalue/store@0.1.0"

_SERVICES = ("server-io", "server-auth", "sessions")
_SIDES = ("the supported version", "this component")
_CURRENT = f"{PACKAGE}/current@{VERSION}"


def adapted(name: str, data: bytes, info: ComponentInfo) -> tuple[bytes, ComponentInfo]:
    """Return a component with the contracts of wasmcp instead of upstream's, unchanged if it has wasmcp's already.

    Args:
        name: The component's name in errors.
        data: The component.
        info: Its imports and exports.

    Raises:
        CompositionError: The component has another version of the contract.
        MissingPackageDataError: The framework is not built.
    """
    found = foreign(info.exports)
    if found is None:
        return data, info
    composed = _Adapting(name, data, info, found[0]).composed(found[1])
    return composed, decode(composed, name, export_types=True)


def foreign(exports: Iterable[str]) -> tuple[Contract, dict[str, str]] | None:
    """Find the upstream contract of a component by its exports.

    Returns:
        The contract, and the component's exports by the contract of wasmcp that each becomes. None without such a
        contract, or if the component exports a contract of wasmcp.
    """
    exported = list(exports)
    if any(interface_names.find(ours, exported) for ours in (*CAPABILITY_NAMES, SERVER_HANDLER)):
        return None
    for contract in CONTRACTS:
        found = {
            ours: interface_names.find(contract.interface(kind), exported) for ours, kind in CAPABILITY_NAMES.items()
        }
        offers = {ours: export for ours, export in found.items() if export is not None}
        if offers:
            return contract, offers
    return None


def advice_for(exports: Iterable[str]) -> str:
    """Return advice about a component with an upstream contract that cannot be adapted; the empty string for any other.

    Args:
        exports: The names of its exports.
    """
    exported = list(exports)
    if any(interface_names.find(contract.interface("server-handler"), exported) for contract in CONTRACTS):
        return (
            "server handlers of another tool's contract are not supported: build it against the world `middleware` "
            "of wasmcp"
        )
    if any(export.startswith(f"{contract.package}/") for contract in CONTRACTS for export in exported):
        taken = " and ".join(f"`{contract.package}@{contract.version}`" for contract in CONTRACTS)
        return f"supported contracts of another tool are {taken}: build it against one of them, or against wasmcp's"
    return ""


class _Adapting:
    """Component with its adapters around it."""

    def __init__(self, name: str, data: bytes, info: ComponentInfo, contract: Contract) -> None:
        self._name = name
        self._info = info
        self._contract = contract
        self._graph = Graph()
        self._adapters: dict[str, Node] = {}
        self._node = self._graph.instantiate(self._graph.add(name, data, info))

    def composed(self, offers: Mapping[str, str]) -> bytes:
        """Return the composition, which exports wasmcp's contracts; `offers` has the component's export for each."""
        self._satisfy()
        translator = self._adapter(f"capabilities-of-{self._contract.revision}")
        for ours, export in offers.items():
            theirs = self._contract.interface(CAPABILITY_NAMES[ours])
            self._check(export, translator.info.imports[theirs], self._info.exports[export].type, _SIDES)
            translator.set(theirs, self._node.export(export))
            self._graph.export(ours, translator.export(ours))
        services = self._adapters.get(f"services-of-{self._contract.revision}")
        if services is not None:
            translator.set(_CURRENT, services.export(_CURRENT))
        self._deny(translator, (f"{self._contract.package}/", _CURRENT))
        return encode(self._graph).to_bytes()

    def _satisfy(self) -> None:
        services = self._contract.services
        for import_, type_ in self._info.imports.items():
            service = interface_names.find(import_, services)
            if service is not None and _has_functions(type_):
                adapter = self._adapter(services[service])
                self._check(import_, type_, adapter.info.exports[service].type, _SIDES[::-1])
                self._node.set(import_, adapter.export(service))
        self._deny(self._node, (f"{self._contract.package}/", "wasmcp:auth/"))
        if f"services-of-{self._contract.revision}" in self._adapters and not self._imports("sessions"):
            # Do not require the `sessions` grant from components that do not import it.
            self._deny(self._adapters[f"services-of-{self._contract.revision}"], (SESSIONS,))

    def _check(
        self, name: str, expected: ExternType | None, offered: ExternType | None, sides: tuple[str, str]
    ) -> None:
        """Check that an interface of the contract has the types of the accepted version.

        Raises:
            InvalidComponentError: It has other types.
        """
        if not isinstance(expected, Instance) or not isinstance(offered, Instance):
            return
        problem = mismatch(expected, offered, sides)
        if problem is None:
            return
        bare, _, found = name.partition("@")
        package, _, interface = bare.partition("/")
        taken = " or ".join(f"`{contract.package}@{contract.version}`" for contract in CONTRACTS)
        raise InvalidComponentError(
            self._name,
            f"it was built against `{package}@{found}`, a contract of another tool; wasmcp supports {taken} and "
            f"versions with the same types, but here `{interface}` has other types ({problem}). Build it against one "
            "of these, or against wasmcp's own contracts (`wasmcp wit deps`)",
            interface=bare,
            wanted=self._contract.version,
            found=found,
        )

    def _imports(self, interface: str) -> bool:
        found = interface_names.find(self._contract.interface(interface), self._info.imports)
        return found is not None and _has_functions(self._info.imports[found])

    def _adapter(self, adapter: str) -> Node:
        if adapter not in self._adapters:
            data = framework_component(adapter).read_bytes()
            self._adapters[adapter] = self._graph.instantiate(self._graph.add(adapter, data))
        return self._adapters[adapter]

    def _deny(self, node: Node, prefixes: tuple[str, ...]) -> None:
        """Satisfy the remaining imports of an instance with these prefixes by stubs."""
        denied = {
            import_: type_
            for import_, type_ in node.info.imports.items()
            if import_ not in node.arguments
            and import_.startswith(prefixes)
            and isinstance(type_, Instance)
            and _has_functions(type_)
        }
        if denied:
            label = f"denied to {node.label}"
            stub = self._graph.instantiate(self._graph.add(label, stubs(denied)), label=label)
            for import_ in denied:
                node.set(import_, stub.export(import_))


def _has_functions(type_: object) -> bool:
    return isinstance(type_, Instance) and any(isinstance(item, Func) for item in type_.exports.values())
