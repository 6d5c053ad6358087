"""Stores of `wasi:keyvalue`: in memory, in a SQLite file or in Redis, chosen by a URL, and the values of sessions.

Source: wasi:keyvalue 0.2.0-draft and 0.2.0-draft2.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from time import time
from typing import TYPE_CHECKING, Any, Protocol

from wasmcp.errors import HostError, StoreRequestError
from wasmcp.terminal import printable, without_password

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from sqlite3 import Connection

    from wasmcp.host.stores.redis_store import OnState


KEY_LIMIT = 1024  # bytes
VALUE_LIMIT = 2 << 20  # bytes: wasmtime rejects arguments of 3 MiB as too large for one call
MEMORY_LIMIT = 256 << 20  # bytes of all keys and values of a store in memory
PAGE = 1000  # keys of a page
_SWEEP = 60.0  # seconds between deletions of expired buckets
_EXPIRIES = "CREATE TABLE IF NOT EXISTS expiries (bucket TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID"
_DELETE_EXPIRED = "DELETE FROM entries WHERE bucket IN (SELECT bucket FROM expiries WHERE at < ?)"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (bucket TEXT, key TEXT, value BLOB NOT NULL, PRIMARY KEY (bucket, key)) WITHOUT ROWID
"""


class Store(Protocol):
    """Store of keys and values in buckets. The methods are thread-safe and atomic."""

    def get(self, bucket: str, keys: Iterable[str]) -> dict[str, bytes]:
        """Return the values of the keys that exist."""

    def put(self, bucket: str, entries: Mapping[str, bytes], *, seconds: int | None = None) -> None:
        """Put all entries, or none. `seconds`: the bucket is deleted so long after the last write; None: never."""

    def delete(self, bucket: str, keys: Iterable[str]) -> None:
        """Delete the keys that exist."""

    def keys(self, bucket: str, after: str | None, most: int) -> list[str]:
        """Return at most `most` keys after `after`, in the order of their code points."""

    def exchange(
        self, bucket: str, key: str, expected: bytes | None, value: bytes, *, seconds: int | None = None
    ) -> bool:
        """Put a value if the current one equals `expected` (None: the key does not exist). Return True if it did."""

    def close(self) -> None:
        """Free all resources."""


def open_store(url: str, on_state: OnState | None = None) -> Store:
    """Open a store.

    Args:
        url: `memory:`; `sqlite:PATH` for a file, which is created if it does not exist; `redis://HOST` or
            `rediss://HOST` for a Redis or Valkey server (docs/reference/key-value-store.md has the options).
        on_state: Called when a store on another machine cannot be reached, and when it can again.

    Raises:
        HostError: The URL is invalid, or the store cannot be used.
    """
    scheme, separator, rest = url.partition(":")
    if scheme == "memory" and separator and not rest:
        return MemoryStore()
    if scheme == "sqlite" and rest:
        return SqliteStore(rest.removeprefix("//") if rest.startswith("///") else rest)
    if scheme in {"redis", "rediss"}:
        from wasmcp.host.stores.redis_store import RedisStore

        return RedisStore(url, on_state)
    shown = printable(without_password(url))
    raise HostError(f"`{shown}` is not a key-value store: it must be `memory:`, `sqlite:PATH` or `redis://HOST`")


def check_key(key: str) -> None:
    """Check the length of a key.

    Raises:
        StoreRequestError: The key is too long.
    """
    if len(key.encode()) > KEY_LIMIT:
        raise StoreRequestError(f"a key of more than {KEY_LIMIT} bytes")


def check_entries(entries: Mapping[str, bytes]) -> None:
    """Check the lengths of keys and values.

    Raises:
        StoreRequestError: A key or value is too long.
    """
    for key, value in entries.items():
        check_key(key)
        if len(value) > VALUE_LIMIT:
            raise StoreRequestError(f"a value of more than {VALUE_LIMIT} bytes")


