"""`wasmcp serve`: checks before the start, sockets, and one process or several."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from wasmcp.errors import HostError, RequestError

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Mapping

    from wasmcp.host.client.server import Server
    from wasmcp.host.configuration.declared import Given
    from wasmcp.host.engine.limits import Limits
    from wasmcp.host.operations.rate_limits import RateLimits
    from wasmcp.host.operations.tracing import Tracing
    from wasmcp.host.transports.http_options import HttpOptions
    from wasmcp.host.transports.http_process import Serving


def serve(
    target: str | os.PathLike[str],
    server: str = "default",
    *,
    host: str | None = None,
    port: int | None = None,
    options: HttpOptions | None = None,
    limits: Limits | None = None,
    env: Mapping[str, str] | None = None,
    directories: Iterable[tuple[str, str, bool]] = (),
    instances: int | None = None,
    keyvalue: str | None = None,
    rates: RateLimits | None = None,
    reuse: str | None = None,
    verbose: bool = False,
) -> None:
    """Serve HTTP until interrupted. The endpoint is `/mcp` by default.

    SIGHUP reloads the server's file and the TLS certificate; requests in progress end in the old version.

    Args:
        target: A composed server's file, or the import package that ships it.
        server: The name of the package's server.
        host: The address to listen on, instead of that of the options.
        port: The port to listen on, instead of that of the options.
        options: The options of the HTTP server; by default 127.0.0.1, port 8000.
        limits: The limits of the server.
        env: The environment variables that the server sees; none by default.
        directories: The directories that the server sees, as ``(host path, guest path, writable)``; none by default.
        instances: Maximum number of concurrent requests in each process; by default the one that the project
            declares, or as many as are of use (see docs/guides/running.md).
        keyvalue: The store of `wasi:keyvalue`: `memory:`, `sqlite:PATH` or `redis://HOST`; by default the one of the
            environment variable `WASMCP_KEYVALUE`, or `memory:`.
        rates: The rate limits of each client; by default those that the project declares.
        reuse: `process` or `request`, see `open_server`; by default the one that the project declares.
        verbose: Log details, such as the bound of instances.

    Raises:
        HostError: A library of an extra is not installed, the address cannot be listened on, a TLS file cannot
            be used, or several workers would each have a store or sessions in memory.
        ArtifactError: The server does not exist, or is not a server.
        InvalidSettingError: A setting in the environment (`WASMCP_*`) is invalid or unknown.
        KeyboardInterrupt: The process was interrupted; requests in progress have ended.
    """
    from wasmcp.host.transports.stdio_server import find_server, published

    path = find_server(target, server)
    try:
        import httptools  # noqa: F401 - `http_connection` imports it
    except ImportError as error:
        raise HostError(f"serving HTTP needs `{error.name}`: install `wasmcp[serve]`") from None
    from wasmcp.environment import BOUND_TO
    from wasmcp.host.configuration.declared import Given, operator_store
    from wasmcp.host.configuration.settings import ALLOWED_HOSTS, from_environment, limits_for, with_state_keys
    from wasmcp.host.configuration.staleness import warn_if_stale
    from wasmcp.host.engine import logs
    from wasmcp.host.transports.http_options import HttpOptions
    from wasmcp.host.transports.http_process import Serving
    from wasmcp.host.transports.listener import host_names

    options = _completed(options or HttpOptions(), host, port)
    if options.tls_certificate is not None:
        from wasmcp.host.transports.tls_server import tls_context  # lazy: most servers have no TLS

        tls_context(options.tls_certificate, options.tls_key)
    logs.set_up(verbose=verbose)
    settings = from_environment(os.environ, env or ())
    settings = _of_workers(settings) if options.workers > 1 else settings
    warn_if_stale(path)
    given = Given(dict(env or {}), tuple(directories), operator_store(keyvalue, os.environ))
    names = [] if options.unix_socket is not None else host_names(options.host)
    if names and ALLOWED_HOSTS not in settings:  # names that the operator allows replace the default ones
        settings = {**settings, BOUND_TO: ",".join(names)}
    declared = published(target, server).configuration
    serving = Serving(
        path,
        options,
        limits_for(settings, limits),
        with_state_keys(settings),
        given.env,
        tuple(given.directories),
        declared.instances if instances is None else instances,
        given.keyvalue,
        declared.limits if rates is None else rates,
        declared.reuse if reuse is None else reuse,
        verbose,
    )
    _serve(serving, given)


def _serve(serving: Serving, given: Given) -> None:
    """Open the server, listen, and serve in this process or in several.

    A process listens first if the server has to be compiled, which takes seconds.
    """
    from wasmcp.host.engine import compile_cache, logs
    from wasmcp.host.transports.http_process import note_reloads, serve_on
    from wasmcp.host.transports.starting import Opening

    path, options = serving.path, serving.options
    _check_operations(serving)
    tracing = serving.tracing()
    opening = Opening(lambda: _checked(serving, given, tracing))
    try:
        if compile_cache.is_compiled(path):
            opening = Opening.of(_checked(serving, given, tracing))
        bound, url = _listen(options)
    except BaseException:
        opening.close()
        if tracing is not None:
            tracing.close()
        raise
    note_reloads()

    def note() -> None:
        logs.log(logs.TRANSPORTS, logs.INFO, f"serving {path.name} at {url}", path=path, url=url)

    if opening.server is not None:
        note()
    else:
        text = f"listening at {url}: calls wait until {path.name} is compiled"
        logs.log(logs.TRANSPORTS, logs.INFO, text, path=path, url=url)
    try:
        if options.workers == 1:
            serve_on(
                bound,
                opening,
                serving,
                lambda: _unlink(options, bound),
                on_open=note,
                tracing=tracing,
            )
        else:
            from wasmcp.host.transports.workers import Supervisor

            def opened() -> None:
                if tracing is not None:
                    tracing.close()  # each worker has its own
                note()

            if opening.server is not None and tracing is not None:
                tracing.close()
            Supervisor(serving, bound, lambda: _unlink(options, bound), opening, on_open=opened).run()
    finally:
        _unlink(options, bound)
        bound.close()


def _checked(serving: Serving, given: Given, tracing: Tracing | None) -> Server:
    """Open the server, and check that it can be served with the options."""
    from wasmcp.host.configuration.declared import check_used

    opened = serving.open(tracing)
    try:
        check_used(given, opened.imports)
        opened.boot()
        opened.pool.log_bound()
        _check_authorization(opened, serving)
        _check_shared(opened, serving)
        _check_tasks(opened, serving)
        _check_tools(opened, serving)
    except BaseException:
        opened.close()
        raise
    return opened


def _completed(options: HttpOptions, host: str | None, port: int | None) -> HttpOptions:
    return replace(options, host=options.host if host is None else host, port=options.port if port is None else port)


def _of_workers(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of a worker: the ids of sessions carry their state, because any worker can get a request.

    Raises:
        HostError: The operator requires sessions whose state is in the memory of one process.
    """
    from wasmcp.host.configuration.settings import SEALED, SESSIONS

    if settings.get(SESSIONS, "").strip().lower() == "true":
        raise HostError(
            f"`{SESSIONS}=true` needs one worker, whose memory has the sessions: leave it out or set it to `{SEALED}`"
        )
    return {SESSIONS: SEALED, **settings}


