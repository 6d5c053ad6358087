"""Framework components that builds and commands call outside of servers, each through one interface.

One checks and matches URI templates, with the code that matches them in servers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wasmcp.package_data import framework_component


class BuildComponent:
    """Instance of one of `wasmcp.package_data.BUILD_COMPONENTS`.

    Args:
        name: Its name.
        interface: The interface that it exports.
    """

    def __init__(self, name: str, interface: str) -> None:
        import wasmtime
        from wasmtime.component import Linker

        from wasmcp.host.engine.compile_cache import load
        from wasmcp.host.engine.engine import engine

        self._name, self._interface = name, interface
        component = load(framework_component(name))
        self._store = wasmtime.Store(engine())
        self._store.set_epoch_deadline(1 << 32)
        self._instance = Linker(engine()).instantiate(self._store, component)

    def call(self, function: str, *values: Any) -> Any:
        """Call a function of its interface."""
        interface = self._instance.get_export_index(self._store, self._interface)
        index = self._instance.get_export_index(self._store, function, interface)
        found = self._instance.get_func(self._store, index) if index is not None else None
        if found is None:
            raise AssertionError(f"`{self._name}` does not export `{function}`")
        return found(self._store, *values)


_INTERFACE = "wasmcp:mcp-v20260728/uri-templates@0.1.0"


class UriTemplates:
    """The interface `uri-templates` of a new instance of the component `uri-templates-checker`."""

    def __init__(self) -> None:
        self._component = BuildComponent("uri-templates-checker", _INTERFACE)

    def problem(self, template: str) -> str | None:
        """Return the reason why URIs cannot be matched against a template; None if they can.

        A template that a URI can match in more than one way has a problem, too.
        """
        reason: str | None = self._component.call("problem", template)
        return reason

    def match(self, uri: str, templates: Sequence[tuple[str, Sequence[str]]]) -> Any:
        """Return the first template that a URI matches, the record `uri-match`; None if it matches none.

        Args:
            uri: The URI.
            templates: Templates with the names of their variables that can have any value.
        """
        from wasmtime.component import Record

        records = []
        for text, unchecked in templates:
            record = Record()
            record.text, record.unchecked = text, list(unchecked)  # type: ignore[attr-defined]
            records.append(record)
        return self._component.call("match", uri, records)


def check_templates(items: Sequence[dict[str, Any]]) -> list[str]:
    """Return a sentence for each resource template that URIs cannot be matched against.

    Source: RFC 6570, section 1.4: not all templates can be used to extract values.
    """
    if not items:
        return []
    templates = UriTemplates()
    problems = [(item["uriTemplate"], templates.problem(item["uriTemplate"])) for item in items]
    return [f"resource template `{text}`: {reason}" for text, reason in problems if reason]
