"""Messages of a server during one request: notifications, and the server-to-client requests in its results."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


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
