"""URI templates, checked and matched by the code that matches them in servers: a framework component."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wasmcp.package_data import framework_component

_INTERFACE = "wasmcp:mcp-v20260728/uri-templates@0.1.0"


class UriTemplates:
    """The interface `uri-templates` of a new instance of the component `uri-templates-checker`."""

    def __init__(self) -> None:
        import wasmtime
        from wasmtime.component import Linker

        from wasmcp.host.engine.compile_cache import load
        from wasmcp.host.engine.engine import engine

        component = load(framework_component("uri-templates-checker"))
        self._store = wasmtime.Store(engine())
        self._store.set_epoch_deadline(1 << 32)
        self._instance = Linker(engine()).instantiate(self._store, component)

    def problem(self, template: str) -> str | None:
        """Return the reason why URIs cannot be matched against a template; None if they can.

        A template that a URI can match in more than one way has a problem, too.
        """
        reason: str | None = self._call("problem", template)
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
        return self._call("match", uri, records)

    def _call(self, name: str, *values: Any) -> Any:
        interface = self._instance.get_export_index(self._store, _INTERFACE)
        index = self._instance.get_export_index(self._store, name, interface)
        function = self._instance.get_func(self._store, index) if index is not None else None
        if function is None:
            raise AssertionError(f"`uri-templates-checker` does not export `{name}`")
        return function(self._store, *values)


def check_templates(items: Sequence[dict[str, Any]]) -> list[str]:
    """Return a sentence for each resource template that URIs cannot be matched against.

    Source: RFC 6570, section 1.4: not all templates can be used to extract values.
    """
    if not items:
        return []
    templates = UriTemplates()
    problems = [(item["uriTemplate"], templates.problem(item["uriTemplate"])) for item in items]
    return [f"resource template `{text}`: {reason}" for text, reason in problems if reason]
