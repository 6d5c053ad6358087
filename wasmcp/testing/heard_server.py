"""Server whose endpoints pass the messages of their clients on."""

from __future__ import annotations

from typing import Any, Protocol

from wasmcp.host.client.server import Server


class OnMessage(Protocol):
    """Callback for messages of clients of a server's endpoints."""

    def __call__(self, direction: str, text: str, client: object) -> None:
        """Take a message: to the server (`->`) or from it (`<-`); the ids of requests are those of `client`."""


class HeardServer(Server):
    """A server in this process, and the callback for the messages of clients of its endpoints.

    Attributes:
        on_message: Called with these messages, on any thread; None for no callback.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Begin with the arguments of `Server`, without a callback."""
        super().__init__(*arguments, **options)
        self.on_message: OnMessage | None = None

    def heard(self, direction: str, text: bytes, client: object) -> None:
        """Pass a message of a client on to `on_message`."""
        if self.on_message is not None and text:
            self.on_message(direction, text.decode("utf-8", "backslashreplace"), client)
