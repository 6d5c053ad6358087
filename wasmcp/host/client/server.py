"""Servers in this process, with an MCP 2026-07-28 client for each."""

from __future__ import annotations

import itertools
import os
import threading
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from wasmcp import __version__
from wasmcp.environment import HOST_FETCHES, SESSION_VALUES
from wasmcp.errors import ArtifactError, HostError, RequestError
from wasmcp.host.authorization.issuer import Issuers
from wasmcp.host.bindings import effects
from wasmcp.host.client.connection import Connection
from wasmcp.host.client.request_methods import RequestMethods
from wasmcp.host.configuration.declared import REUSES
from wasmcp.host.configuration.settings import check_given, session_values_seconds, with_state_keys
from wasmcp.host.engine import compile_cache, loaded_code, logs
from wasmcp.host.engine.backtraces import Frames
from wasmcp.host.engine.engine import Watchdog, engine, is_always_quick, linker, refuses_some
from wasmcp.host.engine.limits import Limits
from wasmcp.host.engine.stdio_pipes import StderrLog
from wasmcp.host.mcp.subscriptions import Hub
from wasmcp.host.mcp.tasks import TaskRunner
from wasmcp.host.scheduling.instance import Cost, Program, Uses
from wasmcp.protocol import LATEST, META_KEYS
from wasmcp.wasi import INTERFACE, interfaces_of, missing_imports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from wasmtime import Engine
    from wasmtime.component import Component, Linker

    from wasmcp.host.bindings.development_imports import Substitutes
    from wasmcp.host.bindings.wasi_keyvalue import Provided
    from wasmcp.host.client.types import HttpResponse
    from wasmcp.host.stores.keyvalue import SessionValues


PROTOCOL_VERSION = LATEST
_LARGE = 2 << 20  # bytes of a server that takes seconds to compile
_watchdogs: dict[Engine, Watchdog] = {}
_lock = threading.Lock()


def watchdog(of: Engine) -> Watchdog:
    """Return the engine's watchdog."""
    with _lock:
        return _watchdogs.setdefault(of, Watchdog(of))


def open_server(
    source: str | os.PathLike[str] | bytes,
    *,
    limits: Limits | None = None,
    env: Mapping[str, str] | None = None,
    directories: Iterable[tuple[str, str, bool]] = (),
    instances: int | None = None,
    reuse: str = REUSES[0],
    on_wire: Callable[[str, str], None] | None = None,
    echo_stderr: bool = False,
    quick: bool = False,
    quick_start: bool = False,
    on_compile: Callable[[], None] | None = None,
    on_built: Callable[[str, float, Exception | None], None] | None = None,
    development: Mapping[str, str] | None = None,
    settings: Mapping[str, str] | None = None,
    keyvalue: str | None = None,
    token: str | None = None,
    substitutes: Substitutes | None = None,
    on_cost: Callable[[Cost], None] | None = None,
    kind: type[Server] | None = None,
) -> Server:
    """Load a composed server. Its instances are booted when requests need them, the first at the first request.

    Args:
        source: The composed server, a file or its bytes (bytes are compiled each time).
        limits: The limits of the server.
        env: The environment variables that the server sees; none by default.
        directories: The directories that the server sees, as ``(host path, guest path, writable)``; none by default.
        instances: Maximum number of concurrent requests; by default as many as are of use (see docs/guides/running.md).
        reuse: `process`: an instance serves requests as long as the server is open. `request`: each request has an
            instance of its own, whose memory ends with it.
        on_wire: Called with ``"->"`` and the JSON text of each message to the server, ``"<-"`` for each from it.
        echo_stderr: Log the lines of the server's standard error with the logger `wasmcp.host.server`, in addition to
            keeping them. Without handlers of `logging` they are written to standard error.
        quick: Compile in less time, to slower code. ``WASMCP_QUICK=1`` sets it for all servers.
        quick_start: Compile so at first, if the server is large and not in the compile cache, and replace the code when
            it has been compiled better, on another thread. Values that components keep in memory are lost then, so
            that it has no effect with `instances=1`.
        settings: `WASMCP_*` by name, see docs/reference/environment.md; `wasmcp run` reads them from the environment.
        keyvalue: The store of `wasi:keyvalue`: `memory:`, which is the default, `sqlite:PATH` or `redis://HOST`.
        token: The access token of requests; see `Server.with_token`. Without it the methods of `Server` use the stdio
            transport, which has no authorization.
        development: For a development build, the modules of each of its Python components as
            `wasmcp.project.development` makes them, by the component's name. Without them it is refused.
        on_compile: Called before compilation begins, if the server is not in the compile cache.
        on_built: Called with `compile` or `load`, the seconds, and the error or None, when a version of the server was
            compiled, or loaded from the compile cache; on the thread that has done it.
        on_cost: Called with the instructions and the memory of each call, on a thread of the host. The server is
            compiled to other code for it, which is slower, and has one instance unless `instances` is given.
        substitutes: Implementations of outgoing HTTP, clocks and random numbers that replace those of WASI, for tests.
        kind: A subclass of `Server` to return.

    Raises:
        ArtifactError: The file cannot be read, is not a component, or imports interfaces that this host does not
            provide.
        HostError: The key-value store cannot be opened.
        InvalidSettingError: A name among `settings`, `env` or this process's `WASMCP_*` is unknown or misplaced.
    """
    check_given(settings or {}, env or {}, os.environ)
    quick = quick or is_always_quick()
    stderr = StderrLog(echo=echo_stderr, server="the component" if isinstance(source, bytes) else os.fspath(source))
    limits = limits or Limits()
    tasks = TaskRunner(limits.task_runs)
    hub = Hub(tasks.notifications)
    given = tuple(with_state_keys(settings or {}).items())
    mounts = tuple(directories)
    issuers = Issuers()
    options = _Options(
        limits,
        env or {},
        mounts,
        given,
        keyvalue,
        stderr,
        hub,
        issuers,
        substitutes,
        on_cost,
        on_built,
        tasks,
        quick=quick,
    )
    first = options
    if quick_start and not quick and instances != 1 and development is None and _takes_long(source):
        first = options._replace(quick=True)
    program = _program(source, first, development, on_compile=on_compile)
    if on_cost is not None and instances is None:
        instances = 1  # one after the other, so that costs do not depend on time
    made = kind or Server
    server = made(
        program, stderr, hub, instances=instances, reuse=reuse, on_wire=on_wire, token=token, tasks=options.tasks
    )
    server.rebuild = lambda source, development, values: _program(
        source, options, development, values=values, background=True
    )
    if (
        not isinstance(source, bytes)
        and first is not options
        and program.engine is not engine(fuel=on_cost is not None)
    ):
        server.optimise(source)
    return server


