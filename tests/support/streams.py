"""Streams of notifications over HTTP."""

from __future__ import annotations

import http.client
import json
from typing import Any


class Stream:
    """Response that stays open."""

    def __init__(self, port: int, method: str, headers: dict[str, str], message: Any = None) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self.connection.request(method, "/mcp", None if message is None else json.dumps(message), headers)
        self.response = self.connection.getresponse()

    def next(self) -> Any:
        """Return the next message; None at the end."""
        while line := self.response.readline():
            if line.startswith(b"data: "):
                return json.loads(line[6:])
        return None

    def close(self) -> None:
        self.connection.close()
