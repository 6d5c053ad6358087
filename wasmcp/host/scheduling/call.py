"""One call into a server: its request, its state and its result."""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from wasmcp.errors import GuestCancelledError, GuestTimeoutError
from wasmcp.host.bindings.messages import Ask
from wasmcp.host.scheduling.deferred_signals import interruptible
from wasmcp.host.scheduling.inline_policy import SLICE

if TYPE_CHECKING:
    from collections.abc import Callable

    from wasmcp.host.bindings.messages import Event, Request
    from wasmcp.host.scheduling.inline_policy import InlinePolicy
    from wasmcp.host.scheduling.instance import Instance
    from wasmcp.host.scheduling.pending_input import PendingInputs


class Sender(NamedTuple):
    """Sender of an HTTP request.

    Attributes:
        session: The identifier of its session, or None.
        head: The parts of the head that the server checks before it reads the body: the target, and the fields of
            `admission_fields`.
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


class Call:
    """One call into a server, from `submit` to `on_done`.

    Attributes:
        result: The result of the entry point, when the call has ended.
        error: The error, when the call has failed.
        sender: The sender over HTTP; None for the client of a stdio connection.
    """

    __slots__ = (
        "_again",
        "_claim",
        "_inline",
        "_instance",
        "_lock",
        "_seen",
        "_token",
        "awaits_input",
        "cancelled",
        "error",
        "on_done",
        "on_event",
        "on_paused",
        "pending_inputs",
        "request",
        "result",
        "resumed",
        "sender",
        "timeout",
    )

    def __init__(
        self,
        request: Request,
        timeout: float | None,
        on_done: Callable[[Call], None],
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        """Prepare a call.

        Args:
            request: The request.
            timeout: Maximum seconds from the start on an instance; None for no limit.
            on_done: Called once, on a thread of the pool or within `Pool.submit`; must not raise.
            on_event: Called with each event, on a thread of the host; must not raise.
        """
        self.request: Request = request
        self.timeout = timeout
        self.on_done = on_done
        self.on_event = on_event
        self.on_paused: Callable[[], bool] | None = None
        self.pending_inputs: PendingInputs | None = None
        self.sender: Sender | None = None
        self.resumed: tuple[bytes, bytes] | None = None
        self.awaits_input = False
        self.cancelled = False
        self.result: Any = None
        self.error: Exception | None = None
        self._claim = threading.Lock()
        self._lock = threading.Lock()
        self._instance: Instance | None = None
        self._token = 0
        self._inline = False
        self._seen = 0  # number of events of this run
        self._again = 0  # number of events of an earlier run, which must not be sent again

    def cancel(self) -> None:
        """Cancel the call: a queued one never runs, a running one is notified, and stopped if it continues."""
        with self._lock:
            self.cancelled = True
            instance = self._instance
        if instance is not None:
            instance.cancel(self._token)
        elif self.pending_inputs is not None:
            self.pending_inputs.drop(self)

    def hold(self) -> None:
        """Stop reading events until `release`; the code blocks when it sends more."""
        instance = self._instance
        if instance is not None and not self._inline:  # an inline call would block its own thread
            instance.hold(self._token)

    def release(self) -> None:
        """Read events again."""
        instance = self._instance
        if instance is not None:
            instance.release()

    @interruptible
    def _event(self, event: Event) -> None:
        self._seen += 1
        if self._seen <= self._again:
            return
        if isinstance(event, Ask) and self.pending_inputs is not None:
            self.awaits_input = True
            self.pending_inputs.add(self, event)
        elif self.on_event is not None:
            self.on_event(event)

    def run(self, instance: Instance, token: int, inline_policy: InlinePolicy, *, inline: bool = False) -> bool:
        """Run on an instance, then finish or wait for the client's input.

        Args:
            instance: The instance that runs the call.
            token: The number of this run.
            inline_policy: The policy that records the duration.
            inline: Run on the submitting thread, for no longer than `SLICE`.

        Returns:
            False if the call has exceeded `SLICE`: the instance is broken then, and the call has to run again.
        """
        limited = inline and (self.timeout is None or self.timeout > SLICE)
        with self._lock:
            cancelled = self.cancelled
            if not cancelled:
                self._instance = instance
                self._token = token
                self._inline = inline
                self._seen = 0
                self.awaits_input = False
                instance.prepare(token, SLICE if limited else self.timeout, self._event)
        if cancelled:
            self.finish(None, GuestCancelledError())
            return True
        result = error = None
        begun = monotonic()
        try:
            result = instance.call(self.request, self.resumed)
        except Exception as raised:  # noqa: BLE001 - every error must end the call
            error = raised
        finally:
            self._instance = None
        if limited and isinstance(error, GuestTimeoutError):
            inline_policy.record_overrun()
            self._again = max(self._again, self._seen)
            if self.awaits_input and self.pending_inputs is not None:
                self.pending_inputs.forget(self)
                self._again = 0  # the next run sends its requests with other ids
            return False
        self._again = 0  # a run that continues after the client's input sends other events
        inline_policy.record(monotonic() - begun, self._seen)
        if self.awaits_input and self.pending_inputs is not None:
            if error is None and self.on_paused is not None and self.on_paused():
                self.pending_inputs.suspend(self)
                return True
            self.pending_inputs.forget(self)
        self.finish(result, error)
        return True

    def finish(self, result: Any, error: Exception | None) -> None:
        """Finish the call, unless it is finished already."""
        if self._claim.acquire(blocking=False):
            self.result = result
            self.error = error
            self.on_done(self)