def increment(store: Store, bucket: str, key: str, delta: int, *, signed: bool) -> int:
    """Add to a counter, which is stored as decimal digits; a key that does not exist counts as 0.

    Raises:
        StoreRequestError: The value is not a counter, or the sum has more than 64 bits.
    """
    check_key(key)
    low, high = (-(1 << 63), (1 << 63) - 1) if signed else (0, (1 << 64) - 1)
    while True:
        before = store.get(bucket, [key]).get(key)
        text = b"0" if before is None else before
        if not (text.removeprefix(b"-").isdigit() and len(text) <= 20 and low <= int(text) <= high):
            raise StoreRequestError("the value is not a counter")
        after = int(text) + delta
        if not low <= after <= high:
            raise StoreRequestError("the counter would have more than 64 bits")
        if store.exchange(bucket, key, before, b"%d" % after):
            return after


class MemoryStore:
    """Store in the memory of the process, with a limit of bytes."""

    def __init__(self, most: int = MEMORY_LIMIT) -> None:
        self._buckets: dict[str, dict[str, bytes]] = {}
        self._lock = threading.Lock()
        self._most = most
        self._size = 0
        self._sorted: dict[str, list[str]] = {}  # sorted keys of listed buckets, until one is added or removed

    def get(self, bucket: str, keys: Iterable[str]) -> dict[str, bytes]:
        """Return the values of the keys that exist."""
        with self._lock:
            entries = self._buckets.get(bucket, {})
            return {key: entries[key] for key in keys if key in entries}

    def put(self, bucket: str, entries: Mapping[str, bytes], *, seconds: int | None = None) -> None:
        """Put all entries, or none. `seconds` has no effect: the values end with the process.

        Raises:
            StoreRequestError: The store would exceed its limit.
        """
        del seconds
        with self._lock:
            self._put(bucket, entries)

    def _put(self, bucket: str, entries: Mapping[str, bytes]) -> None:
        found = self._buckets.get(bucket, {})
        more = sum(_size(key, value) - _size(key, found.get(key)) for key, value in entries.items())
        if more > 0 and self._size + more > self._most:
            raise StoreRequestError(f"more than {self._most >> 20} MiB of values")
        self._size += more
        if not entries.keys() <= found.keys():
            self._sorted.pop(bucket, None)
        self._buckets.setdefault(bucket, {}).update(entries)

    def delete(self, bucket: str, keys: Iterable[str]) -> None:
        """Delete the keys that exist."""
        with self._lock:
            entries = self._buckets.get(bucket, {})
            for key in keys:
                if key in entries:
                    self._size -= _size(key, entries.pop(key))
                    self._sorted.pop(bucket, None)

    def drop(self, bucket: str) -> None:
        """Delete a whole bucket."""
        with self._lock:
            self._sorted.pop(bucket, None)
            for key, value in self._buckets.pop(bucket, {}).items():
                self._size -= _size(key, value)

    def keys(self, bucket: str, after: str | None, most: int) -> list[str]:
        """Return at most `most` keys after `after`."""
        with self._lock:
            found = self._sorted.get(bucket)
            if found is None:
                found = self._sorted[bucket] = sorted(self._buckets.get(bucket, {}))
        begin = 0 if after is None else bisect_right(found, after)
        return found[begin : begin + most]

    def exchange(
        self, bucket: str, key: str, expected: bytes | None, value: bytes, *, seconds: int | None = None
    ) -> bool:
        """Put a value if the current one equals `expected`. Return True if it did."""
        del seconds
        with self._lock:
            if self._buckets.get(bucket, {}).get(key) != expected:
                return False
            self._put(bucket, {key: value})
            return True

    def close(self) -> None:
        """Delete all values."""
        with self._lock:
            self._buckets.clear()
            self._sorted.clear()
            self._size = 0


def _size(key: str, value: bytes | None) -> int:
    """Estimate the memory that an entry takes, in bytes."""
    return 0 if value is None else len(key) + len(value) + 150


