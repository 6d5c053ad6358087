"""HTTP server of one process: the sockets that it listens on, its event loop, and the end of its connections.

Source: ASGI 3.0, "Lifespan Protocol", version 2.0; RFC 9110, section 6.6.1.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import stat
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from wasmcp.errors import HostError
from wasmcp.host.engine import logs
from wasmcp.host.scheduling.interruption import defer_all, keep_handlers, only_notes
from wasmcp.host.transports.connections import BACKLOG

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from wasmcp.host.transports.asgi_middleware import Application
    from wasmcp.host.transports.http_connection import HttpConnection
    from wasmcp.host.transports.tls_server import TlsServer

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name))
"""Signals that end a listener."""

_POLL = 0.1  # seconds between looks at the connections that end
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class State:
    """Connections and tasks of a listener, which its connections add.

    Attributes:
        connections: The open connections.
        tasks: The requests in progress that have a task.
        default_headers: The header fields of each response.
        total_requests: The number of responses.
    """

    def __init__(self) -> None:
        self.connections: set[HttpConnection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.default_headers: list[tuple[bytes, bytes]] = []
        self.total_requests = 0


class Listener:
    """HTTP server on a socket, which serves until `end` is called or a signal arrives.

    Attributes:
        state: The connections.
        ends: True if the end was called for.
        loop: The event loop; None before the start.
        received: The signals that arrived, for the caller to raise again when it has cleaned up.
    """

    def __init__(
        self,
        app: Application,
        connection: type[HttpConnection],
        *,
        tls: ssl.SSLContext | None = None,
        seconds: float | None = None,
        is_plain: bool = False,
    ) -> None:
        """Prepare the server.

        Args:
            app: The ASGI application.
            connection: The class of connections.
            tls: The TLS settings; None for HTTP without TLS.
            seconds: Maximum seconds for requests in progress at the end; None for no limit.
            is_plain: Use the event loop of asyncio also where uvloop is installed.
        """
        self._app = app
        self.state = State()
        self.ends = False
        self.received: list[int] = []
        self._connection = connection
        self._tls = tls
        self._seconds = seconds
        self._is_plain = is_plain
        self._is_forced = False
        self.loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None

    def run(self, bound: socket.socket) -> None:
        """Serve until the end, and close the socket."""
        with self._signals(), asyncio.Runner(loop_factory=None if self._is_plain else _loop_factory()) as runner:
            runner.run(self._serve(bound))

    def end(self) -> None:
        """End: stop to listen, and let requests in progress end. Any thread and signal handler can call it."""
        self.ends = True
        if self.loop is not None and self._ended is not None:
            with suppress(RuntimeError):  # the loop is closed
                self.loop.call_soon_threadsafe(self._ended.set)

    def listening(self) -> None:
        """React to the start: connections are accepted. Called on the event loop."""

    def ending(self) -> None:
        """React to the beginning of the end. Called on the event loop."""

    async def _serve(self, bound: socket.socket) -> None:
        self.loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        lifespan = _Lifespan(self._app)
        await lifespan.start()
        server = await self._listen(self.loop, bound)
        self._set_date()
        self.listening()
        if not self.ends:
            await self._ended.wait()
        self.ending()
        server.close()
        bound.close()
        for connection in list(self.state.connections):
            connection.shutdown()
        await asyncio.sleep(_POLL)
        try:
            await asyncio.wait_for(self._requests_end(server), self._seconds)
        except TimeoutError:
            number = len(self.state.tasks)
            logs.log(logs.TRANSPORTS, logs.ERROR, f"{number} requests in progress are cancelled: their time has passed")
            for task in self.state.tasks:
                task.cancel()
        if not self._is_forced:
            await lifespan.end()

    async def _listen(self, loop: asyncio.AbstractEventLoop, bound: socket.socket) -> asyncio.Server | TlsServer:
        def connected() -> HttpConnection:
            return self._connection(self._app, self.state, loop)

        if self._tls is None:
            return await loop.create_server(connected, sock=bound, backlog=BACKLOG)
        from wasmcp.host.transports.tls_server import TlsServer  # lazy: most servers have no TLS

        return TlsServer(bound, self._tls, self._connection.bounds, connected)

    def _set_date(self) -> None:
        """Set the field `Date` of responses, each second."""
        now = time.time()
        self.state.default_headers = [(b"date", http_date(now).encode())]
        if self.loop is not None:
            self.loop.call_later(1 - now % 1, self._set_date)

    async def _requests_end(self, server: asyncio.Server | TlsServer) -> None:
        while (self.state.connections or self.state.tasks) and not self._is_forced:  # noqa: ASYNC110 - sets without events
            await asyncio.sleep(_POLL)
        if not self._is_forced:
            await server.wait_closed()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Let signals end the listener, and a second SIGINT end it without a wait for requests."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def note(number: int, _frame: object) -> None:
            self._is_forced = self._is_forced or (self.ends and number == signal.SIGINT)
            self.received.append(number)
            self.end()

        before = {number: signal.signal(number, note) for number in SIGNALS}
        for number in SIGNALS:
            only_notes(number)
        keep_handlers()
        try:
            yield
        finally:
            defer_all()
            for number, handler in before.items():
                signal.signal(number, handler)


def http_date(seconds: float) -> str:
    """Return a time as `Date` has it (RFC 9110, section 5.6.7); `email.utils` would import many modules for it."""
    now = time.gmtime(seconds)
    day, month = _DAYS[now.tm_wday], _MONTHS[now.tm_mon - 1]
    return f"{day}, {now.tm_mday:02} {month} {now.tm_year} {now.tm_hour:02}:{now.tm_min:02}:{now.tm_sec:02} GMT"


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the constructor of uvloop's event loop; None where it is not installed."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


class _Lifespan:
    """Lifespan of an application: a task from its start to its end."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._answered = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the application.

        Raises:
            Exception: The application cannot start.
        """
        scope: Any = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        self._task = asyncio.create_task(self._run(scope))
        await self._tell("lifespan.startup")

    async def end(self) -> None:
        """End the application.

        Raises:
            Exception: The application has failed.
        """
        await self._tell("lifespan.shutdown")

    async def _run(self, scope: Any) -> None:
        async def send(_message: Any) -> None:
            self._answered.set()

        try:
            await self._app(scope, self._messages.get, send)
        finally:
            self._answered.set()

    async def _tell(self, kind: str) -> None:
        self._answered.clear()
        self._messages.put_nowait({"type": kind})
        await self._answered.wait()
        if self._task is not None and self._task.done():
            await self._task


QUEUE = 2048
"""Maximum number of connections that wait in the kernel to be accepted."""

_WILDCARDS = {"0.0.0.0", "[::]"}  # noqa: S104 - nothing is bound here


def listen_tcp(host: str, port: int) -> socket.socket:
    """Listen on a TCP address.

    Args:
        host: The address or name; a text with a colon is an IPv6 address.
        port: The port; 0 for a free one.

    Raises:
        HostError: The address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio disables Nagle's algorithm only if the protocol is given; otherwise each response waits 40 ms.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(QUEUE)
    except OSError as error:
        bound.close()
        raise HostError(f"cannot listen on `{host}` port {port}: {error.strerror or error}") from None
    return bound


