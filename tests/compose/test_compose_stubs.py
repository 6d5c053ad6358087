from __future__ import annotations

from typing import Any

import pytest
import wasmtime
import wasmtime.component as wc
from support.compose_inputs import validate

from wasmcp.component.canonical_abi import NEW_HANDLE, Case
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
from wasmcp.compose.deny_stubs import MESSAGE, denied, stubs

HERE = "wasi:here/all@0.2.0"
RESOURCE = Resource(HERE, "r")
FOREIGN = Resource("wasi:there/all@0.2.0", "f")
STRING = Primitive.STRING


def is_here(resource: Resource) -> bool:
    return resource.interface == HERE


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (Primitive.BOOL, False),
        (Primitive.U64, 0),
        (Primitive.F32, 0),
        (STRING, ""),
        (List(STRING), []),
        (List(Own(FOREIGN)), []),
        (List(Primitive.U8, 2), [0, 0]),
        (Option(Own(FOREIGN)), Case("none")),
        (Flags(("a", "b")), ()),
        (Tuple((STRING, Primitive.U8)), ["", 0]),
        (Record((("a", Option(STRING)),)), {"a": Case("none")}),
        (Result(), Case("error")),
        (Result(STRING, STRING), Case("error", MESSAGE)),
        (Result(STRING, Enum(("io", "access-denied", "access"))), Case("error", Case("access-denied"))),
        (Result(None, Enum(("access", "would-block"))), Case("error", Case("access"))),
        (Result(None, Enum(("weird", "odd"))), Case("error", Case("weird"))),
        (Result(None, Variant((("other", STRING), ("no-such-store", None)))), Case("error", Case("other", MESSAGE))),
        (
            Result(None, Variant((("last-operation-failed", Own(FOREIGN)), ("closed", None)))),
            Case("error", Case("closed")),
        ),
        (
            Result(None, Variant((("denied", Own(FOREIGN)), ("strange", Option(STRING))))),
            Case("error", Case("strange", Case("none"))),
        ),
        (Own(RESOURCE), NEW_HANDLE),
        (Tuple((Own(RESOURCE), List(STRING))), [NEW_HANDLE, []]),
    ],
)
def test_denied_results_by_type(type_: Any, value: Any) -> None:
    assert denied(type_, is_here) == value


class Stub:
    """Stub in wasmtime, over WASI or the imports that `define` defines."""

    def __init__(self, interfaces: dict[str, Instance], define: Any = wc.Linker.add_wasip2) -> None:
        engine = wasmtime.Engine()
        self.store = wasmtime.Store(engine)
        self.store.set_wasi(wasmtime.WasiConfig())
        linker = wc.Linker(engine)
        define(linker)
        data = stubs(interfaces)
        validate(data)
        self.instance = linker.instantiate(self.store, wc.Component(engine, data))

    def call(self, interface: str, name: str, *args: Any) -> Any:
        index = self.instance.get_export_index(self.store, interface)
        func = self.instance.get_func(self.store, self.instance.get_export_index(self.store, name, index))
        assert func is not None
        return func(self.store, *args)


class TestWasi:
    def test_exit_does_not_return(self) -> None:
        exit_ = "wasi:cli/exit@0.2.0"
        stub = Stub({exit_: Instance({"exit": Func((("status", Result()),), None)})})
        with pytest.raises(wasmtime.WasmtimeError, match="unreachable"):
            stub.call(exit_, "exit", wc.Variant("ok"))

    def test_handle_of_a_foreign_resource_traps(self) -> None:
        stdin = "wasi:cli/stdin@0.2.0"
        stream = TypeName("wasi:io/streams@0.2.0", "input-stream", Resource("wasi:io/streams@0.2.0", "input-stream"))
        stub = Stub({stdin: Instance({"input-stream": TypeBound(stream), "get-stdin": Func((), Own(stream))})})
        with pytest.raises(wasmtime.WasmtimeError, match="unreachable"):
            stub.call(stdin, "get-stdin")

    def test_http_refuses_the_request_and_drops_it(self) -> None:
        types, handler = "wasi:http/types@0.2.8", "wasi:http/outgoing-handler@0.2.8"

        def foreign(name: str, type_: Any) -> tuple[Any, Any]:
            known = TypeName(types, name, type_)
            return TypeBound(known), TypeName(handler, name, known)

        cases = (("DNS-timeout", None), ("HTTP-request-denied", None), ("internal-error", Option(STRING)))
        request_bound, request = foreign("outgoing-request", Resource(types, "outgoing-request"))
        options_bound, options = foreign("request-options", Resource(types, "request-options"))
        future_bound, future = foreign("future-incoming-response", Resource(types, "future-incoming-response"))
        code_bound, code = foreign("error-code", Variant(cases))
        handle = Func((("request", Own(request)), ("options", Option(Own(options)))), Result(Own(future), code))
        exports = {
            "outgoing-request": request_bound,
            "request-options": options_bound,
            "future-incoming-response": future_bound,
            "error-code": code_bound,
            "handle": handle,
        }
        dropped: list[int] = []

        def define(linker: wc.Linker) -> None:
            with linker.root() as root, root.add_instance(types) as instance:
                for kind, name in enumerate(("outgoing-request", "request-options", "future-incoming-response")):
                    instance.add_resource(name, wc.ResourceType.host(kind), lambda _store, rep: dropped.append(rep))

        stub = Stub({handler: Instance(exports)}, define)
        for options_rep in (None, 2):
            given = None if options_rep is None else wc.ResourceHost.own(options_rep, 1)
            answer = stub.call(handler, "handle", wc.ResourceHost.own(1, 0), given)
            assert answer.tag == "HTTP-request-denied"
        assert dropped == [1, 1, 2]

    def test_methods_of_a_resource_are_denied(self) -> None:
        network = "wasi:sockets/network@0.2.0"
        use = "wasi:sockets/use@0.2.0"
        resource = TypeName(network, "network", Resource(network, "network"))
        error = TypeName(network, "error-code", Enum(("unknown", "access-denied")))
        here = TypeName(use, "network", resource)
        stub = Stub(
            {
                network: Instance({"network": TypeBound(resource.type), "error-code": TypeBound(error.type)}),
                use: Instance(
                    {
                        "network": TypeBound(resource),
                        "error-code": TypeBound(error),
                        "instance-network": Func((), Own(here)),
                        "resolve": Func(
                            (("network", Borrow(here)), ("name", STRING)),
                            Result(List(STRING), TypeName(use, "error-code", error)),
                        ),
                    }
                ),
            }
        )
        found = stub.call(use, "instance-network")
        answer = stub.call(use, "resolve", found, "example.org")
        assert getattr(answer, "payload", answer) == "access-denied"


def doubled(times: int) -> Any:
    type_: Any = STRING
    for _ in range(times):
        type_ = Tuple((type_, type_))
    return type_


@pytest.mark.parametrize("type_", [List(Primitive.U8, 2**27), doubled(20), doubled(90)])
def test_types_that_only_look_small(type_: Any) -> None:
    with pytest.raises(TypeError, match="more than 100,000 parts"):
        stubs({HERE: Instance({"take": Func((("it", type_),), None)})})


def test_output_is_deterministic() -> None:
    interface = {HERE: Instance({"r": TypeBound(RESOURCE), "get": Func((), Own(TypeName(HERE, "r", RESOURCE)))})}
    assert stubs(interface) == stubs(interface)
