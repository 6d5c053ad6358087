"""Pool of the instances of one server, each with its own thread, so that a slow tool does not block the others.

Handing a call to another thread takes longer than a short call. If it is safe (see
`wasmcp.host.scheduling.call`), a call therefore runs on the submitting thread, with an idle instance.
"""

from __future__ import annotations

import itertools
import os
import threading
from contextlib import nullcontext, suppress
from functools import partial
from queue import SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING

from wasmcp.errors import ArtifactError, HostError
from wasmcp.host.engine import memory, stack
from wasmcp.host.scheduling.call import InlinePolicy, PendingInputs
from wasmcp.host.scheduling.deferred_signals import Deferred
from wasmcp.host.scheduling.instance import Instance, Program

if TYPE_CHECKING:
    from collections.abc import Callable

    from wasmcp.host.scheduling.call import Call

_SHORT = 64 << 10  # maximum bytes of a request that can run inline
_UNMEASURED = 4  # maximum number of instances that boot at a time while the size of one is unknown
_FULL = 1.0  # seconds after which a pool without room for another instance looks again
_ABANDONED = 8  # times the size: the maximum number of hanging threads that are replaced


class _Worker:
    """A thread with an instance, which submitting threads can use for inline calls."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.call: Call | None = None
        self.instance: Instance | None = None
        self.abandoned = False
        self._lock = threading.Lock()
        self._busy = threading.Lock()  # held while code runs in the instance
        self.thread = stack.start_thread(self._run, "wasmcp-instance")

    def _run(self) -> None:
        pool = self._pool
        get, tokens = pool.queue.get, pool.tokens
        while True:
            call = get()
            if call is None:
                break
            self._busy.acquire()
            self.call = call
            try:
                instance = self.instance
                if instance is None or instance.broken:
                    if instance is not None:
                        instance.close()
                        self.instance = None
                    instance = self.instance = Instance(pool.program)
                    instance.on_overdue = self._overdue
                    pool.failure = None
                    pool.grow()
            except Exception as error:  # noqa: BLE001 - the call ends with it
                if isinstance(error, ArtifactError):
                    pool.failure = error
                self.call = None
                self._busy.release()
                pool.now_idle()
                call.finish(None, error)
                continue
            # Idle before the response is passed on, so that the next call of that client finds this instance free.
            call.pending_inputs = pool.pending_inputs
            call.on_paused = partial(self._paused, call, call.on_done)
            call.on_done = partial(self._answered, call.on_done)
            call.run(instance, next(tokens) & 0xFFFFFFFF, pool.inline_policy)
            if self.abandoned:
                pool.returned()
                break
        with self._busy if not self.abandoned else nullcontext():
            if self.instance is not None:
                self.instance.close()
                self.instance = None

    def run_inline(self, call: Call) -> bool:
        """Run a call on the current thread. Return False if the instance is busy, or the call takes too long."""
        if self.call is not None or not self._busy.acquire(blocking=False):
            return False
        done, held = call.on_done, [True]

        def give_back() -> bool:
            if held:
                held.clear()
                self._busy.release()
            return True

        def answered(call: Call) -> None:
            give_back()
            done(call)

        def paused() -> bool:
            call.on_done = done
            return give_back()

        try:
            instance = self.instance
            if instance is None or instance.broken:
                return False
            call.pending_inputs = self._pool.pending_inputs
            call.on_paused = paused
            call.on_done = answered
            if call.run(instance, next(self._pool.tokens) & 0xFFFFFFFF, self._pool.inline_policy, inline=True):
                return True
            call.on_done = done
            return False
        finally:
            give_back()

    def _answered(self, done: Callable[[Call], None], call: Call) -> None:
        with self._lock:
            self.call = None
            if not self.abandoned:
                self._busy.release()
                self._pool.now_idle()
        done(call)

    def _paused(self, call: Call, done: Callable[[Call], None]) -> bool:
        with self._lock:
            if self.abandoned:
                return False
            self.call = None
            call.on_done = done
            self._busy.release()
            self._pool.now_idle()
        return True

    def _overdue(self) -> None:
        with self._lock:
            call, instance = self.call, self.instance
            if call is None or instance is None or self.abandoned:
                return
            self.abandoned = True
            self._pool.abandon(self)
        call.finish(None, instance.interruption())


class Pool:
    """Pool of instances that are booted when they are needed, at most `size` at a time, and replaced after a trap."""

    def __init__(self, program: Program, size: int | None = None) -> None:
        self.program = program
        self.size = max(1, size or os.cpu_count() or 1)
        # A caller that requests one instance can rely on its memory, which an exceeded slice would lose.
        self.inline_policy = InlinePolicy(trusted=not program.can_wait and size != 1)
        self.queue: SimpleQueue[Call | None] = SimpleQueue()
        self.tokens = itertools.count(1)
        self.pending_inputs = PendingInputs(self.submit, program.limits.answer)
        self._workers: list[_Worker] = []
        self._free = 0  # idle workers minus waiting calls
        self._hanging = 0
        self._full_until = 0.0
        self._lock = threading.Lock()
        self._closed = False
        self.failure: ArtifactError | None = None
        """The error of the last boot; None if it succeeded, or no instance was booted."""

    @property
    def has_waiting_calls(self) -> bool:
        """True if calls wait for an instance."""
        return self._free < 0

    def submit(self, call: Call) -> None:
        """Pass a call to the first free instance; an inline call has ended on return.

        Raises:
            HostError: The server is closed.
        """
        with Deferred():
            self._submit(call)

    def _submit(self, call: Call) -> None:
        short = self.inline_policy.allows_inline and sum(map(len, call.request)) < _SHORT
        if short and not self._closed and stack.is_sufficient():
            for worker in tuple(self._workers):
                if worker.run_inline(call):
                    return
                if not self.inline_policy.allows_inline:  # a slice was exceeded: do not lose the next instance as well
                    break
        with self._lock:
            if self._closed:
                raise HostError("the server is closed")
            self._free -= 1
            self._start_workers(1)
        self.queue.put(call)

    def grow(self) -> None:
        """Start workers for waiting calls, when the size of an instance is known."""
        with self._lock:
            if self._free < 0 and not self._closed:
                self._start_workers(-self._free)

    def _start_workers(self, most: int) -> None:
        """Start up to `most` workers, if calls wait and the process has room. The lock must be held."""
        for _ in range(most):
            if self._free >= 0 or len(self._workers) >= self.size or self._hanging >= _ABANDONED * self.size:
                return
            booted = sum(worker.instance is not None for worker in self._workers)
            starting = len(self._workers) - booted
            if self._workers and not (self._has_room(booted, starting) if booted else starting < _UNMEASURED):
                return
            self._free += 1
            self._workers.append(_Worker(self))

    def _has_room(self, booted: int, starting: int) -> bool:
        """Return whether one more instance fits. A refusal holds for a while: reading mappings takes milliseconds."""
        if monotonic() < self._full_until:
            return False
        found = memory.room_for(booted, starting)
        if not found:
            self._full_until = monotonic() + _FULL
        return found

    def boot(self) -> None:
        """Boot an instance and drop it, so that errors of the server or its settings are found early.

        It boots on another thread, because native code calls back into Python, where signal handlers run only on the
        main thread.

        Raises:
            HostError: The same as for `Instance`.
        """
        errors: list[BaseException] = []

        def run() -> None:
            try:
                Instance(self.program).close()
            except BaseException as error:  # noqa: BLE001 - raised below, on the caller's thread
                errors.append(error)

        stack.start_thread(run, "wasmcp-boot").join()
        if errors:
            raise errors[0]

    def now_idle(self) -> None:
        """Count a worker as idle."""
        with self._lock:
            self._free += 1

    def abandon(self, worker: _Worker) -> None:
        """Count a worker as hanging, and start another if calls wait."""
        with self._lock:
            self._hanging += 1
            with suppress(ValueError):
                self._workers.remove(worker)
            if not self._closed:
                self._start_workers(1)

    def returned(self) -> None:
        """Count a hanging worker as ended."""
        with self._lock:
            self._hanging -= 1

    def close(self, timeout: float = 1.0) -> None:
        """Stop the pool: fail queued calls, cancel running ones, drop instances."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            workers = list(self._workers)
        self.pending_inputs.close()
        pending: list[Call] = []
        with suppress(Exception):
            while True:
                call = self.queue.get_nowait()
                if call is not None:
                    pending.append(call)
        for call in pending:
            call.finish(None, HostError("the server was closed"))
        for worker in workers:
            running = worker.call
            if running is not None:
                running.cancel()
            self.queue.put(None)
        for worker in workers:
            if worker.thread is not threading.current_thread():
                worker.thread.join(timeout + self.program.limits.cancel_grace)
            if worker.thread.is_alive() and worker.instance is not None:
                worker.instance.end_input()
        # A thread that hangs in the host can still use the program; it is then left to garbage collection.
        if not self._hanging and not any(worker.thread.is_alive() for worker in workers):
            self.program.close()
