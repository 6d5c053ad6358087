"""Values baked into a segment of the chain: its lists in every revision, and the owner of each entry.

Source: wit/baked.wit (`catalogue-data`).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wasmcp.component.canonical_abi import Case
from wasmcp.compose.catalogue import Catalogue
from wasmcp.protocol import IDENTITIES, REVISIONS
from wasmcp.revision_views import items_json

UNCHANGING = {"ttlMs": 300_000, "cacheScope": "public"}
"""Cache hint, with the time in milliseconds, of a list that does not change while the server runs."""

NO_OWNER = 2**32 - 1
"""Owner of a reference that is known and has no completions: no component has this index."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_INDICES = {"tools": "tool-index", "prompts": "prompt-index", "resources": "resource-index"}


def index(owners: Mapping[str, int]) -> bytes:
    """Return the table that finds an owner by binary search.

    Little-endian u32: the number of keys, then for each key, sorted by its UTF-8 bytes, the offset of the key (from the
    start of the table), its length in bytes and the owner; then the keys. Source: wit/baked.wit.
    """
    keys = sorted((key.encode(), owner) for key, owner in owners.items())
    offset = 4 + 12 * len(keys)
    table = struct.pack("<I", len(keys))
    for key, owner in keys:
        table += struct.pack("<III", offset, len(key), owner)
        offset += len(key)
    return table + b"".join(key for key, _ in keys)


def cache_hint(kind: str, catalogues: Iterable[Catalogue]) -> dict[str, Any]:
    """Merge the cache hints of a list: the shortest time, and private if any hint is. Empty lists do not count."""
    given = (catalogue.cache[kind] for catalogue in catalogues if kind in catalogue.cache and catalogue.items(kind))
    hints = [UNCHANGING, *given]
    scope = "private" if any(hint["cacheScope"] == "private" for hint in hints) else "public"
    return {"ttlMs": min(hint["ttlMs"] for hint in hints), "cacheScope": scope}


def segment_values(catalogues: Sequence[Catalogue], *, completions: bool = False) -> dict[str, Any]:
    """Return the results of the functions of `catalogue-data` for a segment of the chain.

    Args:
        catalogues: The catalogue of each component of the segment, in order, without duplicates.
        completions: True if the server offers completion.
    """
    values: dict[str, Any] = {}
    for kind, identity in IDENTITIES.items():
        every = [item for catalogue in catalogues for item in catalogue.items(kind)]
        for revision in REVISIONS:
            values[f"{kind}-v{revision.replace('-', '')}"] = items_json(kind, every, revision)
        hint = cache_hint(kind, catalogues)
        values[f"{kind}-cache"] = {"ttl-ms": hint["ttlMs"], "scope": Case(hint["cacheScope"])}
        if kind in _INDICES:
            owners = {item[identity]: place for place, own in enumerate(catalogues) for item in own.items(kind)}
            values[_INDICES[kind]] = index(owners)
    values["resource-readers"] = [
        {"component": place, "beginnings": beginnings(own)}
        for place, own in enumerate(catalogues)
        if "resources" in own.capabilities
    ]
    values["completion-index"] = index(_completers(catalogues) if completions else {})
    return values


def beginnings(catalogue: Catalogue) -> list[str]:
    """Return the prefixes of a component's URIs, sorted.

    They are its resources, its templates up to their first expression, and the schemes of both. Requests for other URIs
    are not sent to the component. Source: RFC 3986, section 3.1; RFC 6570, section 2.
    """
    whole = [item["uri"] for item in catalogue.resources]
    whole += [item["uriTemplate"].partition("{")[0] for item in catalogue.templates]
    schemes = [match[0] for text in whole if (match := _SCHEME.match(text))]
    return sorted({*whole, *schemes})


def _completers(catalogues: Sequence[Catalogue]) -> dict[str, int]:
    """Return the owner of each completion: the owner of its prompt or template, else the first that declares it."""
    claimed = [
        (key, place, key in _own_keys(own))
        for place, own in enumerate(catalogues)
        for key in map(_key, own.completions)
    ]
    owners: dict[str, int] = {}
    for key, place, _ in sorted(claimed, key=lambda claim: not claim[2]):
        owners.setdefault(key, place)
    for own in catalogues:
        for prompt in own.prompts:
            owners.setdefault(f"prompt {prompt['name']}", NO_OWNER)
        for member, items in (("uriTemplate", own.templates), ("uri", own.resources)):
            for item in items:
                owners.setdefault(f"template {item[member]}", NO_OWNER)
    return owners


def _key(reference: Mapping[str, Any]) -> str:
    """Return the key of a `ref` of `completion/complete`. Source: wit/baked.wit (`completion-index`)."""
    return f"prompt {reference['name']}" if reference["type"] == "ref/prompt" else f"template {reference['uri']}"


def _own_keys(catalogue: Catalogue) -> set[str]:
    templates = {f"template {item['uriTemplate']}" for item in catalogue.templates}
    resources = {f"template {item['uri']}" for item in catalogue.resources}
    return {f"prompt {item['name']}" for item in catalogue.prompts} | templates | resources