def _check_operations(serving: Serving) -> None:
    """Check logs, metrics and rate limits, before a process that cannot use them is started again and again.

    Raises:
        HostError: A log cannot be written, the library of metrics is not installed, or rate limits by session would
            have no effect.
    """
    from wasmcp.host.configuration.settings import SESSIONS
    from wasmcp.host.operations.request_records import LogFile

    for log in (serving.options.access_log, serving.options.audit_log):
        if log is not None:
            LogFile(log, str).close()
    if serving.options.metrics is not None:
        from wasmcp.host.operations.metrics import check_library

        check_library()
    kept = serving.settings.get(SESSIONS, "true").strip().lower() == "true"
    if serving.rates and serving.rates.by == "session" and not kept:
        raise HostError(
            "rate limits by session need sessions in the memory of this process, which several workers and "
            f"`{SESSIONS}` replace: give `--rate-limit-by address`"
        )


def _check_shared(opened: Server, serving: Serving) -> None:
    """Check that several workers have the same stored values.

    Raises:
        HostError: Each worker would keep its own values in memory.
    """
    if serving.options.workers == 1 or serving.keyvalue not in {None, "memory:"}:
        return
    if any(name.startswith("wasi:keyvalue/") for name in opened.imports):
        raise HostError(
            "several workers would each keep their own values in memory: give `--keyvalue` with SQLite or Redis, "
            "or one worker"
        )


