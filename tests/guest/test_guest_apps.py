"""Declarations of apps, natively; tests/project/test_project_apps.py has the components."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from wasmcp.guest import Csp, DeclarationError, app, tool
from wasmcp.guest.declarations.registry import RESOURCES, fresh_declarations, tool_of
from wasmcp.guest.declarations.rules import ToolOptions


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    with fresh_declarations():
        yield


def test_metadata() -> None:
    csp = Csp(["https://a.b"], ["https://c.d"], ["https://e.f"], ["https://g.h"])
    ui = app("src/page.html", csp=csp, permissions=["camera", "clipboardWrite"], domain="x.y", prefers_border=True)
    assert (ui.uri, ui.page) == ("ui://src/page.html", "src/page.html")
    (resource,) = RESOURCES.all().values()
    assert (resource.uri, resource.name, resource.mime_type) == (ui.uri, "page.html", "text/html;profile=mcp-app")
    assert resource.meta == {
        "ui": {
            "csp": {
                "connectDomains": ["https://a.b"],
                "resourceDomains": ["https://c.d"],
                "frameDomains": ["https://e.f"],
                "baseUriDomains": ["https://g.h"],
            },
            "permissions": {"camera": {}, "clipboardWrite": {}},
            "domain": "x.y",
            "prefersBorder": True,
        },
        "wasmcp/page": "src/page.html",
    }


def test_tools_of_an_app() -> None:
    ui = app("page.html")

    @tool(ui=ui, meta={"own": 1}, tags=["t"])
    def shown() -> str:
        return ""

    @tool(visibility=["app", "app"])
    def hidden() -> str:
        return ""

    assert tool_of(shown).meta == {"own": 1, "ui": {"resourceUri": "ui://page.html"}, "wasmcp/tags": ["t"]}
    assert tool_of(hidden).meta == {"ui": {"visibility": ["app"]}}


def test_mistakes() -> None:
    ui = app("page.html")
    with pytest.raises(DeclarationError, match="`meta` has `ui`"):

        @tool(ui=ui, meta={"ui": {}})
        def both() -> str:
            return ""

    with pytest.raises(DeclarationError, match="`visibility` must be a list"):

        @tool(visibility="app")  # type: ignore[arg-type]
        def text() -> str:
            return ""

    with pytest.raises(DeclarationError, match="`visibility` must be a list"):

        @tool(visibility=[])
        def empty() -> str:
            return ""

    with pytest.raises(DeclarationError, match=r"`ui://page\.html` is already the resource at line"):
        app("page.html")


def test_dynamic_component_has_no_apps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToolOptions, "dynamic", True)
    with pytest.raises(DeclarationError, match="this component is dynamic"):
        app("page.html")
