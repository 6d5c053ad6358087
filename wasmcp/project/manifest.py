"""Server manifest, ``manifest.json`` next to the built servers: their entries, inputs and digests.

The host reads it to answer lists while a server is compiled, the build to find servers that are up to date: the digests
of inputs and file equal the recorded ones.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import wasmcp
from wasmcp.compose.grant_rules import GrantRules
from wasmcp.declaration_section import declares
from wasmcp.file_writing import write_atomically
from wasmcp.package_data import wit_directory
from wasmcp.project.build_plan import ComponentStep, Plan
from wasmcp.storage import digest

if TYPE_CHECKING:
    from pathlib import Path

    from wasmcp.compose.catalogue import Catalogue
    from wasmcp.compose.composed_server import ComposedServer
    from wasmcp.compose.metadata import ServerMetadata
    from wasmcp.host.configuration.declared import Configuration


@dataclass(frozen=True)
class Built:
    """One component, ready to be composed.

    Attributes:
        step: Its step of the plan.
        data: The component.
        digest: Its digest.
        compiled: The digest that it had before extensions, skills and pages of apps were added.
        catalogue: Its catalogue; None for a dynamic component.
        built_with: The compilers, with their versions.
    """

    step: ComponentStep
    data: bytes
    digest: str
    compiled: str
    catalogue: Catalogue | None
    built_with: Mapping[str, str]


FORMAT = 1
"""Version under ``format``; a manifest with another one is ignored."""

_PACKAGE = re.compile(r"^package\s+([a-z0-9:-]+)@([0-9A-Za-z.+-]+)\s*;", re.MULTILINE)


def read(path: Path) -> dict[str, Any]:
    """Return the entries of a manifest by server; empty if it is missing or invalid."""
    try:
        document = json.loads(path.read_text("utf-8"))
        servers = document["servers"] if document["format"] == FORMAT else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return (
        {key: entry for key, entry in servers.items() if isinstance(entry, dict)} if isinstance(servers, dict) else {}
    )


def write(path: Path, servers: Mapping[str, Any]) -> None:
    """Write the entries by server atomically; the same entries give the same bytes."""
    document = {"format": FORMAT, "servers": dict(sorted(servers.items()))}
    write_atomically(path, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())


def stale(plan: Plan) -> list[str]:
    """Return the keys of the servers that differ from the plan."""
    entries = read(plan.project.manifest)
    return [key for key, step in plan.servers.items() if not is_fresh(entries.get(key), step.inputs, step.output)]


def is_fresh(entry: Mapping[str, Any] | None, inputs: str, output: Path) -> bool:
    """Return True if an entry has these inputs, and the file is the one that it describes."""
    if entry is None or entry.get("inputs") != inputs:
        return False
    try:
        return bool(entry.get("digest") == digest.of_file(output))
    except OSError:
        return False


@functools.cache
def wit_versions() -> dict[str, str]:
    """Return the version of each WIT package that wasmcp builds against."""
    found: dict[str, str] = {}
    for path in sorted(wit_directory().rglob("*.wit")):
        match = _PACKAGE.search(path.read_text("utf-8"))
        if match:
            found[match[1]] = match[2]
    return dict(sorted(found.items()))


def tool_version() -> str:
    """Return the version of wasmcp that writes the manifest."""
    return wasmcp.__version__


def server_entry(
    file: str,
    metadata: ServerMetadata,
    components: Sequence[Mapping[str, Any]],
    composed: ComposedServer,
    *,
    inputs: str = "",
    known: bool,
    configuration: Configuration | None = None,
    development: bool = False,
) -> dict[str, Any]:
    """Return the entry of a server.

    Args:
        file: The name of its file, next to the manifest.
        metadata: Its description of itself.
        components: The entries of its components, in the order of the chain.
        composed: The server.
        inputs: The digest of all its inputs; computed from the arguments if omitted.
        known: True if its whole catalogue is recorded, so that the host can answer while it compiles.
        configuration: The configuration that it takes from its operator.
        development: True for a development build.
    """
    # The host answers with these members in this order, as the server does.
    described = metadata.implementation()
    if metadata.instructions is not None:
        described["instructions"] = metadata.instructions
    framework = dict(composed.framework)
    takes = configuration.to_manifest() if configuration is not None else {}
    return {
        "file": file,
        "digest": digest.of_chunks(composed.chunks),
        "inputs": inputs or digest.of_value([described, [dict(one) for one in components], framework]),
        "metadata": described,
        "capabilities": dict(composed.capabilities),
        "catalogue": composed.catalogue.to_dict() if known else None,
        "components": [dict(one) for one in components],
        "wit": wit_versions(),
        "framework": framework,
        "imports": list(composed.imports),
        **({"configuration": takes} if takes else {}),
        **({"development": True} if development else {}),
        **({"fixedLists": True} if known and composed.has_fixed_lists else {}),
        **({"access": dict(composed.access)} if composed.access else {}),
        **({"skills": [skill.to_dict() for skill in composed.skills]} if composed.skills else {}),
        **({"apps": [app.to_dict() for app in composed.apps]} if composed.apps else {}),
        "wasmcp": tool_version(),
    }


def built_entry(part: Built, root: Path | None = None) -> dict[str, Any]:
    """Return the entry of a component; with the digests of its sources if `root`, its project, is given."""
    step = part.step
    entry: dict[str, Any] = {
        "name": step.config.name,
        "digest": part.digest,
        "language": step.config.language,
        "toolchain": dict(part.built_with),
        "grants": sorted(step.config.grants),
        **rules_entry(step.config.rules),
        "dynamic": step.config.dynamic,
        "inputs": step.inputs,
    }
    if part.compiled != part.digest:
        entry["compiled"] = part.compiled
    files = declares(part.data).files
    if files is not None:
        entry["files"] = files.to_dict()
    if step.pin is not None:
        source = f"{step.pin.source}@{step.pin.manifest}"
        entry |= {"package": step.pin.package, "version": step.pin.version, "source": source}
    if root is not None:
        inside = [file for file in step.files if file.is_relative_to(root)]
        entry["sources"] = {file.relative_to(root).as_posix(): digest.of_file(file) for file in inside}
    needed = step.source.dependencies if step.source is not None else ()
    return {**entry, "dependencies": [asdict(one) for one in needed]} if needed else entry


def rules_entry(rules: GrantRules | None) -> dict[str, Any]:
    """Return the member of an entry for the rules of grants; empty without rules."""
    return {"rules": rules.to_dict()} if rules else {}


def given_entry(
    name: str,
    component: str,
    grants: Sequence[str],
    *,
    dynamic: bool,
    origin: Mapping[str, str],
    rules: GrantRules | None = None,
) -> dict[str, Any]:
    """Return the entry of a component from a file or a package.

    Args:
        name: The component's name.
        component: Its digest.
        grants: Its grants.
        dynamic: True for a dynamic component.
        origin: `package`, `version` and `source` of a component from a registry.
        rules: The rules of its grants.
    """
    return {
        "name": name,
        "digest": component,
        "language": None,
        "toolchain": {},
        "grants": sorted(grants),
        **rules_entry(rules),
        "dynamic": dynamic,
        "inputs": component,
        **origin,
    }
