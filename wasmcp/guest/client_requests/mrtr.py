"""Asking the client in the middle of a function: the rounds behind `Context.elicit`, `sample` and `roots`.

A question without an answer ends the run of the function. What the client is asked, what it answered before and what
`Context.once` kept go out together; with the client's answers the function runs again from its start, and finds them.
Specification: basic/patterns/mrtr.
"""

from __future__ import annotations

import json
import sys
from binascii import a2b_base64, b2a_base64, crc32
from collections.abc import Callable, Generator, Mapping
from typing import Any, NamedTuple

from wasmcp.guest.content import InputRequired
from wasmcp.guest.errors import McpError, MismatchError, MissingCapabilityError
from wasmcp.guest.json_types.json_codec import encode, sendable
from wasmcp.guest.json_types.untyped_json import dump_any

INVALID_PARAMS = -32602
_OURS = b"\x00wasmcp\x00"
_ROUNDS = 64


class Wanted(NamedTuple):
    """What is sent instead of a result.

    Attributes:
        requests: Key, method and parameters (JSON text) of each.
        state: Comes back with the answers; None: there is none.
    """

    requests: list[tuple[str, str, str]]
    state: bytes | None


class InputRequiredSignal(BaseException):
    """Ends the run of a function that waits for the client. Not an `Exception`: no author's handler is meant."""


class Answer:
    """What the client says to one question. In ``async def`` functions it is awaited."""

    __slots__ = ("_dialogue", "_found", "key")

    def __init__(self, dialogue: Dialogue, key: str, found: dict[str, Any] | None) -> None:
        self._dialogue = dialogue
        self._found = found
        self.key = key

    @property
    def raw(self) -> dict[str, Any]:
        """The client's result as it was sent.

        Raises:
            RuntimeError: It was not awaited.
        """
        if self._found is None:
            raise RuntimeError("the client has not answered this yet: in an async function, `await` the question")
        return self._found

    def _wait(self) -> Generator[Any, None, None]:
        if self._found is None:
            import asyncio

            self._dialogue.waiting = True
            loop = asyncio.get_running_loop()
            if getattr(getattr(loop, "_selector", None), "idle", None) is None:
                raise InputRequiredSignal  # a loop of the author's own, which would wait forever
            yield from loop.create_future()


