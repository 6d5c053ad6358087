from __future__ import annotations

import contextlib
from typing import Any

import pytest
import wasmtime
import wasmtime.component as wc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.typed_values import INTERFACE, is_same, named, types, values

from wasmcp.component.canonical_abi import NEW_HANDLE, TRAP, Case
from wasmcp.component.constant_component import constants
from wasmcp.component.types import (
    Borrow,
    Enum,
    Flags,
    Func,
    Instance,
    List,
    Option,
    Own,
    Primitive,
    Record,
    Resource,
    Result,
    Tuple,
    TypeBound,
    TypeName,
    Variant,
)

STRING = Primitive.STRING
ENGINE = wasmtime.Engine()


class Booted:
    """Component in wasmtime with a host resource `test:outside/things#thing` that counts dropped handles."""

    def __init__(self, data: bytes) -> None:
        self.dropped: list[int] = []
        self.store = wasmtime.Store(ENGINE)
        linker = wc.Linker(ENGINE)
        with linker.root() as root, root.add_instance(OUTSIDE) as instance:
            instance.add_resource("thing", wc.ResourceType.host(1), lambda _store, rep: self.dropped.append(rep))
        self.instance = linker.instantiate(self.store, wc.Component(ENGINE, data))

    def call(self, interface: str, name: str, *args: Any) -> Any:
        index = self.instance.get_export_index(self.store, interface)
        func = self.instance.get_func(self.store, self.instance.get_export_index(self.store, name, index))
        assert func is not None, name
        return func(self.store, *args)

    def thing(self, rep: int) -> wc.ResourceHost:
        return wc.ResourceHost.own(rep, 1)


OUTSIDE = "test:outside/things@1.0.0"
THING = TypeName(OUTSIDE, "thing", Resource(OUTSIDE, "thing"))
INSIDE = "test:inside/all@1.0.0"
OWN = TypeName(INSIDE, "own-thing", Resource(INSIDE, "own-thing"))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_every_value_is_returned(data: st.DataObject) -> None:
    type_ = data.draw(types(), label="type")
    value = data.draw(values(type_), label="value")
    names: dict[str, Any] = {}
    type_ = named(type_, names)
    exports = {**names, "get": Func((), type_), "ignore": Func((("a", type_), ("b", type_)), None)}
    component = constants(
        {INTERFACE: Instance(exports)}, lambda _interface, name, _func: value if name == "get" else None
    )
    booted = Booted(component)
    first = booted.call(INTERFACE, "get")
    assert is_same(type_, value, first)
    # wasmtime-py cannot pass in every value that it returns (`result<option<bool>, s8>`).
    with contextlib.suppress(TypeError, ValueError):
        booted.call(INTERFACE, "ignore", first, first)
    assert is_same(type_, value, booted.call(INTERFACE, "get"))


def component_of(exports: dict[str, Any], answers: dict[str, Any]) -> Booted:
    instance = Instance({"thing": TypeBound(THING), "own-thing": TypeBound(Resource(INSIDE, "own-thing")), **exports})
    return Booted(constants({INSIDE: instance}, lambda _interface, name, _func: answers[name]))


LOCAL = TypeName(INSIDE, "thing", THING)


class TestHandles:
    def test_borrow_is_dropped_and_the_caller_keeps_the_resource(self) -> None:
        booted = component_of({"use": Func((("it", Borrow(LOCAL)),), Primitive.U8)}, {"use": 7})
        assert booted.call(INSIDE, "use", booted.thing(1)) == 7
        # wasmtime's embedding API transfers borrowed handles for good; the test is that the call did not end with
        # "borrow handles still remain".
        assert booted.dropped == []

    @pytest.mark.parametrize(
        ("type_", "make", "reps"),
        [
            (Own(LOCAL), lambda new: new(1), [1]),
            (Option(Own(LOCAL)), lambda new: new(1), [1]),
            (Option(Own(LOCAL)), lambda _new: None, []),
            (List(Own(LOCAL)), lambda new: [new(1), new(2), new(3)], [1, 2, 3]),
            (List(List(Own(LOCAL))), lambda new: [[new(1)], [], [new(2), new(3)]], [1, 2, 3]),
            (List(Tuple((STRING, Own(LOCAL)))), lambda new: [("a", new(1)), ("b", new(2))], [1, 2]),
            (Tuple((Primitive.U64, Own(LOCAL), List(Own(LOCAL)))), lambda new: (5, new(1), [new(2)]), [1, 2]),
            (List(Option(Own(LOCAL))), lambda new: [new(1), None, new(2)], [1, 2]),
            (Result(Own(LOCAL), Primitive.U64), lambda new: new(1), [1]),
            (Result(Own(LOCAL), Primitive.U64), lambda _new: 2**40, []),
            (Result(List(Own(LOCAL)), Tuple((Primitive.F64, STRING))), lambda new: [new(1), new(2)], [1, 2]),
            (List(STRING), lambda _new: ["a", "b"], []),
        ],
    )
    @pytest.mark.parametrize("padding", [0, 16])
    def test_owned_handle_is_dropped(self, type_: Any, make: Any, reps: list[int], padding: int) -> None:
        params = (*((f"p{index}", STRING) for index in range(padding)), ("it", type_))
        booted = component_of({"take": Func(params, STRING)}, {"take": "done"})
        assert booted.call(INSIDE, "take", *["x"] * padding, make(booted.thing)) == "done"
        assert booted.dropped == reps

    def test_handles_in_the_cases_of_a_named_variant(self) -> None:
        variant = Variant((("none", None), ("one", Own(LOCAL)), ("big", Primitive.U64), ("many", List(Own(LOCAL)))))
        named_variant = TypeName(INSIDE, "choice", variant)
        booted = component_of(
            {"choice": TypeBound(variant), "take": Func((("it", named_variant),), None)}, {"take": None}
        )
        for value in (None, booted.thing(1), 2**63, [booted.thing(2), booted.thing(3)]):
            booted.call(INSIDE, "take", value)
        assert booted.dropped == [1, 2, 3]

    def test_own_resources_are_created_and_dropped(self) -> None:
        exports = {
            "make": Func((), Own(OWN)),
            "many": Func((), List(Tuple((Own(OWN), STRING)))),
            "fail": Func((), Result(Own(OWN), STRING)),
            "take": Func((("it", Own(OWN)),), None),
            "[method]own-thing.name": Func((("self", Borrow(OWN)),), STRING),
        }
        answers = {
            "make": NEW_HANDLE,
            "many": [(NEW_HANDLE, "a"), (NEW_HANDLE, "b")],
            "fail": Case("ok", NEW_HANDLE),
            "take": None,
            "[method]own-thing.name": "me",
        }
        booted = component_of(exports, answers)
        one = booted.call(INSIDE, "make")
        assert booted.call(INSIDE, "[method]own-thing.name", one) == "me"
        booted.call(INSIDE, "take", one)
        (first, a), (second, b) = booted.call(INSIDE, "many")
        assert (a, b) == ("a", "b")
        for handle in (first, second, booted.call(INSIDE, "fail")):
            assert booted.call(INSIDE, "[method]own-thing.name", handle) == "me"


