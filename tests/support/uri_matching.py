"""Matching of URIs in native tests of the Python guest library, by the framework's component."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from wasmcp.guest.declarations.resources import Resource
from wasmcp.guest.json_types.uris import key_of
from wasmcp.project.catalogue_recording import UriTemplates


@cache
def uri_templates() -> UriTemplates:
    """Return the framework's implementation."""
    return UriTemplates()


def match_uri(uri: str, templates: Sequence[Any]) -> Any:
    """Return the first template that a URI matches, as a request does in a server."""
    return uri_templates().match(uri, templates)


def matched(resource: Resource, uri: str) -> dict[str, str | list[str]] | None:
    """Return the variables of a template in a URI, as a component gets them; None if the URI does not match."""
    if not resource.is_template:
        return {} if key_of(uri) == resource.identity else None
    found = match_uri(uri, [resource.pattern])
    return None if found is None else resource.values(found.variables)
