"""Requests that wait for their client: one of an older revision, which the server has asked something first.

Nothing waits in the server meanwhile. The call is kept here until the client's responses are there, then it goes to any
instance again. Ids are the server's, random, so that whoever knows one was asked.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from wasmcp.errors import GuestCancelledError, HostError
from wasmcp.host.mcp.cancellation import withdrawal

if TYPE_CHECKING:
    from collections.abc import Callable

    from wasmcp.host.scheduling.call import Call, Sender

BATCHES = b"2025-03-26"
"""What the state of a client begins with whose revision has batches."""

_MOST = 1024  # calls that wait at a time


class Question:
    """What a call waits for.

    Attributes:
        continuation: What the server wants back, JSON.
        answers: The client's responses by id, None while one is missing.
    """

    def __init__(self, call: Call, ids: list[str], continuation: str) -> None:
        self.call = call
        self.continuation = continuation
        self.answers: dict[str, Any] = dict.fromkeys(ids)
        self.timer: threading.Timer | None = None
        self.suspended = False

    @property
    def complete(self) -> bool:
        """Whether every answer is there."""
        return all(answer is not None for answer in self.answers.values())

    def withdraw(self) -> None:
        """Tell the client that nobody waits for what it has not answered."""
        for asked_id, answer in self.answers.items():
            if answer is None and self.call.on_event is not None:
                self.call.on_event("withdrawn", withdrawal(asked_id))


class Questions:
    """The calls of one server that wait for answers. Its methods may be called from any thread."""

    def __init__(self, submit: Callable[[Call], None], patience: float | None) -> None:
        """Prepare.

        Args:
            submit: Takes a call that goes on.
            patience: Seconds a client may take; None for no limit.
        """
        self._submit = submit
        self._patience = patience
        self._by_id: dict[str, Question] = {}
        self._by_call: dict[Call, Question] = {}
        self._lock = threading.Lock()
        self._closed = False

    def __len__(self) -> int:
        return len(self._by_call)

    def ask(self, call: Call, frame: str) -> None:
        """Take what a call waits for, before the client can know of it."""
        asked = json.loads(frame)
        question = Question(call, asked["ids"], json.dumps(asked["continuation"]))
        with self._lock:
            self._by_call[call] = question
            for asked_id in question.answers:
                self._by_id[asked_id] = question

    def suspend(self, call: Call) -> bool:
        """Keep a call whose run has ended until it can go on. False: it asked nothing, and has ended for good."""
        with self._lock:
            question = self._by_call.get(call)
            if question is None:
                return False
            refusal: HostError | None = None
            if self._closed or call.cancelled:
                refusal = GuestCancelledError()
            elif len(self._by_call) > _MOST:
                refusal = HostError(f"more than {_MOST} requests wait for answers of their clients")
            if refusal is None and not question.complete:
                question.suspended = True
                if self._patience is not None:
                    question.timer = threading.Timer(self._patience, self._expire, (question,))
                    question.timer.daemon = True
                    question.timer.start()
                return True
            self._forget(question)
        if refusal is not None:
            question.withdraw()
            call.finish(None, refusal)
        else:
            self._resume(question)
        return True

    def answer(
        self, message: bytes, *, batches: bool = True, sender: Sender | None = None, admitted: bool = False
    ) -> bool:
        """Take a message of a client. False: it is something else than answers to its questions alone.

        Args:
            message: A JSON-RPC message.
            batches: Whether the client may send several in an array.
            sender: Of the message, when it came over HTTP; it may answer only what it was asked itself.
            admitted: Whether the server has taken the message already.
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
            question = self._by_id.get(response["id"])
            if question is None:
                return False
            asked = question.call.sender
            if not (asked is None if sender is None else sender.may(asked, admitted=admitted)):
                return False
            del self._by_id[response["id"]]
            question.answers[response["id"]] = response
            if not (question.complete and question.suspended):
                return True
            self._forget(question)
        self._resume(question)
        return True

    def forget(self, call: Call) -> None:
        """Forget what a call waits for: it has ended."""
        with self._lock:
            question = self._by_call.get(call)
            if question is None:
                return
            self._forget(question)
        question.withdraw()

    def drop(self, call: Call) -> None:
        """Give up on a call, when it waits."""
        with self._lock:
            question = self._by_call.get(call)
            if question is None or not question.suspended:
                return
            self._forget(question)
        question.withdraw()
        call.finish(None, GuestCancelledError())

    def close(self) -> None:
        """Give up on all calls: there are no clients any more."""
        with self._lock:
            self._closed = True
            waiting = [question.call for question in self._by_call.values() if question.suspended]
        for call in waiting:
            self.drop(call)

    def _expire(self, question: Question) -> None:
        with self._lock:
            if self._by_call.get(question.call) is not question:
                return
            self._forget(question)
        question.withdraw()
        question.call.finish(None, HostError(f"the client did not answer within {self._patience:g} s"))

    def _forget(self, question: Question) -> None:
        if question.timer is not None:
            question.timer.cancel()
        self._by_call.pop(question.call, None)
        for asked_id in question.answers:
            self._by_id.pop(asked_id, None)

    def _resume(self, question: Question) -> None:
        call = question.call
        answers = json.dumps(list(question.answers.values()), ensure_ascii=True, separators=(",", ":"))
        call.resumed = (question.continuation.encode(), answers.encode())
        try:
            self._submit(call)
        except HostError as error:
            call.finish(None, error)
