"""server-io alone, with this test as its transport and its chain: the real component, driven through `wire`."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import wasmtime
from wasmtime.component import Component, Linker, Record, Variant

from wasmcp.package_data import framework_component

LATEST = "2026-07-28"
REVISIONS = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", LATEST]
SERVER_INFO = {"name": "under-test", "version": "1.0", "icons": []}
META = {"io.modelcontextprotocol/protocolVersion": LATEST, "io.modelcontextprotocol/clientCapabilities": {}}
_PACKAGE = "wasmcp:mcp-v20260728"

_engine: list[tuple[wasmtime.Engine, Component]] = []


def compiled() -> tuple[wasmtime.Engine, Component]:
    """The component, compiled once for all tests of the process."""
    if not _engine:
        engine = wasmtime.Engine()
        _engine.append((engine, Component.from_file(engine, str(framework_component("server-io")))))
    return _engine[0]


def record(**fields: Any) -> Record:
    """A WIT record: `mime_type=` is its field `mime-type`."""
    made = Record()
    made.__dict__.update({name.replace("_", "-"): value for name, value in fields.items()})
    return made


def text(plain: str, **fields: Any) -> Variant:
    """Text content."""
    return Variant("text", record(**{"text": plain, "annotations": None, "meta": None, **fields}))


def tool_result(*content: Any, **fields: Any) -> Record:
    """A `tool-result`."""
    defaults = {"structured_content": None, "is_error": False, "meta": None, "extra": None}
    return record(content=list(content), **{**defaults, **fields})


def tool(name: str, **fields: Any) -> Record:
    """A `tool`."""
    names = ("title", "description", "output_schema", "annotations", "meta", "extra")
    defaults: dict[str, Any] = dict.fromkeys(names) | {"input_schema": '{"type":"object"}', "icons": []}
    return record(name=name, **{**defaults, **fields})


def hint(ttl: int, scope: str = "public") -> Record:
    """A `cache-hint`."""
    return record(ttl_ms=ttl, scope=scope)


def message(
    method: str,
    params: dict[str, Any] | None = None,
    *,
    id: Any = 1,  # noqa: A002 - the protocol's name
    meta: dict[str, Any] | None = None,
) -> str:
    """A request of 2026-07-28; `meta` adds to what every request has."""
    given = {**(params or {}), "_meta": {**META, **(meta or {})}}
    return json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": given})


class Wire:
    """An instance of server-io. What it writes to standard output is in `lines`, to standard error in `stderr`."""

    def __init__(self, *, implementation: str = json.dumps(SERVER_INFO), component: bytes | None = None) -> None:
        """Begin; `component` is one with server-io in it, instead of server-io alone."""
        engine, instantiated = compiled()
        if component is not None:
            instantiated = Component(engine, component)
        self.lines_bytes = bytearray()
        self.stderr = bytearray()
        self.store = wasmtime.Store(engine)
        wasi = wasmtime.WasiConfig()
        wasi.stdout_custom = self.lines_bytes.extend
        wasi.stderr_custom = self.stderr.extend
        self._folder = tempfile.TemporaryDirectory()
        pipe = Path(self._folder.name) / "stdin"
        os.mkfifo(pipe)
        # Opened for both directions, so that neither side waits for the other.
        self._stdin = os.open(pipe, os.O_RDWR)
        wasi.stdin_file = str(pipe)
        self.store.set_wasi(wasi)
        self.store.set_wasi_http()
        linker = Linker(engine)
        linker.add_wasip2()
        linker.add_wasi_http()
        with linker.root() as root, root.add_instance(f"{_PACKAGE}/server-metadata@0.1.0") as metadata:
            metadata.add_func("implementation", lambda _store: implementation)
        self._instance = linker.instantiate(self.store, instantiated)
        self._threads: list[threading.Thread] = []
        self._functions: dict[tuple[str, str], Any] = {}
        self.refused: Any = None

    def call(self, interface: str, name: str, *arguments: Any) -> Any:
        """Call an exported function."""
        key = interface, name
        if key not in self._functions:
            space = self._instance.get_export_index(self.store, f"{_PACKAGE}/{interface}@0.1.0")
            index = self._instance.get_export_index(self.store, name, space)
            assert index is not None, name
            self._functions[key] = self._instance.get_func(self.store, index)
        function = self._functions[key]
        result = function(self.store, *arguments)
        function.post_return(self.store)
        return result

    def parse(self, body: str) -> Variant:
        """`wire.parse`."""
        incoming: Variant = self.call("wire", "parse", body)
        return incoming

    def open(
        self,
        body: str,
        version: str = LATEST,
        output: Variant | None = None,
        log_level: str | None = None,
        *,
        capabilities: str | None = None,
        resumed: Record | None = None,
        http: Record | None = None,
        identity: Record | None = None,
    ) -> Any:
        """Parse a request and begin it. Returns what `parse` opened; `refused` is the reply that ends it at once."""
        incoming = self.parse(body)
        assert incoming.tag == "request", (incoming.tag, incoming.payload)
        circumstances = record(
            version=version,
            http=http,
            identity=identity,
            session=None,
            log_level=log_level,
            capabilities=capabilities,
            fields=[],
            resumed=resumed,
            unsealed=False,
            output=output or Variant("none"),
        )
        self.refused = self.call("wire", "begin", incoming.payload.request, circumstances)
        return incoming.payload

    def request(self, opened: Any, name: str, *arguments: Any) -> Any:
        """Call a method of a request."""
        resource = getattr(opened, "request", opened)
        return self.call("messages", f"[method]request.{name}", resource, *arguments)

    def reply(self, name: str, *arguments: Any) -> Any:
        """Make a reply."""
        return self.call("messages", f"[static]reply.{name}", *arguments)

    def method(self, reply: Any, name: str, *arguments: Any) -> Any:
        """Call a method of a reply."""
        return self.call("messages", f"[method]reply.{name}", reply, *arguments)

    def finish(self, opened: Any, reply: Any = None) -> Any:
        """`wire.finish`."""
        return self.call("wire", "finish", opened.request, reply)

    def answer(self, opened: Any, reply: Any = None) -> dict[str, Any]:
        """Finish and read the message, which must be one line."""
        body = self.finish(opened, reply).body
        assert "\n" not in body
        assert "\r" not in body
        parsed: dict[str, Any] = json.loads(body)
        return parsed

    def result(self, name: str, *arguments: Any, method: str = "tools/call", version: str = LATEST) -> dict[str, Any]:
        """The result of a request that is answered with the reply made so."""
        params = (
            {"name": "t"}
            if method in ("tools/call", "prompts/get")
            else {"uri": "a:b"}
            if method == "resources/read"
            else {}
        )
        opened = self.open(message(method, params), version)
        result: dict[str, Any] = self.answer(opened, self.reply(name, *arguments))["result"]
        return result

    def unsealed(self, cursor: str, method: str = "tools/list") -> str:
        """Return the plain text of a sealed cursor."""
        opened = self.open(message(method, {"cursor": cursor}))
        assert self.refused is None
        plain: str = self.request(opened, "cursor")
        self.finish(opened)
        return plain

    def feed(self, line: str) -> None:
        """Put a line into its standard input; it must be short."""
        self.feed_bytes(line.encode() + b"\n")

    def feed_bytes(self, data: bytes) -> None:
        """Put bytes into its standard input; waits while the pipe is full."""
        while data:
            data = data[os.write(self._stdin, data) :]

    def in_background(self, work: Callable[[], None]) -> None:
        """Do something while the component runs; `close` waits for it."""
        self._threads.append(threading.Thread(target=work, daemon=True))
        self._threads[-1].start()

    @property
    def lines(self) -> list[str]:
        """The lines on standard output."""
        return self.lines_bytes.decode().splitlines()

    @property
    def log(self) -> str:
        """Return the text on standard error."""
        return self.stderr.decode()

    def close(self) -> None:
        """Let go of everything."""
        for thread in self._threads:
            thread.join(10)
        os.close(self._stdin)
        self.store.close()
        self._folder.cleanup()