def _takes_long(source: str | os.PathLike[str] | bytes) -> bool:
    """Return True if the compilation of a file takes long, and its result is not in the cache."""
    if isinstance(source, bytes):
        return False
    try:
        return os.stat(source).st_size > _LARGE and not compile_cache.is_compiled(source)  # noqa: PTH116 - also a string
    except OSError:
        return False  # the error is that of the compilation


class _Options(NamedTuple):
    """Options of `open_server` that hold for each version of the server, and what the versions share."""

    limits: Limits
    env: Mapping[str, str]
    directories: tuple[tuple[str, str, bool], ...]
    settings: tuple[tuple[str, str], ...]
    keyvalue: str | None
    stderr: StderrLog
    hub: Hub
    issuers: Issuers
    substitutes: Substitutes | None
    on_cost: Callable[[Cost], None] | None
    on_built: Callable[[str, float, Exception | None], None] | None
    tasks: TaskRunner
    quick: bool


def _program(
    source: str | os.PathLike[str] | bytes,
    options: _Options,
    development: Mapping[str, str] | None,
    *,
    on_compile: Callable[[], None] | None = None,
    values: SessionValues | None = None,
    background: bool = False,
) -> Program:
    """Compile a server; see `open_server`.

    Args:
        source: The composed server.
        options: The options of all versions of the server.
        development: For a development build, its modules.
        on_compile: Called before compilation begins.
        values: The store of the version before, if there is one.
        background: Compile with a low priority.
    """
    fuel = options.on_cost is not None
    name = "the component" if isinstance(source, bytes) else os.fspath(source)
    component, quick = _component(source, name, options, on_compile=on_compile, background=background)
    of = engine(quick=quick, fuel=fuel)
    imported = component.type.imports(of)
    libraries = loaded_code.loaded_modules(of, imported)
    needs = {name: type_ for name, type_ in imported.items() if name not in libraries}
    own = {*effects.OURS} if development is None else {*effects.OURS, INTERFACE, *interfaces_of(development)}
    missing = missing_imports(name for name in needs if name not in own)
    if missing:
        raise ArtifactError(name, f"cannot be run: {'; '.join(missing)}")
    imports = linker(of)
    loaded_code.define_modules(imports, of, imported)
    if development is not None:
        from wasmcp.host.bindings.development_imports import define_modules

        define_modules(imports, development)
    defined = None
    if options.substitutes is not None:
        from wasmcp.host.bindings.development_imports import Defined

        path = options.substitutes.component
        defined = Defined(
            imports, needs, options.substitutes, lambda: (linker(of), compile_cache.load(path, quick=quick, fuel=fuel))
        )
    url = _of_server(options.keyvalue, source)
    seconds = session_values_seconds(dict(options.settings), url)
    promised = [HOST_FETCHES] if seconds is None else [HOST_FETCHES, SESSION_VALUES]
    settings = (*options.settings, *((name, "true") for name in promised))
    return Program(
        name=name,
        engine=of,
        linker=imports,
        component=component,
        limits=options.limits,
        env=tuple(options.env.items()),
        directories=options.directories,
        watchdog=watchdog(of),
        on_stderr=options.stderr.write,
        settings=settings,
        on_changed=options.hub.changed,
        uses=Uses(),
        keyvalue=_keyvalue(of, imports, needs, url, values=values, seconds=seconds),
        can_wait=effects.can_wait(frozenset(needs)),
        can_stop=effects.can_stop(needs, directories=bool(options.directories))
        and (options.substitutes is None or options.substitutes.can_repeat),
        frames=Frames(source, partial(effects.offset, imports=frozenset(needs)), has_libraries=bool(libraries)),
        imports=frozenset(needs) - effects.OURS,
        issuers=options.issuers,
        substitutes=defined,
        on_cost=options.on_cost,
        tasks=options.tasks,
    )