class TestComponents:
    def test_export_that_is_neither_function_nor_type(self) -> None:
        with pytest.raises(TypeError, match=r"`inner` of `test:inside/all@1.0.0` is neither"):
            constants({INSIDE: Instance({"inner": Instance({})})}, lambda *_: None)

    def test_a_trap(self) -> None:
        booted = component_of({"never": Func((), None)}, {"never": TRAP})
        with pytest.raises(wasmtime.WasmtimeError, match="unreachable"):
            booted.call(INSIDE, "never")

    def test_memory_of_large_arguments_is_reused(self) -> None:
        booted = component_of({"take": Func((("it", STRING),), STRING)}, {"take": "ok"})
        booted.store.set_limits(memory_size=4 << 20)
        for _ in range(20):
            assert booted.call(INSIDE, "take", "x" * (1 << 20)) == "ok"

    def test_a_constant_larger_than_a_page(self) -> None:
        text = "é" * 100_000
        booted = component_of(
            {"get": Func((), STRING), "bytes": Func((), List(Primitive.U8))}, {"get": text, "bytes": b"a" * 70_000}
        )
        assert booted.call(INSIDE, "get") == text
        assert booted.call(INSIDE, "bytes") == b"a" * 70_000

    def test_equal_strings_are_stored_once(self) -> None:
        def size(*texts: str) -> int:
            exports = {f"f{index}": Func((), STRING) for index in range(len(texts))}
            return len(constants({INSIDE: Instance(exports)}, lambda _interface, name, _func: texts[int(name[1:])]))

        assert size("a" * 5000, "a" * 5000) < size("a" * 5000, "b" * 5000) - 4000

    def test_types_of_one_exported_interface_in_another(self) -> None:
        base, user = "test:inside/base@1.0.0", "test:inside/user@1.0.0"
        inner = TypeName(base, "inner", Record((("a", STRING),)))
        outer = TypeName(base, "outer", Record((("inner", inner),)))
        thing = TypeName(base, "res", Resource(base, "res"))
        exports = {
            base: Instance(
                {
                    "inner": TypeBound(inner.type),
                    "outer": TypeBound(outer.type),
                    "res": TypeBound(thing.type),
                    "make": Func((), Own(thing)),
                }
            ),
            user: Instance(
                {
                    "outer": TypeBound(outer),
                    "res": TypeBound(thing),
                    "get": Func((), TypeName(user, "outer", outer)),
                    "use": Func((("it", Borrow(TypeName(user, "res", thing))),), STRING),
                }
            ),
        }
        answers = {"make": NEW_HANDLE, "get": {"inner": {"a": "x"}}, "use": "used"}
        booted = Booted(constants(exports, lambda _interface, name, _func: answers[name]))
        assert booted.call(user, "get").inner.a == "x"
        assert booted.call(user, "use", booted.call(base, "make")) == "used"

    def test_output_is_deterministic(self) -> None:
        exports = {INSIDE: Instance({"get": Func((), Option(STRING)), "e": TypeBound(Enum(("a", "b")))})}
        assert constants(exports, lambda *_: Case("none")) == constants(exports, lambda *_: Case("none"))

    @pytest.mark.parametrize(
        ("type_", "value", "message"),
        [
            (Primitive.U8, 256, "not a value of `u8`"),
            (Enum(("a",)), Case("b"), "no case `b`"),
            (Record((("a", STRING),)), {"b": "x"}, "fields"),
            (Tuple((STRING, STRING)), ("x",), "1 values for 2 fields"),
            (List(STRING), b"x", "list<u8>"),
            (Own(LOCAL), 3, "cannot be a constant"),
            (Result(STRING), "x", "given as a `Case`"),
            (Flags(("a", "b")), "a", "collection of labels"),
        ],
    )
    def test_a_wrong_value(self, type_: Any, value: Any, message: str) -> None:
        with pytest.raises((TypeError, ValueError), match=message):
            constants({INSIDE: Instance({"get": Func((), type_)})}, lambda *_: value)
