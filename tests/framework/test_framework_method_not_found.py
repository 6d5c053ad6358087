"""The component method-not-found alone, with requests and replies implemented by Python functions."""

from __future__ import annotations

import json
from typing import Any

import pytest
import wasmtime
from wasmtime.component import Component, Linker, ResourceHost, ResourceType

from wasmcp.package_data import framework_component

PACKAGE = "wasmcp:mcp-v20260728"
REQUEST, REPLY = 1, 2

ENGINE = wasmtime.Engine()


class End:
    """Instance of the component, with one request at a time."""

    def __init__(self, *capabilities: str) -> None:
        component = Component.from_file(ENGINE, str(framework_component("method-not-found")))
        self.store = wasmtime.Store(ENGINE)
        self.made: list[tuple[str, Any]] = []
        linker = Linker(ENGINE)
        types = component.type.imports(ENGINE)
        with linker.root() as root:
            with root.add_instance(f"{PACKAGE}/messages@0.1.0") as messages:
                messages.add_resource("request", ResourceType.host(REQUEST), lambda *_: None)
                messages.add_resource("reply", ResourceType.host(REPLY), lambda *_: None)
                for name in types[f"{PACKAGE}/messages@0.1.0"].ty.exports(ENGINE):
                    if name.startswith("[method]request."):
                        messages.add_func(name, self._request(name.removeprefix("[method]request.")))
                    elif name.startswith("[static]reply."):
                        messages.add_func(name, self._maker(name.removeprefix("[static]reply.")))
            with root.add_instance(f"{PACKAGE}/server-metadata@0.1.0") as metadata:
                text = json.dumps({name: {} for name in capabilities})
                metadata.add_func("capabilities", lambda _store: text)
        instance = linker.instantiate(self.store, component)
        space = instance.get_export_index(self.store, f"{PACKAGE}/server-handler@0.1.0")
        index = instance.get_export_index(self.store, "handle", space)
        assert index is not None
        self._handle: Any = instance.get_func(self.store, index)

    def _request(self, name: str) -> Any:
        def method(store: Any, request: Any) -> Any:
            request.drop(store)
            return self.request[name]

        return method

    def _maker(self, name: str) -> Any:
        def make(store: Any, *values: Any) -> Any:
            self.made.append((name, values))
            return ResourceHost.own(1, REPLY).to_any(store)

        return make

    def handle(self, method: str, target: str | None = None, cursor: str | None = None) -> tuple[str, Any] | None:
        """Return the reply: the name of its constructor and the arguments."""
        self.made.clear()
        self.request = {"method": method, "target": target, "cursor": cursor}
        request = ResourceHost.own(1, REQUEST).to_any(self.store)
        reply = self._handle(self.store, request)
        self._handle.post_return(self.store)
        request.drop(self.store)
        assert (reply is None) == (not self.made)
        if reply is not None:
            reply.drop(self.store)
        return self.made[0] if self.made else None


LISTS = {
    "tools-list": ("tools", "tools-json"),
    "resources-list": ("resources", "resources-json"),
    "resources-templates-list": ("resources", "templates-json"),
    "prompts-list": ("prompts", "prompts-json"),
}
NAMED = {
    "tools-call": ("tools", -32602, "Unknown tool: x", None),
    # The code before 2026-07-28: server-io translates it.
    "resources-read": ("resources", -32002, "Resource not found: x", '{"uri":"x"}'),
    "prompts-get": ("prompts", -32602, "Unknown prompt: x", None),
}


@pytest.mark.parametrize("method", LISTS)
def test_lists_are_empty_and_cacheable(method: str) -> None:
    capability, constructor = LISTS[method]
    made = End(capability).handle(method)
    assert made is not None
    name, (items, cursor, cache) = made
    assert (name, items, cursor) == (constructor, "[]", None)
    assert (getattr(cache, "ttl-ms"), cache.scope) == (300_000, "public")


@pytest.mark.parametrize("method", LISTS)
@pytest.mark.parametrize("cursor", ["", "x"])
def test_cursors_are_rejected(method: str, cursor: str) -> None:
    made = End(LISTS[method][0]).handle(method, cursor=cursor)
    assert made is not None
    assert made[0] == "failure"
    assert made[1][0].code == -32602


@pytest.mark.parametrize("method", NAMED)
@pytest.mark.parametrize("target", ["x", None])
def test_unknown_names(method: str, target: str | None) -> None:
    capability, code, words, data = NAMED[method]
    made = End(capability).handle(method, target)
    assert made is not None
    name, (error,) = made
    assert name == "failure"
    nameless = (-32602, "Invalid params: the request does not name its target", None)
    assert (error.code, error.message, error.data) == ((code, words, data) if target else nameless)


def test_completions_are_not_handled() -> None:
    assert End("completions").handle("completion-complete", "x") is None


@pytest.mark.parametrize("method", [*LISTS, *NAMED, "discover", "completion-complete", "subscriptions-listen", "other"])
def test_methods_of_missing_capabilities_are_not_found(method: str) -> None:
    completion = ("completions",) if method == "completion-complete" else ("none",)
    capability = (LISTS.get(method) or NAMED.get(method) or completion)[0]
    others = {"tools", "resources", "prompts", "completions"} - {capability}
    assert End(*others).handle(method, "x") is None
