"""WIT for the JavaScript engines, and composition of their output with the scripted adapter.

The build of a QuickJS component runs the engine in a host that implements WASI only in part, and fails for interfaces
such as ``wasi:http/types`` that use types of that host. The engine is therefore compiled against WIT in which the
namespace ``wasi`` has another name, so that the host treats the imports as unknown. The names are restored in the
finished component.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from wasmcp.package_data import framework_component, wit_directory

NAMESPACES = {"quickjs": "host", "starlingmonkey": "wasi"}
"""Engine -> the name of ``wasi`` while it is compiled; of the same length, because names are replaced in place."""

_PACKAGE = "wasmcp:mcp-v20260728"
_CONTRACTS = tuple(f"{_PACKAGE}/{name}@0.1.0" for name in ("tools", "resources", "prompts", "completions"))
_SCRIPTED = f"{_PACKAGE}/scripted@0.1.0"
_SEED = "wasi:random/insecure-seed@"
_IMPORTS = 10  # section id of imports


def copy_contracts(engine: str, target: Path) -> None:
    """Copy the WIT to a folder, with the namespace for an engine."""
    shutil.copytree(wit_directory(), target)
    if NAMESPACES[engine] != "wasi":
        for path in target.rglob("*.wit"):
            text = path.read_text("utf-8")
            path.write_text(text.replace("wasi:", f"{NAMESPACES[engine]}:"), "utf-8")


def finished(name: str, script: bytes, engine: str) -> bytes:
    """Return the component: the engine, composed with the adapter that exports wasmcp's interfaces.

    Args:
        name: The component's name in errors.
        script: The output of the engine's compiler.
        engine: The engine.
    """
    from wasmcp.component.constant_component import constants
    from wasmcp.component.encode import encode
    from wasmcp.component.graph import Graph
    from wasmcp.component.types import Instance

    graph = Graph()
    inner = graph.instantiate(graph.add(name, renamed(script, NAMESPACES[engine])))
    for import_, type_ in inner.info.imports.items():
        if import_.startswith(_SEED) and isinstance(type_, Instance):
            # A constant seed, for internal hash tables of the engine: plain `wasmtime serve` lacks the import.
            seeds = graph.instantiate(graph.add("seed", constants({import_: type_}, lambda *_: (0, 0))))
            inner.set(import_, seeds.export(import_))
    adapter = graph.instantiate(graph.add("scripted-adapter", framework_component("scripted-adapter").read_bytes()))
    adapter.set(_SCRIPTED, inner.export(_SCRIPTED))
    for contract in _CONTRACTS:
        graph.export(contract, adapter.export(contract))
    return encode(graph).to_bytes()


def renamed(component: bytes, namespace: str) -> bytes:
    """Return a component with a namespace of its imports replaced by ``wasi``."""
    if namespace == "wasi":
        return component
    data = bytearray(component)
    position = 8  # after magic number and version
    while position < len(data):
        section = data[position]
        size, start = _number(data, position + 1)
        if section == _IMPORTS:
            data[start : start + size] = data[start : start + size].replace(f"{namespace}:".encode(), b"wasi:")
        position = start + size
    return bytes(data)


def _number(data: bytearray, position: int) -> tuple[int, int]:
    """Return a LEB128 number and the position after it."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position
