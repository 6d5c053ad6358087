"""Hooks that the plugin calls: the servers of tests, their messages, and their end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_wasmcp.report import Recording


def pytest_wasmcp_server_options(recording: Recording, options: dict[str, object]) -> None:
    """Change the options of `wasmcp.host.open_server` before a server is opened."""


def pytest_wasmcp_server_opened(recording: Recording) -> None:
    """Handle a server that was opened for a test."""


def pytest_wasmcp_message(recording: Recording, direction: str, text: str, client: object) -> None:
    """Handle a message to (`->`) or from (`<-`) a server, on any thread.

    Args:
        recording: The recording of the server.
        direction: `->` or `<-`.
        text: The message, or a part of an event stream.
        client: The client, or the exchange over HTTP, that the ids of requests belong to; None for the methods of the
            server in-process, whose ids are unique.
    """


def pytest_wasmcp_server_closing(recording: Recording) -> None:
    """Handle a server that is closed next. It still takes requests."""
