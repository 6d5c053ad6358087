"""Apps of components: the pages that hosts show for tools, with their powers, in a custom section.

A component with apps carries their pages, so that servers which are composed of it serve them, from a registry as well.
The section is called `wasmcp-apps`. Its content is a JSON array of pages with `uri`, `meta` (the `_meta` of the
contents) and `html`.

Source: Model Context Protocol, extension `io.modelcontextprotocol/ui` (2026-01-26); RFC 6454, section 4 (origins);
Content Security Policy Level 3, section 2.3.1 (host sources).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from wasmcp.component.custom_sections import custom_section, custom_sections
from wasmcp.errors import ComponentError
from wasmcp.protocol import APP_DOMAINS, APP_MIME_TYPE, APP_PERMISSIONS, APP_VISIBILITIES, META_KEYS
from wasmcp.revision_views import Item, to_json_text

SECTION = "wasmcp-apps"
RECORD = "wasmcp-served-apps"
"""Custom section of a server with the summaries of its apps, a JSON array."""
EXTENSION = "io.modelcontextprotocol/ui"
"""Identifier of the extension."""
SETTINGS = {"mimeTypes": [APP_MIME_TYPE]}
"""Settings of the extension that a server with apps declares."""
SCHEME = "ui://"
PAGE = META_KEYS["page"]
MOST_BYTES = 64 << 20
"""Maximum size in bytes of all pages of a server."""

ORIGIN = re.compile(r"(https?|wss?)://(?:\*\.)?(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::(?:[0-9]{1,5}|\*))?")
"""Origin of a content security policy: it has no characters that could end a directive."""


@dataclass(frozen=True)
class AppPage:
    """Page of an app.

    Attributes:
        uri: Its URI.
        meta: The `_meta` of its contents.
        html: The page with everything that it includes.
    """

    uri: str
    meta: Mapping[str, Any]
    html: str

    @property
    def size(self) -> int:
        """Size in bytes."""
        return len(self.html.encode())

    @property
    def digest(self) -> str:
        """Digest, as `sha256:HEX`."""
        return f"sha256:{sha256(self.html.encode()).hexdigest()}"


@dataclass(frozen=True)
class AppSummary:
    """App without its page.

    Attributes:
        uri: Its URI.
        owner: The component that has it; the empty string for an app of an inspected component.
        size: The size of its page in bytes; 0 for a page that its component makes when it is read.
        digest: The digest of its page; the empty string for a page that its component makes.
        needs: The rules that grant what it needs of hosts: `connect:https://api.example.com`, `camera`; sorted.
        tools: The names of the tools that show it.
    """

    uri: str
    owner: str
    size: int
    digest: str
    needs: tuple[str, ...] = ()
    tools: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON representation."""
        return {
            "uri": self.uri,
            "owner": self.owner,
            "size": self.size,
            "digest": self.digest,
            "needs": list(self.needs),
            "tools": list(self.tools),
        }


