"""A call into a server: request, state and result, the policy for inline calls, and suspension.

A short call can run inline, on the submitting thread, for example that of an event loop. Two conditions must hold, so
that it does not block other work of that thread:

* It can be stopped everywhere: its code by the engine when it exceeds its slice, and before it waits or acts through an
  import (`wasmcp.host.bindings.effects`). It runs again on another thread then. It is safe to run it twice: until then
  it had no effects but its events, and events that were sent are not sent again.
* Recent calls of its target were short, and had no effects.

A call of a handshake revision is suspended until its client has answered server-to-client requests. It occupies no
instance then: it is kept until all responses of the client have arrived, and continues on any instance. The server's
request ids are random, so that only the client that got a request can answer it.

A call whose authorization needs keys or the introspection of a token is suspended as well, until the host has fetched
them (`wasmcp.host.authorization`), and then runs again: nothing of it was processed.
"""

from __future__ import annotations

import json
import threading
from threading import get_ident
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from wasmcp.errors import GuestCancelledError, GuestTimeoutError, HostError
from wasmcp.host.bindings.effects import RUNNING
from wasmcp.host.bindings.messages import Ask, HttpRequest, InputCancelled, Need
from wasmcp.host.scheduling.interruption import interruptible

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from wasmcp.host.bindings.messages import Event, Request
    from wasmcp.host.scheduling.instance import Instance


SLICE = 0.005  # maximum seconds of an inline call
_QUICK = 0.0005  # maximum seconds of a short call: the most that handing it to another thread costs
_NEEDED = 16  # score from which calls run inline; a short call adds 1
_MOST = 64  # maximum score
_SLOW = 8  # deduction for a long call
_NEVER = 1 << 62  # the negative score of a target that stays on other threads
_NAMED = ("tools/", "prompts/")  # methods whose targets have names; URIs are too many, and share their template's code
_MOST_STOPPED = 3  # maximum number of inline calls of a target that are stopped: each costs an instance
_MOST_TARGETS = 4096  # maximum number of targets that are kept
ANY_TARGET = ("", "")
"""Target of a call whose target is not known."""


Target = tuple[str, str]


class InlinePolicy:
    """Policy for the calls of one server, based on recent calls of each target. It is approximate if threads compete.

    Attributes:
        by_target: False if all calls count as calls of one target.
    """

    def __init__(self, *, trusted: bool, by_target: bool = False) -> None:
        """Create a policy.

        Args:
            trusted: Allow inline calls.
            by_target: Distinguish targets: what a tool or prompt does decides how long it takes, and if it waits.
        """
        self.by_target = by_target
        self._trusted = trusted
        self._scores: dict[Target, int] = {}
        self._stopped: dict[Target, int] = {}

    def allows_inline(self, target: Target = ANY_TARGET) -> bool:
        """Return True if the next call of a target is expected to be short, and to have no effects."""
        return self._scores.get(self._key(target) if self.by_target else ANY_TARGET, 0) >= _NEEDED

    @staticmethod
    def _key(target: Target) -> Target:
        return target if target[0].startswith(_NAMED) else (target[0], "")

    def record(self, target: Target, seconds: float, events: int, *, had_effects: bool = False) -> None:
        """Record a call that has ended.

        Args:
            target: The target of the call.
            seconds: Its duration.
            events: The number of its events: a call with events does not count as short.
            had_effects: It has waited, or acted through an import.
        """
        if not self._trusted:
            return
        key = self._key(target) if self.by_target else ANY_TARGET
        score = self._scores.get(key, 0)
        if had_effects:
            self._put(key, min(score, -_MOST))
        elif seconds < _QUICK and not events:
            if score < _MOST:
                self._put(key, score + 1)
        else:
            self._put(key, score if score <= 0 else max(score - _SLOW, 0))

    def record_stopped(self, target: Target, *, had_effects: bool = False) -> None:
        """Record an inline call that was stopped, which costs an instance.

        Args:
            target: The target of the call.
            had_effects: It was about to wait or act; otherwise it has exceeded its slice.
        """
        key = self._key(target) if self.by_target else ANY_TARGET
        stopped = self._stopped[key] = self._stopped.get(key, 0) + had_effects
        self._put(key, -_MOST if stopped < _MOST_STOPPED else -_NEVER)

    def _put(self, key: Target, score: int) -> None:
        if key not in self._scores and len(self._scores) >= _MOST_TARGETS:
            # Targets that do not exist have a low score: they do not displace those that are often called.
            self._scores = {one: kept for one, kept in self._scores.items() if kept < 0 or kept >= _NEEDED}
            if len(self._scores) >= _MOST_TARGETS:
                return
        self._scores[key] = score


