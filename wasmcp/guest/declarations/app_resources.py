"""Declaration of apps as resources. Specification: extension `io.modelcontextprotocol/ui`, "UI Resource Format"."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from wasmcp.guest.declarations.apps import MIME_TYPE, PAGE, App, AppPages, Csp, Permission
from wasmcp.guest.declarations.registry import RESOURCES
from wasmcp.guest.declarations.resources import Resource, ResourceContents
from wasmcp.guest.declarations.rules import ToolOptions, refuse
from wasmcp.guest.errors import DeclarationError, ResourceNotFoundError


def app(
    page: str,
    *,
    uri: str | None = None,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
    csp: Csp | None = None,
    permissions: Sequence[Permission] = (),
    domain: str | None = None,
    prefers_border: bool | None = None,
    tags: Sequence[str] = (),
    scopes: Sequence[str] = (),
) -> App:
    """Declare an app: a page of HTML that hosts show for the tools which name it.

    .. code-block:: python

        ui = app("src/weather.html", csp=Csp(connect_domains=["https://api.weather.gov"]))

        @tool(ui=ui)
        def forecast(city: str) -> Forecast: ...

    The build includes the page, with the scripts, styles and images that it refers to, and the server has it as a
    resource. Specification: extension `io.modelcontextprotocol/ui`, "UI Resource Format".

    Args:
        page: The path of the page in the project, as a string literal.
        uri: The URI of its resource; by default ``ui://`` with the path of the page.
        name: The name in lists; by default the name of the file.
        title: A display name.
        description: The description.
        csp: The origins of other servers that the page uses; by default none. The component's grant ``apps`` needs
            them.
        permissions: The permissions of browsers that the page uses: ``camera``, ``microphone``, ``geolocation``,
            ``clipboardWrite``. The component's grant ``apps`` needs them.
        domain: The dedicated origin of the page, in the form that the host defines.
        prefers_border: True for a visible border and background, False for none; by default the host decides.
        tags: Tags by which filters of a server select the resource.
        scopes: Scopes that the principal of a request over HTTP needs for the resource.

    Raises:
        DeclarationError: The app cannot be declared; another resource has its URI, for example.
    """
    asked: dict[str, Any] = {} if csp is None else {"csp": csp.to_json()}
    if permissions:
        asked["permissions"] = {permission: {} for permission in permissions}
    if domain is not None:
        asked["domain"] = domain
    if prefers_border is not None:
        asked["prefersBorder"] = prefers_border
    declared = App(f"ui://{page}" if uri is None else uri, page, asked)

    frame = sys._getframe(1)  # noqa: SLF001 - the declaration is the line that calls this function

    def read() -> ResourceContents:
        html = AppPages.html.get(page)
        if html is None:  # servers answer for the page before they call the component
            raise ResourceNotFoundError
        return ResourceContents(html, meta={"ui": asked})

    code = frame.f_code
    read.__code__ = read.__code__.replace(co_filename=code.co_filename, co_firstlineno=frame.f_lineno)
    read.__name__ = read.__qualname__ = declared.uri
    read.__module__ = str(frame.f_globals.get("__name__"))
    if ToolOptions.dynamic:
        reason = (
            "the build finds the page of an app in the recorded lists of its component, and this component is dynamic: "
            "declare the app in another component of the server"
        )
        refuse(DeclarationError(read, None, reason, kind="app"))
    meta = {"ui": asked, **({} if page in AppPages.html else {PAGE: page})}
    RESOURCES.declare(
        lambda names: Resource(
            read,
            declared.uri,
            name=page.rpartition("/")[2] if name is None else name,
            title=title,
            description=description,
            mime_type=MIME_TYPE,
            meta=meta,
            tags=tags,
            scopes=scopes,
            names=names,
        ),
        read,
        frame,
    )
    return declared
