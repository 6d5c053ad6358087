"""Keys of an issuer, fetched once for the instances of all versions of a server in this process.

* They are fetched again when they are older than their time to live; until then and meanwhile the instances use those
  that they have. If the issuer cannot be reached, these stay in use for `STALE` more seconds; then they are removed.
* A token with an unknown key causes one fetch at once, and no other within `PAUSE` seconds, so that a client cannot
  flood the issuer with invented names of keys.
* Failures are kept, too: the pause until the next attempt doubles from one second to a minute.

Nothing here blocks: fetches run on a thread, and calls that wait for one are suspended.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING

from wasmcp.errors import IssuerDocumentError

if TYPE_CHECKING:
    from collections.abc import Callable

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