class Dialogue:
    """The questions of one call.

    Args:
        state: What went with the earlier questions, verified; None on a first call.
        responses: The client's answers by key, as JSON texts.
        capabilities: Returns the client's capabilities.

    Attributes:
        state: The part of the state that is the author's own.
        waiting: Whether the function cannot go on without an answer.
    """

    def __init__(
        self, state: bytes | None, responses: list[tuple[str, str]], capabilities: Callable[[], Mapping[str, Any]]
    ) -> None:
        self._capabilities = capabilities
        self._given: dict[str, Any] = {}
        self._kept: dict[str, Any] = {}
        self._used: dict[str, Any] = {}
        self._asked: dict[str, tuple[str, str]] = {}
        self._keys: set[str] = set()
        self._counts: dict[str, int] = {}
        self.state = state
        self.waiting = False
        if state is not None and state.startswith(_OURS):
            ours = json.loads(state[len(_OURS) :])
            self._given.update(ours["answers"])
            self._kept.update(ours["kept"])
            self.state = None if ours["own"] is None else a2b_base64(ours["own"])
        for key, text in responses:
            self._given.setdefault(key, json.loads(text))

    def ask(
        self, method: str, params: Mapping[str, Any], key: str | None, needed: Mapping[str, Any]
    ) -> tuple[str, Any]:
        """Return the key of a question and its answer; without an answer, end the run, or None in a coroutine.

        Args:
            method: For example ``elicitation/create``.
            params: Its parameters.
            key: The author's; None: made from the order and the words of the question.
            needed: The capability that a client needs. Schema `ClientCapabilities`.

        Raises:
            MissingCapabilityError: The client does not have it.
            McpError: The answer is not an object.
            TypeError: A parameter has no JSON form.
            ValueError: The key was used before in this call.
        """
        try:
            text = encode(dump_any(params))
        except MismatchError as mismatch:
            raise TypeError(f"what the client is asked must be values that JSON can hold: {mismatch}") from None
        if key is None:
            key = self._default_key(method, text)
        if key in self._keys:
            raise ValueError(f"two questions of this call have the key `{key}`: each answer needs its own")
        self._keys.add(key)
        if key in self._given:
            answer = self._used[key] = self._given[key]
            if type(answer) is not dict:
                raise McpError(INVALID_PARAMS, f"the input response `{key}` is not an object")
            return key, answer
        return key, self.unanswered(key, method, text, needed)

    def unanswered(self, key: str, method: str, params: str, needed: Mapping[str, Any]) -> Any:
        """Ask: end the run, or return None inside an event loop, where other tasks may have questions too."""
        self.require(needed)
        if len(self._used) + len(self._asked) >= _ROUNDS:
            raise RuntimeError(f"more than {_ROUNDS} questions in one call")
        self._asked[key] = (method, params)
        asyncio = sys.modules.get("asyncio")
        if asyncio is not None and asyncio._get_running_loop() is not None:  # noqa: SLF001 - the public one raises
            return None
        self.waiting = True
        raise InputRequiredSignal

    def require(self, needed: Mapping[str, Any]) -> None:
        """Make sure that the client has a capability.

        Raises:
            MissingCapabilityError: It does not.
        """
        missing = _missing(needed, self._capabilities())
        if missing is not None:
            raise MissingCapabilityError(missing)

    def _default_key(self, method: str, params: str) -> str:
        # With the words in it, an answer is never taken for the answer to another question.
        kind = method.partition("/")[0]
        self._counts[kind] = self._counts.get(kind, 0) + 1
        return f"{kind}-{self._counts[kind]}-{crc32(params.encode()):08x}"

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """Return a value made in the first run; see `Context.once`."""
        if name not in self._kept:
            try:
                self._kept[name] = json.loads(encode(dump_any(make())))
            except MismatchError as mismatch:
                raise TypeError(f"`once` keeps values that JSON can hold: {mismatch}") from None
        return self._kept[name]

    def wanted(self) -> Wanted:
        """Return what the client is asked, all questions that were not answered."""
        return Wanted([(key, *question) for key, question in self._asked.items()], self._written(None))

    def _written(self, own: bytes | None) -> bytes | None:
        if not self._used and not self._kept and (own is None or not own.startswith(_OURS)):
            return own
        text = None if own is None else b2a_base64(own, newline=False).decode()
        state = {"answers": self._used, "kept": self._kept, "own": text}
        return _OURS + encode(state).encode()

    def wrap(self, state: bytes | None) -> bytes | None:
        """Return an author's own state together with ours."""
        return self._written(state)


def wanted_by(required: InputRequired, dialogue: Dialogue | None) -> Wanted:
    """Return what an author's `InputRequired` asks.

    Raises:
        TypeError: It asks nothing, or its parameters have no JSON form.
    """
    if not required.requests and required.state is None:
        raise TypeError("expected a request or a state in `InputRequired`, got neither")
    try:
        requests: list[tuple[str, str, str]] = [
            (sendable(key), item.method, encode(dump_any(item.params))) for key, item in required.requests.items()
        ]
    except MismatchError as mismatch:
        raise TypeError(f"the requests of `InputRequired` must be values that JSON can hold: {mismatch}") from None
    return Wanted(requests, required.state if dialogue is None else dialogue.wrap(required.state))


def _missing(needed: Mapping[str, Any], has: Any) -> dict[str, Any] | None:
    """Return the part of the needed capabilities that a client does not have."""
    for name, inner in needed.items():
        found = has.get(name) if isinstance(has, Mapping) else None
        if not isinstance(found, Mapping):
            return {name: dict(inner)}
        if name == "elicitation" and not found:
            found = {"form": {}}  # how a client said so before there was a second mode
        deeper = _missing(inner, found)
        if deeper is not None:
            return {name: deeper}
    return None
