"""Head of an HTTP request: the facts that follow from it alone, and the heads that were received last.

Source: RFC 9110, RFC 9112; ASGI 3.0, "HTTP & WebSocket protocol".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from wasmcp.host.bindings.messages import LONGEST_METHOD, LONGEST_NAME
from wasmcp.host.mcp.http_sessions import SessionHead
from wasmcp.host.mcp.jsonrpc import encode
from wasmcp.protocol import LATEST

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence

    from wasmcp.host.scheduling.call import Target

_LATEST = LATEST.encode()
_LONGEST = 4 << 10  # maximum bytes of a head that is kept
_MOST = 128 << 10  # maximum bytes of all heads that are kept; with their facts they take four times as much
_END = b"\r\n\r\n"
_ENCODED = b"=?"  # beginning of a value in base64 (basic/transports/streamable-http, "Value Encoding")


class RequestHead:
    """Head of a request, or of several requests with the same bytes. It does not change.

    Attributes:
        method: The method.
        version: The version of HTTP.
        raw_path: The path, as it was sent.
        query: The query, as it was sent.
        fields: The header fields, names in lower case.
        keep_alive: True if the connection can be used again.
        expects: True if the client waits for `100 Continue`.
        size: The number of bytes of the body, of a head that is kept.
        length: The `Content-Length`; None without one, or if it is not a number.
        has_coding: True if it has a `Transfer-Encoding`.
        is_ambiguous: True if the length of the body is ambiguous (RFC 9112, sections 6.1 and 6.3).
        cancels: True if a disconnect cancels the request, as in revision 2026-07-28 but not before.
        for_sessions: The head as sessions see it.
        texts: Method and target in UTF-8.
        named: The method and the target of the message that the head names, which a server of revision 2026-07-28
            compares with the message; None if it does not name them plainly.
    """

    __slots__ = (
        "_moved",
        "cancels",
        "expects",
        "fields",
        "for_sessions",
        "has_coding",
        "is_ambiguous",
        "keep_alive",
        "length",
        "method",
        "named",
        "query",
        "raw_path",
        "size",
        "texts",
        "version",
    )

    def __init__(
        self,
        method: str,
        raw_path: bytes,
        query: bytes,
        version: str,
        fields: Sequence[tuple[bytes, bytes]],
        *,
        keep_alive: bool = True,
        expects: bool = False,
    ) -> None:
        self.method = method
        self.version = version
        self.raw_path = raw_path
        self.query = query
        self.fields = fields
        self.keep_alive = keep_alive
        self.expects = expects
        self.size = 0
        self.length: int | None = None
        self.for_sessions = SessionHead.of(fields, self.target)
        self.texts = encode(method) or b"?", encode(self.target) or b"?"
        self._moved: RequestHead | None = None
        methods: list[bytes] = []
        names: list[bytes] = []
        has_length = self.has_coding = self.cancels = False
        for name, value in fields:
            if name == b"content-length":
                if not has_length:
                    self.length = int(value) if value.isdigit() and len(value) < 20 else None
                has_length = True
            elif name == b"transfer-encoding":
                self.has_coding = True
            elif name == b"mcp-protocol-version":
                self.cancels = self.cancels or value.strip() == _LATEST
            elif name == b"mcp-method":
                methods.append(value)
            elif name == b"mcp-name":
                names.append(value)
        self.named = _named(methods, names) if self.cancels else None
        self.is_ambiguous = self.has_coding and (has_length or version == "1.0")

    @classmethod
    def of_scope(cls, scope: MutableMapping[str, Any]) -> RequestHead:
        """Return the head of a request to an ASGI application."""
        raw_path, query = scope.get("raw_path") or scope["path"].encode(), scope.get("query_string", b"")
        return cls(scope["method"], raw_path, query, scope.get("http_version", "1.1"), scope["headers"])

    @property
    def target(self) -> bytes:
        """The path with its query."""
        return b"%b?%b" % (self.raw_path, self.query) if self.query else self.raw_path

    def at(self, path: bytes) -> RequestHead:
        """Return the head with another path; all calls for a head must have the same one."""
        found = self._moved
        if found is None:
            found = RequestHead(
                self.method,
                path,
                self.query,
                self.version,
                self.fields,
                keep_alive=self.keep_alive,
                expects=self.expects,
            )
            self._moved = found
        return found

    def scope(
        self, scheme: str, server: tuple[str, int | None] | None, client: tuple[str, int] | None
    ) -> dict[str, Any]:
        """Return the scope of a request (ASGI).

        Args:
            scheme: The scheme of its URL.
            server: The address of the server.
            client: The address of the client.
        """
        path = self.raw_path.decode("ascii")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": self.version,
            "server": server,
            "client": client,
            "scheme": scheme,
            "method": self.method,
            "root_path": "",
            "path": unquote(path) if "%" in path else path,
            "raw_path": self.raw_path,
            "query_string": self.query,
            "headers": list(self.fields),
        }


def _named(methods: list[bytes], names: list[bytes]) -> Target | None:
    """Return the method and the target of a message by the fields `Mcp-Method` and `Mcp-Name` of its head."""
    if len(methods) != 1 or len(names) > 1:
        return None
    method, name = methods[0].strip(), names[0].strip() if names else b""
    if not (method.isascii() and name.isascii()) or name.startswith(_ENCODED):
        return None
    return method.decode()[:LONGEST_METHOD], name.decode()[:LONGEST_NAME]


class RecentHeads:
    """Heads that were received last, by their bytes: clients send the same ones again, which need not be parsed then.

    Attributes:
        size: The bytes of all heads.
    """

    def __init__(self) -> None:
        self._heads: dict[bytes, RequestHead] = {}
        self.size = 0

    def __len__(self) -> int:
        return len(self._heads)

    def find(self, data: bytes) -> tuple[RequestHead, bytes] | None:
        """Return the head and the body of a whole request; None if its head is not known, or if it is not whole.

        Args:
            data: The data behind the end of another request.
        """
        end = data.find(_END) + len(_END)
        head = self._heads.get(data[:end])
        if head is None or len(data) - end != head.size:
            return None
        return head, data[end:]

    def keep(self, data: bytes, head: RequestHead, size: int) -> None:
        """Keep the head of a whole request, unless other bytes can follow it another time. Drop the oldest ones then.

        Args:
            data: The request, as it was received.
            head: Its head.
            size: The bytes of its body.
        """
        end = len(data) - size
        if end > _LONGEST or data.find(_END) + len(_END) != end:
            return
        if head.has_coding or size != (head.length or 0) or head.expects or not head.keep_alive:
            return
        head.size = size
        raw = data[:end]
        if raw in self._heads:
            return
        self._heads[raw] = head
        self.size += end
        while self.size > _MOST:
            oldest = next(iter(self._heads))
            del self._heads[oldest]
            self.size -= len(oldest)
