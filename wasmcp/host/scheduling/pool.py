"""Pool of the instances of one server, each with its own thread, so that a slow tool does not block the others.

Handing a call to another thread takes longer than a short call. If it is safe (see
`wasmcp.host.scheduling.call`), a call therefore runs on the submitting thread, with an idle instance.

By default the pool has as many instances as cores, and one more for each call that waits in the host, up to a bound
(`wasmcp.host.scheduling.dispatch`). Slow calls leave one instance to quick ones. An operator's number of instances is
exact, and then no instance is kept free.
"""

from __future__ import annotations

import itertools
import os
import threading
from contextlib import nullcontext, suppress
from math import inf
from time import monotonic
from typing import TYPE_CHECKING

from wasmcp.errors import ArtifactError, HostError
from wasmcp.host.bindings.messages import target_of
from wasmcp.host.configuration.declared import REUSES
from wasmcp.host.engine import logs, memory
from wasmcp.host.engine.engine import has_sufficient_stack, start_thread
from wasmcp.host.scheduling import dispatch
from wasmcp.host.scheduling.call import ANY_TARGET, InlinePolicy, PendingInputs
from wasmcp.host.scheduling.dispatch import SLOW, Lanes
from wasmcp.host.scheduling.instance import Instance, Program
from wasmcp.host.scheduling.interruption import DeferredSignals, is_deferral_needed

if TYPE_CHECKING:
    from collections.abc import Callable

    from wasmcp.host.scheduling.call import Call, CallObserver

_SHORT = 64 << 10  # maximum bytes of a request that can run inline
_UNMEASURED = 4  # maximum number of instances that boot at a time while the size of one is unknown
_FULL = 1.0  # seconds after which a pool without room for another instance looks again
_ABANDONED = 8  # times the size: the maximum number of hanging threads that are replaced
_LOOK = 0.005  # seconds between two looks at the running calls, while others wait
_LOOKS = 20  # number of looks without waiting calls after which they end
_DRAINED = 600.0  # seconds that calls without a time limit get to end in a pool that is replaced
_POLL = 0.02  # seconds between two looks at the calls of a pool that was replaced
_SELDOM = 0.5  # the same where calls can run for long
IDLE = 10.0  # seconds after which an idle instance ends, if there are more than cores


