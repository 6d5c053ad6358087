"""Messages of a server during one request, and answers of its client.

Notifications, and the server-to-client requests of one server: elicitation, sampling and roots.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wasmcp.errors import HostError, UnansweredInputError


@dataclass(frozen=True)
class Notification:
    """A notification of the server. Specification: basic, "Notifications"."""

    method: str
    params: dict[str, Any]


@dataclass(frozen=True)
class Progress:
    """A progress notification. Specification: basic/patterns/progress."""

    progress: float
    total: float | None = None
    message: str | None = None


@dataclass(frozen=True)
class LogMessage:
    """A log message. Specification: server/utilities/logging."""

    level: str
    data: Any
    logger: str | None = None


@dataclass(frozen=True)
class ClientRequest:
    """A server-to-client request of a result: elicitation, sampling or `roots/list`.

    Attributes:
        method: Its method.
        params: Its parameters.
        key: Its key in `inputRequests`.
    """

    method: str
    params: dict[str, Any]
    key: str = field(default="", compare=False)


@dataclass(frozen=True)
class Observed:
    """Result of a request, with what the server sent before it.

    Attributes:
        notifications: All notifications, in order.
        client_requests: The server-to-client requests that were answered, in order.
    """

    notifications: tuple[Notification, ...] = field(default=(), repr=False, compare=False, kw_only=True)
    client_requests: tuple[ClientRequest, ...] = field(default=(), repr=False, compare=False, kw_only=True)

    @property
    def progress(self) -> list[Progress]:
        """The progress notifications, in order."""
        given = (each.params for each in self.notifications if each.method == "notifications/progress")
        return [Progress(each["progress"], each.get("total"), each.get("message")) for each in given]

    @property
    def logs(self) -> list[LogMessage]:
        """The log messages, in order."""
        given = (each.params for each in self.notifications if each.method == "notifications/message")
        return [LogMessage(each["level"], each.get("data"), each.get("logger")) for each in given]


Handler = Callable[[ClientRequest], Mapping[str, Any] | None]
"""Function that returns the result of a server-to-client request; None for a request that it does not answer."""

Answers = Handler | Sequence[Mapping[str, Any]] | Mapping[str, Mapping[str, Any]]
"""Results of server-to-client requests: from a handler, in the order of the requests, or by key or method."""

CAPABILITIES: dict[str, Any] = {
    "elicitation": {"form": {}, "url": {}},
    "sampling": {"tools": {}, "context": {}},
    "roots": {},
}
"""The capabilities of a client that answers."""

_ROUND = re.compile(r"^\d+\.")
"""Prefix of the keys of a task's requests: the number of the round, in front of the key of the author."""

_MOST_ROUNDS = 64
_PAUSE = 0.01  # seconds before a retry without input, doubled up to the longest
_LONGEST_PAUSE = 0.5


class Conversation:
    """Rounds of one request: sent again with the results that its server-to-client requests get.

    Attributes:
        requests: The server-to-client requests that were answered, in order.
    """

    def __init__(self, answers: Answers) -> None:
        self.requests: list[ClientRequest] = []
        self._handler = answers if callable(answers) else None
        self._by_name = dict(answers) if isinstance(answers, Mapping) else None
        self._left = list(answers) if isinstance(answers, Sequence) else []

    def run(self, send: Callable[[Mapping[str, Any]], dict[str, Any]], params: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request until its result requires no input, and return that result.

        Args:
            send: Sends the request with some parameters, and returns the result object.
            params: The parameters of the request.

        Raises:
            UnansweredInputError: A server-to-client request has no answer.
            HostError: The server requires input again and again.
        """
        given = dict(params)
        pause = _PAUSE
        for _ in range(_MOST_ROUNDS):
            result = send(given)
            if result.get("resultType") != "input_required":
                return result
            given = {name: value for name, value in params.items() if name not in {"inputResponses", "requestState"}}
            wanted = result.get("inputRequests")
            if isinstance(wanted, dict) and wanted:
                given["inputResponses"] = {key: self.answer(key, each) for key, each in wanted.items()}
                pause = _PAUSE
            else:
                time.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            if "requestState" in result:
                given["requestState"] = result["requestState"]
        raise HostError(f"the server required input more than {_MOST_ROUNDS} times for one request")

    def answer(self, key: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Return the result of a server-to-client request.

        Raises:
            UnansweredInputError: The request has no answer.
        """
        request = ClientRequest(wanted["method"], wanted.get("params") or {}, key)
        found: Mapping[str, Any] | None = None
        if self._handler is not None:
            found = self._handler(request)
        elif self._by_name is not None:
            names = (key, _ROUND.sub("", key), request.method)
            found = next((self._by_name[name] for name in names if name in self._by_name), None)
        elif self._left:
            found = self._left.pop(0)
        if found is None:
            raise UnansweredInputError(
                request.method, f"the answers have none for the key `{key}` ({_shortened(request.params)})"
            )
        self.requests.append(request)
        return dict(found)


def _shortened(params: Mapping[str, Any]) -> str:
    text = str(params.get("message") or dict(params))
    return text if len(text) <= 200 else f"{text[:200]}..."
