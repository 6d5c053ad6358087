"""Servers in this process, and the client's side of MCP 2026-07-28 to talk to them."""

from __future__ import annotations

import itertools
import os
import threading
from typing import TYPE_CHECKING, Any, Self

from wasmcp import __version__
from wasmcp.errors import ArtifactError, HostError, RequestError
from wasmcp.host.client.connection import Exchange
from wasmcp.host.client.requests import Offers
from wasmcp.host.configuration.settings import check_given, complete
from wasmcp.host.engine import compile_cache
from wasmcp.host.engine.deadlines import Watchdog
from wasmcp.host.engine.engine import engine, linker
from wasmcp.host.engine.frame_owners import Frames
from wasmcp.host.engine.limits import Limits
from wasmcp.host.engine.stdio_pipes import StderrLog
from wasmcp.host.mcp.subscriptions import Hub
from wasmcp.host.scheduling.inline_policy import can_wait
from wasmcp.host.scheduling.instance import Program
from wasmcp.wasi import missing_imports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from wasmtime import Engine
    from wasmtime.component import Linker

    from wasmcp.host.bindings.wasi_keyvalue import Provided
    from wasmcp.host.client.types import Tool, ToolResult

PROTOCOL_VERSION = "2026-07-28"
_watchdogs: dict[bool, Watchdog] = {}
_lock = threading.Lock()


def watchdog(of: Engine, *, quick: bool) -> Watchdog:
    """Return the engine's watchdog."""
    with _lock:
        if quick not in _watchdogs:
            _watchdogs[quick] = Watchdog(of)
        return _watchdogs[quick]


def open_server(
    source: str | os.PathLike[str] | bytes,
    *,
    limits: Limits | None = None,
    env: Mapping[str, str] | None = None,
    directories: Iterable[tuple[str, str, bool]] = (),
    instances: int | None = None,
    on_wire: Callable[[str, str], None] | None = None,
    echo_stderr: bool = False,
    quick: bool = False,
    on_compile: Callable[[], None] | None = None,
    settings: Mapping[str, str] | None = None,
    keyvalue: str | None = None,
) -> Server:
    """Load a composed server. It boots at the first request, and again for every instance it needs.

    Args:
        source: The composed server, a file or its bytes (bytes are compiled each time).
        limits: What it may use.
        env: The environment variables it sees; none by default.
        directories: What it sees of the file system: ``(host path, guest path, writable)``; nothing by default.
        instances: How many requests it answers at a time; the number of cores by default.
        on_wire: Called with ``"->"`` and the JSON text of each message that enters, ``"<-"`` of each that leaves.
        echo_stderr: Pass what it writes to stderr on to ours, besides keeping it.
        quick: Compile fast rather than well.
        settings: `WASMCP_*` by name, see docs/reference/environment.md; what `wasmcp run` takes from its environment.
        keyvalue: Where `wasi:keyvalue` keeps values: `memory:`, which is the default, or `sqlite:PATH`.
        on_compile: Called when it is not in the cache of compiled components and compiling begins.

    Raises:
        ArtifactError: The file cannot be read, is no component, or imports what no host has.
        HostError: The key-value store cannot be opened.
        InvalidSettingError: A name among `settings`, `env` or our own environment's `WASMCP_*` is unknown or misplaced.
    """
    check_given(settings or {}, env or {}, os.environ)
    if isinstance(source, bytes):
        name = "the component"
        if on_compile:
            on_compile()
        component = compile_cache.compile_bytes(source, name, quick=quick)
    else:
        name = os.fspath(source)
        component = compile_cache.load(source, quick=quick, on_compile=on_compile)
    of = engine(quick=quick)
    needs = component.type.imports(of)
    missing = missing_imports(needs)
    if missing:
        raise ArtifactError(name, f"cannot be run: {'; '.join(missing)}")
    stderr = StderrLog(echo=echo_stderr)
    imports = linker(of)
    program = Program(
        name=name,
        engine=of,
        linker=imports,
        component=component,
        limits=limits or Limits(),
        env=tuple((env or {}).items()),
        directories=tuple(directories),
        watchdog=watchdog(of, quick=quick),
        on_stderr=stderr.write,
        settings=complete(settings or {}),
        hub=Hub(),
        keyvalue=_keyvalue(of, imports, needs, keyvalue),
        can_wait=can_wait(frozenset(needs)),
        frames=Frames(source),
        imports=frozenset(needs),
    )
    return Server(program, stderr, instances=instances, on_wire=on_wire)


