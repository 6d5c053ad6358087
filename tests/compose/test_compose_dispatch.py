from __future__ import annotations

from typing import Any

import pytest
import wasmtime
import wasmtime.component as wc
from support.compose_inputs import validate

from wasmcp.compose.framework import dispatch, import_name
from wasmcp.compose.interfaces import DISPATCH, MESSAGES


class Router:
    """Dispatch in wasmtime, over server handlers in Python; number 1 never answers."""

    def __init__(self, count: int) -> None:
        self.calls: list[tuple[int, int]] = []
        engine = wasmtime.Engine()
        self.store = wasmtime.Store(engine)
        linker = wc.Linker(engine)
        with linker.root() as root:
            with root.add_instance(MESSAGES) as messages:
                messages.add_resource("request", wc.ResourceType.host(1), lambda *_: None)
                messages.add_resource("reply", wc.ResourceType.host(2), lambda *_: None)
            for number in range(count):
                with root.add_instance(import_name(number)) as link:
                    link.add_func("handle", self._link(number))
        instance = linker.instantiate(self.store, wc.Component(engine, dispatch(count)))
        index = instance.get_export_index(self.store, DISPATCH)
        handle = instance.get_func(self.store, instance.get_export_index(self.store, "handle", index))
        assert handle is not None
        self._handle = handle

    def _link(self, number: int) -> Any:
        def handle(store: Any, request: Any) -> Any:
            self.calls.append((number, request.to_host(store).rep))
            return None if number == 1 else wc.ResourceHost.own(100 + number, 2)

        return handle

    def handle(self, component: int, request: int) -> int | None:
        reply = self._handle(self.store, component, wc.ResourceHost.own(request, 1))
        return None if reply is None else reply.to_host(self.store).rep


@pytest.mark.parametrize("count", [0, 1, 2, 5, 300])
def test_dispatch_component_is_valid(count: int) -> None:
    validate(dispatch(count))


def test_a_request_goes_to_its_component_and_the_reply_comes_back() -> None:
    router = Router(4)
    assert [router.handle(component, 7) for component in (0, 2, 3, 1, 0)] == [100, 102, 103, None, 100]
    assert router.calls == [(0, 7), (2, 7), (3, 7), (1, 7), (0, 7)]


@pytest.mark.parametrize("component", [4, 5, 2**31 - 1, 2**31, 2**32 - 1])
def test_index_out_of_range_is_not_answered(component: int) -> None:
    router = Router(4)
    assert router.handle(component, 7) is None
    assert router.calls == []


def test_dispatch_without_components() -> None:
    assert Router(0).handle(0, 7) is None


def test_requests_do_not_leak_memory() -> None:
    router = Router(2)
    for request in range(10_000):
        assert router.handle(0, request) == 100
