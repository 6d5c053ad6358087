"""Catalogue of a component, its lists as recorded when it was built, and the values that a segment has of them.

A segment has the lists of its members in every revision, and the owner of each entry.

Source: Model Context Protocol 2026-07-28, schemas `Tool`, `Resource`, `ResourceTemplate`, `Prompt`; server/utilities;
wit/baked.wit (`catalogue-data`).
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wasmcp.component.canonical_abi import Case
from wasmcp.errors import CatalogueError
from wasmcp.protocol import IDENTITIES, REVISIONS
from wasmcp.revision_views import Item, from_json_text, items_json

FORMAT = 1
"""Version of the sidecar's format."""

NOUNS = {"tools": "tool", "resources": "resource", "templates": "resource template", "prompts": "prompt"}
"""Noun for an item of each list."""

_COMPLETED = {"ref/prompt": "name", "ref/resource": "uri"}


@dataclass(frozen=True)
class Catalogue:
    """Lists of one component: items in their wire form of 2026-07-28, in the component's order.

    Attributes:
        tools: Its tools.
        digest: The digest of the component, as `sha256:HEX`; empty if unknown.
        resources: Its resources.
        templates: Its resource templates.
        prompts: Its prompts.
        completions: References whose arguments it completes: objects like the `ref` of `completion/complete`.
        cache: The cache hints of its lists, by list: objects with `ttlMs` and `cacheScope`. A list without a hint can
            be cached like any list that does not change.
    """

    tools: tuple[Item, ...] = field(default=())
    digest: str = ""
    resources: tuple[Item, ...] = field(default=())
    templates: tuple[Item, ...] = field(default=())
    prompts: tuple[Item, ...] = field(default=())
    completions: tuple[Item, ...] = field(default=())
    cache: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for kind in IDENTITIES:
            _check(kind, self.items(kind))
        _check_completions(self.completions)
        _check_cache(self.cache)

    def items(self, kind: str) -> tuple[Item, ...]:
        """Return one of its lists: `tools`, `resources`, `templates` or `prompts`."""
        found: tuple[Item, ...] = getattr(self, kind)
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tools, in order."""
        return tuple(tool["name"] for tool in self.tools)

    @property
    def capabilities(self) -> tuple[str, ...]:
        """Capabilities with at least one entry in the catalogue: `tools`, `resources`, `prompts`, `completions`."""
        has = {
            "tools": self.tools,
            "resources": self.resources or self.templates,
            "prompts": self.prompts,
            "completions": self.completions,
        }
        return tuple(name for name, found in has.items() if found)

    def to_dict(self) -> dict[str, Any]:
        """Return the catalogue as JSON values: the tools always, each other list unless it is empty."""
        lists = {kind: list(self.items(kind)) for kind in IDENTITIES}
        value = {**lists, "completions": list(self.completions), "cache": dict(self.cache)}
        return {name: found for name, found in value.items() if found or name == "tools"}

    def to_json(self) -> str:
        """Return the sidecar's text, which ends with a line feed."""
        value = {"format": FORMAT, "digest": self.digest, **self.to_dict()}
        return json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, *, source: str = "catalogue") -> Catalogue:
        """Read a sidecar.

        Args:
            text: The result of `to_json`.
            source: The component's name in an error.

        Raises:
            CatalogueError: The text is not a catalogue, or has another format version.
        """
        try:
            value = from_json_text(text)
        except ValueError as error:
            raise CatalogueError(source, f"its catalogue is not JSON: {error}") from None
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            found = value.get("format") if isinstance(value, dict) else type(value).__name__
            raise CatalogueError(source, f"its catalogue has format `{found}`, expected `{FORMAT}`: build it again")
        digest, cache = value.get("digest", ""), value.get("cache", {})
        lists = {name: value.get(name, []) for name in (*IDENTITIES, "completions")}
        if not isinstance(value.get("tools"), list) or not isinstance(digest, str):
            raise CatalogueError(source, "its catalogue needs `tools`, an array, and `digest`, a string")
        for name, items in lists.items():
            if not isinstance(items, list):
                raise CatalogueError(source, f"`{name}` in its catalogue must be an array")
        try:
            return cls(digest=digest, cache=cache, **{name: tuple(items) for name, items in lists.items()})
        except ValueError as error:
            raise CatalogueError(source, str(error)) from None


def nothing_offered(component: str, capabilities: Iterable[str]) -> str:
    """Return an error about a component with an empty catalogue, as a sentence about the component.

    A list that depends on the client or on the time is empty at build time, and a server would keep that list.

    Args:
        component: The component's name.
        capabilities: The names of the interfaces that it exports, `tools` for example.
    """
    exported = " and ".join(f"`{capability}`" for capability in capabilities)
    return (
        f"it exports {exported} and lists nothing, so a server would never offer anything of it. If its lists depend "
        "on the client or change at run time, make the component dynamic: `dynamic = true` and "
        f'`grants = ["middleware"]` in `[tool.wasmcp.components.{component}]`, or '
        f"`--dynamic {component} --grant {component}=middleware`"
    )


def _check(kind: str, items: tuple[Any, ...]) -> None:
    """Raise ValueError for items that no server could list."""
    noun, identity = NOUNS[kind], IDENTITIES[kind]
    known: set[str] = set()
    for position, item in enumerate(items):
        for member in dict.fromkeys((identity, "name")):
            if not isinstance(item, Mapping) or not isinstance(item.get(member), str) or not item[member]:
                raise ValueError(f"{noun} number {position + 1} has no `{member}`")
        name = item[identity]
        if name in known:
            raise ValueError(f"the {noun} `{name}` occurs twice")
        known.add(name)
        if kind == "tools":
            _check_schemas(item)
        try:
            json.dumps(item, allow_nan=False).encode()
            name.encode()
        except (TypeError, ValueError) as error:
            raise ValueError(f"the {noun} `{name}` cannot be written as JSON: {error}") from None


def _check_schemas(tool: Item) -> None:
    schema = tool.get("inputSchema")
    if not isinstance(schema, Mapping) or schema.get("type") != "object":
        raise ValueError(f'the tool `{tool["name"]}` needs an `inputSchema` with `"type": "object"`')
    if "outputSchema" in tool and not isinstance(tool["outputSchema"], Mapping):
        raise ValueError(f"the `outputSchema` of the tool `{tool['name']}` is not an object")


def _check_completions(completions: tuple[Any, ...]) -> None:
    for position, reference in enumerate(completions):
        kind = reference.get("type") if isinstance(reference, Mapping) else None
        member = _COMPLETED.get(kind) if isinstance(kind, str) else None
        if member is None or not isinstance(reference.get(member), str):
            raise ValueError(f"completion number {position + 1} is neither of a prompt nor of a resource template")


def _check_cache(cache: Any) -> None:
    if not isinstance(cache, Mapping):
        raise ValueError("`cache` must be an object")  # noqa: TRY004 - like every other mistake in a sidecar
    for kind, hint in cache.items():
        time = hint.get("ttlMs") if isinstance(hint, Mapping) else None
        if (
            kind not in IDENTITIES
            or not isinstance(time, int)
            or isinstance(time, bool)
            or not 0 <= time < 2**64
            or hint.get("cacheScope") not in ("public", "private")
        ):
            raise ValueError(f"the hint of `cache.{kind}` needs `ttlMs`, an integer, and `cacheScope`")


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
