"""Outgoing HTTP of servers under test: rules, recordings and refusals.

A request that has a rule is sent to a server on loopback in this process, which answers it. So bodies, streams, limits
and timeouts of the component are those of real responses, in each language.

Recordings of exchanges are files in JSON, to replay them without a network. They have neither header fields nor bodies
of requests, which often have credentials: a request is found by its method, its URL and the SHA-256 of its body.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import secrets
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from wasmcp.errors import HostError
from wasmcp.guest.fakes import Answer, HttpRules, NetworkTransport, Sent, url_pattern
from wasmcp.guest.http.messages import FORBIDDEN, Headers, OutgoingRequest, RequestTimeouts, Timeout, url_of
from wasmcp.host.bindings.development_imports import Failure, Redirect

MODES = ("once", "none", "new", "all")
"""Modes of a recording: `once` records if the file does not exist, and replays it otherwise; `none` only replays; `new`
replays what the file has, and adds the rest; `all` records everything again."""

MOST_BYTES = 64 << 20
"""Maximum bytes of all bodies of one file."""

_VERSION = 1
_MOST = 10_000  # exchanges of one file
_MOST_RECORDED = 16 << 20
_SECONDS = 60.0
_LEFT_OUT = frozenset({"set-cookie", "set-cookie2", "content-length", "date"})
_HIDDEN = "HIDDEN"


class Recording:
    """Exchanges of one file.

    Attributes:
        path: The file.
        mode: One of `MODES`; `once` becomes `none` or `all`.
        options: The given mode and hidden parameters.
    """

    def __init__(self, path: Path, mode: str = "once", hide: tuple[str, ...] = ()) -> None:
        """Read the file, if the mode replays.

        Args:
            path: The file.
            mode: One of `MODES`.
            hide: Parameters of the query whose values are not written.

        Raises:
            HostError: The mode is unknown, or the file cannot be read, is not a recording, or does not exist.
        """
        if mode not in MODES:
            raise HostError(f"`{mode}` is not a mode of recordings: expected {', '.join(f'`{one}`' for one in MODES)}")
        exists = path.is_file()
        if mode == "none" and not exists:
            raise HostError(f"the recording `{path}` does not exist: make it with the mode `once`")
        self.path = path
        self.mode = mode if mode != "once" else "none" if exists else "all"
        self.options = (mode, frozenset(hide))
        self._exchanges: list[dict[str, Any]] = self._read() if exists and self.mode != "all" else []
        self._played: dict[tuple[str, str, str], int] = {}
        self._size = sum(_size(each["response"]) for each in self._exchanges)
        self._changed = False
        self._lock = threading.Lock()

    @property
    def records(self) -> bool:
        """True if requests can reach the network."""
        return self.mode != "none"

    def has(self, method: str, url: str) -> bool:
        """Return True if there is an exchange with a method and a URL."""
        shown = self._shown(url)
        return any(each["method"] == method and each["url"] == shown for each in self._exchanges)

    def answer(self, sent: Sent) -> Answer:
        """Return the response to a request, from the file or the network.

        Exchanges of equal requests are replayed in their order; the last one is repeated.

        Raises:
            LookupError: The file has no exchange for the request, and the mode does not record.
            HostError: The recording is too large.
            wasmcp.guest.http.HttpError: The network failed.
        """
        key = (sent.method, self._shown(sent.url), hashlib.sha256(sent.body).hexdigest())
        with self._lock:
            found = [each for each in self._exchanges if (each["method"], each["url"], each["body-sha256"]) == key]
            index = self._played.get(key, 0)
            if found and self.mode != "all":
                self._played[key] = index + 1
                return _answer(found[min(index, len(found) - 1)])
        if not self.records:
            raise LookupError(
                f"`{self.path.name}` has no exchange for {key[0]} {key[1]} with this body: record it, mode `new`"
            )
        answer = asyncio.run(send_to_network(sent))
        with self._lock:
            self._keep(key, answer)
        return answer

    def save(self) -> None:
        """Write the file, if exchanges were added."""
        with self._lock:
            if not self._changed:
                return
            self.path.parent.mkdir(parents=True, exist_ok=True)
            document = {"version": _VERSION, "exchanges": self._exchanges}
            temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}")
            temporary.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")
            temporary.replace(self.path)
            self._changed = False

    def _keep(self, key: tuple[str, str, str], answer: Answer) -> None:
        body = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
        self._size += len(body)
        if len(self._exchanges) >= _MOST or self._size > MOST_BYTES:
            raise HostError(f"a recording has at most {_MOST} exchanges and {MOST_BYTES >> 20} MiB")
        method, url, digest = key
        headers = [pair for pair in Headers(answer.headers).pairs if pair[0].lower() not in _LEFT_OUT]
        response: dict[str, Any] = {"status": answer.status, "headers": headers}
        try:
            response["text"] = body.decode()
        except UnicodeDecodeError:
            response["base64"] = base64.b64encode(body).decode()
        self._exchanges.append({"method": method, "url": url, "body-sha256": digest, "response": response})
        self._changed = True

    def _shown(self, url: str) -> str:
        """Return a URL without user, password and the values of hidden parameters."""
        parts = urlsplit(url)
        query = parts.query
        hide = self.options[1]
        if hide:
            pairs = parse_qsl(query, keep_blank_values=True)
            query = "&".join(f"{quote(name)}={_HIDDEN if name in hide else quote(value)}" for name, value in pairs)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))

    def _read(self) -> list[dict[str, Any]]:
        try:
            document = json.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise HostError(f"the recording `{self.path}` cannot be read: {error}") from None
        found = document.get("exchanges") if isinstance(document, dict) else None
        if not isinstance(found, list) or document.get("version") != _VERSION or not all(map(_is_exchange, found)):
            raise HostError(f"`{self.path}` is not a recording of this version: remove it, and record again")
        return found


def _is_exchange(value: Any) -> bool:
    if not isinstance(value, dict) or not all(isinstance(value.get(name), str) for name in _KEY):
        return False
    response = value.get("response")
    return (
        isinstance(response, dict)
        and isinstance(response.get("status"), int)
        and isinstance(response.get("headers"), list)
        and all(isinstance(each, list) and len(each) == 2 for each in response["headers"])
        and isinstance(response.get("text", response.get("base64")), str)
    )


_KEY = ("method", "url", "body-sha256")


def _size(response: dict[str, Any]) -> int:
    """Return the bytes of a body, at most 2 more for one in Base64."""
    return len(response["text"].encode()) if "text" in response else len(response["base64"]) * 3 // 4


def _answer(exchange: dict[str, Any]) -> Answer:
    response = exchange["response"]
    body = response["text"].encode() if "text" in response else base64.b64decode(response["base64"])
    return Answer(response["status"], [(str(name), str(value)) for name, value in response["headers"]], body)


async def send_to_network(sent: Sent) -> Answer:
    """Send a request to where it goes."""
    timeouts = RequestTimeouts(Timeout(total=_SECONDS), concurrent=False)
    fields = Headers([pair for pair in sent.headers.pairs if pair[0].lower() not in {*FORBIDDEN, "content-length"}])
    if sent.body:
        fields = fields.updated({"content-length": str(len(sent.body))})
    request = OutgoingRequest(sent.method, url_of(sent.url), fields, sent.body or None)
    response = await NetworkTransport().send(request, timeouts)
    pieces, size = [], 0
    try:
        while piece := await response.read(65536, timeouts):
            size += len(piece)
            if size > _MOST_RECORDED:
                raise HostError(f"the response of `{sent.url}` has more than {_MOST_BODY >> 20} MiB")
            pieces.append(piece)
    finally:
        response.close()
    return Answer(response.status, response.headers, b"".join(pieces))


_UNKNOWN = "the network of this test has no rule for the request: add one with `route`, or permit its URL with `allow`"
_MOST_PENDING = 1000
_MOST_REFUSED = 100
_MOST_BODY = 64 << 20
_OWN_FIELDS = frozenset({"host", "connection", "transfer-encoding"})
_ANSWER_FIELDS = frozenset({"content-length", "transfer-encoding", "connection", "keep-alive"})

Responder = Callable[[Sent], Answer]


class OutgoingHttp(HttpRules):
    """The network of servers under test. Without rules, each request is refused with `internal-error` and the reason.

    Attributes:
        requests: The requests that were answered by rules and recordings, in order.
        refused: The last requests that were refused, as `METHOD URL`.
        problems: Exceptions of functions that make responses, and of recordings.
    """

    def __init__(self, *, network: bool = False) -> None:
        """Begin without rules.

        Args:
            network: True to send requests without a rule to where they go.
        """
        super().__init__()
        self.refused: deque[str] = deque(maxlen=_MOST_REFUSED)
        self.problems: list[Exception] = []
        self._network = network
        self._allowed: list[str] = []
        self._recordings: list[tuple[str, Recording]] = []
        self._pending: dict[str, tuple[str, str, Responder]] = {}
        self._listener: _Listener | None = None
        self._lock = threading.Lock()

    def allow(self, url: str) -> None:
        """Send requests that have no rule to where they go.

        Args:
            url: The URL, without a query for every query, or a prefix that ends with `*`.

        Raises:
            ValueError: The URL is not absolute.
        """
        self._allowed.append(url_pattern(url))

    def record(self, path: str | Path, urls: str = "*", *, mode: str = "once", hide: tuple[str, ...] = ()) -> Recording:
        """Replay the exchanges of a file, or record them in it, for requests that have no rule.

        Args:
            path: The file.
            urls: The URL, or a prefix that ends with `*`.
            mode: `once` records if the file does not exist, and replays it otherwise; `none` only replays; `new`
                replays what the file has, and adds the rest; `all` records everything again.
            hide: Parameters of the query whose values are not written to the file.

        Raises:
            HostError: The file cannot be read, the mode is unknown, or the file is in use with other values of `mode`
                or `hide`.
            ValueError: `urls` is not an absolute URL.
        """
        urls = url_pattern(urls)
        used = (recording for _, recording in self._recordings if recording.path.resolve() == Path(path).resolve())
        found = next(used, None)
        if found is None:
            found = Recording(Path(path), mode, hide)
        elif found.options != (mode, frozenset(hide)):
            raise HostError(f"the recording `{path}` is in use with another `mode` or `hide`: give the same ones")
        self._recordings.append((urls, found))
        return found

    def reset(self) -> None:
        """Write the recordings, and remove all rules and requests.

        Raises:
            Exception: The first of `problems`.
        """
        try:
            for _, recording in self._recordings:
                recording.save()
            if self.problems:
                raise self.problems[0]
        finally:
            self._routes.clear()
            self.requests.clear()
            self.refused.clear()
            self.problems.clear()
            self._allowed.clear()
            self._recordings.clear()
            with self._lock:
                self._pending.clear()

    def close(self) -> None:
        """Stop the server on loopback."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def decide(self, method: str, url: str) -> Redirect | Failure | None:
        """Return where a request is sent; see `wasmcp.host.bindings.development_imports.Substitutes`."""
        route = self.find(method, url)
        if route is not None and route.error is not None:
            self.requests.append(Sent(method, url, Headers(), b""))
            return Failure(route.error)
        if route is not None:
            return self._redirected(method, url, route.respond)
        for pattern, recording in self._recordings:
            if _fits(pattern, url) and (recording.records or recording.has(method, url)):
                return self._redirected(method, url, recording.answer)
        if self._network or any(_fits(pattern, url) for pattern in self._allowed):
            return None
        self.refused.append(f"{method} {url}")
        return Failure("internal-error", _UNKNOWN)

    def _redirected(self, method: str, url: str, respond: Responder) -> Redirect:
        token = secrets.token_urlsafe(16)
        with self._lock:
            while len(self._pending) >= _MOST_PENDING:  # requests that never arrived
                del self._pending[next(iter(self._pending))]
            self._pending[token] = (method, url, respond)
            if self._listener is None:
                self._listener = _Listener(self._respond)
            return Redirect(self._listener.authority, f"/{token}")

    def _respond(self, token: str, headers: Headers, body: bytes) -> Answer | None:
        """Return the answer to a redirected request; None if it has none."""
        with self._lock:
            found = self._pending.pop(token, None)
        if found is None:
            return None
        method, url, respond = found
        sent = Sent(method, url, headers, body)
        self.requests.append(sent)
        try:
            return respond(sent)
        except Exception as error:  # noqa: BLE001 - raised at the end of the test, on its thread
            self.problems.append(error)
            return None