def _component(
    source: str | os.PathLike[str] | bytes,
    name: str,
    options: _Options,
    *,
    on_compile: Callable[[], None] | None,
    background: bool,
) -> tuple[Component, bool]:
    """Compile a server, or load it from the cache, and report the duration.

    Returns:
        The compiled server, and True if it was compiled quickly.
    """
    fuel = options.on_cost is not None
    kinds = ["load"]

    def compiles() -> None:
        kinds.append("compile")
        if on_compile is not None and kinds.count("compile") == 1:
            on_compile()

    def compiled(*, quick: bool) -> Component:
        if isinstance(source, bytes):
            compiles()
            return compile_cache.compile_bytes(source, name, quick=quick, fuel=fuel, background=background)
        return compile_cache.load(source, quick=quick, fuel=fuel, background=background, on_compile=compiles)

    began, failure = monotonic(), None
    try:
        try:
            return compiled(quick=options.quick), options.quick
        except ArtifactError:
            if not refuses_some(quick=options.quick):
                raise
        return compiled(quick=False), False
    except Exception as error:
        failure = error
        raise
    finally:
        if options.on_built is not None:
            options.on_built(kinds[-1], monotonic() - began, failure)


def _keyvalue(
    of: Engine,
    imports: Linker,
    needs: Mapping[str, Any],
    url: str | None,
    *,
    values: SessionValues | None,
    seconds: int | None,
) -> Provided | None:
    """Provide `wasi:keyvalue` if the server imports it or `url` is given; its modules are not loaded otherwise."""
    if url is None and not any(name.startswith("wasi:keyvalue/") for name in needs):
        return None
    from wasmcp.host.bindings.wasi_keyvalue import Provided

    return Provided(imports, url or "memory:", needs, of, values=values, session_seconds=seconds, on_state=_log_state)


def _log_state(reachable: bool, url: str, reason: str) -> None:
    if reachable:
        logs.log(logs.STORES, logs.INFO, f"the key-value store `{url}` is reached again", url=url)
    else:
        logs.log(logs.STORES, logs.WARNING, f"the key-value store `{url}` cannot be reached: {reason}", url=url)


def _of_server(url: str | None, source: str | os.PathLike[str] | bytes) -> str | None:
    """Return the URL of the store for a server: servers that share a Redis have different prefixes."""
    if url is None or not url.startswith(("redis:", "rediss:")):
        return url
    from pathlib import Path

    from wasmcp.host.configuration.declared import Published
    from wasmcp.host.stores.redis_store import with_prefix

    name = "server" if isinstance(source, bytes) else Published.read(Path(source)).name
    return with_prefix(url, name.removesuffix(".wasm"))


