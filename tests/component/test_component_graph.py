"""Composed graphs in addition to the golden cases: execution, determinism, copies."""

from __future__ import annotations

import io
import itertools
import tracemalloc

import pytest
import wasmtime
from support import golden_cases
from support.compose_inputs import component, dummy, golden_inputs, section, wat
from wasmtime.component import Component, Linker

from wasmcp.component.binary_format import Sort
from wasmcp.component.decode import decode
from wasmcp.component.encode import encode
from wasmcp.component.graph import Graph
from wasmcp.component.types import Func, Instance, Own, Resource, TypeBound, TypeName
from wasmcp.errors import GraphCycleError, WiringError

HANDLER = "wasmcp:mcp-v20260728/server-handler@0.1.0"
TOOLS = "wasmcp:mcp-v20260728/tools@0.1.0"


def run(data: bytes, export: str) -> object:
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    instance = Linker(engine).instantiate(store, Component(engine, data))
    func = instance.get_func(store, export)
    assert func is not None
    return func(store)


def test_calls_and_handles_go_through_a_chain() -> None:
    assert run(golden_cases.compose(golden_cases.ROOT / "resources-shared"), "run") == 7


def test_a_call_goes_to_the_other_instance() -> None:
    assert run(golden_cases.compose(golden_cases.ROOT / "argument-from-export"), "run") == 42


def chain(*tools: bytes) -> Graph:
    graph = Graph()
    link = graph.instantiate(graph.add("method-not-found", dummy("method-not-found")))
    wrapper = graph.add("tools-middleware", dummy("tools-middleware"))
    for number, data in enumerate(tools):
        tool = graph.instantiate(graph.add(f"tool-{number}", data))
        wrap = graph.instantiate(wrapper, f"wrap-{number}")
        wrap.set(TOOLS, tool.export(TOOLS))
        wrap.set(HANDLER, link.export(HANDLER))
        link = wrap
    graph.export(HANDLER, link.export(HANDLER))
    return graph


def test_output_is_deterministic() -> None:
    tool = dummy("tools-component")
    assert encode(chain(tool, tool)).to_bytes() == encode(chain(tool, tool)).to_bytes()


def test_composed_chain_is_valid_and_can_be_decoded() -> None:
    encoded = encode(chain(dummy("tools-component"), dummy("tools-component")))
    data = encoded.to_bytes()
    golden_cases.wasm_tools("validate", "-", stdin=data)
    Component(wasmtime.Engine(), data)
    info = decode(data)
    assert list(info.imports) == list(encoded.imports)
    assert list(info.exports) == [HANDLER]
    parts = [part.name for part in info.parts if not part.name.startswith("shared ")]
    assert parts == ["method-not-found", "tool-0", "tools-middleware", "tool-1"]
    assert encoded.instances == ("method-not-found", "tool-0", "wrap-0", "tool-1", "wrap-1")
    assert encoded.size == len(data)
    assert encoded.imports["wasmcp:mcp-v20260728/messages@0.1.0"].owners == [
        "method-not-found",
        "tool-0",
        "wrap-0",
        "tool-1",
    ]  # the second wrapper is the same component


def test_a_composition_can_be_composed_again() -> None:
    inner = encode(chain(dummy("tools-component"))).to_bytes()
    graph = Graph()
    one = graph.instantiate(graph.add("inner", inner))
    graph.export(HANDLER, one.export(HANDLER))
    data = encode(graph).to_bytes()
    golden_cases.wasm_tools("validate", "-", stdin=data)
    assert list(decode(data).imports) == list(decode(inner).imports)


def test_large_components_are_not_copied() -> None:
    large = component(section(0, b"\x01x" + bytes(30_000_000)))
    graph = Graph()
    added = graph.add("large", large)
    for label in "abc":
        graph.instantiate(added, label)
    tracemalloc.start()
    encoded = encode(graph)
    file = _Counter()
    encoded.write_to(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
    assert 30_000_000 < file.written == encoded.size < 30_001_000


class _Counter(io.RawIOBase):
    written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        size = memoryview(data).nbytes  # type: ignore[arg-type]
        self.written += size
        return size


def test_long_chain_does_not_overflow_the_stack() -> None:
    graph = Graph()
    link = graph.add("link", golden_inputs()["cycle/link"])
    name = "demo:chain/next@0.1.0"
    nodes = [graph.instantiate(link, f"link-{number}") for number in range(3000)]
    for node, following in itertools.pairwise(nodes):
        node.set(name, following.export(name))
    encoded = encode(graph)
    assert encoded.instances[0] == "link-2999"
    assert encoded.instances[-1] == "link-0"
    assert list(encoded.imports) == [name]
    nodes[-1].set(name, nodes[2990].export(name))
    with pytest.raises(GraphCycleError) as caught:
        encode(graph)
    assert caught.value.instances == tuple(f"link-{number}" for number in range(2990, 3000))


def test_import_for_a_synthetic_instance() -> None:
    """An import that only a synthetic instance uses has a type given by the caller."""
    text = """
    (component
      (import "wasi:io/streams@0.2.9" (instance $streams (export "output-stream" (type (sub resource)))))
      (alias export $streams "output-stream" (type $output))
      (import "wasi:cli/stdout@0.2.9" (instance
        (alias outer 1 $output (type $o))
        (export "output-stream" (type $output (eq $o)))
        (export "get-stdout" (func (result (own $output)))))))
    """
    graph = Graph()
    tool = graph.instantiate(graph.add("tool", wat(text)))
    stderr, streams = "wasi:cli/stderr@0.2.8", "wasi:io/streams@0.2.9"
    output = TypeName(streams, "output-stream", Resource(streams, "output-stream"))
    type_ = Instance(
        {
            "output-stream": TypeBound(output),
            "get-stderr": Func((), Own(TypeName(stderr, "output-stream", output))),
        }
    )
    imported = graph.import_(stderr, type_, tool.info.imports)
    tool.set(
        "wasi:cli/stdout",
        graph.synthetic(
            {
                "get-stdout": imported.item("get-stderr", Sort.FUNC),
                "output-stream": imported.item("output-stream", Sort.TYPE),
            }
        ),
    )
    encoded = encode(graph)
    assert list(encoded.imports) == [streams, stderr]
    golden_cases.wasm_tools("validate", "-", stdin=encoded.to_bytes())
    Component(wasmtime.Engine(), encoded.to_bytes())


def test_missing_lists_unsatisfied_imports() -> None:
    graph = Graph()
    wrap = graph.instantiate(graph.add("wrap", dummy("tools-middleware")))
    tool = graph.instantiate(graph.add("tool", dummy("tools-component")))
    assert TOOLS in wrap.missing()
    wrap.set(TOOLS, tool.export(TOOLS))
    assert TOOLS not in wrap.missing()


def test_errors_have_attributes() -> None:
    graph = Graph()
    node = graph.instantiate(graph.add("consumer", golden_inputs()["missing-argument/consumer"]), "somebody")
    with pytest.raises(WiringError) as caught:
        node.set("nothing:like/it", node.export("run"))
    assert (caught.value.instance, caught.value.name) == ("somebody", "nothing:like/it")
    graph.export("run", node.export("run"))
    with pytest.raises(WiringError, match="`run` is exported twice"):
        graph.export("run", node.export("run"))
    api = "demo:greet/api@0.1.0"
    graph.import_(api, Instance({}))
    with pytest.raises(WiringError, match="is added twice"):
        graph.import_(api, Instance({}))
