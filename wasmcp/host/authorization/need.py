"""Need of a server's authorization: keys, or the introspection of a token.

The authorization component decides what it needs, by a field of its response (package `wasmcp:embedding`, `exchange`).
This module is imported at each start, the clients of issuers only where a server needs them.
"""

from __future__ import annotations

from typing import NamedTuple

_NEEDS = b"wasmcp-needs: "


class Need(NamedTuple):
    """Need of a response of the authorization component.

    Attributes:
        token: The token to introspect; None if other keys are needed.
        response: The response if there is nothing else, as status, header lines and body.
    """

    token: str | None
    response: tuple[int, bytes, bytes]

    @classmethod
    def of(cls, status: int, lines: bytes, body: bytes) -> Need | None:
        """Return the need of a response; None if it has none."""
        if status not in {401, 503} or _NEEDS not in lines:
            return None
        kept, token = [], None
        for line in lines.split(b"\r\n"):
            if line.startswith(_NEEDS):
                kind, _, value = line.removeprefix(_NEEDS).partition(b" ")
                token = value.decode("ascii", "replace") if kind == b"introspection" else None
            else:
                kept.append(line)
        return cls(token, (status, b"\r\n".join(kept), body))