class SqliteStore:
    """Store in a SQLite file (mode 0600) that several processes can use.

    Writers of all processes take turns and wait at most 10 s. Readers use a separate connection and do not wait for
    writers (write-ahead log).
    """

    def __init__(self, path: str) -> None:
        """Open the file, and create it if it does not exist.

        Raises:
            HostError: The file cannot be used.
        """
        import sqlite3

        shared = path == ":memory:"  # another connection would open another database
        self._lock = threading.RLock()
        self._read_lock = self._lock if shared else threading.RLock()
        self._writer: Connection | None = None
        self._reader: Connection | None = None
        self._next_sweep = 0.0
        try:
            # The files of the write-ahead log get the mode of the database.
            if not shared:
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600))
            self._writer = _connect(path)
            self._reader = self._writer if shared else _connect(path)
            self._writer.execute("PRAGMA journal_mode=WAL")
            self._writer.execute("PRAGMA synchronous=NORMAL")
            self._writer.execute(_SCHEMA)
            self._writer.execute(_EXPIRIES)
        except (sqlite3.Error, OSError) as error:
            self.close()
            words = error.strerror or str(error) if isinstance(error, OSError) else str(error)
            raise HostError(f"the key-value store `{path}` cannot be opened: {words}") from None

    @contextmanager
    def _transaction(self, *, writes: bool = True) -> Iterator[Any]:
        import sqlite3

        connection, lock = (self._writer, self._lock) if writes else (self._reader, self._read_lock)
        with lock:
            if connection is None:
                raise StoreRequestError("the store is closed")
            try:
                connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
                try:
                    yield connection
                except BaseException:
                    connection.execute("ROLLBACK")
                    raise
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                # SQLite's messages do not reveal the path.
                raise StoreRequestError(f"the store failed: {error}") from None

    def get(self, bucket: str, keys: Iterable[str]) -> dict[str, bytes]:
        """Return the values of the keys that exist."""
        with self._transaction(writes=False) as connection:
            return {key: row[0] for key in keys if (row := self._row(connection, bucket, key)) is not None}

    @staticmethod
    def _row(connection: Any, bucket: str, key: str) -> tuple[bytes] | None:
        found: tuple[bytes] | None = connection.execute(
            "SELECT value FROM entries WHERE bucket = ? AND key = ?", (bucket, key)
        ).fetchone()
        return found

    def put(self, bucket: str, entries: Mapping[str, bytes], *, seconds: int | None = None) -> None:
        """Put all entries, or none. `seconds`: the bucket is deleted so long after the last write; None: never."""
        rows = [(bucket, key, value) for key, value in entries.items()]
        with self._transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", rows)
            self._keep_for(connection, bucket, seconds)

    def _keep_for(self, connection: Any, bucket: str, seconds: int | None) -> None:
        """Record when a bucket is to be deleted, and delete those whose time has passed."""
        if seconds is None:
            return
        now = time()
        connection.execute("INSERT OR REPLACE INTO expiries VALUES (?, ?)", (bucket, now + seconds))
        if now >= self._next_sweep:
            self._next_sweep = now + _SWEEP
            connection.execute(_DELETE_EXPIRED, (now,))
            connection.execute("DELETE FROM expiries WHERE at < ?", (now,))

    def delete(self, bucket: str, keys: Iterable[str]) -> None:
        """Delete the keys that exist."""
        rows = [(bucket, key) for key in keys]
        with self._transaction() as connection:
            connection.executemany("DELETE FROM entries WHERE bucket = ? AND key = ?", rows)

    def keys(self, bucket: str, after: str | None, most: int) -> list[str]:
        """Return at most `most` keys after `after`."""
        # SQLite orders by UTF-8 bytes, which is the order of code points.
        with self._transaction(writes=False) as connection:
            rows = connection.execute(
                "SELECT key FROM entries WHERE bucket = ? AND (? IS NULL OR key > ?) ORDER BY key LIMIT ?",
                (bucket, after, after, most),
            ).fetchall()
        return [row[0] for row in rows]

    def exchange(
        self, bucket: str, key: str, expected: bytes | None, value: bytes, *, seconds: int | None = None
    ) -> bool:
        """Put a value if the current one equals `expected`. Return True if it did."""
        with self._transaction() as connection:
            row = self._row(connection, bucket, key)
            if (None if row is None else row[0]) != expected:
                return False
            connection.execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", (bucket, key, value))
            self._keep_for(connection, bucket, seconds)
            return True

    def close(self) -> None:
        """Close the file."""
        with self._lock, self._read_lock:
            for connection in (self._reader, self._writer):
                if connection is not None:
                    connection.close()
            self._reader = self._writer = None


