"""Sealed servers: stubs inside a composition deny everything that the host could grant.

Settings of the host cannot do this: wasmtime's Python package gives the network to every component that imports
`wasi:http`.
"""

from __future__ import annotations

from wasmcp.component.decode import decode
from wasmcp.component.encode import encode
from wasmcp.component.graph import Graph
from wasmcp.component.types import Instance
from wasmcp.compose.deny_stubs import stubs
from wasmcp.compose.interfaces import ALWAYS, ENTRY_POINTS, STREAMS, is_among
from wasmcp.errors import CompositionError


def sealed(data: bytes, name: str) -> bytes:
    """Return a server that works like the given one without any grant of its host.

    Everything but clocks, random numbers, streams and the standard streams is denied: environment, file systems,
    sockets, outgoing HTTP, key-value stores, and unknown interfaces.

    Args:
        data: A composed server.
        name: Its name in errors.

    Raises:
        ComponentError: The server cannot be read.
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
    for entry_point in ENTRY_POINTS:
        value = node.export(entry_point)
        graph.export(value.name, value)
    return encode(graph).to_bytes()