def _mebibytes(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"


class _Worker:
    """A thread with an instance, which submitting threads can use for inline calls.

    Attributes:
        call: The running call.
        slow: True if the running call counts as slow. The lock of the pool protects it.
        woken: True if the worker was woken for a waiting call that it has not taken yet; protected likewise.
        wake: Released to wake the idle worker.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.call: Call | None = None
        self.began = 0.0
        self.instance: Instance | None = None
        self.abandoned = False
        self.slow = False
        self.woken = True
        self.wake = threading.Lock()
        self.wake.acquire()
        self.activity = dispatch.ThreadActivity()
        self._lock = threading.Lock()
        self._busy = threading.Lock()  # held while code runs in the instance
        self.thread = start_thread(self._run, "wasmcp-instance")

    def _run(self) -> None:
        pool = self._pool
        tokens = pool.tokens
        while True:
            call = pool.next_call(self)
            if call is None:
                break
            self._busy.acquire()
            self.began = 0.0
            self.call = call
            try:
                instance = self.instance
                if instance is None or instance.broken:
                    if instance is not None:
                        instance.close()
                        self.instance = None
                    instance = self.instance = pool.new_instance(self._overdue, call.observer)
                    pool.failure = None
                    pool.grow()
            except Exception as error:  # noqa: BLE001 - the call ends with it
                if isinstance(error, ArtifactError):
                    pool.failure = error
                self.call = None
                self._busy.release()
                pool.now_idle(self)
                call.finish(None, error)
                continue
            self.activity.reset()
            self.began = monotonic()
            call.run(instance, next(tokens) & 0xFFFFFFFF, pool.inline_policy, self)
            if self.abandoned:
                pool.returned()
                break
            if pool.is_fresh:
                instance.close()
                self.instance = None
        with self._busy if not self.abandoned else nullcontext():
            if self.instance is not None:
                self.instance.close()
                self.instance = None

    def run_inline(self, call: Call) -> bool:
        """Run a call on the current thread. Return False if the instance is busy, or the call takes too long."""
        if self.call is not None or not self._busy.acquire(blocking=False):
            return False
        turn = _InlineTurn(self._busy)
        try:
            instance = self.instance
            if instance is None or instance.broken:
                return False
            pool = self._pool
            return call.run(instance, next(pool.tokens) & 0xFFFFFFFF, pool.inline_policy, turn, inline=True)
        finally:
            if turn.is_used:
                turn.end(call)

    def end(self, call: Call) -> None:
        """Be idle before the response is passed on, so that the next call of that client finds the instance free."""
        self.pause(call)

    def pause(self, call: Call) -> bool:
        """Be idle while the call waits. Return False if the call was abandoned."""
        with self._lock:
            self.call = None
            if self.abandoned:
                return False
            self._busy.release()
            self._pool.now_idle(self, call)
        return True

    def _overdue(self) -> None:
        with self._lock:
            call, instance = self.call, self.instance
            if call is None or instance is None or self.abandoned:
                return
            self.abandoned = True
            self.call = None
            self._pool.abandon(self)
        # The watchdog does not wait until the result is processed: other calls have deadlines, too.
        error = instance.interruption()
        try:
            threading.Thread(target=call.finish, args=(None, error), name="wasmcp-abandoned", daemon=True).start()
        except RuntimeError:  # the process cannot have more threads
            call.finish(None, error)


class _InlineTurn:
    """The use of an instance by an inline call: a lock, released once.

    Attributes:
        is_used: True until the lock is released.
    """

    __slots__ = ("_busy", "is_used")

    def __init__(self, busy: threading.Lock) -> None:
        self._busy = busy
        self.is_used = True

    def end(self, _call: Call) -> None:
        """Release the lock."""
        if self.is_used:
            self.is_used = False
            self._busy.release()

    def pause(self, call: Call) -> bool:
        """Release the lock. Return True: inline calls are not abandoned."""
        self.end(call)
        return True


class Pool:
    """Pool of instances that are booted when they are needed, at most `size` at a time, and replaced after a trap.

    Attributes:
        size: Maximum number of instances.
        is_fresh: True if each run of a call has an instance of its own.
    """

    def __init__(
        self,
        program: Program,
        size: int | None = None,
        pending_inputs: PendingInputs | None = None,
        *,
        reuse: str = REUSES[0],
    ) -> None:
        """Create a pool without instances.

        Args:
            program: The compiled server, which is freed with the last pool that uses it.
            size: Number of instances that requests can use; None for as many as are of use.
            pending_inputs: Those of the pool before, whose suspended calls continue in this one.
            reuse: `process`; or `request` to boot an instance for each run of a call, which ends with it.
        """
        self.program = program
        program.uses.add()
        self._cores = max(1, size or os.cpu_count() or 1)
        self.size = max(1, size or dispatch.default_size(can_wait=program.can_wait))
        self._exact = size is not None
        # A caller that requests one instance can rely on its memory, which an exceeded slice would lose.
        self.is_fresh = reuse == "request"
        trusted = program.can_stop and size != 1 and not self.is_fresh
        self.inline_policy = InlinePolicy(trusted=trusted, by_target=program.can_wait)
        self.tokens = itertools.count(1)
        self.pending_inputs = pending_inputs or PendingInputs(self.submit, program.limits.answer)
        self._workers: list[_Worker] = []
        self._idle: list[_Worker] = []  # the last one is the first to run
        self._lanes = Lanes()
        self._woken = 0  # number of workers that are about to take a call
        self._slow = 0  # number of running slow calls
        self._waiting = 0  # number of running calls that wait in the host, when they were last looked at
        self._looking = False
        self._hanging = 0
        self._full_until = 0.0
        self._lock = threading.Lock()
        self._closed = False
        self._successor: Pool | None = None
        self._instance_bytes = 0  # linear memories of an instance that was just booted; 0 if unknown
        self.failure: ArtifactError | None = None
        """The error of the last boot; None if it succeeded, or no instance was booted."""

    @property
    def has_waiting_calls(self) -> bool:
        """True if calls wait for an instance."""
        return len(self._lanes) > self._woken

    @property
    def instances(self) -> int:
        """Number of instances."""
        return len(self._workers)

    @property
    def waiting_calls(self) -> int:
        """Number of calls that wait for an instance."""
        return max(0, len(self._lanes) - self._woken)

    def submit(self, call: Call) -> None:
        """Pass a call to the first free instance; an inline call has ended on return.

        Raises:
            HostError: The server is closed.
        """
        if is_deferral_needed():
            with DeferredSignals():
                self._submit(call)
        else:
            self._submit(call)

    def _submit(self, call: Call) -> None:
        policy = self.inline_policy
        if policy.by_target and call.target is ANY_TARGET:
            call.target = target_of(call.request)
        short = policy.allows_inline(call.target) and sum(map(len, call.request)) < _SHORT
        if short and not self._closed and has_sufficient_stack():
            for worker in tuple(self._workers):
                if worker.run_inline(call):
                    return
                if not policy.allows_inline(call.target):  # it was stopped: do not lose the next instance as well
                    break
        if call.target is ANY_TARGET:
            call.target = target_of(call.request)
        with self._lock:
            successor = self._successor
            if successor is None:
                if self._closed:
                    raise HostError("the server is closed")
                self._lanes.put(call)
                self._dispatch()
                if self.has_waiting_calls and not self._exact and not self._looking:
                    self._looking = True
                    threading.Thread(target=self._look, name="wasmcp-scheduler", daemon=True).start()
        if successor is not None:
            successor.submit(call)

    def next_call(self, worker: _Worker) -> Call | None:
        """Wait for the next call of a worker. Return None if the worker has to end."""
        while True:
            with self._lock:
                worker.wake.acquire(blocking=False)
                self._rouse(worker)
                call = None if self._closed else self._lanes.take(slow=self._takes_slow())
                if call is not None:
                    with suppress(ValueError):
                        self._idle.remove(worker)
                    worker.slow = self._lanes.is_slow(call)
                    self._slow += worker.slow
                    return call
                if self._closed:
                    return None
                if worker not in self._idle:
                    self._idle.append(worker)
                extra = len(self._workers) > self._cores
            if not worker.wake.acquire(timeout=IDLE if extra else -1):
                with self._lock:
                    if worker in self._idle and len(self._workers) > self._cores:
                        self._idle.remove(worker)
                        self._workers.remove(worker)
                        return None

    def _rouse(self, worker: _Worker) -> None:
        """Note that a woken worker looks for a call. The lock must be held, as for all methods below it."""
        self._woken -= worker.woken
        worker.woken = False

    def _allowed(self) -> int:
        """Return the number of instances that are of use now."""
        if self._exact:
            return self.size
        return min(self.size, self._cores + self._waiting_now() + (self._slow > 0))

    def _waiting_now(self) -> int:
        return min(self._waiting, len(self._workers) - len(self._idle) - self._woken)

    def _takes_slow(self) -> bool:
        """Return True if one more slow call can run: one instance is left to quick calls."""
        return self._exact or self._slow < max(1, min(self.size - 1, self._cores + self._waiting_now()))

    def _shortage(self) -> int:
        """Return the number of calls that could run, and have no worker yet."""
        return self._lanes.ready(slow=self._takes_slow()) - self._woken

    def _dispatch(self) -> None:
        """Wake idle workers for the waiting calls, and start workers."""
        while self._idle and self._shortage() > 0:
            worker = self._idle.pop()
            worker.woken = True
            self._woken += 1
            worker.wake.release()
        self._start_workers(self._shortage())

    def grow(self) -> None:
        """Start workers for waiting calls, when the size of an instance is known."""
        with self._lock:
            if not self._closed:
                self._start_workers(self._shortage())

    def _start_workers(self, most: int) -> None:
        """Start up to `most` workers, if they are of use and the process has room."""
        for _ in range(most):
            if len(self._workers) >= self._allowed() or self._hanging >= _ABANDONED * self.size:
                return
            booted = sum(worker.instance is not None for worker in self._workers)
            starting = len(self._workers) - booted
            if self._workers and not (self._has_room(booted, starting) if booted else starting < _UNMEASURED):
                return
            try:
                worker = _Worker(self)
            except RuntimeError:  # the process cannot have more threads
                if not self._workers:
                    raise
                self._full_until = monotonic() + _FULL
                return
            self._woken += 1
            self._workers.append(worker)

    def _has_room(self, booted: int, starting: int) -> bool:
        """Return whether one more instance fits. A refusal holds for a while: reading mappings takes milliseconds."""
        if monotonic() < self._full_until:
            return False
        found = memory.room_for(booted, starting)
        if found and not self._exact and booted + starting > self._cores:
            found = dispatch.one_more_fits(booted)
        if not found:
            self._full_until = monotonic() + _FULL
        return found

    def _look(self) -> None:
        """Look at the running calls while others wait, and start workers if running calls do not need their core."""
        quiet = 0
        pause = threading.Event()
        while quiet < _LOOKS:
            pause.wait(_LOOK)
            with self._lock:
                if self._closed:
                    break
                running = [(one, one.call) for one in self._workers if one.call is not None and one.began]
                now = monotonic()
                for worker, call in running:
                    if not worker.slow and call is not None and now - worker.began > SLOW:
                        worker.slow = True
                        self._slow += 1
                        self._lanes.found_slow(call)
                self._waiting = sum(worker.activity.waits(worker.thread.native_id) for worker, _ in running)
                self._dispatch()
                quiet = 0 if len(self._lanes) > self._woken else quiet + 1
                self._looking = quiet < _LOOKS

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
                instance = Instance(self.program)
                if logs.is_verbose():
                    self._instance_bytes = instance.memory_bytes()
                instance.close()
            except BaseException as error:  # noqa: BLE001 - raised below, on the caller's thread
                errors.append(error)

        start_thread(run, "wasmcp-boot").join()
        if errors:
            raise errors[0]

    def log_bound(self) -> None:
        """Log the maximum number of instances, after `boot`."""
        size = self.size if self._exact else dispatch.bound_by_memory(self.size, self._cores, self._instance_bytes)
        total = memory.total()
        share = None if total is None else int(total * dispatch.MEMORY_SHARE)
        life = ", a new one for each request" if self.is_fresh else ""
        if self._exact:
            reason = "as configured"
        elif not self._instance_bytes or share is None:
            reason = "the memory of an instance is unknown"
        else:
            one, most = _mebibytes(self._instance_bytes), _mebibytes(share)
            reason = f"one has {one} of memory at its start, all of them can use {most}"
        facts = {"instance_bytes": self._instance_bytes, "memory_bytes": share, "reuse": REUSES[self.is_fresh]}
        message = f"at most {size} instances{life}: {reason}"
        logs.log(logs.ENGINE, logs.DEBUG, message, instances=size, **facts)

    def new_instance(self, on_overdue: Callable[[], None], observer: CallObserver | None) -> Instance:
        """Boot an instance for a call, whose observer notes it.

        Args:
            on_overdue: See `Instance`.
            observer: The observer of the call; None for none.

        Raises:
            HostError: The same as for `Instance`.
        """
        if observer is None:
            return Instance(self.program, on_overdue)
        began = monotonic()
        try:
            instance = Instance(self.program, on_overdue)
        except Exception as error:
            observer.booted(monotonic() - began, error)
            raise
        observer.booted(monotonic() - began, None)
        return instance

    def now_idle(self, worker: _Worker, call: Call | None = None) -> None:
        """Count a worker as idle.

        Args:
            worker: The worker.
            call: The call that has ended or paused, whose duration is recorded.
        """
        with self._lock:
            self._ended(worker)
            if call is not None and not call.cancelled:
                self._lanes.record(call, monotonic() - worker.began)
            if worker not in self._idle:
                self._idle.append(worker)

    def _ended(self, worker: _Worker) -> None:
        self._slow -= worker.slow
        worker.slow = False

    def abandon(self, worker: _Worker) -> None:
        """Count a worker as hanging, and start another if calls wait."""
        with self._lock:
            self._hanging += 1
            self._ended(worker)
            with suppress(ValueError):
                self._workers.remove(worker)
            if not self._closed:
                with suppress(RuntimeError):
                    self._start_workers(self._shortage())

    def returned(self) -> None:
        """Count a hanging worker as ended."""
        with self._lock:
            self._hanging -= 1

    def drain(self, successor: Pool, *, is_patient: bool = False) -> None:
        """Pass waiting and later calls on to another pool, wait until the running ones have ended, and stop the pool.

        The wait is limited by the time that booting an instance and a call can take.

        Args:
            successor: The pool that replaces this one. It has the pending inputs.
            is_patient: Wait for calls that have time limits of their own, without another limit.
        """
        with self._lock:
            self._successor = successor
            waiting = self._lanes.drain()
        for call in waiting:
            try:
                successor.submit(call)
            except HostError as error:  # the server is closed
                call.finish(None, error)
        ends = inf if is_patient else monotonic() + 2 * (self.program.limits.timeout or _DRAINED)
        pause = threading.Event()
        while monotonic() < ends:
            with self._lock:
                if self._closed or len(self._idle) == len(self._workers):
                    break
            pause.wait(_SELDOM if is_patient else _POLL)
        self._stop(1.0)

    def close(self, timeout: float = 1.0) -> None:
        """Stop the pool: fail queued calls, cancel running ones, drop instances."""
        self.pending_inputs.close()
        self._stop(timeout)

    def _stop(self, timeout: float) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
            workers = list(self._workers)
            pending = self._lanes.drain()
            for worker in self._idle:
                worker.wake.release()
            self._idle.clear()
        for call in pending:
            call.finish(None, HostError("the server was closed"))
        for worker in workers:
            running = worker.call
            if running is not None:
                running.cancel()
        for worker in workers:
            if worker.thread is not threading.current_thread():
                worker.thread.join(timeout + self.program.limits.cancel_grace)
            if worker.thread.is_alive() and worker.instance is not None:
                worker.instance.end_input()
        # A thread that hangs in the host can still use the program; it is then left to garbage collection.
        hangs = self._hanging or any(worker.thread.is_alive() for worker in workers)
        if not hangs and self.program.uses.remove():
            self.program.close()
