"""Composition of server parts: a chain without transport and end, to be composed into servers like a component."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from wasmcp.component.encode import encode
from wasmcp.compose.capabilities import declared_by, server_capabilities
from wasmcp.compose.chain_plan import OnDuplicate, plan_chain, tools_of
from wasmcp.compose.component_reader import ComponentSpec, read_components
from wasmcp.compose.framework import load_framework
from wasmcp.compose.grants import check_middlewares, denied_to
from wasmcp.compose.roles import roles_section
from wasmcp.compose.server import ComposedServer, Composition, check_size
from wasmcp.errors import CompositionError


def compose_handler(
    components: Sequence[ComponentSpec],
    *,
    on_duplicate: OnDuplicate = "error",
    framework: Mapping[str, bytes | Path] | None = None,
) -> ComposedServer:
    """Compose a chain that exports `server-handler`.

    It imports the services of the server that it becomes part of, and the `server-handler` of the requests that it does
    not answer. Grants of its components are final: granted interfaces are imported, and that server grants them again
    or denies them.

    Args:
        components: The components in the order of the chain; at least one.
        on_duplicate: See `compose_server`.
        framework: Replacements of framework components, by name.

    Raises:
        CompositionError: The components cannot be composed; see its subclasses.
        MissingPackageDataError: The framework is not built.
    """
    if not components:
        raise CompositionError("a handler needs at least one component")
    read = read_components(components)
    check_middlewares(read)
    parts = plan_chain(read, on_duplicate=on_duplicate)
    composition = Composition(load_framework(framework), None)
    composition.check(read)
    composition.hand_on(parts)
    encoded = encode(composition.graph)
    check_size(encoded.to_bytes(), read)
    return ComposedServer(
        chunks=(*encoded.chunks, roles_section(encoded.nodes), declared_by(read).section()),
        capabilities=server_capabilities(read),
        tools=tools_of(parts),
        imports=tuple(sorted(encoded.imports)),
        exports=tuple(composition.graph.exports),
        framework={name: component.digest for name, component in composition.framework.items()},
        instances=encoded.instances,
        denied={component.name: found for component in read if (found := denied_to(component))},
    )
