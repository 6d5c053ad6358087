"""Apps: pages that hosts show for tools. Specification: extension `io.modelcontextprotocol/ui`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from wasmcp.guest.declarations.signature import Signature

MIME_TYPE = "text/html;profile=mcp-app"
"""Media type of a page."""
PAGE = "wasmcp/page"
"""Member of a resource's `_meta` with the path of its page, which the build includes and removes."""

Permission = Literal["camera", "microphone", "geolocation", "clipboardWrite"]
Visibility = Literal["model", "app"]


@dataclass(frozen=True)
class Csp:
    """Origins of other servers that a page uses: ``https://api.example.com``, ``https://*.example.com``.

    Attributes:
        connect_domains: Origins of requests and web sockets.
        resource_domains: Origins of scripts, styles, images, fonts and media.
        frame_domains: Origins of nested frames.
        base_uri_domains: Origins of base URIs of the document.
    """

    connect_domains: Sequence[str] = ()
    resource_domains: Sequence[str] = ()
    frame_domains: Sequence[str] = ()
    base_uri_domains: Sequence[str] = ()

    def to_json(self) -> dict[str, list[str]]:
        """Return the schema `McpUiResourceCsp` of the extension."""
        found = {
            "connectDomains": self.connect_domains,
            "resourceDomains": self.resource_domains,
            "frameDomains": self.frame_domains,
            "baseUriDomains": self.base_uri_domains,
        }
        return {name: list(origins) for name, origins in found.items() if origins}


@dataclass(frozen=True)
class App:
    """A declared app.

    Attributes:
        uri: The URI of its resource.
        page: The path of its page in the project.
        meta: The ``_meta.ui`` of its resource.
    """

    uri: str
    page: str
    meta: Mapping[str, Any] = field(default_factory=dict)


class AppPages:
    """Pages of a development build, which can change while the component runs.

    Attributes:
        html: The pages by their path in the project.
    """

    html: Mapping[str, str] = {}


def shown(
    signature: Signature, meta: Mapping[str, Any] | None, ui: App | None, visibility: Sequence[Visibility] | None
) -> Mapping[str, Any] | None:
    """Return the `_meta` of a tool with its app and its visibility.

    Raises:
        DeclarationError: `meta` has a `ui` as well, or the visibility is not a list of `model` and `app`.
    """
    if ui is None and visibility is None:
        return meta
    if meta is not None and "ui" in meta:
        raise signature.refused(None, "it has `ui` or `visibility`, and `meta` has `ui`: use one of them")
    if visibility is not None and (
        isinstance(visibility, str) or not visibility or not set(visibility) <= {"model", "app"}
    ):
        raise signature.refused(None, f'`visibility` must be a list of "model" and "app", not {visibility!r}')
    found: dict[str, Any] = {} if ui is None else {"resourceUri": ui.uri}
    if visibility is not None:
        found["visibility"] = list(dict.fromkeys(visibility))
    return {**(meta or {}), "ui": found}
