"""A server around which nothing is granted: what it would get of its host is denied inside a composition.

A host's own settings cannot do this: wasmtime's Python package gives every component that imports `wasi:http` the
network.
"""

from __future__ import annotations

from wasmcp.component.decode import decode
from wasmcp.component.encode import encode
from wasmcp.component.graph import Graph
from wasmcp.component.types import Instance
from wasmcp.compose.deny_stubs import stubs
from wasmcp.compose.interfaces import ALWAYS, DOORS, STREAMS, is_among
from wasmcp.errors import CompositionError


def sealed(data: bytes, name: str) -> bytes:
    """Return a server that does what the given one does without any grant of its host.

    Everything but clocks, random numbers, streams and the standard streams is denied in its own terms: environment,
    file systems, sockets, outgoing HTTP, key-value stores, and interfaces that are not known.

    Args:
        data: A composed server.
        name: What to call it in errors.

    Raises:
        ComponentError: It cannot be read.
        CompositionError: An import cannot be denied.
    """
    graph = Graph()
    node = graph.instantiate(graph.add(name, data, decode(data, name, export_types=True)))
    denied = {
        import_: type_
        for import_, type_ in node.info.imports.items()
        if isinstance(type_, Instance) and not is_among(import_, (*ALWAYS, *STREAMS))
    }
    if not denied:
        return data
    try:
        stub = graph.instantiate(graph.add("nothing granted", stubs(denied)))
    except (TypeError, LookupError) as error:
        raise CompositionError(f"`{name}`: its imports cannot be denied: {error}") from error
    for import_ in denied:
        node.set(import_, stub.export(import_))
    for door in DOORS:
        value = node.export(door)
        graph.export(value.name, value)
    return encode(graph).to_bytes()
