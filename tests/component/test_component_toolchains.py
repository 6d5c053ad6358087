"""Components of current toolchains."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
import wasmtime
from support import golden_cases
from support.compose_inputs import WIT, dummy
from wasmtime.component import Component

from wasmcp.component.decode import decode
from wasmcp.component.encode import encode
from wasmcp.component.graph import Graph
from wasmcp.component.types import Func, Instance
from wasmcp.errors import ComponentError

TOOLS = "wasmcp:mcp-v20260728/tools@0.1.0"
MESSAGES = "wasmcp:mcp-v20260728/messages@0.1.0"
HANDLER = "wasmcp:mcp-v20260728/server-handler@0.1.0"
SOURCE = """
from wit_world import exports


class Tools(exports.Tools):
    def list_tools(self, request, cursor):
        return None

    def call_tool(self, request, name):
        return None
"""
COMPONENTIZE = "import sys; from componentize_py import script; sys.argv[0] = 'componentize-py'; sys.exit(script())"
OLDER_WASI = """
package test:older;
world older {
  import wasi:io/streams@0.2.8;
  import wasi:cli/stderr@0.2.8;
  import wasi:clocks/monotonic-clock@0.2.8;
}
"""


@pytest.fixture(scope="module")
def python_tool(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a tools component in Python, 18 MB, against WASI 0.2.9."""
    folder = tmp_path_factory.mktemp("python-tool")
    (folder / "app.py").write_text(SOURCE)
    command = [sys.executable, "-c", COMPONENTIZE, "-d", str(WIT), "-w", "tools-component"]
    subprocess.run([*command, "componentize", "app", "-o", "tool.wasm"], cwd=folder, check=True, capture_output=True)
    return (folder / "tool.wasm").read_bytes()


@pytest.fixture(scope="module")
def older_wasi(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a component against WASI 0.2.8, the version in wasmcp's WIT."""
    folder = tmp_path_factory.mktemp("older")
    (folder / "world.wit").write_text(OLDER_WASI)
    (folder / "deps").symlink_to(WIT / "deps")
    return dummy("older", folder)


@pytest.mark.slow
def test_componentize_py_is_decoded_in_milliseconds(python_tool: bytes) -> None:
    start = time.process_time()
    info = decode(python_tool, "tool", export_types=True)
    took = time.process_time() - start
    assert took < 0.1  # 6 ms on a quiet machine; nothing in it grows with the 18 MB
    assert len(info.imports) > 20
    assert info.find_import("wasi:io/streams@0.2.0") is not None
    tools = info.exports[TOOLS].type
    assert isinstance(tools, Instance)
    assert isinstance(tools.exports["call-tool"], Func)


@pytest.mark.slow
def test_mixed_patch_versions_of_wasi_become_one(python_tool: bytes, older_wasi: bytes) -> None:
    graph = Graph()
    end = graph.instantiate(graph.add("method-not-found", dummy("method-not-found")))
    wrapper = graph.instantiate(graph.add("tools-middleware", dummy("tools-middleware")))
    tool = graph.instantiate(graph.add("tool", python_tool))
    graph.instantiate(graph.add("older", older_wasi))
    wrapper.set(TOOLS, tool.export(TOOLS))
    wrapper.set(HANDLER, end.export(HANDLER))
    graph.export(HANDLER, wrapper.export(HANDLER))
    encoded = encode(graph)
    versions = {name.rpartition("@")[2] for name in encoded.imports if name.startswith("wasi:")}
    assert versions == {decode(python_tool).find_import("wasi:io/streams").rpartition("@")[2]}  # type: ignore[union-attr]
    assert "older" in encoded.imports["wasi:io/streams@0.2.9"].owners
    data = encoded.to_bytes()
    golden_cases.wasm_tools("validate", "-", stdin=data)
    assert encoded.size < len(python_tool) + 150_000


@pytest.mark.slow
def test_truncated_python_component(python_tool: bytes) -> None:
    view = memoryview(python_tool)
    for end in range(0, len(view), 1_700_001):
        with pytest.raises(ComponentError):
            decode(view[:end])


def test_wasm_tools_dummies_of_all_worlds() -> None:
    for world in ("tools-component", "middleware", "tools-middleware", "catalogue", "method-not-found"):
        data = dummy(world)
        info = decode(data, world, export_types=True)
        graph = Graph()
        node = graph.instantiate(graph.add(world, data, info))
        for name in info.exports:
            graph.export(name, node.export(name))
        encoded = encode(graph).to_bytes()
        golden_cases.wasm_tools("validate", "-", stdin=encoded)
        Component(wasmtime.Engine(), encoded)
        assert list(decode(encoded).imports) == list(info.imports)


def test_current_wit_against_older_wasi(older_wasi: bytes) -> None:
    info = decode(older_wasi)
    assert info.find_import("wasi:io/streams@0.2.9") == "wasi:io/streams@0.2.8"