def listen_unix(path: Path, mode: int) -> socket.socket:
    """Listen on a Unix domain socket. A socket that a process has left behind is replaced.

    Args:
        path: The path of the socket.
        mode: Its permissions; connecting needs the right to write.

    Raises:
        HostError: The socket cannot be made, another process listens on it, or the path is another file.
    """
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o777 & ~mode)  # the socket never has more permissions, not even for a moment
    try:
        _remove_stale(path)
        bound.bind(os.fspath(path))
        path.chmod(mode)
        bound.listen(QUEUE)
    except OSError as error:
        bound.close()
        raise HostError(f"cannot listen on the Unix socket `{path}`: {error.strerror or error}") from None
    except HostError:
        bound.close()
        raise
    finally:
        os.umask(mask)
    return bound


def _remove_stale(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise HostError(
            f"cannot listen on the Unix socket `{path}`: the path is another file; remove it or take another"
        )
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with probe:
        probe.settimeout(1)
        try:
            probe.connect(os.fspath(path))
        except OSError as error:
            if error.errno != errno.ECONNREFUSED:
                raise
            path.unlink()
            return
    raise HostError(f"cannot listen on the Unix socket `{path}`: another process listens on it")


def unlink_unix(path: Path, bound: socket.socket) -> None:
    """Remove a Unix domain socket, unless another process has replaced it."""
    with suppress(OSError):
        if os.fspath(path) == bound.getsockname() and stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()


def host_names(host: str) -> list[str]:
    """Return the host names that clients can use in addition to `localhost`.

    Args:
        host: The address to listen on; for a wildcard address the names of this machine are included.
    """
    # A zone (RFC 6874) is the interface to an address; clients omit it in `Host`.
    host = host.partition("%")[0].lower()
    shown = f"[{host}]" if ":" in host else host
    if shown not in _WILDCARDS:
        return [shown]
    own = socket.gethostname().lower()
    return [shown, own, f"{own}.local"] if own.replace("-", "").replace(".", "").isalnum() else [shown]
