"""Server-to-client requests of one call: the rounds behind `Context.elicit`, `sample` and `roots`.

A request without a result ends the run of the function; with the client's results the function runs again from its
start, and gets them.
Specification: basic/patterns/mrtr.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, NoReturn, Protocol

from wasmcp.guest.content import InputRequired
from wasmcp.guest.errors import McpError, MismatchError, MissingCapabilityError
from wasmcp.guest.json_types.conversions import dump_any
from wasmcp.guest.json_types.json_codec import encode, sendable

CHECKPOINT = "wasmcp/checkpoint"
"""Name of the stored value with the state of the last checkpoint."""

INVALID_PARAMS = -32602
MISSING_CAPABILITY = -32021


class InputRequiredResult(NamedTuple):
    """The schema `InputRequiredResult`, which is sent instead of a result.

    Attributes:
        requests: Key, method and parameters (JSON text) of each request. An empty list without a state stands for all
            requests of this run without a result.
        state: The author's request state, which comes back with the results; None to send none.
    """

    requests: list[tuple[str, str, str]]
    state: bytes | None


class InputRequiredSignal(BaseException):
    """End of a run that waits for the client. Not an `Exception`, so that an author's `except` does not catch it."""


class CheckpointSignal(InputRequiredSignal):
    """End of a run at a checkpoint: the function runs again from its start."""


class ClientResult:
    """The client's result for one request. In ``async def`` functions it is awaited."""

    __slots__ = ("_client_requests", "_found", "key")

    def __init__(self, client_requests: ClientRequests, key: str, found: dict[str, Any] | None) -> None:
        self._client_requests = client_requests
        self._found = found
        self.key = key

    @property
    def raw(self) -> dict[str, Any]:
        """The client's result, unchanged.

        Raises:
            RuntimeError: The request was not awaited.
        """
        if self._found is None:
            raise RuntimeError("the client has not sent the result yet: in an async function, `await` the request")
        return self._found

    def _wait(self) -> Generator[Any, None, None]:
        if self._found is None:
            import asyncio

            self._client_requests.waiting = True
            loop = asyncio.get_running_loop()
            if getattr(getattr(loop, "_selector", None), "idle", None) is None:
                raise InputRequiredSignal  # an event loop of the author would wait forever
            yield from loop.create_future()


class ClientRequests:
    """The server-to-client requests of one run of a function.

    The framework keeps the results of the client and the values of `Context.once` between the runs, and checks the
    results: `messages.request` of the WIT.

    Args:
        request: A function that returns the request that is being answered.

    Attributes:
        waiting: True if the run ends here: the function cannot continue without a result, or reached a checkpoint.
    """

    def __init__(self, request: Callable[[], ClientRequestHost]) -> None:
        self._request = request
        self.waiting = False
        self._at_checkpoint = False

    def request(self, method: str, params: Mapping[str, Any], key: str | None) -> tuple[str, Any]:
        """Return the key of a request and its result. Without a result end the run; in a coroutine return None.

        Args:
            method: For example ``elicitation/create``.
            params: The parameters of the request.
            key: The author's key; None for a key made from the order and the parameters of the request.

        Raises:
            MissingCapabilityError: The client does not have the capability.
            McpError: The client's result does not have the form of the method.
            RuntimeError: The key was used before in this call, the link is not an absolute URL, or there are too many
                requests.
            TypeError: A parameter has no JSON form.
        """
        try:
            text = encode(dump_any(params))
        except MismatchError as mismatch:
            raise TypeError(f"a request to the client needs parameters that JSON can hold: {mismatch}") from None
        with _errors():
            response = self._request().client_request(method, text, None if key is None else sendable(key))
        if response.value is not None:
            return response.key, json.loads(response.value)
        asyncio = sys.modules.get("asyncio")
        if asyncio is not None and asyncio._get_running_loop() is not None:  # noqa: SLF001 - the public one raises
            return response.key, None  # other tasks can add requests
        self.waiting = True
        raise InputRequiredSignal

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """Return a value that is made in the first run; see `Context.once`."""
        request, name = self._request(), sendable(name)
        text = request.stored_value(name)
        return json.loads(self._store("once", name, make()) if text is None else text)

    def checkpoint(self, state: Any) -> NoReturn:
        """End this run; the next one gets the state; see `Context.checkpoint`."""
        self._store("checkpoint", CHECKPOINT, state)
        self.waiting = self._at_checkpoint = True
        raise CheckpointSignal

    def state(self) -> Any:
        """Return the state of the last checkpoint; None before the first."""
        text = self._request().stored_value(CHECKPOINT)
        return None if text is None else json.loads(text)

    def _store(self, keeper: str, name: str, value: Any) -> str:
        try:
            text = encode(dump_any(value))
        except MismatchError as mismatch:
            raise TypeError(f"`{keeper}` keeps values that JSON can hold: {mismatch}") from None
        with _errors():
            self._request().store_value(name, text)
        return text

    def input_required(self) -> InputRequiredResult:
        """Return the result that stands for all requests of this run without a result, or for its checkpoint.

        A checkpoint has a state of the author, which can be empty, and no requests.
        """
        if not self._at_checkpoint:
            return InputRequiredResult([], None)
        return InputRequiredResult([], self._request().input_state() or b"")


class ClientRequestHost(Protocol):
    """The functions of `messages.request` for server-to-client requests.

    Their errors have a ``value``: code, message and data.
    """

    def client_request(self, method: str, params: str, key: str | None) -> Any: ...  # noqa: D102
    def input_state(self) -> bytes | None: ...  # noqa: D102
    def stored_value(self, name: str) -> str | None: ...  # noqa: D102
    def store_value(self, name: str, value: str) -> None: ...  # noqa: D102


@contextmanager
def _errors() -> Iterator[None]:
    """Raise the errors of the framework as exceptions of this library."""
    try:
        yield
    except Exception as failure:
        error = getattr(failure, "value", None)
        if error is None:
            raise
        data = {} if error.data is None else json.loads(error.data)
        if error.code == MISSING_CAPABILITY:
            raise MissingCapabilityError(data["requiredCapabilities"]) from None
        if error.code == INVALID_PARAMS:
            raise McpError(error.code, error.message, data or None) from None
        raise RuntimeError(error.message) from None


def input_required_of(required: InputRequired) -> InputRequiredResult:
    """Return the requests of an author's `InputRequired`.

    Raises:
        TypeError: It has neither requests nor a state, or its parameters have no JSON form.
    """
    if not required.requests and required.state is None:
        raise TypeError("expected a request or a state in `InputRequired`, got neither")
    try:
        requests: list[tuple[str, str, str]] = [
            (sendable(key), item.method, encode(dump_any(item.params))) for key, item in required.requests.items()
        ]
    except MismatchError as mismatch:
        raise TypeError(f"the requests of `InputRequired` must be values that JSON can hold: {mismatch}") from None
    return InputRequiredResult(requests, required.state)
