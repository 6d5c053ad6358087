"""The instances of one server, each with a thread of its own, so that a slow tool does not block the others.

Handing a call to another thread costs more than a quick call does. Where nothing can go wrong with it (see
`wasmcp.host.scheduling.inline_policy`) a call therefore runs on the thread that submits it, with an idle instance.
"""

from __future__ import annotations

import itertools
import os
import threading
from contextlib import nullcontext, suppress
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING

from wasmcp.errors import ArtifactError, HostError
from wasmcp.host.engine import mappings
from wasmcp.host.scheduling.deferred_signals import Deferred
from wasmcp.host.scheduling.inline_policy import Pace
from wasmcp.host.scheduling.instance import Instance, Program
from wasmcp.host.scheduling.pending_input import Questions

if TYPE_CHECKING:
    from collections.abc import Callable

    from wasmcp.host.scheduling.call import Call

_SHORT = 64 << 10  # bytes of a request that may be quick
_UNMEASURED = 4  # instances that boot at a time as long as the size of one is not known
_ABANDONED = 8  # times the size: how many threads may hang in the host before no more are started in their place


class _Worker:
    """A thread with an instance, which it lends to those who submit quick calls."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.call: Call | None = None
        self.instance: Instance | None = None
        self.abandoned = False
        self._lock = threading.Lock()
        self._busy = threading.Lock()  # held by whoever runs code in the instance
        self.thread = threading.Thread(target=self._run, name="wasmcp-instance", daemon=True)
        self.thread.start()

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
            except Exception as error:  # noqa: BLE001 - the one who waits for the call gets it
                if isinstance(error, ArtifactError):
                    pool.failure = error
                self.call = None
                self._busy.release()
                pool.now_idle()
                call.finish(None, error)
                continue
            # Idle before the answer is out: whoever reacts to the answer finds this instance free.
            call.questions = pool.questions
            call.on_paused = partial(self._paused, call, call.on_done)
            call.on_done = partial(self._answered, call.on_done)
            call.run(instance, next(tokens) & 0xFFFFFFFF, pool.pace)
            if self.abandoned:
                pool.returned()
                break
        with self._busy if not self.abandoned else nullcontext():
            if self.instance is not None:
                self.instance.close()
                self.instance = None

    def lend(self, call: Call) -> bool:
        """Run a call on this thread, the submitter's. False: the instance is not idle, or the call needs longer."""
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
            call.questions = self._pool.questions
            call.on_paused = paused
            call.on_done = answered
            if call.run(instance, next(self._pool.tokens) & 0xFFFFFFFF, self._pool.pace, here=True):
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
    """Instances that are booted when they are needed, at most `size` at a time, and replaced when they trap."""

    def __init__(self, program: Program, size: int | None = None) -> None:
        self.program = program
        self.size = max(1, size or os.cpu_count() or 1)
        # Who asks for one instance may count on what it keeps in its memory, and a slice that is over costs it.
        self.pace = Pace(trusted=not program.can_wait and size != 1)
        self.queue: SimpleQueue[Call | None] = SimpleQueue()
        self.tokens = itertools.count(1)
        self.questions = Questions(self.submit, program.limits.answer)
        self._workers: list[_Worker] = []
        self._free = 0  # workers that wait, less calls that wait
        self._hanging = 0
        self._lock = threading.Lock()
        self._closed = False
        self.failure: ArtifactError | None = None
        """Why the last instance could not be booted; None where it could, or none was."""

    @property
    def crowded(self) -> bool:
        """Whether calls wait for an instance."""
        return self._free < 0

    def submit(self, call: Call) -> None:
        """Hand a call to the first instance that is free; one that should be quick is done on return.

        Raises:
            HostError: The server is closed.
        """
        with Deferred():
            self._submit(call)

    def _submit(self, call: Call) -> None:
        if self.pace.quick and sum(map(len, call.request)) < _SHORT and not self._closed:
            for worker in tuple(self._workers):
                if worker.lend(call):
                    return
                if not self.pace.quick:  # a slice is over: the next instance is not to be lost as well
                    break
        with self._lock:
            if self._closed:
                raise HostError("the server is closed")
            self._free -= 1
            self._start_workers(1)
        self.queue.put(call)

    def grow(self) -> None:
        """Start workers for the calls that wait: the size of an instance is known now."""
        with self._lock:
            if self._free < 0 and not self._closed:
                self._start_workers(-self._free)

    def _start_workers(self, most: int) -> None:
        """Start at most so many workers, as far as calls wait and the process has room. With the lock held."""
        for _ in range(most):
            if self._free >= 0 or len(self._workers) >= self.size or self._hanging >= _ABANDONED * self.size:
                return
            booted = sum(worker.instance is not None for worker in self._workers)
            starting = len(self._workers) - booted
            if self._workers and not (mappings.room_for(booted, starting) if booted else starting < _UNMEASURED):
                return
            self._free += 1
            self._workers.append(_Worker(self))

    def boot(self) -> None:
        """Boot an instance and drop it, to find out what is wrong with the server or its settings.

        On a thread of its own: native code calls back while it boots, and signal handlers run on the main thread.

        Raises:
            HostError: As `Instance`.
        """
        errors: list[BaseException] = []

        def run() -> None:
            try:
                Instance(self.program).close()
            except BaseException as error:  # noqa: BLE001 - raised below, on the caller's thread
                errors.append(error)

        thread = threading.Thread(target=run, name="wasmcp-boot", daemon=True)
        thread.start()
        thread.join()
        if errors:
            raise errors[0]

    def now_idle(self) -> None:
        """Count a worker as waiting."""
        with self._lock:
            self._free += 1

    def abandon(self, worker: _Worker) -> None:
        """Count a worker as lost, and start another if calls wait."""
        with self._lock:
            self._hanging += 1
            with suppress(ValueError):
                self._workers.remove(worker)
            if not self._closed:
                self._start_workers(1)

    def returned(self) -> None:
        """Count a lost worker as ended after all."""
        with self._lock:
            self._hanging -= 1

    def close(self, timeout: float = 1.0) -> None:
        """Stop: queued calls fail, running ones are cancelled, instances are dropped."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            workers = list(self._workers)
        self.questions.close()
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
        # A thread that hangs in the host may still need what it would free; garbage collection does it then.
        if not self._hanging and not any(worker.thread.is_alive() for worker in workers):
            self.program.close()
