"""Exports of a component of a development build: the author's modules come from the host.

An instance imports them before it answers its first request, and afterwards `wasmcp.guest.component.exports`, which
describes their declarations. Release builds do not contain this module.

Imported inside a component only, because the bindings exist only there. componentize-py calls the classes.
"""

from __future__ import annotations

import binascii
import contextlib
import importlib
import json
import sys
from typing import Any

from wit_world.imports import modules as host  # type: ignore[import-not-found]

from wasmcp.guest.component import error_reporting
from wasmcp.guest.component.compressed_modules import keep_package, keep_source
from wasmcp.guest.component.error_reporting import describe
from wasmcp.guest.component.snapshot import thaw
from wasmcp.guest.component.to_wit import refused
from wasmcp.guest.declarations.options import AppPages
from wasmcp.guest.declarations.rules import collected
from wasmcp.guest.errors import McpError

_EXPORTS = "wasmcp.guest.component.exports"
_IMPORTED = (
    "wasmcp.guest.component.event_loop", "wasmcp.guest.config", "wasmcp.guest.http", "wasmcp.guest.kv",
    "wasmcp.guest.session_wasi",
)  # fmt: skip


class _State:
    """State of the instance.

    Attributes:
        component: The component's name.
        loaded: True if the modules were imported.
        error: The response to every request, if they cannot be imported.
    """

    component = ""
    loaded = False
    error: McpError | None = None


def prepare(component: str, folder: str) -> None:
    """Import the guest library while the component is built, and store its other modules.

    Args:
        component: The component's name.
        folder: The folder of the application.
    """
    _State.component = component
    for name in _IMPORTED:
        with contextlib.suppress(ImportError):  # without the grant
            importlib.import_module(name)
    keep_package("wasmcp.guest", f"{folder}/wasmcp/guest")


def _exports() -> Any:
    """Return the module with the exports.

    Raises:
        Err: The author's modules cannot be imported; its data has the report.
    """
    if not _State.loaded:
        _State.loaded = True
        errors = _load()
        if errors:
            with contextlib.suppress(Exception):  # of a stream that the author has replaced or closed
                sys.stdout.flush()  # the interpreter does not do it at the end of a call
            data = {"component": _State.component, "errors": errors}
            _State.error = McpError(error_reporting.INTERNAL_ERROR, _message(errors), data)
    if _State.error is not None:
        raise refused(_State.error)
    return sys.modules[_EXPORTS]


def _load() -> list[dict[str, Any]]:
    """Import the author's modules and the exports; return the errors, in the form of the report of a build."""
    thaw()
    errors: list[dict[str, Any]] = []
    with collected() as found:
        try:
            _import(json.loads(host.read(_State.component)))
            from wasmcp.guest.declarations.registry import check_declared  # the library is imported with the modules

            check_declared(found)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is reported
            errors.append(describe(error))
        errors += map(describe, found)
    if not errors:
        try:
            importlib.import_module(_EXPORTS)
        except BaseException as error:  # noqa: BLE001
            errors.append(describe(error))
    return errors


def _import(document: dict[str, Any]) -> None:
    """Import the modules of a document; see `wasmcp.toolchains.python.development`."""
    AppPages.html = document.get("pages", {})
    for name, module in document["modules"].items():
        source = binascii.a2b_base64(module["source"])
        keep_source(name, source, module["path"], is_package=module["package"])
        error_reporting.remember_source(module["path"], module["label"], source)
    for name in (document["module"], *document["imports"]):
        importlib.import_module(name)


def _message(errors: list[dict[str, Any]]) -> str:
    lines = []
    for error in errors:
        frames = error["frames"]
        place = f"{error_reporting.label_of(frames[-1]['file'])}, line {frames[-1]['line']}: " if frames else ""
        lines.append(f"{place}{error['kind']}: {error['message']}")
    return "\n".join(lines)


class Tools:
    """The export ``tools``."""

    def list_tools(self, request: Any, cursor: str | None) -> Any:
        """List the tools."""
        return _exports().Tools().list_tools(request, cursor)

    def call_tool(self, request: Any, name: str) -> Any:
        """Call a tool."""
        return _exports().Tools().call_tool(request, name)


class Resources:
    """The export ``resources``."""

    def list_resources(self, request: Any, cursor: str | None) -> Any:
        """List the resources with a fixed URI."""
        return _exports().Resources().list_resources(request, cursor)

    def list_templates(self, request: Any, cursor: str | None) -> Any:
        """List the resource templates."""
        return _exports().Resources().list_templates(request, cursor)

    def read_resource(self, request: Any, uri: str) -> Any:
        """Read a resource."""
        return _exports().Resources().read_resource(request, uri)


class Prompts:
    """The export ``prompts``."""

    def list_prompts(self, request: Any, cursor: str | None) -> Any:
        """List the prompts."""
        return _exports().Prompts().list_prompts(request, cursor)

    def get_prompt(self, request: Any, name: str) -> Any:
        """Get a prompt."""
        return _exports().Prompts().get_prompt(request, name)


class Completions:
    """The export ``completions``."""

    def list_references(self, request: Any) -> Any:
        """List the prompts and templates with completions."""
        return _exports().Completions().list_references(request)

    def complete(self, request: Any, reference: Any, argument: Any, context: list[tuple[str, str]]) -> Any:
        """Complete an argument."""
        return _exports().Completions().complete(request, reference, argument, context)
