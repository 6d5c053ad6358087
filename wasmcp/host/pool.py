"""The instances of one server, each on a thread of its own, so that a slow tool does not block the others."""

from __future__ import annotations

import itertools
import os
import threading
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from wasmcp.errors import GuestCancelled, HostError
from wasmcp.host.instance import Instance, Program
from wasmcp.host.questions import Questions

if TYPE_CHECKING:
    from collections.abc import Callable

_ABANDONED = 8  # times the size: how many threads may hang in the host before no more are started in their place


class Call:
    """One call into a server, from `submit` to `on_done`.

    Attributes:
        result: What the door returned, once it is done.
        error: Why there is none, once it is done.
    """

    __slots__ = (
        "_claim",
        "_instance",
        "_lock",
        "_token",
        "asked",
        "cancelled",
        "error",
        "on_done",
        "on_event",
        "on_paused",
        "questions",
        "request",
        "result",
        "resumed",
        "timeout",
    )

    def __init__(
        self,
        request: tuple[bytes, ...],
        timeout: float | None,
        on_done: Callable[[Call], None],
        on_event: Callable[[str, str], None] | None = None,
    ) -> None:
        """Prepare a call.

        Args:
            request: ``(line, state)`` for the stdio transport, ``(method, target, header lines, body)`` for HTTP; all
                of it valid UTF-8.
            timeout: Seconds it may take, from when an instance takes it up; None for no limit.
            on_done: Called once, on a thread of the pool; must not raise.
            on_event: Called for each event, with its kind and its JSON text, on a thread of the host; must not raise.
        """
        self.request = request
        self.timeout = timeout
        self.on_done = on_done
        self.on_event = on_event
        self.on_paused: Callable[[], bool] | None = None
        self.questions: Questions | None = None
        self.resumed: tuple[bytes, bytes] | None = None
        self.asked = False
        self.cancelled = False
        self.result: Any = None
        self.error: Exception | None = None
        self._claim = threading.Lock()
        self._lock = threading.Lock()
        self._instance: Instance | None = None
        self._token = 0

    def cancel(self) -> None:
        """Take the call back: a queued one never runs, a running one is told, and stopped if it goes on."""
        with self._lock:
            self.cancelled = True
            instance = self._instance
        if instance is not None:
            instance.cancel(self._token)
        elif self.questions is not None:
            self.questions.drop(self)

    def hold(self) -> None:
        """Take no more events until `release`; the code waits when it has more to say."""
        instance = self._instance
        if instance is not None:
            instance.hold(self._token)

    def release(self) -> None:
        """Take events again."""
        instance = self._instance
        if instance is not None:
            instance.release()

    def _event(self, kind: str, json_text: str) -> None:
        if kind == "ask" and self.questions is not None:
            self.asked = True
            self.questions.ask(self, json_text)
        elif self.on_event is not None:
            self.on_event(kind, json_text)

    def run(self, instance: Instance, token: int) -> None:
        """Run on an instance and finish, or wait for what the client is asked."""
        with self._lock:
            taken_back = self.cancelled
            if not taken_back:
                self._instance = instance
                self._token = token
                self.asked = False
                instance.prepare(token, self.timeout, self._event)
        if taken_back:
            self.finish(None, GuestCancelled())
            return
        result = error = None
        try:
            result = instance.call(self.request, self.resumed)
        except Exception as raised:  # noqa: BLE001 - whatever it is, somebody waits for this call
            error = raised
        finally:
            self._instance = None
        if self.asked and self.questions is not None:
            if error is None and self.on_paused is not None and self.on_paused():
                self.questions.suspend(self)
                return
            self.questions.forget(self)
        self.finish(result, error)

    def finish(self, result: Any, error: Exception | None) -> None:
        """Finish, unless somebody has done it before."""
        if self._claim.acquire(blocking=False):
            self.result = result
            self.error = error
            self.on_done(self)


class _Worker:
    """A thread with an instance."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.call: Call | None = None
        self.instance: Instance | None = None
        self.abandoned = False
        self._lock = threading.Lock()
        self.thread = threading.Thread(target=self._run, name="wasmcp-instance", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        pool = self._pool
        get, tokens = pool.queue.get, pool.tokens
        while True:
            call = get()
            if call is None:
                break
            self.call = call
            try:
                instance = self.instance
                if instance is None or instance.broken:
                    if instance is not None:
                        instance.close()
                        self.instance = None
                    instance = self.instance = Instance(pool.program)
                    instance.on_overdue = self._overdue
            except Exception as error:  # noqa: BLE001 - the one who waits for the call gets it
                self.call = None
                pool.now_idle()
                call.finish(None, error)
                continue
            # Idle before the answer is out: whoever reacts to the answer finds this instance free.
            call.questions = pool.questions
            call.on_paused = partial(self._paused, call, call.on_done)
            call.on_done = partial(self._answered, call.on_done)
            call.run(instance, next(tokens) & 0xFFFFFFFF)
            if self.abandoned:
                pool.returned()
                break
        if self.instance is not None:
            self.instance.close()
            self.instance = None

    def _answered(self, done: Callable[[Call], None], call: Call) -> None:
        with self._lock:
            self.call = None
            if not self.abandoned:
                self._pool.now_idle()
        done(call)

    def _paused(self, call: Call, done: Callable[[Call], None]) -> bool:
        with self._lock:
            if self.abandoned:
                return False
            self.call = None
            call.on_done = done
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
        self.queue: SimpleQueue[Call | None] = SimpleQueue()
        self.tokens = itertools.count(1)
        self.questions = Questions(self.submit, program.limits.answer)
        self._workers: list[_Worker] = []
        self._free = 0  # workers that wait, less calls that wait
        self._hanging = 0
        self._lock = threading.Lock()
        self._closed = False

    def submit(self, call: Call) -> None:
        """Hand a call to the first instance that is free.

        Raises:
            HostError: The server is closed.
        """
        with self._lock:
            if self._closed:
                raise HostError("the server is closed")
            self._free -= 1
            if self._free < 0 and len(self._workers) < self.size and self._hanging < _ABANDONED * self.size:
                self._free += 1
                self._workers.append(_Worker(self))
        self.queue.put(call)

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
            if self._free < 0 and not self._closed and self._hanging < _ABANDONED * self.size:
                self._free += 1
                self._workers.append(_Worker(self))

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
