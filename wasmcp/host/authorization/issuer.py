"""Issuers of a server's tokens, by its settings of authorization: their keys, and introspection of opaque tokens.

A call whose response names a need (`wasmcp.host.bindings.messages.Need`) is suspended, and runs again with what was
fetched. Nothing here blocks: fetches run on a thread.

Keys are fetched once for the instances of all versions of a server in this process:

* They are fetched again when they are older than their time to live; until then and meanwhile the instances use those
  that they have. If the issuer cannot be reached, these stay in use for `STALE` more seconds; then they are removed.
* A token with an unknown key causes one fetch at once, and no other within `PAUSE` seconds, so that a client cannot
  flood the issuer with invented names of keys.
* Failures are kept, too: the pause until the next attempt doubles from one second to a minute.

The responses of introspection (RFC 7662) are cached.
"""

from __future__ import annotations

import base64
import json
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from hashlib import sha256
from time import monotonic, time
from typing import TYPE_CHECKING, Any

from wasmcp.environment import INTROSPECTION_SECRET
from wasmcp.errors import IssuerDocumentError
from wasmcp.host.authorization.documents import discover, fetch
from wasmcp.host.engine import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wasmcp.host.bindings.messages import Need

STALE = 3600.0
"""Seconds for which keys stay in use after their time to live, while the issuer cannot be reached."""

PAUSE = 30.0
"""Minimum seconds between two fetches because of unknown keys."""

FIRST_PAUSE = 1.0
"""Seconds until the next attempt after a failure; they double with each further one."""

LONGEST_PAUSE = 60.0
"""Maximum seconds between two attempts while the issuer cannot be reached."""


class Keys:
    """A key set. Instances compare it by identity.

    Attributes:
        document: The JSON Web Key Set; the empty string for no keys.
    """

    __slots__ = ("document", "fetched")

    def __init__(self, document: str, fetched: float) -> None:
        self.document = document
        self.fetched = fetched


