"""Apps of a server: checks of what they need, and the component that holds the pages of one component.

Source: wit/baked.wit (`apps-data`); Model Context Protocol, extension `io.modelcontextprotocol/ui`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wasmcp.apps_section import (
    MOST_BYTES,
    PAGE,
    SCHEME,
    AppPage,
    AppSummary,
    is_app,
    needed_by,
    shown_by,
    summary_of,
    tool_problems,
    ui_of,
    ui_problems,
)
from wasmcp.compose.component_reader import Component
from wasmcp.compose.grant_rules import app_rule
from wasmcp.compose.interfaces import APPS, APPS_DATA
from wasmcp.compose.skills import data_component
from wasmcp.errors import AppsError
from wasmcp.protocol import APP_MIME_TYPE
from wasmcp.revision_views import Item, to_json_text


def checked_apps(components: Sequence[Component], *, whole: bool = True) -> tuple[AppSummary, ...]:
    """Check the apps of components, and return them in the order of the components.

    Components without a recorded catalogue are not checked: their lists are unknown.

    Args:
        components: The components in the order of the chain.
        whole: True for those of a whole server, which has every page that a tool names.

    Raises:
        AppsError: The error lists every mistake: pages that do not exist, invalid metadata, and apps that need more
            than their component was granted.
    """
    tools = [tool for component in components if component.catalogue for tool in component.catalogue.tools]
    problems: list[str] = []
    found: list[AppSummary] = []
    for component in components:
        problems += _page_problems(component)
        if component.catalogue is None:
            continue
        pages = {page.uri: page for page in component.pages}
        for tool in component.catalogue.tools:
            problems += [f"the tool `{tool['name']}`: `_meta.ui`{problem}" for problem in tool_problems(tool)]
        for resource in component.catalogue.resources:
            if is_app(resource):
                wrong = list(_problems(component, resource, pages.get(str(resource["uri"]))))
                problems += [f"the app `{resource['uri']}` of `{component.name}` {problem}" for problem in wrong]
                if not wrong:
                    found.append(summary_of(resource, component.name, pages.get(str(resource["uri"])), tools))
    if whole:
        problems += _missing(components, tools)
    size = sum(page.size for component in components for page in component.pages)
    if size > MOST_BYTES:
        problems.append(f"the pages of all apps have {size:,} bytes; a server can have {MOST_BYTES:,}")
    if problems:
        raise AppsError(problems)
    return tuple(found)


def _problems(component: Component, resource: Item, page: AppPage | None) -> Iterator[str]:
    """Yield the mistakes in an app, as ends of sentences about it."""
    meta = resource.get("_meta")
    if page is None and isinstance(meta, dict) and PAGE in meta:
        yield (
            f"has no page: its component names `{meta[PAGE]}`, and was not built by a project of wasmcp, which "
            "includes it"
        )
    if not isinstance(meta, dict) or "ui" not in meta:
        return
    wrong = [f"has `_meta.ui`{problem}" for problem in ui_problems(meta["ui"])]
    yield from wrong
    if not wrong:
        yield from _excess(component, ui_of(resource))


def _page_problems(component: Component) -> Iterator[str]:
    """Yield the mistakes in the metadata of pages: hosts get it when they read a page, whatever the list has."""
    resources = () if component.catalogue is None else component.catalogue.resources
    listed = {str(resource["uri"]): resource for resource in resources}
    for page in component.pages:
        subject = f"the page of the app `{page.uri}` of `{component.name}`"
        resource = listed.get(page.uri)
        if component.catalogue is not None and resource is None:
            yield f"{subject} is not among the resources of its component"
        elif "ui" in page.meta and (resource is None or page.meta["ui"] != (resource.get("_meta") or {}).get("ui")):
            wrong = [f"{subject} has `_meta.ui`{problem}" for problem in ui_problems(page.meta["ui"])]
            yield from wrong
            if not wrong:
                for problem in _excess(component, ui_of({"_meta": page.meta})):
                    yield f"{subject} {problem}"


def _excess(component: Component, ui: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence about each thing that an app needs and its component was not granted."""
    spec = component.spec
    limits = spec.rules.apps
    if APPS in spec.grants and limits is None:
        return
    for asked in needed_by(ui):
        rule = app_rule(asked)
        if not any(one.covers(rule) for one in limits or ()):
            yield (
                f'needs `{asked}`, which its component is not granted: `apps = ["{asked}"]` in '
                f"`[tool.wasmcp.components.{component.name}.grants]`, or `--grant {component.name}=apps:{asked}`"
            )


def _missing(components: Sequence[Component], tools: Sequence[Item]) -> Iterator[str]:
    """Yield a sentence about each tool whose page the server does not have."""
    if any(component.catalogue is None for component in components):
        return
    catalogues = [component.catalogue for component in components if component.catalogue is not None]
    resources = {str(item["uri"]): item for catalogue in catalogues for item in catalogue.resources}
    beginnings = [str(item["uriTemplate"]).partition("{")[0] for one in catalogues for item in one.templates]
    for tool in tools:
        uri = shown_by(tool)
        if uri is None or any(beginning and uri.startswith(beginning) for beginning in beginnings):
            continue
        resource = resources.get(uri)
        if resource is None:
            known = [f"`{one}`" for one in resources if one.startswith(SCHEME)]
            yield (
                f"the tool `{tool['name']}` names the app `{uri}`, which the server does not have; its apps: "
                f"{', '.join(known) or 'none'}"
            )
        elif not is_app(resource):
            kind = resource.get("mimeType", "no media type")
            yield (
                f"the tool `{tool['name']}` names the app `{uri}`, whose media type must be `{APP_MIME_TYPE}`, "
                f"not `{kind}`"
            )


def apps_data(pages: Sequence[AppPage]) -> bytes:
    """Return the component that exports `apps-data`."""
    ordered = sorted(pages, key=lambda page: page.uri.encode())
    content, table = bytearray(), bytearray()
    for page in ordered:
        for data in (page.html.encode(), to_json_text(dict(page.meta)).encode()):
            table += struct.pack("<2I", len(content), len(data))
            content += data
    numbers = {page.uri: number for number, page in enumerate(ordered)}
    return data_component(APPS_DATA, numbers, bytes(table), bytes(content))