class Sender(NamedTuple):
    """Sender of an HTTP request.

    Attributes:
        session: The identifier of its session, or None.
        head: The parts of the head that the server checks before it reads the body: the target, then the
            fields that the check reads, sorted.
    """

    session: bytes | None
    head: tuple[tuple[bytes, bytes], ...]

    def can_access(self, other: Sender | None, *, admitted: bool) -> bool:
        """Return True if a message of this sender can answer or cancel a request of another.

        Args:
            other: The sender of the request.
            admitted: True if the server has accepted the message. Before that, only a sender with the same head is
                allowed, because the server has accepted that head already.
        """
        return other is not None and self.session == other.session and (admitted or self.head == other.head)


class CallObserver(Protocol):
    """Observer of one call. Its methods are called on threads of the host, and must neither raise nor block."""

    def booted(self, seconds: float, error: Exception | None) -> None:
        """Note the boot of an instance that the call has waited for: its duration, and its error or None."""

    def ran(self, seconds: float, error: Exception | None) -> None:
        """Note the end of a run, or its suspension: its duration, and its error or None."""

    def header_fields(self) -> Iterable[tuple[str, str]]:
        """Return the header fields with the trace context, for the outgoing requests of the call."""


class Turn(Protocol):
    """The use of an instance by a run of a call, until the instance is free for other calls."""

    def pause(self, call: Call) -> bool:
        """Free the instance while the call waits. Return False if the call was abandoned."""
        ...

    def end(self, call: Call) -> None:
        """Free the instance, because the call has ended."""