class Server(Connection, RequestMethods):
    """A running server. Close it, or use it as a context manager. Its methods are thread-safe."""

    def __init__(
        self,
        program: Program,
        stderr: StderrLog,
        hub: Hub,
        *,
        instances: int | None = None,
        reuse: str = REUSES[0],
        on_wire: Callable[[str, str], None] | None = None,
        token: str | None = None,
        tasks: TaskRunner | None = None,
    ) -> None:
        super().__init__(program, stderr, hub, instances=instances, reuse=reuse, on_wire=on_wire, tasks=tasks)
        self._ids = itertools.count(1)
        self._token = token

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

        The required members of `_meta` (specification: basic, "_meta") are added unless `params` has them.

        Raises:
            RequestError: The server returned an error response.
            GuestTrapError: The server's code trapped, timed out, or exhausted its memory.
        """
        if self._token is not None:
            return self.with_token(self._token).request(method, params, on_event=on_event, timeout=timeout)
        import json  # lazy, like the result types: a stdio server does not need them to start

        message = self.new_request(method, params)
        notify = (lambda text: on_event(json.loads(text))) if on_event else None
        answer = self.send(_text(message), on_event=notify, timeout=timeout)
        if answer is None:
            raise HostError(f"the server did not answer `{method}`")
        return _result(json.loads(answer))

    def surface(self) -> dict[str, Any]:
        """Return what clients see of the server, and the grants that its file records; see `RequestMethods.surface`."""
        grants: dict[str, dict[str, Any]] = {}
        for role in self.pool.program.frames.roles():
            if role.get("role") == "component":
                rules = role.get("rules") or {}
                families = {str(family): rules.get(family, True) for family in sorted(role.get("grants") or ())}
                grants.setdefault(str(role.get("name")), {}).update(families)
        return {**super().surface(), "grants": dict(sorted(grants.items()))}

    def new_request(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return a JSON-RPC request with an `id` of its own, and with the required members of `_meta`."""
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": _with_meta(params or {})}

    def with_token(self, token: str) -> AuthorizedClient:
        """Return a client of this server whose requests have an access token, for the HTTP transport.

        It shares the server: its instances, state and sessions. Close the server, not the client.
        """
        return AuthorizedClient(self, token)

    def http(
        self,
        method: str,
        target: str = "/mcp",
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: str | bytes = b"",
        *,
        on_chunk: Callable[[str], None] | None = None,
        timeout: float | None = None,
    ) -> HttpResponse:
        """Send one HTTP request and wait for the whole response; see `Connection.http`.

        A server that was opened with a token sends it, unless the fields have `Authorization`.
        """
        fields = list(headers.items() if hasattr(headers, "items") else headers)
        if self._token is not None and not any(name.lower() == "authorization" for name, _ in fields):
            fields.append(("authorization", f"Bearer {self._token}"))
        return super().http(method, target, fields, body, on_chunk=on_chunk, timeout=timeout)


class AuthorizedClient(RequestMethods):
    """Client of a server in this process whose requests have an access token. `Server.with_token` returns one.

    It begins with the `answers` of the server, and observes and waits for what the server's own methods do.
    """

    def __init__(self, server: Server, token: str) -> None:
        self._server = server
        self._token = token
        self.answers = server.answers
        self.observes = server.observes
        self.has_tasks = server.has_tasks

    def request(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        on_event: Callable[[dict[str, Any]], None] | None = None,
        timeout: float | None = None,
    ) -> dict[str, Any]:
        """Send a request of MCP 2026-07-28 over HTTP and return its result object.

        Raises:
            AccessDeniedError: The server's authorization denied the request.
            RequestError: The server returned an error response.
            GuestTrapError: The server's code trapped, timed out, or exhausted its memory.
        """
        from wasmcp.host.client.http_messages import is_mismatch

        message = self._server.new_request(method, params)
        answer = self._sent(message, None, on_event, timeout)
        if method == "tools/call" and is_mismatch(
            answer
        ):  # a parameter has `x-mcp-header`, and no component was called
            named = message["params"].get("name")
            tools = self.list_all("tools/list", "tools")
            schema = next((tool.get("inputSchema") for tool in tools if tool.get("name") == named), None)
            answer = self._sent(message, schema, on_event, timeout)
        return _result(answer)

    def _sent(
        self,
        message: Mapping[str, Any],
        schema: Any,
        on_event: Callable[[dict[str, Any]], None] | None,
        timeout: float | None,
    ) -> dict[str, Any]:
        from wasmcp.host.client.http_messages import EventStream, request_fields

        stream = EventStream(on_event)
        fields = request_fields(message, self._token, schema)
        response = self._server.http("POST", "/mcp", fields, _text(message), on_chunk=stream.receive, timeout=timeout)
        return stream.response(response)


def _text(message: Mapping[str, Any]) -> str:
    import json  # lazy: a stdio server does not need it to start

    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def _result(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of a response.

    Raises:
        RequestError: It is an error response.
    """
    if "error" in message:
        error = message["error"]
        raise RequestError(error["code"], error["message"], error.get("data"))
    result: dict[str, Any] = message["result"]
    return result


def _with_meta(params: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **params,
        "_meta": {
            META_KEYS["protocol_version"]: PROTOCOL_VERSION,
            META_KEYS["client_info"]: {"name": "wasmcp", "version": __version__},
            META_KEYS["client_capabilities"]: {},
            **params.get("_meta", {}),
        },
    }
