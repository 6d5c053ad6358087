"""Processes of `wasmcp serve --workers N`, which accept connections from one socket, and their supervisor."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from contextlib import contextmanager, suppress
from math import inf
from multiprocessing.connection import wait
from time import monotonic
from typing import TYPE_CHECKING, Any

from wasmcp.host.engine import logs

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess
    from types import FrameType

    from wasmcp.host.client.server import Server
    from wasmcp.host.operations.metrics import MetricsEndpoint, SharedMetrics
    from wasmcp.host.transports.http_process import Serving
    from wasmcp.host.transports.starting import Opening

_MARGIN = 5.0  # seconds that workers get after their requests have ended
_QUICK = 5.0  # a worker that ends within these seconds is started again after a pause
_LONGEST_PAUSE = 30.0


def work(serving: Serving, bound: socket.socket, compiling: Connection | None) -> None:
    """Serve in this process, until it is terminated or its parent has ended.

    Args:
        serving: The server's file and options.
        bound: The socket to accept connections from.
        compiling: Pipe that the parent closes when the compile cache has the server; None if it has it already.
    """
    from wasmcp.host.transports.http_process import note_reloads, serve_on
    from wasmcp.host.transports.starting import Opening

    note_reloads()
    _let_reloads_through()
    os.setpgrp()  # Ctrl-C in a terminal reaches the supervisor only, which terminates the workers
    parent = multiprocessing.parent_process()

    def end_with_parent() -> None:
        if parent is not None:
            wait([parent.sentinel])
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=end_with_parent, name="wasmcp-parent", daemon=True).start()
    logs.set_up(verbose=serving.verbose)
    tracing = serving.tracing()

    def opened() -> Server:
        if compiling is not None:
            wait([compiling])
        server = serving.open(tracing)
        if compiling is not None:
            server.boot()
        return server

    # Lists are answered until the server is open, other requests wait.
    opening = Opening(opened) if compiling is not None and not compiling.poll() else Opening.of(opened())
    serve_on(bound, opening, serving, tracing=tracing)


@contextmanager
def _reloads_held() -> Iterator[None]:
    """Hold SIGHUP back, also in a process that is started then: the signal would end it before it has a handler."""
    if not hasattr(signal, "SIGHUP"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _let_reloads_through() -> None:
    """Handle a SIGHUP that was held back."""
    if hasattr(signal, "SIGHUP"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


class _Worker:
    """A process, and the time until which it is not started again."""

    def __init__(self) -> None:
        self.process: SpawnProcess | None = None
        self.began = 0.0
        self.pause = 0.0
        self.due = 0.0


class Supervisor:
    """Supervisor of workers: it starts them, restarts those that end, and passes signals on."""

    def __init__(
        self,
        serving: Serving,
        bound: socket.socket,
        on_shutdown: Callable[[], None],
        opening: Opening,
        *,
        on_open: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare the supervisor.

        Args:
            serving: The server, and what each process needs to serve it.
            bound: The socket that all workers accept connections from.
            on_shutdown: Called when the shutdown begins.
            opening: The server, which is compiled and checked in this process while the workers answer lists.
            on_open: Called when a server that was not open has been opened.
        """
        self._opening = opening
        self._on_open = on_open
        self._compiling: tuple[Connection, Connection] | None = None
        self._serving = serving
        self._bound = bound
        self._on_shutdown = on_shutdown
        self._context = multiprocessing.get_context("spawn")
        self._workers = [_Worker() for _ in range(serving.options.workers)]
        self._received: list[int] = []
        self._metrics: SharedMetrics | None = None
        self._endpoint: MetricsEndpoint | None = None
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)

    def run(self) -> None:
        """Run the workers until SIGINT or SIGTERM.

        Raises:
            KeyboardInterrupt: The process was interrupted.
            WasmcpError: The server cannot be opened.
        """
        if self._opening.server is None:
            self._compiling = self._context.Pipe(duplex=False)
        self._opening.close()  # now or when it has been opened and checked: the workers have their own
        metrics = self._serving.options.metrics
        if metrics is not None:
            from wasmcp.host.operations.metrics import MetricsEndpoint, SharedMetrics

            self._metrics = SharedMetrics()
            self._endpoint = MetricsEndpoint(*metrics, self._metrics.registry())
        handled = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
        before = {number: signal.signal(number, self._receive) for number in handled}
        try:
            if self._compiling is not None:
                self._opening.start(self._wake)
            ended_by = self._supervise()
        finally:
            self._end()
            self._close_pipe()
            if self._endpoint is not None and self._metrics is not None:
                self._endpoint.close()
                self._metrics.close()
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(self._wake_read)
            os.close(self._wake_write)
        signal.raise_signal(ended_by)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        self._received.append(number)
        self._wake()

    def _wake(self) -> None:
        with suppress(OSError):  # the supervisor has ended, or is woken already
            os.write(self._wake_write, b"\0")

    def _close_pipe(self) -> None:
        """Let the workers open the server."""
        if self._compiling is not None:
            for end in self._compiling:
                end.close()
            self._compiling = None

    def _look_at_opening(self) -> None:
        """Pass the end of the compilation on to the workers.

        Raises:
            WasmcpError: The server cannot be opened.
        """
        if self._compiling is None:
            return
        if self._opening.error is not None:
            raise self._opening.error
        if self._opening.server is not None:
            self._close_pipe()
            self._on_open()

    def _supervise(self) -> int:
        while True:
            now = monotonic()
            for worker in self._workers:
                if worker.process is None and now >= worker.due:
                    self._start(worker)
            sentinels: list[Any] = [each.process.sentinel for each in self._workers if each.process is not None]
            pauses = [max(0.0, each.due - now) for each in self._workers if each.process is None]
            ready = wait([*sentinels, self._wake_read], min(pauses, default=None))
            if self._wake_read in ready:
                os.read(self._wake_read, 64)
            self._look_at_opening()
            while self._received:
                number = self._received.pop(0)
                if number in {signal.SIGINT, signal.SIGTERM}:
                    return number
                self._signal(number)
            for worker in self._workers:
                if worker.process is not None and worker.process.exitcode is not None:
                    self._ended(worker)

    def _start(self, worker: _Worker) -> None:
        compiling = None if self._compiling is None else self._compiling[0]
        worker.process = self._context.Process(
            target=work, args=(self._serving, self._bound, compiling), name="wasmcp-worker"
        )
        worker.began = monotonic()
        with _reloads_held():
            worker.process.start()

    def _ended(self, worker: _Worker) -> None:
        process = worker.process
        if process is None:
            return
        is_quick = monotonic() - worker.began < _QUICK
        worker.pause = min(_LONGEST_PAUSE, max(0.5, worker.pause * 2)) if is_quick else 0.0
        worker.due = monotonic() + worker.pause
        code = process.exitcode or 0
        reason = f"signal {-code}" if code < 0 else f"exit code {code}"
        message = f"a worker has ended ({reason}); another is started"
        logs.log(logs.TRANSPORTS, logs.ERROR, message, pid=process.pid, exit_code=code)
        if self._metrics is not None and process.pid is not None:
            self._metrics.ended(process.pid)
        process.close()
        worker.process = None

    def _signal(self, number: int) -> None:
        for worker in self._workers:
            if worker.process is not None and worker.process.pid is not None and worker.process.exitcode is None:
                os.kill(worker.process.pid, number)

    def _end(self) -> None:
        """Terminate the workers, and kill those that do not end in time, or at once after another SIGINT."""
        from wasmcp.host.transports.http_process import seconds_to_end

        self._on_shutdown()
        self._signal(signal.SIGTERM)
        limit = seconds_to_end(self._serving.limits)
        ends = inf if limit is None else monotonic() + limit + _MARGIN
        processes = [worker.process for worker in self._workers if worker.process is not None]
        while signal.SIGINT not in self._received:
            running = [process.sentinel for process in processes if process.exitcode is None]
            left = ends - monotonic()
            if not running or left <= 0:
                break
            if self._wake_read in wait([*running, self._wake_read], None if left == inf else left):
                os.read(self._wake_read, 64)
        for process in processes:
            if process.exitcode is None:
                process.kill()
                process.join()
            process.close()
        for worker in self._workers:
            worker.process = None
