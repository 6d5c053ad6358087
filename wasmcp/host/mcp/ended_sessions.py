"""List of sessions with sealed ids that ended before their ids expire.

A sealed id carries its session, so that no host has to know it. The client can end it nevertheless (`DELETE`): the id
is on this list from then on, until it expires. The list is in the store that all workers and servers share, or in the
memory of the process. It holds a limited number of digests of ids.
Specification: 2025-11-25, basic/transports, "Session Management".
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from hashlib import sha256
from time import time
from typing import TYPE_CHECKING

from wasmcp.host.stores.errors import StoreRequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wasmcp.host.stores.keyvalue import SessionValues

MOST = 100_000
"""Maximum number of sessions that can end within the validity of an id."""

_ATTEMPTS = 100
_BUCKET = "wasmcp:ended/"
_COUNT = "wasmcp:ended-count/"
_KEY = "ended"


class EndedSessions:
    """List of ended sessions.

    Attributes:
        seconds: The validity of an id.
        is_shared: True if other processes have the same list.
        can_block: True if the methods wait for another machine.
    """

    def __init__(
        self, seconds: int, values: SessionValues | None = None, *, most: int = MOST, clock: Callable[[], float] = time
    ) -> None:
        """Create a list.

        Args:
            seconds: The validity of an id.
            values: The values of sessions, in whose store the list is; None for the memory of the process.
            most: Maximum number of sessions that can end within `seconds`.
            clock: Function that returns the time in seconds.
        """
        self.seconds = seconds
        self._values = values
        self._store = None if values is None else values.shared_store
        self.is_shared = self._store is not None
        self.can_block = values is not None and values.is_remote
        self._most = most
        self._clock = clock
        self._ended: OrderedDict[bytes, float] = OrderedDict()  # the time of expiry by digest, in its order
        self._lock = threading.Lock()

    def __contains__(self, identifier: bytes) -> bool:
        """Return True if the session with this id has ended.

        Raises:
            StoreRequestError: The store cannot be used.
        """
        digest = sha256(identifier).digest()
        if self._store is None:
            return digest in self._ended
        return bool(self._store.get(_BUCKET + digest.hex(), [_KEY]))

    def add(self, identifier: bytes) -> bool:
        """End the session with this id, and delete its values. Return False if too many sessions have ended.

        Raises:
            StoreRequestError: The store cannot be used.
        """
        digest = sha256(identifier).digest()
        if self._store is None:
            return self._add(digest)
        if not self._count():
            return False
        self._store.put(_BUCKET + digest.hex(), {_KEY: b""}, seconds=self.seconds)
        if self._values is not None:
            self._values.delete_session(identifier.decode("ascii", "replace"))
        return True

    def _add(self, digest: bytes) -> bool:
        now = self._clock()
        with self._lock:
            while self._ended and next(iter(self._ended.values())) < now:
                self._ended.popitem(last=False)
            if len(self._ended) >= self._most:
                return False
            self._ended[digest] = now + self.seconds
        return True

    def _count(self) -> bool:
        """Count a session that ends in the store. Return False if there are too many in this period."""
        bucket = f"{_COUNT}{int(self._clock()) // self.seconds}"
        store = self._store
        if store is None:
            return True
        for _ in range(_ATTEMPTS):
            before = store.get(bucket, [_KEY]).get(_KEY)
            count = int(before or b"0")
            if count >= self._most:
                return False
            if store.exchange(bucket, _KEY, before, b"%d" % (count + 1), seconds=2 * self.seconds):
                return True
        raise StoreRequestError("the store is busy")
