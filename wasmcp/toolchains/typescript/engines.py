"""What an engine needs beside the script: the contracts that it is compiled against, and what it makes finished.

QuickJS is started while its component is built, against a host that knows parts of WASI alone: there an interface such
as ``wasi:http/types`` would have to be made of types of that host, and is not. Compiled against contracts in which
``wasi`` has another name, it meets nothing it knows half of; the finished component has the right names again.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from wasmcp.package_data import framework_component, wit_directory

NAMESPACES = {"quickjs": "host", "starlingmonkey": "wasi"}
"""Engine -> what ``wasi`` is called while it is compiled; as long as that, because names are replaced in place."""

_PACKAGE = "wasmcp:mcp-v20260728"
_CONTRACTS = tuple(f"{_PACKAGE}/{name}@0.1.0" for name in ("tools", "resources", "prompts", "completions"))
_SCRIPTED = f"{_PACKAGE}/scripted@0.1.0"
_SEED = "wasi:random/insecure-seed@"
_IMPORTS = 10  # the id of a section of imports


def copy_contracts(engine: str, target: Path) -> None:
    """Copy the WIT to a folder, as an engine is to see it."""
    shutil.copytree(wit_directory(), target)
    if NAMESPACES[engine] != "wasi":
        for path in target.rglob("*.wit"):
            text = path.read_text("utf-8")
            path.write_text(text.replace("wasi:", f"{NAMESPACES[engine]}:"), "utf-8")


def finished(name: str, script: bytes, engine: str) -> bytes:
    """Return the component: the engine, composed with the adapter that makes the contracts of what it offers.

    Args:
        name: What it is called in errors.
        script: What the engine's compiler made.
        engine: Which one.
    """
    from wasmcp.component.constant_component import constants
    from wasmcp.component.encode import encode
    from wasmcp.component.graph import Graph
    from wasmcp.component.types import Instance

    graph = Graph()
    inner = graph.instantiate(graph.add(name, renamed(script, NAMESPACES[engine])))
    for import_, type_ in inner.info.imports.items():
        if import_.startswith(_SEED) and isinstance(type_, Instance):
            # For tables of the engine's own, which hold nothing of a client's. Stock `wasmtime serve` has none.
            seeds = graph.instantiate(graph.add("seed", constants({import_: type_}, lambda *_: (0, 0))))
            inner.set(import_, seeds.export(import_))
    adapter = graph.instantiate(graph.add("scripted-adapter", framework_component("scripted-adapter").read_bytes()))
    adapter.set(_SCRIPTED, inner.export(_SCRIPTED))
    for contract in _CONTRACTS:
        graph.export(contract, adapter.export(contract))
    return encode(graph).to_bytes()


def renamed(component: bytes, namespace: str) -> bytes:
    """Return a component with ``wasi`` in place of a namespace in the names that it imports."""
    if namespace == "wasi":
        return component
    data = bytearray(component)
    position = 8  # behind magic number and version
    while position < len(data):
        section = data[position]
        size, start = _number(data, position + 1)
        if section == _IMPORTS:
            data[start : start + size] = data[start : start + size].replace(f"{namespace}:".encode(), b"wasi:")
        position = start + size
    return bytes(data)


def _number(data: bytearray, position: int) -> tuple[int, int]:
    """Return a LEB128 number and where it ends."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position
