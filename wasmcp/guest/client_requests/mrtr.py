"""Server-to-client requests of one call: the rounds behind `Context.elicit`, `sample` and `roots`.

A request without a result ends the run of the function. The pending requests, the earlier results and the values of
`Context.once` are sent together; with the client's results the function runs again from its start, and gets them.
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


class InputRequiredResult(NamedTuple):
    """The schema `InputRequiredResult`, which is sent instead of a result.

    Attributes:
        requests: Key, method and parameters (JSON text) of each request.
        state: The request state, which comes back with the results; None to send none.
    """

    requests: list[tuple[str, str, str]]
    state: bytes | None


class InputRequiredSignal(BaseException):
    """End of a run that waits for the client. Not an `Exception`, so that an author's `except` does not catch it."""


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
            raise RuntimeError("the client has not answered this yet: in an async function, `await` the request")
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
    """The server-to-client requests of one call.

    Args:
        state: The verified request state of the earlier requests; None on a first call.
        responses: The client's results by key, as JSON texts.
        capabilities: A function that returns the client's capabilities.

    Attributes:
        state: The author's part of the request state.
        waiting: True if the function cannot continue without a result.
    """

    def __init__(
        self, state: bytes | None, responses: list[tuple[str, str]], capabilities: Callable[[], Mapping[str, Any]]
    ) -> None:
        self._capabilities = capabilities
        self._responses: dict[str, Any] = {}
        self._kept: dict[str, Any] = {}
        self._used: dict[str, Any] = {}
        self._pending: dict[str, tuple[str, str]] = {}
        self._keys: set[str] = set()
        self._counts: dict[str, int] = {}
        self.state = state
        self.waiting = False
        if state is not None and state.startswith(_OURS):
            ours = json.loads(state[len(_OURS) :])
            self._responses.update(ours["answers"])
            self._kept.update(ours["kept"])
            self.state = None if ours["own"] is None else a2b_base64(ours["own"])
        for key, text in responses:
            self._responses.setdefault(key, json.loads(text))

    def request(
        self, method: str, params: Mapping[str, Any], key: str | None, needed: Mapping[str, Any]
    ) -> tuple[str, Any]:
        """Return the key of a request and its result. Without a result end the run; in a coroutine return None.

        Args:
            method: For example ``elicitation/create``.
            params: The parameters of the request.
            key: The author's key; None for a key made from the order and the parameters of the request.
            needed: The capability that the client needs. Schema `ClientCapabilities`.

        Raises:
            MissingCapabilityError: The client does not have the capability.
            McpError: The client's result is not an object.
            TypeError: A parameter has no JSON form.
            ValueError: The key was used before in this call.
        """
        try:
            text = encode(dump_any(params))
        except MismatchError as mismatch:
            raise TypeError(f"a request to the client needs parameters that JSON can hold: {mismatch}") from None
        if key is None:
            key = self._default_key(method, text)
        if key in self._keys:
            raise ValueError(f"two requests of this call have the key `{key}`: each of them needs its own")
        self._keys.add(key)
        if key in self._responses:
            result = self._used[key] = self._responses[key]
            if type(result) is not dict:
                raise McpError(INVALID_PARAMS, f"the input response `{key}` is not an object")
            return key, result
        return key, self.add_pending(key, method, text, needed)

    def add_pending(self, key: str, method: str, params: str, needed: Mapping[str, Any]) -> Any:
        """Add a pending request and end the run; return None inside an event loop, whose tasks can add others."""
        self.require(needed)
        if len(self._used) + len(self._pending) >= _ROUNDS:
            raise RuntimeError(f"more than {_ROUNDS} requests to the client in one call")
        self._pending[key] = (method, params)
        asyncio = sys.modules.get("asyncio")
        if asyncio is not None and asyncio._get_running_loop() is not None:  # noqa: SLF001 - the public one raises
            return None
        self.waiting = True
        raise InputRequiredSignal

    def require(self, needed: Mapping[str, Any]) -> None:
        """Check that the client has a capability.

        Raises:
            MissingCapabilityError: The client does not have it.
        """
        missing = _missing(needed, self._capabilities())
        if missing is not None:
            raise MissingCapabilityError(missing)

    def _default_key(self, method: str, params: str) -> str:
        # The checksum of the parameters prevents that a result is used for another request.
        kind = method.partition("/")[0]
        self._counts[kind] = self._counts.get(kind, 0) + 1
        return f"{kind}-{self._counts[kind]}-{crc32(params.encode()):08x}"

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """Return a value that is made in the first run; see `Context.once`."""
        if name not in self._kept:
            try:
                self._kept[name] = json.loads(encode(dump_any(make())))
            except MismatchError as mismatch:
                raise TypeError(f"`once` keeps values that JSON can hold: {mismatch}") from None
        return self._kept[name]

    def input_required(self) -> InputRequiredResult:
        """Return all requests without a result."""
        return InputRequiredResult([(key, *question) for key, question in self._pending.items()], self._written(None))

    def _written(self, own: bytes | None) -> bytes | None:
        if not self._used and not self._kept and (own is None or not own.startswith(_OURS)):
            return own
        text = None if own is None else b2a_base64(own, newline=False).decode()
        state = {"answers": self._used, "kept": self._kept, "own": text}
        return _OURS + encode(state).encode()

    def wrap(self, state: bytes | None) -> bytes | None:
        """Return the request state that contains an author's state and the state of this class."""
        return self._written(state)


def input_required_of(required: InputRequired, client_requests: ClientRequests | None) -> InputRequiredResult:
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
    return InputRequiredResult(
        requests, required.state if client_requests is None else client_requests.wrap(required.state)
    )


def _missing(needed: Mapping[str, Any], has: Any) -> dict[str, Any] | None:
    """Return the part of the needed capabilities that a client does not have."""
    for name, inner in needed.items():
        found = has.get(name) if isinstance(has, Mapping) else None
        if not isinstance(found, Mapping):
            return {name: dict(inner)}
        if name == "elicitation" and not found:
            found = {"form": {}}  # revisions before the mode `url` declare forms by an empty object
        deeper = _missing(inner, found)
        if deeper is not None:
            return {name: deeper}
    return None
