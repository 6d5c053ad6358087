"""Introspection of opaque tokens at the endpoint of their issuer (RFC 7662), with a cache of the responses."""

from __future__ import annotations

import base64
import json
import threading
from collections import OrderedDict, deque
from hashlib import sha256
from time import monotonic, time
from typing import TYPE_CHECKING, Any

from wasmcp.errors import IssuerDocumentError
from wasmcp.host.authorization.documents import fetch

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 64 << 10
"""Maximum bytes of the response about a token."""

_MOST_BYTES = 8 << 20  # maximum bytes of all kept responses
_MOST_INACTIVE = 4096  # maximum number of tokens that are remembered as not active
_MOST_THREADS = 8  # maximum number of requests to the endpoint at a time
_MOST_WAITING = 1024  # maximum number of tokens that wait for one
_LONGEST_PAUSE = 30.0  # maximum seconds without a request after failures
_INACTIVE = '{"active":false}'


class Introspection:
    """Client of one endpoint. The methods are thread-safe."""

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: str,
        *,
        ttl: float,
        on_state: Callable[[str | None], None],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Prepare the client.

        Args:
            url: The endpoint.
            client_id: The identifier of this server at the issuer.
            client_secret: Its secret, sent as HTTP Basic (RFC 6749, section 2.3.1).
            ttl: Seconds for which a response is used.
            on_state: Called with a reason when the endpoint does not respond any more, with None when it does again.
            clock: The time in seconds.
        """
        from urllib.parse import quote_plus

        self._url = url
        pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}".encode()
        self._authorization = f"Basic {base64.b64encode(pair).decode()}"
        self._ttl = ttl
        self._on_state = on_state
        self._clock = clock
        self._active: OrderedDict[bytes, tuple[str, float]] = OrderedDict()
        self._bytes = 0
        self._inactive: OrderedDict[bytes, float] = OrderedDict()
        self._waiting: dict[bytes, list[Callable[[bytes | None], None]]] = {}
        self._queue: deque[tuple[bytes, str]] = deque()
        self._threads = 0
        self._failures = 0
        self._due = 0.0
        self._lock = threading.Lock()

    def request(self, token: str, then: Callable[[bytes | None], None]) -> bool:
        """Introspect a token. Return False if that is not possible now.

        Args:
            token: The token.
            then: Called once, on any thread: with the response as the value of the field `wasmcp-introspection`, or
                with None after a failure.
        """
        key = sha256(token.encode()).digest()
        with self._lock:
            found = self._find(key)
            if found is None:
                waiting = self._waiting.get(key)
                if waiting is not None:
                    waiting.append(then)
                    return True
                if (self._failures and self._clock() < self._due) or len(self._waiting) >= _MOST_WAITING:
                    return False
                self._waiting[key] = [then]
                self._queue.append((key, token))
                if self._threads < _MOST_THREADS:
                    self._threads += 1
                    threading.Thread(target=self._run, name="wasmcp-introspection", daemon=True).start()
                return True
        then(found)
        return True

    def _find(self, key: bytes) -> bytes | None:
        """Return a kept response. The lock is held, as for all methods with `_keep` and `_drop`."""
        now = self._clock()
        if key in self._active:
            document, until = self._active[key]
            if now < until:
                self._active.move_to_end(key)
                return _field(document, until - now)
            self._drop(key)
        if key in self._inactive:
            if now < self._inactive[key]:
                return _field(_INACTIVE, 0)
            del self._inactive[key]
        return None

    def _drop(self, key: bytes) -> None:
        document, _ = self._active.pop(key)
        self._bytes -= len(document)

    def _keep(self, key: bytes, document: str, seconds: float, *, active: bool) -> None:
        if seconds <= 0:
            return
        until = self._clock() + seconds
        if not active:
            self._inactive[key] = until
            while len(self._inactive) > _MOST_INACTIVE:
                self._inactive.popitem(last=False)
            return
        if key in self._active:
            self._drop(key)
        self._active[key] = (document, until)
        self._bytes += len(document)
        while self._bytes > _MOST_BYTES:
            self._drop(next(iter(self._active)))

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._queue:
                    self._threads -= 1
                    return
                key, token = self._queue.popleft()
            response = reason = None
            try:
                document, value = self._introspect(token)
                active = value["active"] is True
                seconds = max(0.0, min(self._ttl, _remaining(value)))
                response = _field(document if active else _INACTIVE, seconds)
            except IssuerDocumentError as error:
                reason = str(error)
            except Exception as error:  # noqa: BLE001 - the waiting calls have to continue
                reason = f"{type(error).__name__}: {error}"
            with self._lock:
                changed = self._failures > 0
                if response is None:
                    self._failures += 1
                    self._due = self._clock() + min(_LONGEST_PAUSE, 2.0 ** min(self._failures - 1, 10))
                    changed = self._failures == 1
                else:
                    self._failures = 0
                    self._keep(key, document, seconds if active else self._ttl, active=active)
                waiting = self._waiting.pop(key)
            if changed:
                self._on_state(reason)
            for then in waiting:
                then(response)

    def _introspect(self, token: str) -> tuple[str, dict[str, Any]]:
        form = {"token": token, "token_type_hint": "access_token"}
        _, value = fetch(self._url, form=form, authorization=self._authorization, limit=LIMIT)
        if not isinstance(value.get("active"), bool):
            raise IssuerDocumentError(self._url, "the response has no member `active` with `true` or `false`")
        return json.dumps(value, separators=(",", ":")), value  # one line, of ASCII


def _remaining(value: dict[str, Any]) -> float:
    """Return the seconds until a token expires."""
    expiry = value.get("exp")
    return float(expiry) - time() if isinstance(expiry, int | float) and not isinstance(expiry, bool) else float("inf")


def _field(document: str, seconds: float) -> bytes:
    """Return the value of the field with which the host passes a response to the server."""
    return b"%d %b" % (int(seconds), document.encode())