class Call:
    """One call into a server, from `submit` to `on_done`.

    Attributes:
        result: The result of the entry point, when the call has ended.
        error: The error, when the call has failed.
        sender: The sender over HTTP; None for the client of a stdio connection.
        client: The client that it takes turns for with others, such as its address; None if there is only one.
        target: The method, and the name or URI of the target, once the call has waited for an instance, or if it is
            known before.
        observer: Observer of its runs; None for none.
    """

    __slots__ = (
        "_again",
        "_fetches",
        "_instance",
        "_is_finished",
        "_lock",
        "_on_done",
        "_on_event",
        "_pending_inputs",
        "_seen",
        "_token",
        "awaits_input",
        "cancelled",
        "client",
        "error",
        "had_effects",
        "is_abandoned",
        "is_inline",
        "observer",
        "request",
        "result",
        "resumed",
        "sender",
        "target",
        "timeout",
    )

    def __init__(
        self,
        request: Request,
        timeout: float | None,
        on_done: Callable[[Call], None],
        on_event: Callable[[Call, Event], None] | None = None,
        pending_inputs: PendingInputs | None = None,
    ) -> None:
        """Prepare a call.

        Args:
            request: The request.
            timeout: Maximum seconds from the start on an instance; None for no limit.
            on_done: Called once, on a thread of the pool or within `Pool.submit`; must not raise.
            on_event: Called with each event, on a thread of the host; must not raise.
            pending_inputs: The suspended calls of its server; None for a call that never waits for input or keys.
        """
        self.request: Request = request
        self.timeout = timeout
        self._on_done = on_done
        self._on_event = on_event
        self._pending_inputs = pending_inputs
        self.sender: Sender | None = None
        self.client: object = None
        self.observer: CallObserver | None = None
        self.target: Target = ANY_TARGET
        self.resumed: tuple[bytes, bytes] | None = None
        self.awaits_input = False
        self.cancelled = False
        self.result: Any = None
        self.error: Exception | None = None
        self._is_finished = False
        self._lock = threading.Lock()
        self._instance: Instance | None = None
        self._token = 0
        self.is_abandoned = False  # its client has left, so that it cannot wait for input
        self.is_inline = False
        self.had_effects = False
        self._seen = 0  # number of events of this run
        self._again = 0  # number of events of an earlier run, which must not be sent again
        self._fetches = 0  # number of times that it was suspended for its authorization

    def cancel(self) -> None:
        """Cancel the call: a queued one never runs, a running one is notified, and stopped if it continues."""
        with self._lock:
            self.cancelled = True
            instance = self._instance
        if instance is not None:
            instance.cancel(self._token)
        elif self._pending_inputs is not None:
            self._pending_inputs.drop(self)

    def hold(self) -> None:
        """Stop reading events until `release`; the code blocks when it sends more."""
        instance = self._instance
        if instance is not None and not self.is_inline:  # an inline call would block its own thread
            instance.hold(self._token)

    def release(self) -> None:
        """Read events again."""
        instance = self._instance
        if instance is not None:
            instance.release()

    def notify(self, event: Event) -> None:
        """Pass an event on, unless the call has ended."""
        on_event = self._on_event  # another thread can end the call
        if on_event is not None:
            on_event(self, event)

    @interruptible
    def _event(self, event: Event) -> None:
        self._seen += 1
        if self._seen <= self._again:
            return
        if isinstance(event, Ask) and self._pending_inputs is not None:
            self.awaits_input = True
            self._pending_inputs.add(self, event)
        else:
            self.notify(event)

    def run(
        self, instance: Instance, token: int, inline_policy: InlinePolicy, turn: Turn, *, inline: bool = False
    ) -> bool:
        """Run on an instance, then finish or wait for the client's input.

        Args:
            instance: The instance that runs the call.
            token: The number of this run.
            inline_policy: The policy that records the duration.
            turn: The use of the instance, which ends before the result is passed on.
            inline: Run on the submitting thread, for no longer than `SLICE`, and stop before it waits or acts.

        Returns:
            False if the call was stopped: the instance is broken then, and the call has to run again.
        """
        timeout = self.timeout
        limited = inline and (timeout is None or timeout > SLICE)
        begun = monotonic()
        with self._lock:
            cancelled = self.cancelled
            if not cancelled:
                self._instance = instance
                self._token = token
                self.is_inline = inline
                self.had_effects = False
                self._seen = 0
                self.awaits_input = False
                instance.prepare(token, begun, SLICE if limited else timeout, self._event, is_slice=limited)
        if cancelled:
            self.finish(None, GuestCancelledError(), turn)
            return True
        result = error = None
        thread = get_ident()
        outer = RUNNING.get(thread)
        RUNNING[thread] = self
        try:
            result = instance.call(self.request, self.resumed)
        except Exception as raised:  # noqa: BLE001 - every error must end the call
            error = raised
        finally:
            self._instance = None
            if outer is None:
                del RUNNING[thread]
            else:
                RUNNING[thread] = outer
        if inline and (self.had_effects or (limited and isinstance(error, GuestTimeoutError))):
            inline_policy.record_stopped(self.target, had_effects=self.had_effects)
            self._was_stopped()
            return False
        self._again = 0  # a run that continues after the client's input sends other events
        seconds = monotonic() - begun
        inline_policy.record(self.target, seconds, self._seen, had_effects=self.had_effects)
        if self.observer is not None:
            self.observer.ran(seconds, error)
        if self.awaits_input and self._pending_inputs is not None:
            if error is None and turn.pause(self):
                self._pending_inputs.suspend(self)
                return True
            self._pending_inputs.forget(self)
        if instance.issuer is not None and result is not None and isinstance(self.request, HttpRequest):
            need = Need.of(*result)
            if need is not None:
                self._fetch(instance, need, turn)
                return True
        self.finish(result, error, turn)
        return True

    def _was_stopped(self) -> None:
        """Prepare another run, which sends no events again."""
        self._again = max(self._again, self._seen)
        if self.awaits_input and self._pending_inputs is not None:
            self._pending_inputs.forget(self)
            self._again = 0  # the next run sends its requests with other ids

    def _fetch(self, instance: Instance, need: Need, turn: Turn) -> None:
        """Run again with what the authorization needs, or finish with its response if that is missing."""
        issuer, keys, pending_inputs = instance.issuer, instance.keys, self._pending_inputs

        def fetched(lines: bytes | None) -> None:
            request = self.request
            if lines is None or pending_inputs is None or not isinstance(request, HttpRequest):
                self.finish(need.response, None)
            else:
                self.request = request._replace(headers=request.headers + lines)
                pending_inputs.run_again(self)

        self._fetches += 1
        can_wait = self._fetches <= _MOST_FETCHES and turn.pause(self)
        if not (can_wait and issuer is not None and issuer.provide(need, keys, fetched)):
            self.finish(need.response, None, None if can_wait else turn)

    def finish(self, result: Any, error: Exception | None, turn: Turn | None = None) -> None:
        """Finish the call, unless it is finished already.

        Args:
            result: The result of the entry point.
            error: The error, if the call has failed.
            turn: The use of an instance by the run that ends the call; None outside of one.
        """
        with self._lock:
            was_finished = self._is_finished
            self._is_finished = True
        if was_finished:
            return
        self.result = result
        self.error = error
        on_done = self._on_done
        # These functions refer to the call. Cycles of references would be left to the garbage collector.
        self._on_done, self._on_event = _ended, None
        if turn is not None:
            turn.end(self)
        on_done(self)


