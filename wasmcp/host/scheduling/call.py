"""One call into a server: what was sent, where it runs, what came of it."""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from wasmcp.errors import GuestCancelledError, GuestTimeoutError
from wasmcp.host.scheduling.deferred_signals import interruptible
from wasmcp.host.scheduling.inline_policy import SLICE

if TYPE_CHECKING:
    from collections.abc import Callable

    from wasmcp.host.scheduling.inline_policy import Pace
    from wasmcp.host.scheduling.instance import Instance
    from wasmcp.host.scheduling.pending_input import Questions


class Sender(NamedTuple):
    """Sender of an HTTP request, as far as the host knows it.

    Attributes:
        session: The identifier of its session, or None.
        head: What the server judges a request by before it reads the body: the target, and the fields that say where
            the request comes from and what it is.
    """

    session: bytes | None
    head: tuple[tuple[bytes, bytes], ...]

    def may(self, other: Sender | None, *, admitted: bool) -> bool:
        """Tell whether this one may answer or cancel a request of another.

        Args:
            other: The sender of the request.
            admitted: Whether the server has taken the message. Until then only the same head is good, with which the
                request was taken itself.
        """
        return other is not None and self.session == other.session and (admitted or self.head == other.head)


class Call:
    """One call into a server, from `submit` to `on_done`.

    Attributes:
        result: What the door returned, once it is done.
        error: Why there is none, once it is done.
        sender: Who has sent it over HTTP; None for the client of a connection that has only one.
    """

    __slots__ = (
        "_again",
        "_claim",
        "_here",
        "_instance",
        "_lock",
        "_seen",
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
        "sender",
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
            on_done: Called once, on a thread of the pool or within `Pool.submit`; must not raise.
            on_event: Called for each event, with its kind (that of a frame, or `withdrawn`: a message that ends a
                question) and its JSON text, on a thread of the host; must not raise.
        """
        self.request = request
        self.timeout = timeout
        self.on_done = on_done
        self.on_event = on_event
        self.on_paused: Callable[[], bool] | None = None
        self.questions: Questions | None = None
        self.sender: Sender | None = None
        self.resumed: tuple[bytes, bytes] | None = None
        self.asked = False
        self.cancelled = False
        self.result: Any = None
        self.error: Exception | None = None
        self._claim = threading.Lock()
        self._lock = threading.Lock()
        self._instance: Instance | None = None
        self._token = 0
        self._here = False
        self._seen = 0  # events of this run
        self._again = 0  # events of an earlier run, which must not be told again

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
        if instance is not None and not self._here:  # here it would wait for the thread that it keeps from going on
            instance.hold(self._token)

    def release(self) -> None:
        """Take events again."""
        instance = self._instance
        if instance is not None:
            instance.release()

    @interruptible
    def _event(self, kind: str, json_text: str) -> None:
        self._seen += 1
        if self._seen <= self._again:
            return
        if kind == "ask" and self.questions is not None:
            self.asked = True
            self.questions.ask(self, json_text)
        elif self.on_event is not None:
            self.on_event(kind, json_text)

    def run(self, instance: Instance, token: int, pace: Pace, *, here: bool = False) -> bool:
        """Run on an instance and finish, or wait for what the client is asked.

        Args:
            instance: Where.
            token: Its name for this run.
            pace: Is told how long it took.
            here: On the thread that submits, for no longer than a slice.

        Returns:
            Whether that was all. If not it used up its slice, the instance is broken, and it has to run again.
        """
        limited = here and (self.timeout is None or self.timeout > SLICE)
        with self._lock:
            taken_back = self.cancelled
            if not taken_back:
                self._instance = instance
                self._token = token
                self._here = here
                self._seen = 0
                self.asked = False
                instance.prepare(token, SLICE if limited else self.timeout, self._event)
        if taken_back:
            self.finish(None, GuestCancelledError())
            return True
        result = error = None
        begun = monotonic()
        try:
            result = instance.call(self.request, self.resumed)
        except Exception as raised:  # noqa: BLE001 - whatever it is, somebody waits for this call
            error = raised
        finally:
            self._instance = None
        if limited and isinstance(error, GuestTimeoutError):
            pace.failed()
            self._again = max(self._again, self._seen)
            if self.asked and self.questions is not None:
                self.questions.forget(self)
                self._again = 0  # what it asks next has other ids
            return False
        self._again = 0  # a run that goes on after an answer tells other events
        pace.took(monotonic() - begun, self._seen)
        if self.asked and self.questions is not None:
            if error is None and self.on_paused is not None and self.on_paused():
                self.questions.suspend(self)
                return True
            self.questions.forget(self)
        self.finish(result, error)
        return True

    def finish(self, result: Any, error: Exception | None) -> None:
        """Finish, unless somebody has done it before."""
        if self._claim.acquire(blocking=False):
            self.result = result
            self.error = error
            self.on_done(self)
