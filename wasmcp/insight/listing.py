"""Lists of a component or a server, from its recorded catalogue or from a run in the sandbox.

Tools that can run as tasks are marked. Source: docs/reference/protocol.md, `_meta["wasmcp/task"]`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from wasmcp.errors import CatalogueError, HostError
from wasmcp.protocol import IDENTITIES, LISTS, META_KEYS, TASK_DEFAULTS

PAGES = 10_000

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Offers:
    """Lists of a component or a server, in the wire form of MCP 2026-07-28.

    Attributes:
        lists: `tools`, `resources`, `templates` and `prompts`, each the items in order.
        origin: The source of the lists: `catalogue`, `manifest` or `booted`.
        entry: The server's entry in the manifest next to it, or None.
    """

    lists: Mapping[str, Sequence[Item]]
    origin: str
    entry: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON representation."""
        return {**{kind: list(self.lists.get(kind, ())) for kind in IDENTITIES}, "origin": self.origin}


@dataclass(frozen=True)
class Recorded:
    """Records next to a file.

    Attributes:
        offers: The recorded lists, or None.
        entry: The server's entry in the manifest, or None.
    """

    offers: Offers | None = None
    entry: Mapping[str, Any] | None = field(default=None)


def recorded_offers(path: Path | None, data: bytes) -> Recorded:
    """Read the records in `FILE.catalogue.json` or `manifest.json` next to a file, if they match its digest.

    Args:
        path: The file, or None.
        data: The file's bytes; records of other content are ignored.
    """
    if path is None:
        return Recorded()
    digest = f"sha256:{sha256(data).hexdigest()}"
    entry = _manifest_entry(path, digest)
    sidecar = _read(path.with_name(f"{path.name}.catalogue.json"))
    if isinstance(sidecar, dict) and sidecar.get("digest") == digest:
        return Recorded(Offers(_lists(sidecar), "catalogue", entry), entry)
    if entry is not None and isinstance(entry.get("catalogue"), dict):
        return Recorded(Offers(_lists(entry["catalogue"]), "manifest", entry), entry)
    return Recorded(None, entry)


def booted_offers(name: str, data: bytes, *, is_server: bool, entry: Mapping[str, Any] | None = None) -> Offers:
    """Start a server, or a component composed by itself, in the sandbox and request its lists.

    It gets no grants, whatever its components were granted, and is compiled without optimization.

    Args:
        name: The name in errors.
        data: The file's bytes.
        is_server: The file is a composed server.
        entry: The server's entry in a manifest, or None.

    Raises:
        CatalogueError: It does not start, or its responses are invalid.
        CompositionError: The component cannot be composed, or has imports that cannot be denied.
    """
    from wasmcp.compose import ComponentSpec, ServerMetadata, compose_server
    from wasmcp.compose.deny_stubs import sealed
    from wasmcp.compose.interfaces import MIDDLEWARE
    from wasmcp.host import Limits, open_server
    from wasmcp.project.catalogue_recording import BOOT_SECONDS

    if not is_server:
        spec = ComponentSpec(name=name, data=data, catalogue=None, grants=frozenset({MIDDLEWARE}), dynamic=True)
        data = compose_server([spec], ServerMetadata(name=name, version="0")).data
    data = sealed(data, name)
    stderr = ""
    try:
        with open_server(data, limits=Limits(timeout=BOOT_SECONDS), instances=1, quick=True) as server:
            try:
                capabilities = server.discover().get("capabilities", {})
                lists = {
                    kind: list(_pages(server, method, member)) if capability in capabilities else []
                    for kind, method, capability, member, _ in LISTS
                }
            finally:
                stderr = server.stderr
    except HostError as error:
        raise CatalogueError(name, f"it cannot list what it offers: {error}", stderr=stderr) from error
    return Offers(lists, "booted", entry)


def offers_of(name: str, path: Path | None, data: bytes, *, is_server: bool) -> Offers:
    """Return the recorded lists, or else those of a run in the sandbox.

    Args:
        name: The name in errors.
        path: The file, or None.
        data: The file's bytes.
        is_server: The file is a composed server.

    Raises:
        CatalogueError: Without records: it does not start, or its responses are invalid.
        CompositionError: Without records: the component cannot be composed.
    """
    recorded = recorded_offers(path, data)
    if recorded.offers is not None:
        return recorded.offers
    return booted_offers(name, data, is_server=is_server, entry=recorded.entry)


def _pages(server: Any, method: str, member: str) -> Iterator[Item]:
    cursor: str | None = None
    for _ in range(PAGES):
        result = server.request(method, {} if cursor is None else {"cursor": cursor})
        yield from result.get(member, [])
        cursor = result.get("nextCursor")
        if cursor is None:
            return
    raise HostError(f"`{method}` did not end after {PAGES} pages")


def _manifest_entry(path: Path, digest: str) -> Mapping[str, Any] | None:
    from wasmcp.project.manifest import read

    entries = read(path.with_name("manifest.json")).values()
    return next((entry for entry in entries if entry.get("digest") == digest), None)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def _lists(value: Mapping[str, Any]) -> dict[str, list[Item]]:
    """Return the lists of a record; other values, and entries that are not objects with a name, are ignored."""
    lists: dict[str, list[Item]] = {}
    for kind, identity in IDENTITIES.items():
        items = value.get(kind, [])
        items = items if isinstance(items, list) else []
        lists[kind] = [item for item in items if isinstance(item, dict) and isinstance(item.get(identity), str)]
    return lists


_WAYS = {"run": "runs on after its request", "steps": "continues by steps"}


def task_rows(tools: Sequence[Item]) -> list[tuple[str, str]]:
    """Return the names of the tools that can run as tasks, each with the way in which it runs."""
    return [(str(tool.get("name")), _text(task)) for tool in tools if (task := _task(tool)) is not None]


def task_changes(old: Item, new: Item) -> Iterator[tuple[str, bool]]:
    """Yield the changes of the task of a tool, each with True if it breaks clients."""
    before, after = _task(old), _task(new)
    if before == after:
        return
    needed = after is not None and after.get("required") is True
    if needed and not (before is not None and before.get("required") is True):
        yield "refuses clients without the tasks extension now", True
    if before is None and after is not None:
        yield f"can run as a task now: {_text(after)}", False
    elif after is None:
        yield "does not run as a task any more", False
    elif before is not None and _text(before) != _text(after):
        yield f"runs as a task in another way: {_text(after)}, before {_text(before)}", False


def _task(tool: Item) -> dict[str, Any] | None:
    meta = tool.get("_meta")
    found = meta.get(META_KEYS["task"]) if isinstance(meta, dict) else None
    return found if isinstance(found, dict) else None


def _text(task: dict[str, Any]) -> str:
    way = _WAYS.get(str(task.get("mode")), f"unknown mode {task.get('mode')!r:.40}")
    kept, polled = (task.get(name, TASK_DEFAULTS[name]) for name in ("ttlMs", "pollIntervalMs"))
    required = "; clients need the extension" if task.get("required") is True else ""
    return f"{way}; kept for {_seconds(kept)}, polled every {_seconds(polled)}{required}"


def _seconds(milliseconds: Any) -> str:
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int):
        return "an unknown time"
    return f"{milliseconds / 1000:,g} s"
