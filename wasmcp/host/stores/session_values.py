"""The values of sessions: in memory wherever other values are, because a session ends with its process at the latest.

The framework's `session-store` keeps them in a bucket for each session, named after it (wit/key-value.wit,
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
LIMIT = 64 << 20  # bytes of all sessions


class SessionValues:
    """A store with another in front of it for the buckets of sessions.

    Attributes:
        is_alive: Tells whether there is a session of this name, beside the connection over stdio.
        on_end: Called with the name of a bucket that is gone.
    """

    def __init__(self, behind: Store, most: int = LIMIT) -> None:
        self._behind = behind
        self._sessions = MemoryStore(most)
        self._lock = threading.Lock()
        self.is_alive: Callable[[str], bool] = lambda _session: False
        self.on_end: Callable[[str], None] = lambda _bucket: None

    def get(self, bucket: str, keys: Iterable[str]) -> dict[str, bytes]:
        """Return what is there."""
        return self._of(bucket).get(bucket, keys)

    def put(self, bucket: str, entries: Mapping[str, bytes]) -> None:
        """Put all, or nothing."""
        if not bucket.startswith(PREFIX):
            self._behind.put(bucket, entries)
            return
        with self._lock:
            self.check(bucket)
            self._sessions.put(bucket, entries)

    def delete(self, bucket: str, keys: Iterable[str]) -> None:
        """Delete what is there."""
        self._of(bucket).delete(bucket, keys)

    def keys(self, bucket: str, after: str | None, most: int) -> list[str]:
        """List keys."""
        return self._of(bucket).keys(bucket, after, most)

    def exchange(self, bucket: str, key: str, expected: bytes | None, value: bytes) -> bool:
        """Put a value if the key still has the expected one."""
        if not bucket.startswith(PREFIX):
            return self._behind.exchange(bucket, key, expected, value)
        with self._lock:
            self.check(bucket)
            return self._sessions.exchange(bucket, key, expected, value)

    def end(self, session: str) -> None:
        """Forget what was kept for a session that is alive no more."""
        bucket = PREFIX + session
        with self._lock:
            self._sessions.drop(bucket)
        self.on_end(bucket)

    def close(self) -> None:
        """Let go of everything."""
        self._sessions.close()
        self._behind.close()

    def _of(self, bucket: str) -> Store:
        return self._sessions if bucket.startswith(PREFIX) else self._behind

    def check(self, bucket: str) -> None:
        """Refuse what a request that outlives its session would leave behind.

        Raises:
            StoreRequestError: It is the bucket of a session that is over.
        """
        session = bucket.removeprefix(PREFIX)
        if session not in {bucket, CONNECTION} and not self.is_alive(session):
            raise StoreRequestError("the session is over")
