"""Server manifest, ``manifest.json`` next to the built servers: their inputs and digests.

The host reads it to answer lists while a server is compiled, the build to find servers that are up to date: the digests
of inputs and file equal the recorded ones.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import wasmcp
from wasmcp.package_data import wit_directory
from wasmcp.project.build_plan import Plan
from wasmcp.storage import digest
from wasmcp.storage.cache import write_atomically

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
    return [key for key, step in plan.servers.items() if not _fresh(entries.get(key), step.inputs, step.output)]


def _fresh(entry: Mapping[str, Any] | None, inputs: str, output: Path) -> bool:
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
