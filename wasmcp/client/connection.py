"""Client of one server: negotiation of the revision, requests, and answers to server-to-client requests."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty
from typing import TYPE_CHECKING, Any, Self

from wasmcp import __version__
from wasmcp.client.http import header_value, parameter_fields
from wasmcp.client.transport import Failure, Note
from wasmcp.errors import (
    ConnectionFailedError,
    GuestCancelledError,
    HttpStatusError,
    RequestError,
    ResponseTimeoutError,
    UnansweredInputError,
)
from wasmcp.protocol import CODES, HANDSHAKE, LATEST, META_KEYS, MIRRORED, REVISIONS, TASKS

if TYPE_CHECKING:
    from types import TracebackType

    from wasmcp.client.transport import Message, Transport

_MOST_PAGES = 10_000
_MOST_ITEMS = 100_000
_MOST_ROUNDS = 64
_PAUSE = 0.05  # seconds, doubled up to the longest, before a retry without input
_LONGEST_PAUSE = 1.0


def _ignore(_: Any) -> None:
    """Ignore a notification."""


@dataclass(frozen=True)
class Callbacks:
    """Callbacks of a client, called on the thread that waits for a response.

    Attributes:
        on_progress: Called with the `params` of each `notifications/progress`.
        on_log: Called with the `params` of each `notifications/message`.
        on_note: Called with remarks about the connection.
        on_notification: Called with each notification.
        on_task: Called with each state of the task that a call of a tool became.
        elicit: Called with the `params` of an elicitation, returns its result; None for a client that does not have
            elicitation.
    """

    on_progress: Callable[[dict[str, Any]], None] = _ignore
    on_log: Callable[[dict[str, Any]], None] = _ignore
    on_note: Callable[[str], None] = _ignore
    on_notification: Callable[[dict[str, Any]], None] = _ignore
    on_task: Callable[[dict[str, Any]], None] = _ignore
    elicit: Callable[[dict[str, Any]], dict[str, Any]] | None = None


class Client:
    """Client of one server.

    Attributes:
        revision: The revision in use.
        capabilities: The capabilities of the server.
        server: The name, version and further members of the server's `Implementation`.
        instructions: The instructions of the server.
    """

    def __init__(
        self,
        target: str,
        transport: Transport,
        callbacks: Callbacks | None = None,
        *,
        timeout: float = 60.0,
        start_timeout: float = 0.0,
        is_composed: bool = False,
        discovery_timeout: float = 20.0,
        revision: str | None = None,
        log_level: str | None = None,
    ) -> None:
        """Connect to a server.

        Args:
            target: The server, as the user named it.
            transport: The transport; the client closes it.
            callbacks: The callbacks of the client.
            timeout: Seconds for each request, without the time that input of the user takes.
            start_timeout: Seconds for the first response, if that is longer: a program has to start.
            is_composed: The server is one that wasmcp has composed, which has `server/discover` even if it is compiled
                before it answers.
            discovery_timeout: Seconds for the response to `server/discover`. Other servers that do not answer it have a
                revision with a handshake.
            revision: The revision to use; by default the latest that both support.
            log_level: The level from which log messages are requested.

        Raises:
            ConnectionFailedError: The server cannot be reached, or has no revision in common with this client.
            RequestError: The server refuses the connection.
        """
        self._target = target
        self._transport = transport
        self._callbacks = callbacks or Callbacks()
        self._timeout = timeout
        self._start_timeout = max(timeout, start_timeout)
        self._probe_timeout = self._start_timeout if is_composed else min(self._start_timeout, discovery_timeout)
        self._log_level = log_level
        self._ids = itertools.count(1)
        self._schemas: dict[str, Any] = {}
        self.revision = ""
        self.capabilities: dict[str, Any] = {}
        self.server: dict[str, Any] = {}
        self.instructions: str | None = None
        try:
            self._negotiate(revision)
        except BaseException:
            transport.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def request(self, method: str, params: Mapping[str, Any] | None = None, *, progress: bool = False) -> Message:
        """Send a request and return its result object, after input of the user if the server requires it.

        The result of a call that becomes a task is that of the task. It is cancelled if the user interrupts the wait.

        Args:
            method: The method.
            params: Its parameters.
            progress: Request notifications of progress.

        Raises:
            ConnectionFailedError: The connection failed, or the response does not arrive in time.
            RequestError: The server returned an error response.
            TaskCancelledError: The call became a task, which another client cancelled.
            UnansweredInputError: The server requires input that this client cannot provide.
        """
        given = dict(params or {})
        can_become_task = method == "tools/call" and self.revision == LATEST
        pause = _PAUSE
        for _ in range(_MOST_ROUNDS):
            result = self._one(method, given, progress=progress, has_tasks=can_become_task)
            if can_become_task and result.get("resultType") == "task":
                return self._followed(result)
            if result.get("resultType") != "input_required":
                return result
            wanted = result.get("inputRequests")
            given = {name: value for name, value in given.items() if name not in {"inputResponses", "requestState"}}
            if isinstance(wanted, dict) and wanted:
                given["inputResponses"] = {key: self._input(one) for key, one in wanted.items()}
                pause = _PAUSE
            else:
                time.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            if "requestState" in result:
                given["requestState"] = result["requestState"]
        raise ConnectionFailedError(self._target, f"required input more than {_MOST_ROUNDS} times for one request")

    def _followed(self, created: Message) -> Message:
        """Return the result of the task that a call became."""
        from wasmcp.host.client.tasks import Task

        task = Task(created, lambda method, params: self._one(method, params, has_tasks=True))
        return task.wait(lambda _, one: self._input(one), on_state=self._callbacks.on_task)

    def once(self, method: str, params: Mapping[str, Any], *, seconds: float) -> Message:
        """Send a request once and return its result object, which can require input.

        The members of `_meta` in the parameters replace those of this client.

        Args:
            method: The method.
            params: Its parameters.
            seconds: The time limit.

        Raises:
            ConnectionFailedError: The connection failed, or the response does not arrive in time.
            RequestError: The server returned an error response.
        """
        return self._one(method, params, limit=seconds)

    def cancel(self) -> None:
        """Cancel the request that waits for its response, which raises `GuestCancelledError`. For another thread.

        The server is notified, or the stream of the response is closed, as the transport has it. The client is of no
        further use: without a request, the next one is cancelled.
        """
        self._transport.inbox.put(Failure(None, GuestCancelledError()))

    def list_all(self, method: str, member: str) -> list[dict[str, Any]]:
        """Return the items of a whole list, following the cursors.

        Raises:
            ConnectionFailedError: The list does not end, or is not a list of objects.
            RequestError: The server does not support the method.
        """
        items = list(self._items(method, member))
        if method == "tools/list":
            self._schemas = {str(item.get("name")): item.get("inputSchema") for item in items}
        return items

    def _items(self, method: str, member: str) -> Iterator[dict[str, Any]]:
        cursor, count = None, 0
        for _ in range(_MOST_PAGES):
            result = self.request(method, {} if cursor is None else {"cursor": cursor})
            page = result.get(member)
            if not isinstance(page, list) or not all(isinstance(item, dict) for item in page):
                raise ConnectionFailedError(self._target, f"responded to `{method}` without a list `{member}`")
            yield from page
            count += len(page)
            cursor = result.get("nextCursor")
            if cursor is None:
                return
            if count > _MOST_ITEMS:
                break
        raise ConnectionFailedError(self._target, f"has a list without end: `{method}`")

    # Negotiation

    def _negotiate(self, wanted: str | None) -> None:
        """Find the revision: `server/discover` of 2026-07-28, else `initialize` (basic/lifecycle)."""
        if wanted is not None and wanted != LATEST:
            self._initialize(wanted, is_required=True)
            return
        self.revision = LATEST
        if self._transport.is_http:
            self._transport.adopt(LATEST)
        try:
            found = self._one("server/discover", {}, limit=self._start_timeout if wanted else self._probe_timeout)
        except (RequestError, HttpStatusError, ResponseTimeoutError) as error:
            if wanted is not None or not _is_older(error):
                raise
        else:
            versions = found.get("supportedVersions")
            if isinstance(versions, list) and LATEST in versions:
                self._found(found, _object(_object(found.get("_meta")).get(META_KEYS["server_info"])))
                return
            if wanted is not None:
                raise ConnectionFailedError(self._target, f"does not have revision {LATEST}")
        self._initialize(HANDSHAKE[-1], is_required=False)

    def _initialize(self, revision: str, *, is_required: bool) -> None:
        self.revision = ""
        if self._transport.is_http:
            self._transport.adopt("")
        params = {
            "protocolVersion": revision,
            "capabilities": self._own_capabilities(),
            "clientInfo": {"name": "wasmcp", "version": __version__},
        }
        found = self._one("initialize", params, limit=self._start_timeout)
        answered = found.get("protocolVersion")
        if answered not in HANDSHAKE or (is_required and answered != revision):
            known = revision if is_required else ", ".join(REVISIONS)
            reason = f"has revision `{answered}` of MCP, and this client needs {known}"
            raise ConnectionFailedError(self._target, reason)
        self.revision = answered
        self._found(found, _object(found.get("serverInfo")))
        self._transport.adopt(answered)
        self._transport.send({"jsonrpc": "2.0", "method": "notifications/initialized"}, {})
        if self._log_level is not None and "logging" in self.capabilities:
            with suppress(RequestError):
                self._one("logging/setLevel", {"level": self._log_level})

    def _found(self, result: Message, server: dict[str, Any]) -> None:
        self.capabilities = _object(result.get("capabilities"))
        self.server = server
        instructions = result.get("instructions")
        self.instructions = instructions if isinstance(instructions, str) else None

    def _own_capabilities(self, *, has_tasks: bool = False) -> dict[str, Any]:
        found: dict[str, Any] = {} if self._callbacks.elicit is None else {"elicitation": {"form": {}, "url": {}}}
        return {**found, "extensions": {TASKS: {}}} if has_tasks else found

    # One request

    def _one(
        self,
        method: str,
        params: Mapping[str, Any],
        *,
        progress: bool = False,
        limit: float | None = None,
        has_tasks: bool = False,
    ) -> Message:
        """Send one request and return its result object, without the rounds of input."""
        number = next(self._ids)
        whole = dict(params)
        given = _object(whole.get("_meta"))
        meta: dict[str, Any] = {}
        if progress:
            meta["progressToken"] = number
        if self.revision == LATEST:
            meta[META_KEYS["protocol_version"]] = LATEST
            meta[META_KEYS["client_info"]] = {"name": "wasmcp", "version": __version__}
            meta[META_KEYS["client_capabilities"]] = self._own_capabilities(has_tasks=has_tasks)
            if self._log_level is not None:
                meta[META_KEYS["log_level"]] = self._log_level
        meta.update(given)
        if meta:
            whole["_meta"] = meta
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": whole}
        seconds = self._timeout if limit is None else limit
        self._transport.send(message, self._fields(method, whole))
        try:
            return self._response(number, method, seconds)
        except (ResponseTimeoutError, GuestCancelledError, KeyboardInterrupt):
            self._cancel(number, method)
            raise

    def _fields(self, method: str, params: Mapping[str, Any]) -> dict[str, str]:
        """Return the header fields of a request of 2026-07-28."""
        if not self._transport.is_http or self.revision != LATEST:
            return {}
        fields = {"Mcp-Method": method}
        if method in MIRRORED:
            fields["Mcp-Name"] = header_value(str(params.get(MIRRORED[method], "")))
        if method == "tools/call":
            schema = self._schemas.get(str(params.get("name")))
            fields.update(parameter_fields(schema, params.get("arguments")))
        return fields

    def _cancel(self, number: int, method: str) -> None:
        if method not in {"initialize", "server/discover"} and not (
            self._transport.is_http and self.revision == LATEST  # there the end of the connection cancels
        ):
            params = {"requestId": number, "reason": "the client does not wait any longer"}
            message = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
            with suppress(Exception):
                self._transport.send(message, {})
        self._transport.forget(number)

    def _response(self, number: int, method: str, seconds: float) -> Message:
        ends = time.monotonic() + seconds
        while True:
            left = ends - time.monotonic()
            try:
                found = self._transport.inbox.get(timeout=max(left, 0.001))
            except Empty:
                raise ResponseTimeoutError(self._target, method, seconds) from None
            if isinstance(found, Failure):
                if found.request in {None, number}:
                    raise found.error
            elif isinstance(found, Note):
                self._callbacks.on_note(found.text)
            elif "method" in found:
                began = time.monotonic()
                self._received(found)
                ends += time.monotonic() - began
            elif found.get("id") == number or (found.get("id") is None and "error" in found):
                return _result(found, self._target, method)

    def _received(self, message: Message) -> None:
        method, params = message["method"], _object(message.get("params"))
        if "id" in message:
            self._transport.send({"jsonrpc": "2.0", "id": message["id"], **self._answer(method, params)}, {})
            return
        self._callbacks.on_notification(message)
        if method == "notifications/progress":
            self._callbacks.on_progress(params)
        elif method == "notifications/message":
            self._callbacks.on_log(params)

    def _answer(self, method: Any, params: dict[str, Any]) -> dict[str, Any]:
        """Return the `result` or `error` of the response to a server-to-client request."""
        if method == "ping":
            return {"result": {}}
        if method == "elicitation/create" and self._callbacks.elicit is not None:
            return {"result": self._callbacks.elicit(params)}
        return {"error": {"code": CODES["method_not_found"], "message": f"this client does not have `{method}`"}}

    def _input(self, wanted: Any) -> Message:
        """Return the response to a server-to-client request in a result."""
        method, params = _object(wanted).get("method"), _object(_object(wanted).get("params"))
        if method == "elicitation/create" and self._callbacks.elicit is not None:
            return self._callbacks.elicit(params)
        raise UnansweredInputError(str(method), "this client does not have it")


def _is_older(error: RequestError | ConnectionFailedError) -> bool:
    """Return True for an error that a server of a handshake revision can give to `server/discover`."""
    if isinstance(error, HttpStatusError):
        return 400 <= error.status < 500 and error.status not in {401, 403, 429}
    if isinstance(error, RequestError) and error.code == CODES["unsupported_version"]:
        supported = _object(error.data).get("supported")
        return not isinstance(supported, list) or any(one in HANDSHAKE for one in supported)
    return True


def _result(message: Message, target: str, method: str) -> Message:
    """Return the result of a response.

    Raises:
        ConnectionFailedError: The response has neither a result object nor an error object.
        RequestError: It is an error response.
    """
    error = message.get("error")
    if isinstance(error, dict) and isinstance(error.get("code"), int):
        raise RequestError(error["code"], str(error.get("message")), error.get("data"))
    result = message.get("result")
    if not isinstance(result, dict):
        raise ConnectionFailedError(target, f"sent a response to `{method}` without a result")
    return result


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