class KeyCache:
    """Keys of one issuer. The methods are thread-safe."""

    def __init__(
        self,
        fetch: Callable[[], str],
        ttl: float,
        on_state: Callable[[str | None], None],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Create a cache without keys.

        Args:
            fetch: Fetches the key set, on a thread of the cache. It raises `IssuerDocumentError`.
            ttl: Seconds after which the keys are fetched again.
            on_state: Called with a reason when the keys cannot be fetched any more, and with None when they can again.
            clock: The time in seconds.
        """
        self._fetch = fetch
        self._ttl = ttl
        self._on_state = on_state
        self._clock = clock
        self._keys = self._former = Keys("", clock())
        self._waiting: list[Callable[[Keys | None], None]] = []
        self._fetching = False
        self._failures = 0
        self._due = 0.0  # time of the next attempt after a failure
        self._searched: float | None = None  # time of the last fetch because of an unknown key
        self._lock = threading.Lock()

    def current(self) -> Keys:
        """Return the keys to use now, and begin to fetch newer ones if these are too old."""
        keys = self._keys
        if self._clock() - keys.fetched < self._ttl and keys.document:
            return keys
        with self._lock:
            now = self._clock()
            if self._keys.document and now - self._keys.fetched >= self._ttl + STALE:
                self._keys = self._former = Keys("", now)
            if not self._keys.document or now - self._keys.fetched >= self._ttl:
                self._begin(now)
            return self._keys

    def request(self, seen: Keys, then: Callable[[Keys | None], None]) -> bool:
        """Request other keys than those that an instance has. Return False if they cannot be fetched now.

        Args:
            seen: The keys of the instance, which do not suffice.
            then: Called once, on any thread: with the newest keys, or with None if the fetch has failed.
        """
        with self._lock:
            if self._keys is seen:
                now = self._clock()
                begun = self._fetching
                if seen.document and not begun and self._searched is not None and now - self._searched < PAUSE:
                    return False
                if not self._begin(now):
                    return False
                if seen.document and not begun:
                    self._searched = now
                self._waiting.append(then)
                return True
        then(self._keys)
        return True

    def refuse(self, keys: Keys, reason: str) -> None:
        """Return to the keys before, because none of these can be used."""
        with self._lock:
            if self._keys is not keys:
                return
            self._keys = self._former
            begun = self._failed()
        if begun:
            self._on_state(reason)

    def _begin(self, now: float) -> bool:
        """Start a fetch, unless one runs already. Return False in the pause after a failure. The lock is held."""
        if self._fetching:
            return True
        if self._failures and now < self._due:
            return False
        self._fetching = True
        threading.Thread(target=self._run, name="wasmcp-issuer", daemon=True).start()
        return True

    def _failed(self) -> bool:
        """Count a failure. Return True if it is the first one. The lock is held."""
        self._failures += 1
        self._due = self._clock() + min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self._failures - 1, 10))
        return self._failures == 1

    def _run(self) -> None:
        document = reason = None
        try:
            document = self._fetch()
        except IssuerDocumentError as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001 - the waiting calls have to continue
            reason = f"{type(error).__name__}: {error}"
        with self._lock:
            self._fetching = False
            if document is None:
                changed = self._failed()
            else:
                changed = self._failures > 0
                self._failures = 0
                now = self._clock()
                if document == self._keys.document:
                    self._keys.fetched = now
                else:
                    self._former, self._keys = self._keys, Keys(document, now)
            waiting, self._waiting = self._waiting, []
            newest = None if document is None else self._keys
        if changed:
            self._on_state(reason)
        for then in waiting:
            then(newest)


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


KEYS_TTL = 600
"""Default of `JWT_JWKS_TTL`, in seconds."""

INTROSPECTION_TTL = 60
"""Default of `JWT_INTROSPECTION_TTL`, in seconds."""


@dataclass(frozen=True)
class IssuerSettings:
    """Settings of authorization that this host acts on.

    Attributes:
        keys_url: Address of the key set.
        issuer: Issuer whose key set is discovered, if it has no address.
        keys_ttl: Seconds after which keys are fetched again.
        introspection_url: Endpoint that introspects tokens.
        client_id: Identifier of the server at that endpoint.
        client_secret: Its secret.
        introspection_ttl: Seconds for which a response is used.
    """

    keys_url: str | None = None
    issuer: str | None = None
    keys_ttl: float = KEYS_TTL
    introspection_url: str | None = None
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    introspection_ttl: float = INTROSPECTION_TTL

    @classmethod
    def of(cls, settings: Mapping[str, str]) -> IssuerSettings | None:
        """Read the settings in effect, which the server has checked. Return None if nothing is to be fetched."""
        given = {name: value.strip() for name, value in settings.items()}
        introspection = given.get("JWT_INTROSPECTION_URI")
        keys, issuer = given.get("JWT_JWKS_URI"), None
        if keys is None and introspection is None and not {"JWT_JWKS", "JWT_PUBLIC_KEY"} & set(given):
            issuer = given.get("JWT_ISSUER")
        if keys is None and issuer is None and introspection is None:
            return None
        return cls(
            keys,
            issuer,
            float(given.get("JWT_JWKS_TTL", KEYS_TTL)),
            introspection,
            given.get("JWT_INTROSPECTION_CLIENT_ID", ""),
            given.get(INTROSPECTION_SECRET, ""),
            float(given.get("JWT_INTROSPECTION_TTL", INTROSPECTION_TTL)),
        )


class Issuer:
    """Client of one issuer.

    Attributes:
        keys: The keys; None if the settings contain them, or all tokens are introspected.
    """

    def __init__(self, settings: IssuerSettings) -> None:
        self._settings = settings
        self.keys: KeyCache | None = None
        if settings.keys_url is not None or settings.issuer is not None:
            self.keys = KeyCache(self._fetch_keys, settings.keys_ttl, self._keys_state)
        self._introspection: Introspection | None = None
        if settings.introspection_url is not None:
            self._introspection = Introspection(
                settings.introspection_url,
                settings.client_id,
                settings.client_secret,
                ttl=settings.introspection_ttl,
                on_state=self._introspection_state,
            )

    def provide(self, need: Need, seen: Keys | None, then: Callable[[bytes | None], None]) -> bool:
        """Fetch what a response needs. Return False if that is not possible now.

        Args:
            need: The need.
            seen: The keys of the instance that responded.
            then: Called once, on any thread: with the header lines to add to the request, which can be processed again;
                or with None.
        """
        if need.token is not None:
            introspection = self._introspection
            return introspection is not None and introspection.request(
                need.token, lambda value: then(None if value is None else b"wasmcp-introspection: %b\r\n" % value)
            )
        if self.keys is None or seen is None:
            return False
        return self.keys.request(seen, lambda keys: then(None if keys is None else b""))

    def _fetch_keys(self) -> str:
        url = self._settings.keys_url
        if url is None:
            url = self._discover(self._settings.issuer or "")
        document, value = fetch(url)
        if not isinstance(value.get("keys"), list):
            raise IssuerDocumentError(url, "the document is not a JSON Web Key Set: it has no array `keys`")
        return document

    def _discover(self, issuer: str) -> str:
        try:
            return discover(issuer)
        except IssuerDocumentError as error:
            hint = "; set `JWT_JWKS_URI` if this issuer has no metadata"
            raise IssuerDocumentError(error.url, f"{error.reason}{hint}", error.status) from None

    def _keys_state(self, reason: str | None) -> None:
        url = self._settings.keys_url or self._settings.issuer or ""
        _log(url, reason, "the keys of the issuer")

    def _introspection_state(self, reason: str | None) -> None:
        _log(self._settings.introspection_url or "", reason, "the introspection endpoint")


def _log(url: str, reason: str | None, what: str) -> None:
    if reason is None:
        logs.log(logs.AUTHORIZATION, logs.INFO, f"{what} can be used again ({url})", url=url)
    else:
        logs.log(logs.AUTHORIZATION, logs.WARNING, f"{what} cannot be used: {reason}", url=url)


class Issuers:
    """The issuers of all versions of one server in this process.

    Attributes:
        settings: The settings of authorization that were in effect when an instance booted last, without the secret;
            empty if authorization is not configured, or none has booted.
    """

    def __init__(self) -> None:
        self.settings: Mapping[str, str] = {}
        self._known: dict[IssuerSettings, Issuer] = {}
        self._lock = threading.Lock()

    def of(self, settings: Mapping[str, str]) -> Issuer | None:
        """Return the issuer for the settings in effect, whose keys are fetched from now on; None if there is nothing.

        Args:
            settings: The settings by name.
        """
        self.settings = {name: value for name, value in settings.items() if name != INTROSPECTION_SECRET}
        wanted = IssuerSettings.of(settings)
        if wanted is None:
            return None
        with self._lock:
            issuer = self._known.get(wanted)
            if issuer is None:
                issuer = self._known[wanted] = Issuer(wanted)
        if issuer.keys is not None:
            issuer.keys.current()
        return issuer
