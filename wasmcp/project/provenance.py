"""Build provenance of a server: a SLSA statement, to be signed and verified.

Reproducible: without time and host; the same sources give the same statement. Source: in-toto, "Statement" v1; SLSA
v1.0, "Provenance".

The annotations of a published component are its catalogue and the origin of its sources.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wasmcp.compose.component_reader import ComponentSpec, read_component
from wasmcp.compose.interfaces import SERVER_HANDLER
from wasmcp.errors import InvalidComponentError
from wasmcp.project.catalogue_recording import catalogue_of
from wasmcp.registry.oci.manifests import CATALOGUE
from wasmcp.storage import Cache, digest_of_bytes, digests_of_framework

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:wasmcp:server:1"
BUILDER = "urn:wasmcp:build"


def render(server: str, entry: Mapping[str, Any], checkout: Mapping[str, Any]) -> str:
    """Return the statement about a server, as JSON.

    Args:
        server: The server's key.
        entry: Its entry in the server manifest.
        checkout: The origin of its sources; see `checkout_of`.
    """
    components = entry["components"]
    dependencies = [
        *_sources(checkout),
        *(_component(component) for component in components),
        *(_resource(f"framework/{name}", digest) for name, digest in sorted(entry["framework"].items())),
        *(
            {"name": name, "uri": f"pkg:pypi/{name}@{version}"}
            for name, version in sorted({pin for one in components for pin in one["toolchain"].items()})
        ),
    ]
    parameters = {
        "server": server,
        "metadata": entry["metadata"],
        "components": {
            one["name"]: {key: one[key] for key in ("grants", "rules", "dynamic") if key in one} for one in components
        },
    }
    definition: dict[str, Any] = {
        "buildType": BUILD_TYPE,
        "externalParameters": parameters,
        "internalParameters": {"inputs": entry["inputs"], "modified": bool(checkout.get("modified"))},
        "resolvedDependencies": dependencies,
    }
    run = {"builder": {"id": BUILDER, "version": {"wasmcp": entry["wasmcp"]}}}
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": entry["file"], "digest": _digest(entry["digest"])}],
        "predicateType": PREDICATE,
        "predicate": {"buildDefinition": definition, "runDetails": run},
    }
    return json.dumps(statement, indent=1, ensure_ascii=False) + "\n"


def checkout_of(folder: Path) -> dict[str, Any]:
    """Return git's `revision` of a folder, its `source` if it has a plain address, and `modified`.

    Empty without git or without a commit.
    """
    revision = _git(folder, "rev-parse", "HEAD")
    if not revision:
        return {}
    source = _git(folder, "remote", "get-url", "origin")
    # An address can contain a password; only a plain address is published.
    plain = source and ("@" not in source or source.startswith("git@"))
    found: dict[str, Any] = {
        "revision": revision,
        "modified": bool(_git(folder, "status", "--porcelain", "--untracked-files=no")),
    }
    return {**found, "source": source} if plain else found


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _sources(checkout: Mapping[str, Any]) -> list[dict[str, Any]]:
    if "revision" not in checkout:
        return []
    address = {"uri": f"git+{checkout['source']}"} if "source" in checkout else {}
    return [{"name": "sources", **address, "digest": {"gitCommit": checkout["revision"]}}]


def _component(component: Mapping[str, Any]) -> dict[str, Any]:
    found = _resource(f"component/{component['name']}", component["digest"])
    return {**found, "uri": component["source"]} if "source" in component else found


def _resource(name: str, digest: str) -> dict[str, Any]:
    return {"name": name, "digest": _digest(digest)}


def _digest(digest: str) -> dict[str, str]:
    return {"sha256": digest.removeprefix("sha256:")}


CATALOGUE_LIMIT = 1 << 20
"""Limit on the bytes of a catalogue in a manifest; registries refuse manifests above 4 MiB."""


def of_catalogue(path: Path, name: str) -> dict[str, str]:
    """Return the catalogue of a component as an annotation, recorded by booting it in the sandbox.

    Empty for a component without a catalogue (a server, a server handler), and for a catalogue that does not fit into a
    manifest.

    Raises:
        CatalogueError: The component does not boot, or its catalogue is not valid.
    """
    data = path.read_bytes()
    try:
        if SERVER_HANDLER in read_component(ComponentSpec(name, data)).offers:
            return {}
    except InvalidComponentError:
        return {}
    catalogue = catalogue_of(name, data, digest_of_bytes(data), digests_of_framework(), Cache())
    text = json.dumps(json.loads(catalogue.to_json()), separators=(",", ":"), ensure_ascii=False)
    return {CATALOGUE: text} if len(text.encode()) <= CATALOGUE_LIMIT else {}


def of_checkout(folder: Path) -> dict[str, str]:
    """Return the repository and the revision of a component's sources, if a folder is in a git repository."""
    checkout = checkout_of(folder)
    return {
        f"org.opencontainers.image.{key}": str(checkout[key])
        for key in ("revision", "source")
        # Omit the revision of modified sources: the component was not built from it.
        if key in checkout and not (key == "revision" and checkout["modified"])
    }