def _ended(_call: Call) -> None:
    """Do nothing: the call has ended."""


_MOST_FETCHES = 2  # maximum number of times that a call is suspended for its authorization

BATCHES = b"2025-03-26"
"""Prefix of the state of a client whose revision has batches."""


class PendingInput:
    """Input that a call waits for.

    Attributes:
        continuation: The server's opaque state of the call, JSON.
        answers: The client's responses by request id, None for a missing one.
    """

    def __init__(self, call: Call, ids: list[str], continuation: str) -> None:
        self.call = call
        self.continuation = continuation
        self.answers: dict[str, Any] = dict.fromkeys(ids)
        self.timer: threading.Timer | None = None
        self.suspended = False

    @property
    def complete(self) -> bool:
        """True if all responses have arrived."""
        return all(answer is not None for answer in self.answers.values())

    def cancel_requests(self) -> None:
        """Send cancellations for the requests without a response."""
        for request_id, answer in self.answers.items():
            if answer is None:
                self.call.notify(InputCancelled.of(request_id))


class PendingInputs:
    """Suspended calls of one server. The methods are thread-safe.

    Attributes:
        by_call: The pending input of each call. Only this object changes it.
    """

    def __init__(self, submit: Callable[[Call], None], patience: float | None, most: int = 1024) -> None:
        """Create an empty table.

        Args:
            submit: Called with a call that continues.
            patience: Maximum seconds that a client can take; None for no limit.
            most: The maximum number of suspended calls.
        """
        self._most = most
        self._submit = submit
        self._patience = patience
        self._by_id: dict[str, PendingInput] = {}
        self.by_call: dict[Call, PendingInput] = {}
        self._lock = threading.Lock()
        self._closed = False

    def __len__(self) -> int:
        return len(self.by_call)

    def continue_with(self, submit: Callable[[Call], None]) -> None:
        """Continue calls by another function from now on: that of a newer version of the server."""
        self._submit = submit

    def add(self, call: Call, event: Ask) -> None:
        """Add the pending input of a call, before the client gets the requests."""
        value = json.loads(event.text)
        pending = PendingInput(call, value["ids"], json.dumps(value["continuation"]))
        with self._lock:
            self.by_call[call] = pending
            for request_id in pending.answers:
                self._by_id[request_id] = pending

    def suspend(self, call: Call) -> bool:
        """Suspend a call whose run has ended until it can continue. Return False if it has no pending input."""
        with self._lock:
            pending = self.by_call.get(call)
            if pending is None:
                return False
            error: HostError | None = None
            if self._closed or call.cancelled or call.is_abandoned:
                error = GuestCancelledError()
            elif len(self.by_call) > self._most:
                error = HostError(f"more than {self._most} requests wait for input of their clients")
            if error is None and not pending.complete:
                pending.suspended = True
                if self._patience is not None:
                    pending.timer = threading.Timer(self._patience, self._expire, (pending,))
                    pending.timer.daemon = True
                    pending.timer.start()
                return True
            self._forget(pending)
        if error is not None:
            pending.cancel_requests()
            call.finish(None, error)
        else:
            self._resume(pending)
        return True

    def answer(
        self, message: bytes, *, batches: bool = True, sender: Sender | None = None, admitted: bool = False
    ) -> bool:
        """Process a client's message. Return False unless it consists only of responses to pending requests.

        Args:
            message: A JSON-RPC message.
            batches: Accept an array of messages.
            sender: The sender of a message over HTTP; it can only answer requests that were sent to it.
            admitted: True if the server has accepted the message already.
        """
        if not self._by_id:
            return False
        try:
            parsed = json.loads(message)
        except (ValueError, RecursionError):
            return False
        responses = parsed if batches and isinstance(parsed, list) else [parsed]
        taken = [self._take(response, sender, admitted=admitted) for response in responses]
        return bool(taken) and all(taken)

    def _take(self, response: Any, sender: Sender | None, *, admitted: bool) -> bool:
        if not isinstance(response, dict) or "method" in response or not isinstance(response.get("id"), str):
            return False
        with self._lock:
            pending = self._by_id.get(response["id"])
            if pending is None:
                return False
            recipient = pending.call.sender
            if not (recipient is None if sender is None else sender.can_access(recipient, admitted=admitted)):
                return False
            del self._by_id[response["id"]]
            pending.answers[response["id"]] = response
            if not (pending.complete and pending.suspended):
                return True
            self._forget(pending)
        self._resume(pending)
        return True

    def forget(self, call: Call) -> None:
        """Remove the pending input of a call that has ended."""
        with self._lock:
            pending = self.by_call.get(call)
            if pending is None:
                return
            self._forget(pending)
        pending.cancel_requests()

    def drop(self, call: Call) -> None:
        """Cancel a call if it is suspended."""
        with self._lock:
            pending = self.by_call.get(call)
            if pending is None or not pending.suspended:
                return
            self._forget(pending)
        pending.cancel_requests()
        call.finish(None, GuestCancelledError())

    def abandon(self, calls: Collection[Call]) -> None:
        """Cancel those of some calls that are suspended now or later, because their client has left."""
        with self._lock:
            for call in calls:
                call.is_abandoned = True
            waiting = [call for call in calls if call in self.by_call and self.by_call[call].suspended]
        for call in waiting:
            self.drop(call)

    def close(self) -> None:
        """Cancel all suspended calls, because no client is left."""
        with self._lock:
            self._closed = True
            waiting = [pending.call for pending in self.by_call.values() if pending.suspended]
        for call in waiting:
            self.drop(call)

    def _expire(self, pending: PendingInput) -> None:
        with self._lock:
            if self.by_call.get(pending.call) is not pending:
                return
            self._forget(pending)
        pending.cancel_requests()
        pending.call.finish(None, HostError(f"the client did not answer within {self._patience:g} s"))

    def _forget(self, pending: PendingInput) -> None:
        if pending.timer is not None:
            pending.timer.cancel()
        self.by_call.pop(pending.call, None)
        for request_id in pending.answers:
            self._by_id.pop(request_id, None)

    def _resume(self, pending: PendingInput) -> None:
        call = pending.call
        answers = json.dumps(list(pending.answers.values()), ensure_ascii=True, separators=(",", ":"))
        call.resumed = (pending.continuation.encode(), answers.encode())
        self.run_again(call)

    def run_again(self, call: Call) -> None:
        """Submit a call again; it fails if the server was closed."""
        try:
            self._submit(call)
        except HostError as error:
            call.finish(None, error)
