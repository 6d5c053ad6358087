"""HTTP server with uvicorn."""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING

from wasmcp.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wasmcp.host.engine.limits import Limits

# Python switches between threads every 5 ms by default; a call into a Zig tool takes 0.05 ms.
_SWITCH_INTERVAL = 0.0005
_QUEUE = 2048  # maximum number of connections that wait in the kernel to be accepted


def serve(
    target: str | os.PathLike[str],
    server: str = "default",
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    limits: Limits | None = None,
    env: Mapping[str, str] | None = None,
    directories: Iterable[tuple[str, str, bool]] = (),
    instances: int | None = None,
    keyvalue: str | None = None,
) -> None:
    """Serve HTTP until interrupted. The endpoint is `/mcp`.

    Args:
        target: A composed server's file, or the import package that ships it.
        server: The name of the package's server.
        host: The address to listen on.
        port: The port to listen on; 0 for a free one.
        limits: The limits of the server.
        env: The environment variables that the server sees; none by default.
        directories: The directories that the server sees, as ``(host path, guest path, writable)``; none by default.
        instances: Maximum number of concurrent requests; by default as many as are of use (see docs/guides/running.md).
        keyvalue: The store of `wasi:keyvalue`: `memory:`, which is the default, or `sqlite:PATH`.

    Raises:
        HostError: uvicorn is not installed, or the address cannot be listened on.
        ArtifactError: The server does not exist, or is not a server.
        InvalidSettingError: A setting in the environment (`WASMCP_*`) is invalid or unknown.
        KeyboardInterrupt: The process was interrupted; requests in progress have ended.
    """
    from wasmcp.host.transports.stdio_server import compiling_notice, find_server

    path = find_server(target, server)
    try:
        import httptools  # noqa: F401 - `http_connection` imports it
        import uvicorn
    except ImportError as error:
        raise HostError(f"serving HTTP needs `{error.name}`: install `wasmcp[serve]`") from None
    from wasmcp.environment import BOUND_TO
    from wasmcp.host.client.server import open_server
    from wasmcp.host.configuration.declared import Given, check_used
    from wasmcp.host.configuration.settings import ALLOWED_HOSTS, from_environment, limits_for
    from wasmcp.host.configuration.staleness import warn_if_stale
    from wasmcp.host.engine import logs
    from wasmcp.host.transports.asgi import App
    from wasmcp.host.transports.connections import BACKLOG, Connections, connection_limit
    from wasmcp.host.transports.http_connection import HttpConnection

    logs.set_up()
    settings = from_environment(os.environ, env or ())
    warn_if_stale(path)
    opened = open_server(
        path,
        limits=limits_for(settings, limits),
        # Names that the operator allows replace the default ones.
        settings=settings if ALLOWED_HOSTS in settings else {**settings, BOUND_TO: ",".join(_names(host))},
        env=env,
        directories=directories,
        instances=instances,
        keyvalue=keyvalue,
        echo_stderr=True,
        on_compile=lambda: compiling_notice(path),
    )
    try:
        check_used(Given(dict(env or {}), tuple(directories), keyvalue), opened.imports)
        if settings:
            opened.boot()
    except BaseException:
        opened.close()
        raise
    app = App(opened)
    bounds = opened.limits.http
    connections = Connections(bounds, connection_limit(bounds, opened.pool.size), app.unread)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=HttpConnection.bound_to(connections),
        backlog=BACKLOG,
        ws="none",
        loop="auto",  # uvloop where it is installed
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )

    class Listener(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            for each in sockets or ():
                each.listen(_QUEUE)  # connections wait in the kernel, not in asyncio, which accepts them in rounds

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            opened.hub.close()  # uvicorn waits for open streams of notifications, which would not end
            await super().shutdown(sockets)

    listener = Listener(config)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_INTERVAL)
    try:
        bound = _listen(host, port)
        shown = f"[{host}]" if ":" in host else host
        url = f"http://{shown}:{bound.getsockname()[1]}/mcp"
        logs.log(logs.TRANSPORTS, logs.INFO, f"serving {path.name} at {url}", path=path, url=url)
        listener.run(sockets=[bound])
    finally:
        sys.setswitchinterval(interval)
        opened.close()


def _names(host: str) -> list[str]:
    """Return the host names that clients can use besides `localhost`; for a wildcard address also this machine's."""
    if not host:
        host = "0.0.0.0"  # noqa: S104 - asyncio's own reading of an empty host
    # A zone (RFC 6874) is the interface to an address; clients omit it in `Host`.
    host = host.partition("%")[0].lower()
    shown = f"[{host}]" if ":" in host else host
    if shown not in {"0.0.0.0", "[::]"}:  # noqa: S104 - nothing is bound here
        return [shown]
    own = socket.gethostname().lower()
    return [shown, own, f"{own}.local"] if own.replace("-", "").replace(".", "").isalnum() else [shown]


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio disables Nagle's algorithm only if the protocol is given; otherwise each response waits 40 ms.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(_QUEUE)
    except OSError as error:
        bound.close()
        raise HostError(f"cannot listen on `{host}` port {port}: {error.strerror or error}") from None
    return bound