def _keyvalue(of: Engine, imports: Linker, needs: Mapping[str, Any], url: str | None) -> Provided | None:
    """Provide `wasi:keyvalue` to a server that asks for it; to others nothing of it is even loaded."""
    if url is None and not any(name.startswith("wasi:keyvalue/") for name in needs):
        return None
    from wasmcp.host.bindings.wasi_keyvalue import Provided

    return Provided(imports, url or "memory:", needs, of)


class Server(Exchange, Offers):
    """A running server. Close it, or use it as a context manager; its methods may be called from several threads."""

    def __init__(
        self,
        program: Program,
        stderr: StderrLog,
        *,
        instances: int | None = None,
        on_wire: Callable[[str, str], None] | None = None,
    ) -> None:
        super().__init__(program, stderr, instances=instances, on_wire=on_wire)
        self._ids = itertools.count(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def request(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        on_event: Callable[[dict[str, Any]], None] | None = None,
        timeout: float | None = None,
    ) -> dict[str, Any]:
        """Send a request of MCP 2026-07-28 and return its result object.

        The members of `_meta` that every request must have (specification: basic, "_meta") are added where `params`
        does not have them.

        Raises:
            RequestError: The server answered with an error.
            GuestTrapError: The server's code trapped, or took too long, or too much.
        """
        import json  # here, as `results`: a stdio server needs neither, and its start is waited for

        message = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": _with_meta(params or {})}
        notify = (lambda text: on_event(json.loads(text))) if on_event else None
        text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
        answer = self.send(text, on_event=notify, timeout=timeout)
        if answer is None:
            raise HostError(f"the server did not answer `{method}`")
        parsed: dict[str, Any] = json.loads(answer)
        if "error" in parsed:
            error = parsed["error"]
            raise RequestError(error["code"], error["message"], error.get("data"))
        result: dict[str, Any] = parsed["result"]
        return result

    def discover(self) -> dict[str, Any]:
        """Ask what the server is. Specification: server/discover."""
        return self.request("server/discover")

    def list_tools(self) -> list[Tool]:
        """List all tools, following the cursors. Specification: server/tools, `tools/list`."""
        from wasmcp.host.client.types import Tool

        return [Tool.from_wire(raw) for raw in self.list_all("tools/list", "tools")]

    def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        on_event: Callable[[dict[str, Any]], None] | None = None,
        progress_token: str | int | None = None,
        timeout: float | None = None,
        **params: Any,
    ) -> ToolResult:
        """Call a tool. Specification: server/tools, `tools/call`.

        Args:
            name: The tool.
            arguments: Its arguments.
            on_event: Called with each notification that precedes the result.
            progress_token: Ask for progress notifications under this token.
            timeout: Seconds, instead of the limit.
            params: Further members of `params`, for example `inputResponses`.

        Raises:
            RequestError: There is no such tool, or the request is malformed. What goes wrong inside a tool is a
                result whose `is_error` is true.
            GuestTrapError: The tool trapped, or took too long, or too much.
        """
        from wasmcp.host.client.types import ToolResult

        params = {"name": name, "arguments": dict(arguments or {}), **params}
        if progress_token is not None:
            params["_meta"] = {**params.get("_meta", {}), "progressToken": progress_token}
        return ToolResult.from_wire(self.request("tools/call", params, on_event=on_event, timeout=timeout))


def _with_meta(params: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **params,
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": PROTOCOL_VERSION,
            "io.modelcontextprotocol/clientInfo": {"name": "wasmcp", "version": __version__},
            "io.modelcontextprotocol/clientCapabilities": {},
            **params.get("_meta", {}),
        },
    }
