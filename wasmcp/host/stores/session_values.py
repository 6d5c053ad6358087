"""Values of sessions. They are always kept in memory, because a session does not outlive the process.

The framework's `session-store` uses one bucket for each session, named after it (wit/key-value.wit,
`session-buckets`).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from wasmcp.host.stores.keyvalue import MemoryStore, StoreRequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from wasmcp.host.stores.keyvalue import Store

PREFIX = "wasmcp:session/"
CONNECTION = "stdio"
LIMIT = 64 << 20  # maximum bytes of all sessions


class SessionValues:
    """A store that keeps the buckets of sessions in memory, and passes other buckets to another store.

    Attributes:
        is_alive: Returns True if the HTTP session with this identifier exists.
        on_end: Called with the name of a bucket whose session has ended.
    """

    def __init__(self, store: Store, most: int = LIMIT) -> None:
        self._store = store
        self._sessions = MemoryStore(most)
        self._lock = threading.Lock()
        self.is_alive: Callable[[str], bool] = lambda _session: False
        self.on_end: Callable[[str], None] = lambda _bucket: None

    def get(self, bucket: str, keys: Iterable[str]) -> dict[str, bytes]:
        """Return the values of the keys that exist."""
        return self._of(bucket).get(bucket, keys)

    def put(self, bucket: str, entries: Mapping[str, bytes]) -> None:
        """Put all entries, or none."""
        if not bucket.startswith(PREFIX):
            self._store.put(bucket, entries)
            return
        with self._lock:
            self.check(bucket)
            self._sessions.put(bucket, entries)

    def delete(self, bucket: str, keys: Iterable[str]) -> None:
        """Delete the keys that exist."""
        self._of(bucket).delete(bucket, keys)

    def keys(self, bucket: str, after: str | None, most: int) -> list[str]:
        """Return at most `most` keys after `after`."""
        return self._of(bucket).keys(bucket, after, most)

    def exchange(self, bucket: str, key: str, expected: bytes | None, value: bytes) -> bool:
        """Put a value if the current one equals `expected`. Return True if it did."""
        if not bucket.startswith(PREFIX):
            return self._store.exchange(bucket, key, expected, value)
        with self._lock:
            self.check(bucket)
            return self._sessions.exchange(bucket, key, expected, value)

    def end(self, session: str) -> None:
        """Delete the values of a session that has ended."""
        bucket = PREFIX + session
        with self._lock:
            self._sessions.drop(bucket)
        self.on_end(bucket)

    def close(self) -> None:
        """Free all resources."""
        self._sessions.close()
        self._store.close()

    def _of(self, bucket: str) -> Store:
        return self._sessions if bucket.startswith(PREFIX) else self._store

    def check(self, bucket: str) -> None:
        """Check that the session of a bucket exists: a request can outlive its session.

        Raises:
            StoreRequestError: The bucket belongs to a session that has ended.
        """
        session = bucket.removeprefix(PREFIX)
        if session not in {bucket, CONNECTION} and not self.is_alive(session):
            raise StoreRequestError("the session is over")