def _fits(pattern: str, url: str) -> bool:
    if pattern.endswith("*"):
        return url.startswith(pattern[:-1])
    return url == pattern or ("?" not in pattern and url.partition("?")[0] == pattern)


class _Listener:
    """HTTP server on loopback for redirected requests.

    Attributes:
        authority: Its host and port.
    """

    def __init__(self, respond: Callable[[str, Headers, bytes], Answer | None]) -> None:
        class Handler(_Handler):
            answer = staticmethod(respond)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.authority = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="wasmcp-outgoing-http", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    answer: Callable[[str, Headers, bytes], Answer | None]

    def parse_request(self) -> bool:
        """Accept each method."""
        if not super().parse_request():
            return False
        setattr(self, f"do_{self.command}", self._exchange)
        return True

    def _exchange(self) -> None:
        self.close_connection = True
        fields = Headers([(name.lower(), value) for name, value in self.headers.items()])
        body = self._body()
        kept = Headers([pair for pair in fields.pairs if pair[0] not in _OWN_FIELDS])
        answer = None if body is None else self.answer(self.path[1:], kept, body)
        if answer is None:
            return  # the end of the connection is an error of the request
        with suppress(OSError):  # the component does not read the response
            self._send(answer)

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        for name, value in Headers(answer.headers).pairs:
            if name.lower() not in _ANSWER_FIELDS:
                self.send_header(name, _latin(value))
        self.send_header("Connection", "close")
        is_empty = self.command == "HEAD" or answer.status in {204, 304} or answer.status < 200
        if isinstance(answer.body, (bytes, bytearray)):
            if not is_empty:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if not is_empty:
                self.wfile.write(answer.body)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in () if is_empty else answer.body:
            if piece:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                self.wfile.flush()
        self.wfile.write(b"" if is_empty else b"0\r\n\r\n")

    def _body(self) -> bytes | None:
        """Return the body of the request; None if it is incomplete or too large."""
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            size = int(self.headers.get("Content-Length", 0))
            if size > _MOST_BODY:
                return None
            found = self.rfile.read(size)
            return found if len(found) == size else None
        pieces: list[bytes] = []
        total = 0
        while True:
            line = self.rfile.readline(1024)
            try:
                size = int(line.partition(b";")[0], 16)
            except ValueError:
                return None
            total += size
            if total > _MOST_BODY:
                return None
            if size == 0:
                while self.rfile.readline(65536).strip():
                    pass
                return b"".join(pieces)
            pieces.append(self.rfile.read(size))
            self.rfile.readline(1024)

    def log_message(self, *_: Any) -> None:
        """Write nothing."""


def _latin(value: str) -> str:
    """Return a value that `http.server` encodes as UTF-8: it writes Latin-1."""
    return value if value.isascii() else value.encode().decode("latin-1")