def _check_tasks(opened: Server, serving: Serving) -> None:
    """Check that the server has tasks, if the operator sets how many run at a time.

    Raises:
        HostError: No tool of the server runs as a task.
    """
    if serving.limits.task_runs is not None and not opened.runs_tasks:
        raise HostError(
            f"--task-runs {serving.limits.task_runs} has no effect: no tool of the server runs as a task; leave it out"
        )


def _check_tools(opened: Server, serving: Serving) -> None:
    """Warn of rate limits of tools that the server does not list: a name may be misspelt."""
    from wasmcp.host.engine import logs

    if not serving.rates.tool:
        return
    try:
        listed = {item["name"] for item in opened.list_all("tools/list", "tools")}
    except RequestError:  # the server has no tools
        listed = set()
    except (HostError, LookupError, TypeError, ValueError):  # its lists cannot be read
        return
    for name in serving.rates.tool.keys() - listed:
        message = f"the rate limit of the tool `{name}` has no effect as long as the server lists no tool of that name"
        logs.log(logs.TRANSPORTS, logs.WARNING, message, path=serving.path)


def _check_authorization(opened: Server, serving: Serving) -> None:
    """Warn if a token for any other server opens this one. Specification: basic/authorization, "Token Handling".

    Raises:
        HostError: Rate limits by identity would have no effect.
    """
    from wasmcp.host.engine import logs

    if serving.rates and serving.rates.by == "identity" and not opened.authorization:
        raise HostError(
            "rate limits by identity need identities: configure authorization (`WASMCP_AUTH_MODE=oauth`), or give "
            "`--rate-limit-by address`"
        )
    if opened.authorization and not {"JWT_AUDIENCE", "WASMCP_SERVER_URI"} & set(opened.authorization):
        message = (
            "tokens of any audience are accepted, also those for other servers: set `WASMCP_SERVER_URI` to the URL of "
            "this server, or `JWT_AUDIENCE`; the MCP specification requires that the audience is checked"
        )
        logs.log(logs.AUTHORIZATION, logs.WARNING, message, path=serving.path)


def _listen(options: HttpOptions) -> tuple[socket.socket, str]:
    """Return the socket that the options name, and the address of the endpoint."""
    from wasmcp.host.transports.listener import listen_tcp, listen_unix

    path = options.root_path + options.path
    if options.unix_socket is not None:
        return listen_unix(options.unix_socket, options.socket_mode), f"{path} on unix:{options.unix_socket}"
    bound = listen_tcp(options.host, options.port)
    scheme = "http" if options.tls_certificate is None else "https"
    shown = f"[{options.host}]" if ":" in options.host else options.host
    return bound, f"{scheme}://{shown}:{bound.getsockname()[1]}{path}"


def _unlink(options: HttpOptions, bound: socket.socket) -> None:
    """Remove the Unix domain socket: connections are refused from now on."""
    if options.unix_socket is not None:
        from wasmcp.host.transports.listener import unlink_unix

        unlink_unix(options.unix_socket, bound)
