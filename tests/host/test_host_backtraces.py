"""Attribution of backtrace frames to the components of a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st
from support.compose_inputs import METADATA, section, spec, wat
from wasmtime.component import Component, Linker

from wasmcp.component import separation
from wasmcp.component.binary_format import name
from wasmcp.component.encode import encode
from wasmcp.component.graph import Graph
from wasmcp.component.topology import read_topology
from wasmcp.compose import compose_server
from wasmcp.host.bindings._capi import Frame, frames_of
from wasmcp.host.engine.backtraces import Frames, owners
from wasmcp.host.engine.loaded_code import PREFIX

SERVER = compose_server([spec("calc", "a", "add"), spec("text", "b", "count")], METADATA).data


def line(number: int, offset: int, function: str = "<unknown>!<wasm function 3>") -> str:
    return f"{number}: {offset:#8x} - {function}"


def attribute(frames: Frames, *offsets: int) -> tuple[str, str]:
    """Attribute frames at these offsets, of functions without names."""
    text = "\n".join(line(number, offset) for number, offset in enumerate(offsets))
    return frames.attribute(text, [Frame(offset, None, None, 3) for offset in offsets])


def test_components_own_their_byte_ranges() -> None:
    found = owners(SERVER)
    assert [owner.name for owner in found if owner.is_component] == ["calc", "text"]
    assert {"transport", "server-io", "catalogue"} <= {owner.name for owner in found if not owner.is_component}
    assert all(SERVER[owner.start : owner.start + 4] == b"\0asm" for owner in found)
    assert len(found) <= len(read_topology(SERVER).instances)


def test_frames_are_attributed_to_components() -> None:
    calc, text = (owner for owner in owners(SERVER) if owner.is_component)
    places = [2, text.start + 9, calc.start + 9]
    lines = [line(0, places[0]), line(1, places[1]), "at source.rs:1", line(2, places[2], "main!act"), "(no frame)"]
    given = [Frame(2, None, None, 3), Frame(places[1], None, None, 3), Frame(places[2], "main", "act", 4)]
    component, frames = Frames(SERVER).attribute("\n".join(lines), given)
    assert component == "text"
    assert frames.splitlines() == [
        line(0, 2),
        line(1, text.start + 9, "text: <wasm function 3>"),
        "at source.rs:1",
        line(2, calc.start + 9, "calc: main!act"),
        "(no frame)",
    ]


TRAPPING = """
(component
  (core module $lib (func (export "trap") (result i32) unreachable))
  (core instance $lib (instantiate $lib))
  (core module $main (import "lib" "trap" (func $trap (result i32)))
    (func (export "run") (result i32) call $trap i32.const {number} i32.add))
  (core instance $main (instantiate $main (with "lib" (instance $lib))))
  (func (export "run") (result u32) (canon lift (core func $main "run"))))
"""


@pytest.mark.parametrize("number", [0, 1])
def test_frames_of_shared_modules_belong_to_the_caller(number: int) -> None:
    """Check the frames of a trap of the engine, the innermost of them in a module that two components share."""
    graph = Graph()
    for one in (0, 1):
        node = graph.instantiate(graph.add(f"c{one}", wat(TRAPPING.format(number=one))))
        graph.export(f"run-{one}", node.export("run"))
    roles = [{"role": "component", "name": f"c{one}"} for one in (0, 1)]
    record = name("wasmcp-composition") + json.dumps({"instances": roles}).encode()
    data = encode(graph).to_bytes() + section(0, record)
    assert [(owner.name, owner.is_component) for owner in owners(data)] == [("c0", True), ("c1", True), ("", False)]
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    run = Linker(engine).instantiate(store, Component(engine, data)).get_func(store, f"run-{number}")
    assert run is not None
    with pytest.raises(wasmtime.WasmtimeError) as caught:
        run(store)
    component, frames = Frames(data).attribute(str(caught.value), frames_of(caught.value.ptr()))
    assert component == f"c{number}"
    assert [line.count(f" - c{number}: ") for line in frames.splitlines() if " - " in line] == [1, 1]


def test_changed_file_is_not_read(tmp_path: Path) -> None:
    server = tmp_path / "server.wasm"
    server.write_bytes(SERVER)
    (calc, _) = (owner for owner in owners(SERVER) if owner.is_component)
    unchanged, changed, missing = Frames(server), Frames(server), Frames(tmp_path / "missing.wasm")
    assert attribute(unchanged, calc.start)[0] == "calc"
    server.write_bytes(SERVER + b"\0\1\0")
    assert attribute(changed, calc.start) == ("", line(0, calc.start))
    assert attribute(unchanged, calc.start)[0] == "calc"
    assert attribute(missing, calc.start) == ("", line(0, calc.start))


@given(st.binary(max_size=200), st.integers(0, len(SERVER)))
def test_other_files_have_no_owners(junk: bytes, cut: int) -> None:
    assert owners(SERVER[:cut]) == [] or cut == len(SERVER)
    assert isinstance(owners(b"\0asm\x0d\0\x01\0" + junk), list)


WITH_LIBRARY = """
(component
  (core module (memory (export "memory") 1))
  (core module (import "env" "memory" (memory 1)) (func (export "trap") (result i32) unreachable))
  (core instance (instantiate 0))
  (core instance (instantiate 1 (with "env" (instance 0))))
  (core module (import "lib" "trap" (func (result i32)))
    (func (export "run") (result i32) call 0 i32.const {number} i32.add))
  (core instance (instantiate 2 (with "lib" (instance 1))))
  (func (export "run") (result u32) (canon lift (core func 2 "run"))))
"""


@pytest.mark.parametrize("number", [0, 1])
def test_frames_of_libraries_compiled_apart_are_those_of_the_whole_server(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(separation, "LEAST", 1)
    graph = Graph()
    for one in (0, 1):
        node = graph.instantiate(graph.add(f"c{one}", wat(WITH_LIBRARY.format(number=one))))
        graph.export(f"run-{one}", node.export("run"))
    roles = [{"role": "component", "name": f"c{one}"} for one in (0, 1)]
    data = encode(graph).to_bytes() + section(0, name("wasmcp-composition") + json.dumps({"instances": roles}).encode())
    separated = separation.separate(data, PREFIX)
    engine = wasmtime.Engine()

    def trap(component: bytes) -> tuple[str, list[Frame]]:
        store, linker = wasmtime.Store(engine), Linker(engine)
        with linker.root() as root:
            for digest, module in separated.modules.items():
                named = separation.named(module, digest)
                root.add_module(PREFIX + digest, wasmtime.Module(engine, named))
        run = linker.instantiate(store, Component(engine, component)).get_func(store, f"run-{number}")
        assert run is not None
        with pytest.raises(wasmtime.WasmtimeError) as caught:
            run(store)
        return str(caught.value), frames_of(caught.value.ptr())

    apart = Frames(data, has_libraries=True).attribute(*trap(bytes(separated.data)))
    assert len(separated.modules) == 1
    assert apart == Frames(data).attribute(*trap(data))
    assert apart[0] == f"c{number}"