def ui_of(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the member `ui` of an object's `_meta`; empty if it has none."""
    meta = item.get("_meta")
    found = meta.get("ui") if isinstance(meta, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def is_app(resource: Mapping[str, Any]) -> bool:
    """Return true if a resource is the page of an app."""
    return resource.get("mimeType") == APP_MIME_TYPE


def shown_by(tool: Mapping[str, Any]) -> str | None:
    """Return the URI of the app that shows the results of a tool."""
    uri = ui_of(tool).get("resourceUri")
    if uri is None:
        meta = tool.get("_meta")
        uri = meta.get("ui/resourceUri") if isinstance(meta, Mapping) else None  # the form of drafts
    return uri if isinstance(uri, str) else None


def needed_by(ui: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the rules that grant what an app needs; of members that `ui_problems` accepts."""
    csp, permissions = ui.get("csp") or {}, ui.get("permissions") or {}
    found = [f"{kind}:{origin}" for member, kind in APP_DOMAINS.items() for origin in csp.get(member, ())]
    return tuple(sorted({*found, *(rule for member, rule in APP_PERMISSIONS.items() if member in permissions)}))


def ui_problems(ui: object) -> Iterator[str]:
    """Yield the mistakes in the `_meta.ui` of an app's resource, as ends of sentences that begin with `_meta.ui`."""
    if not isinstance(ui, Mapping):
        yield " must be an object"
        return
    yield from _members(ui, ("csp", "permissions", "domain", "prefersBorder"), "")
    csp, permissions = ui.get("csp", {}), ui.get("permissions", {})
    if isinstance(csp, Mapping):
        yield from _members(csp, APP_DOMAINS, ".csp")
        for member in APP_DOMAINS:
            yield from _origins(csp.get(member, []), f".csp.{member}")
    else:
        yield ".csp must be an object"
    if isinstance(permissions, Mapping):
        yield from _members(permissions, APP_PERMISSIONS, ".permissions")
    else:
        yield ".permissions must be an object with a member for each permission: `camera`, for example"
    if not isinstance(ui.get("domain", ""), str):
        yield ".domain must be a string"
    if type(ui.get("prefersBorder", True)) is not bool:
        yield ".prefersBorder must be true or false"


def tool_problems(tool: Mapping[str, Any]) -> Iterator[str]:
    """Yield the mistakes in the `_meta.ui` of a tool, as ends of sentences that begin with `_meta.ui`."""
    meta = tool.get("_meta")
    if not isinstance(meta, Mapping) or "ui" not in meta:
        return
    ui = meta["ui"]
    if not isinstance(ui, Mapping):
        yield " must be an object"
        return
    uri, visibility = ui.get("resourceUri", SCHEME), ui.get("visibility", list(APP_VISIBILITIES))
    if not isinstance(uri, str) or not uri.startswith(SCHEME):
        yield f".resourceUri must begin with `{SCHEME}`, not {uri!r:.80}"
    if not isinstance(visibility, list) or not visibility or any(one not in APP_VISIBILITIES for one in visibility):
        yield f'.visibility must be a list of "model" and "app", not {visibility!r:.80}'


def _members(table: Mapping[str, Any], known: Iterable[str], place: str) -> Iterator[str]:
    for member in table:
        if member not in known:
            yield f"{place} has an unknown member `{member}`; known: {', '.join(f'`{one}`' for one in known)}"


def _origins(value: object, place: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{place} must be a list of origins"
        return
    for origin in value:
        if not isinstance(origin, str) or not ORIGIN.fullmatch(origin):
            yield (
                f"{place} has {origin!r:.120}, which is not an origin: write `https://api.example.com`, "
                "`https://*.example.com` or `wss://example.com:8443`, without a path"
            )


def summary_of(resource: Item, owner: str, page: AppPage | None, tools: Iterable[Item]) -> AppSummary:
    """Return the summary of the app that a resource lists."""
    uri = str(resource["uri"])
    return AppSummary(
        uri,
        owner,
        0 if page is None else page.size,
        "" if page is None else page.digest,
        needed_by(ui_of(resource)),
        tuple(str(tool["name"]) for tool in tools if shown_by(tool) == uri),
    )


def listed(resource: Item, pages: Mapping[str, AppPage]) -> Item:
    """Return a resource as servers list it: with the size of its page, and without the path of it."""
    page = pages.get(str(resource.get("uri")))
    if page is None:
        return resource
    meta = {key: value for key, value in dict(resource.get("_meta") or {}).items() if key != PAGE}
    return {**{key: value for key, value in resource.items() if key != "_meta"}, "size": page.size, "_meta": meta}


def section(pages: Sequence[AppPage]) -> bytes:
    """Return the custom section, to append to a component; empty bytes without pages."""
    text = to_json_text([{"uri": page.uri, "meta": dict(page.meta), "html": page.html} for page in pages])
    return custom_section(SECTION, text.encode()) if pages else b""


def pages_of(data: bytes) -> tuple[AppPage, ...]:
    """Return the pages that a component carries.

    Raises:
        ComponentError: A section is damaged.
    """
    try:
        return tuple(
            AppPage(_text(one["uri"]), dict(one["meta"]), _text(one["html"]))
            for text in custom_sections(data, SECTION)
            for one in json.loads(text)
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ComponentError(f"its section `{SECTION}` is damaged: build the component again") from None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def record(apps: Sequence[AppSummary]) -> bytes:
    """Return the custom section of a server with these apps; empty bytes without apps."""
    text = to_json_text([app.to_dict() for app in apps])
    return custom_section(RECORD, text.encode()) if apps else b""


def summaries(data: bytes) -> tuple[AppSummary, ...]:
    """Return the apps of a server by its record, or those whose pages a component carries.

    Raises:
        ComponentError: A section is damaged.
    """
    recorded = custom_sections(data, RECORD)
    try:
        if not recorded:
            return tuple(
                AppSummary(page.uri, "", page.size, page.digest, needed_by(ui_of({"_meta": page.meta})))
                for page in pages_of(data)
            )
        return tuple(
            AppSummary(
                uri=_text(one["uri"]),
                owner=_text(one["owner"]),
                size=int(one["size"]),
                digest=_text(one["digest"]),
                needs=tuple(map(_text, one["needs"])),
                tools=tuple(map(_text, one["tools"])),
            )
            for one in json.loads(recorded[-1])
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ComponentError(f"its section `{RECORD}` is damaged: compose the server again") from None
