"""Components that were built for the contracts of another tool, made into ones with ours.

Source: packages `wasmcp:mcp-v20251125@0.1.1` and `wasmcp:auth@0.1.1`, as far as the folder `wit` of our adapter has
them. What such a component imports beside WASI is denied: what it would do with it (write to the client's stream,
decode a token) is done before and behind it here.
"""

from __future__ import annotations

from wasmcp.component import names
from wasmcp.component.decode import ComponentInfo, decode
from wasmcp.component.graph import Graph
from wasmcp.component.model import Func, Instance
from wasmcp.compose.contracts import TOOLS
from wasmcp.compose.stubs import stubs
from wasmcp.resources import framework_component

ADAPTERS = {"wasmcp:mcp-v20251125/tools@0.1.1": "tools-of-20251125"}
"""What a component exports, and our component that makes `tools` of it."""

_PACKAGES = ("wasmcp:mcp-v20251125/", "wasmcp:auth/")


def adapted(name: str, data: bytes, info: ComponentInfo) -> tuple[bytes, ComponentInfo]:
    """Return a component with our contracts in place of those of another tool; one that has ours as it is.

    Args:
        name: What it is called in errors.
        data: The component.
        info: What it imports and exports.

    Raises:
        CompositionError: It has another form of the contract.
        ResourceMissing: The framework is not built.
    """
    for contract, adapter in ADAPTERS.items():
        export = names.find(contract, info.exports)
        if export is not None and names.find(TOOLS, info.exports) is None:
            composed = _composed(name, data, info, export, adapter)
            return composed, decode(composed, name, export_types=True)
    return data, info


def _composed(name: str, data: bytes, info: ComponentInfo, export: str, adapter: str) -> bytes:
    graph = Graph()
    node = graph.instantiate(graph.add(name, data, info))
    denied = {
        import_: type_
        for import_, type_ in info.imports.items()
        if import_.startswith(_PACKAGES) and isinstance(type_, Instance) and _has_functions(type_)
    }
    if denied:
        label = f"denied to {name}"
        stub = graph.instantiate(graph.add(label, stubs(denied)), label=label)
        for import_ in denied:
            node.set(import_, stub.export(import_))
    translator = graph.instantiate(graph.add(adapter, framework_component(adapter).read_bytes()))
    translator.set(export, node.export(export))
    graph.export(TOOLS, translator.export(TOOLS))
    return graph.encode().to_bytes()


def _has_functions(type_: Instance) -> bool:
    return any(isinstance(item, Func) for item in type_.exports.values())
