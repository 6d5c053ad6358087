"""Pages of a component's apps: bundled at build, and put into the component.

A component lists an app as a resource whose `_meta` names its page, a file of the project.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from wasmcp.app_pages import bundled
from wasmcp.apps_section import PAGE, AppPage, listed, ui_of, ui_problems
from wasmcp.compose.catalogue import Catalogue
from wasmcp.errors import AppsError


def pages_in(root: Path, component: str, catalogue: Catalogue, known: Mapping[str, Path]) -> tuple[AppPage, ...]:
    """Return the pages of the apps in a catalogue that name one.

    Args:
        root: The folder of the project.
        component: The name of the component.
        catalogue: Its catalogue.
        known: The pages that its sources name, by their path in the project.

    Raises:
        AppsError: The error lists every mistake in the pages.
    """
    problems: list[str] = []
    found: list[AppPage] = []
    for resource in catalogue.resources:
        meta = dict(resource.get("_meta") or {})
        page = meta.get(PAGE)
        if page is None:
            continue
        about = f"the app `{resource['uri']}` of `{component}`"
        if not isinstance(page, str) or (page not in known and (root / page).is_file()):
            problems.append(
                f"{about} has the page {page!r:.200}, which no source of the component names: write its path as one "
                'string, `"src/page.html"`, so that builds know its files'
            )
            continue
        wrong = [f"{about} has `_meta.ui`{problem}" for problem in ui_problems(meta.get("ui", {}))]
        csp: Any = {} if wrong else ui_of(resource).get("csp", {})
        made, mistakes = bundled(root, page, csp)
        problems += [*wrong, *(f"{about}: {mistake}" for mistake in mistakes)]
        if made is not None:
            found.append(AppPage(str(resource["uri"]), {"ui": dict(ui_of(resource))}, made.html))
    if problems:
        raise AppsError(problems)
    return tuple(found)


def with_pages(catalogue: Catalogue, pages: tuple[AppPage, ...]) -> Catalogue:
    """Return a catalogue whose apps are listed as servers list them."""
    if not pages:
        return catalogue
    by_uri = {page.uri: page for page in pages}
    return replace(catalogue, resources=tuple(listed(resource, by_uri) for resource in catalogue.resources))
