"""A Python tools component alone in wasmtime, with the request resource made of Python functions."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import wasmtime
from wasmtime import component as wc

from support.server_io_wire import text, tool_result

PACKAGE = "wasmcp:mcp-v20260728"
TOOLS = f"{PACKAGE}/tools@0.1.0"
MESSAGES = f"{PACKAGE}/messages@0.1.0"
_REQUEST, _REPLY = 1, 2


class GuestComponent:
    """Caller of a component's `tools` export; its output is in `events` and `stderr`."""

    def __init__(self, path: Path) -> None:
        self.engine = wasmtime.Engine()
        self.component = _compiled(self.engine, path)
        self.events: list[tuple[Any, ...]] = []
        self.output: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self.responses: list[Any] = []
        self.state: bytes | None = None
        self._arguments: str | None = None
        self._cancelled = False
        self.restart()

    def restart(self) -> None:
        """Begin again with a fresh instance."""
        self.store = wasmtime.Store(self.engine)
        config = wasmtime.WasiConfig()
        config.stdout_custom = lambda data: self._write("stdout", data)
        config.stderr_custom = lambda data: self._write("stderr", data)
        self.store.set_wasi(config)
        linker = wc.Linker(self.engine)
        linker.add_wasip2()
        self._define_messages(linker)
        self.instance = linker.instantiate(self.store, self.component)
        tools = self.instance.get_export_index(self.store, TOOLS)
        self._functions: dict[str, Any] = {}
        for name in ("list-tools", "call-tool"):
            index = self.instance.get_export_index(self.store, name, tools)
            self._functions[name] = self.instance.get_func(self.store, index)

    def _write(self, stream: str, data: bytes) -> int:
        self.output[stream] += data
        return len(data)

    def _define_messages(self, linker: wc.Linker) -> None:
        answers: dict[str, Callable[..., Any]] = {
            "arguments": lambda: self._arguments,
            "id": lambda: '"some-id"',
            "target": lambda: "some-tool",
            "meta": lambda: '{"progressToken":1}',
            "protocol-version": lambda: "2026-07-28",
            "client-capabilities": lambda: '{"elicitation":{}}',
            "cancelled": lambda: self._cancelled,
            "progress": lambda *values: self.events.append(("progress", *values)),
            "log": lambda *values: self.events.append(("log", *values)),
            "identity": lambda: None,
            "session": lambda: None,
            "http": lambda: None,
            "input-responses": lambda: self.responses,
            "input-state": lambda: self.state,
        }
        interface = self.component.type.imports(self.engine)[MESSAGES].ty
        with linker.root() as root, root.add_instance(MESSAGES) as messages:
            messages.add_resource("request", wc.ResourceType.host(_REQUEST), lambda *_: None)
            messages.add_resource("reply", wc.ResourceType.host(_REPLY), lambda *_: None)
            for name in interface.exports(self.engine):
                if name.startswith("["):
                    messages.add_func(name, _method(name, answers.get(name.removeprefix("[method]request."))))

    def call(self, name: str, *values: Any) -> Any:
        request = wc.ResourceHost.own(1, _REQUEST).to_any(self.store)
        try:
            return self._functions[name](self.store, request, *values)
        finally:
            request.drop(self.store)

    def list_tools(self, cursor: str | None = None) -> Any:
        """Return the page, a record."""
        return self.call("list-tools", cursor)

    def call_tool(self, name: str, arguments: str | None = None) -> Any:
        """Return the outcome; None when the tool is unknown."""
        self._arguments = arguments
        return self.call("call-tool", name)

    @property
    def stderr(self) -> str:
        """Text that the component has written to stderr."""
        return self.output["stderr"].decode()


def result_of(outcome: Any) -> Any:
    """Return the `tool-result` of an outcome of a tool; that of a value is the one that the framework sends."""
    if outcome.tag == "complete":
        return outcome.payload
    value = outcome.payload
    written = json.dumps(value) if outcome.tag == "text" else value
    structured = {"text": f'{{"result":{written}}}', "value": f'{{"result":{written}}}', "structured": written}
    return tool_result(text(value), structured_content=structured[outcome.tag])


def _method(name: str, answer: Callable[..., Any] | None) -> Callable[..., Any]:
    def method(store: Any, resource: Any, *values: Any) -> Any:
        try:
            assert answer is not None, f"the component calls `{name}`, which this request does not have"
            return answer(*values)
        finally:
            resource.drop(store)  # a borrow that is kept makes the call fail at its end

    return method


def _compiled(engine: wasmtime.Engine, path: Path) -> wc.Component:
    """Compile a component, or use the compiled form next to it."""
    compiled = path.with_suffix(".cwasm")
    if not compiled.is_file() or compiled.stat().st_mtime_ns < path.stat().st_mtime_ns:
        partial = compiled.with_suffix(f".{os.getpid()}")
        partial.write_bytes(wc.Component.from_file(engine, path).serialize())
        partial.replace(compiled)
    return wc.Component.deserialize_file(engine, str(compiled))
