"""Recordings of HTTP exchanges in files, to replay them without a network.

A file is JSON. It has neither header fields nor bodies of requests, which often have credentials: a request is found by
its method, its URL and the SHA-256 of its body.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from wasmcp.errors import HostError
from wasmcp.guest.fakes.http_rules import Answer, Sent
from wasmcp.guest.fakes.real_http import NetworkTransport
from wasmcp.guest.http.headers import FORBIDDEN, Headers
from wasmcp.guest.http.messages import OutgoingRequest, RequestTimeouts, Timeout
from wasmcp.guest.http.urls import url_of

MODES = ("once", "none", "new", "all")
"""Modes of a recording: `once` records if the file does not exist, and replays it otherwise; `none` only replays; `new`
replays what the file has, and adds the rest; `all` records everything again."""

_VERSION = 1
_MOST = 10_000  # exchanges of one file
_MOST_BYTES = 64 << 20  # of all bodies of one file
_MOST_BODY = 16 << 20
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
        answer = asyncio.run(_real(sent))
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
        if len(self._exchanges) >= _MOST or self._size > _MOST_BYTES:
            raise HostError(f"a recording has at most {_MOST} exchanges and {_MOST_BYTES >> 20} MiB")
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


async def _real(sent: Sent) -> Answer:
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
            if size > _MOST_BODY:
                raise HostError(f"the response of `{sent.url}` has more than {_MOST_BODY >> 20} MiB")
            pieces.append(piece)
    finally:
        response.close()
    return Answer(response.status, response.headers, b"".join(pieces))