def _connect(path: str) -> Connection:
    import sqlite3

    return sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)


PREFIX = "wasmcp:session/"
CONNECTION = "stdio"
LIMIT = 64 << 20  # maximum bytes of all sessions


class SessionValues:
    """A store that keeps the buckets of sessions in memory, and passes other buckets to another store.

    Sessions with sealed ids are not known to the host, and last longer than its process: with `seconds` the other store
    has the values of all sessions.

    Attributes:
        is_alive: Returns True if the HTTP session with this identifier exists.
        on_end: Called with the name of a bucket whose session has ended.
    """

    def __init__(self, store: Store, most: int = LIMIT, *, seconds: int | None = None) -> None:
        self._store = store
        self._seconds = seconds
        self._sessions = MemoryStore(most)
        self._lock = threading.Lock()
        self.is_alive: Callable[[str], bool] = lambda _session: False
        self.on_end: Callable[[str], None] = lambda _bucket: None

    def get(self, bucket: str, keys: Iterable[str]) -> dict[str, bytes]:
        """Return the values of the keys that exist."""
        return self._of(bucket).get(bucket, keys)

    def put(self, bucket: str, entries: Mapping[str, bytes], *, seconds: int | None = None) -> None:
        """Put all entries, or none."""
        if self._of(bucket) is self._store:
            seconds = self._seconds if bucket.startswith(PREFIX) else seconds
            self._store.put(bucket, entries, seconds=seconds)
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

    def exchange(
        self, bucket: str, key: str, expected: bytes | None, value: bytes, *, seconds: int | None = None
    ) -> bool:
        """Put a value if the current one equals `expected`. Return True if it did."""
        if self._of(bucket) is self._store:
            seconds = self._seconds if bucket.startswith(PREFIX) else seconds
            return self._store.exchange(bucket, key, expected, value, seconds=seconds)
        with self._lock:
            self.check(bucket)
            return self._sessions.exchange(bucket, key, expected, value)

    @property
    def shared_store(self) -> Store | None:
        """The store of the values of all sessions; None if they are in the memory of the process."""
        return None if self._seconds is None else self._store

    @property
    def is_remote(self) -> bool:
        """True if the values of sessions are on another machine."""
        return self._seconds is not None and not isinstance(self._store, MemoryStore | SqliteStore)

    def delete_session(self, session: str) -> None:
        """Delete the values that the shared store has for a session."""
        while keys := self._store.keys(PREFIX + session, None, PAGE):
            self._store.delete(PREFIX + session, keys)

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
        in_memory = bucket.startswith(PREFIX) and (self._seconds is None or bucket == PREFIX + CONNECTION)
        return self._sessions if in_memory else self._store

    def check(self, bucket: str) -> None:
        """Check that the session of a bucket exists: a request can outlive its session.

        Raises:
            StoreRequestError: The bucket belongs to a session that has ended.
        """
        session = bucket.removeprefix(PREFIX)
        if self._seconds is not None:
            return
        if session not in {bucket, CONNECTION} and not self.is_alive(session):
            raise StoreRequestError("the session has ended")
