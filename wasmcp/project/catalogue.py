"""What a component offers, found out by booting it once in the sandbox.

The component is composed alone, granted nothing, and asked ``tools/list`` like any server; the answer is checked and
kept by digest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from wasmcp.compose import Catalogue, ComponentSpec, ServerMetadata, compose_server
from wasmcp.errors import CatalogueError, HostError
from wasmcp.project import digest
from wasmcp.project.cache import Cache, write_atomically

BOOT_SECONDS = 30.0
"""How long a component may take to list what it offers."""

TOOLS_LIMIT = 10_000
"""How many tools one component may offer."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_TEXTS = ("title", "description")
_OBJECTS = ("outputSchema", "annotations", "_meta")


def catalogue_of(name: str, data: bytes, component: str, framework: Mapping[str, str], cache: Cache) -> Catalogue:
    """Return the catalogue of a component, recorded now or before.

    Args:
        name: The component's name, for messages.
        data: The component.
        component: Its digest.
        framework: The digests of the framework that boots it.
        cache: Where catalogues are kept.

    Raises:
        CatalogueError: It does not boot, or what it offers is not valid.
        CompositionError: It cannot be composed.
    """
    key = digest.of_value([component, dict(framework), digest.of_own_code("compose", "project/catalogue.py")])
    path = cache.text_path("catalogues", key)
    try:
        return Catalogue.from_json(path.read_text("utf-8"))
    except FileNotFoundError:
        pass
    except Exception:  # noqa: BLE001 - whatever is wrong with a cached file, it is recorded again
        path.unlink(missing_ok=True)
    catalogue = Catalogue(tools=boot(name, data), digest=component)
    write_atomically(path, catalogue.to_json().encode())
    return catalogue


def boot(name: str, data: bytes) -> tuple[dict[str, Any], ...]:
    """Boot a component in the sandbox and return its tools, as the wire has them in MCP 2026-07-28.

    It is compiled quickly rather than well, because it is called once.

    Raises:
        CatalogueError: It does not boot, or what it offers is not valid.
        CompositionError: It cannot be composed.
    """
    from wasmcp.host import Limits, open_server

    server = compose_server(
        [ComponentSpec(name=name, data=data, catalogue=None, grants=frozenset(), dynamic=True)],
        ServerMetadata(name=name, version="0"),
    )
    stderr = ""
    try:
        with open_server(server.data, limits=Limits(timeout=BOOT_SECONDS), instances=1, quick=True) as running:
            try:
                tools = [dict(tool.raw) for tool in running.list_tools()]
            finally:
                stderr = running.stderr
    except HostError as error:
        raise CatalogueError(name, f"it cannot list its tools: {error}", stderr=stderr) from error
    problems = check_tools(tools)
    if problems:
        raise CatalogueError(name, "\n".join(["what it offers is not valid:", *(f"  * {x}" for x in problems)]))
    return tuple(tools)


def check_tools(tools: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each thing that is wrong with a list of tools.

    Specification: 2026-07-28, server/tools: "Tool", "Tool Names" (there a SHOULD, here a must: clients refuse others).
    """
    if len(tools) > TOOLS_LIMIT:
        return [f"it offers {len(tools)} tools; {TOOLS_LIMIT} is the limit"]
    problems = []
    seen: set[str] = set()
    for index, tool in enumerate(tools):
        name = tool.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            problems.append(f"tool {index}: the name must be 1 to 128 of `A-Z a-z 0-9 _ . -`, not {name!r:.160}")
            continue
        if name in seen:
            problems.append(f"tool `{name}`: offered a second time by the same component")
        seen.add(name)
        schema = tool.get("inputSchema")
        if not isinstance(schema, dict) or schema.get("type") != "object":
            problems.append(f'tool `{name}`: `inputSchema` must be a JSON Schema object with `"type": "object"`')
        wrong = [(key, "a string") for key in _TEXTS if not isinstance(tool.get(key, ""), str)]
        wrong += [(key, "a JSON object") for key in _OBJECTS if not isinstance(tool.get(key, {}), dict)]
        problems.extend(f"tool `{name}`: `{key}` must be {kind}" for key, kind in wrong)
    return problems
