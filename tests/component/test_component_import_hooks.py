"""Hooks before functions of imports: every value is forwarded, handles are passed on, a hook can stop a call."""

from __future__ import annotations

from typing import Any

import pytest
import wasmtime
import wasmtime.component as wc
from hypothesis import given
from hypothesis import strategies as st
from support.typed_values import INTERFACE, is_same, named, types, values

from wasmcp.component.binary_format import Sort
from wasmcp.component.builder import ComponentBuilder
from wasmcp.component.constant_component import constants
from wasmcp.component.decode import decode
from wasmcp.component.encode import encode
from wasmcp.component.graph import Graph
from wasmcp.component.import_hooks import offset, with_hook
from wasmcp.component.merge import MergedImport, OuterImports
from wasmcp.component.types import (
    Borrow,
    Func,
    Instance,
    List,
    Option,
    Own,
    Primitive,
    Resource,
    Result,
    TypeBound,
    TypeName,
)

ENGINE = wasmtime.Engine()
HOOK = ("test:hook/calls", "before")
OUT = "test:values/out@1.0.0"
STRING = Primitive.STRING


def passing_on(instance: Instance) -> bytes:
    """Return a component that exports its import `INTERFACE` as `OUT`."""
    builder = ComponentBuilder()
    imports = OuterImports(builder)
    imports.add(MergedImport(INTERFACE, instance, []))
    builder.export(OUT, Sort.INSTANCE, imports.indices[INTERFACE][1])
    return builder.to_bytes()


def hooked(instance: Instance, *functions: str) -> bytes:
    data = passing_on(instance)
    wrapped = with_hook(data, decode(data), {INTERFACE: functions}, HOOK)
    assert wrapped[offset(len(data)) :].startswith(data)
    return wrapped


class Booted:
    """Component in wasmtime, whose hook counts calls, and traps when `stops` is set."""

    def __init__(self, data: bytes, functions: dict[str, Any] | None = None) -> None:
        self.calls = 0
        self.stops = False
        self.dropped: list[int] = []
        self.store = wasmtime.Store(ENGINE)
        linker = wc.Linker(ENGINE)
        with linker.root() as root:
            with root.add_instance(HOOK[0]) as instance:
                instance.add_func(HOOK[1], self._before)
            if functions is not None:
                with root.add_instance(INTERFACE) as instance:
                    instance.add_resource(
                        "thing", wc.ResourceType.host(1), lambda _store, number: self.dropped.append(number)
                    )
                    for name, function in functions.items():
                        instance.add_func(name, function)
        self.instance = linker.instantiate(self.store, wc.Component(ENGINE, data))

    def _before(self, _store: Any) -> None:
        self.calls += 1
        if self.stops:
            raise RuntimeError("stopped")

    def call(self, name: str, *arguments: Any) -> Any:
        interface = self.instance.get_export_index(self.store, OUT)
        func = self.instance.get_func(self.store, self.instance.get_export_index(self.store, name, interface))
        assert func is not None, name
        return func(self.store, *arguments)


@given(st.data())
def test_every_value_is_forwarded(data: st.DataObject) -> None:
    type_ = data.draw(types(), label="type")
    value = data.draw(values(type_), label="value")
    names: dict[str, Any] = {}
    type_ = named(type_, names)
    instance = Instance({**names, "get": Func((), type_), "other": Func((), type_)})
    graph = Graph()
    source = graph.instantiate(graph.add("source", constants({INTERFACE: instance}, lambda *_: value)))
    user = graph.instantiate(graph.add("user", hooked(instance, "get")))
    user.set(INTERFACE, source.export(INTERFACE))
    graph.export(OUT, user.export(OUT))
    booted = Booted(encode(graph).to_bytes())
    for calls in (1, 2):  # the memory of the first result is used again
        assert is_same(type_, value, booted.call("get"))
        assert booted.calls == calls
    assert is_same(type_, value, booted.call("other"))
    assert booted.calls == 2


THING = TypeName(INTERFACE, "thing", Resource(INTERFACE, "thing"))
EXPORTS = {
    "thing": TypeBound(Resource(INTERFACE, "thing")),
    "echo": Func(
        (("texts", List(STRING)), ("number", Option(Primitive.U64)), ("data", List(Primitive.U8))),
        Result(List(STRING), STRING),
    ),
    "make": Func((), Own(THING)),
    "poll": Func((("things", List(Borrow(THING))),), List(Primitive.U32)),
    "take": Func((("thing", Own(THING)),), Primitive.BOOL),
    "nothing": Func((), None),
}


def host(given: list[Any]) -> dict[str, Any]:
    """Return the functions of the host, which add their arguments to `given`."""

    def echo(_store: Any, texts: list[str], number: int | None, data: bytes) -> Any:
        given.append((texts, number, bytes(data)))
        return texts if number is not None else "x" * 1000  # wasmtime-py distinguishes the cases by their types

    def poll(store: Any, things: list[Any]) -> list[int]:
        given.append(len(things))
        for thing in things:
            thing.drop(store)
        return list(range(len(things)))

    def take(store: Any, thing: Any) -> bool:
        given.append(thing.to_host(store).rep)
        return True

    return {
        "echo": echo,
        "make": lambda _store: wc.ResourceHost.own(7, 1),
        "poll": poll,
        "take": take,
        "nothing": lambda _store: given.append(None),
    }


@pytest.fixture
def given_arguments() -> list[Any]:
    return []


@pytest.fixture
def booted(given_arguments: list[Any]) -> Booted:
    # All functions: wasmtime does not support the export of an imported function.
    return Booted(hooked(Instance(EXPORTS), *EXPORTS), host(given_arguments))


def test_arguments_and_results_are_forwarded(booted: Booted, given_arguments: list[Any]) -> None:
    texts = ["a", "", "é" * 100_000]
    for _ in range(3):
        assert booted.call("echo", texts, 2**64 - 1, b"\0\1" * 50_000) == texts
        assert booted.call("echo", [], None, b"") == "x" * 1000
    assert given_arguments == [(texts, 2**64 - 1, b"\0\1" * 50_000), ([], None, b"")] * 3
    booted.call("nothing")
    assert given_arguments[-1] is None
    assert booted.calls == 7


def test_owned_handle_is_passed_on(booted: Booted, given_arguments: list[Any]) -> None:
    thing = booted.call("make")
    assert booted.calls == 1
    assert booted.call("take", thing) is True
    assert given_arguments == [7]
    assert booted.calls == 2


@pytest.mark.parametrize("count", [0, 1, 3])
def test_borrowed_handles_are_dropped_at_the_end(booted: Booted, given_arguments: list[Any], count: int) -> None:
    things = [wc.ResourceHost.own(number, 1) for number in range(count)]
    # wasmtime refuses a call that ends with borrowed handles ("borrow handles still remain").
    assert list(booted.call("poll", things)) == list(range(count))
    assert given_arguments == [count]
    assert booted.calls == 1


def test_hook_that_traps_stops_the_call(booted: Booted, given_arguments: list[Any]) -> None:
    booted.stops = True
    with pytest.raises(RuntimeError, match="stopped"):
        booted.call("nothing")
    assert given_arguments == []
