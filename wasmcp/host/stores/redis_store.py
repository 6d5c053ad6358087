"""Store of `wasi:keyvalue` in a Redis or Valkey server.

A bucket is two keys of Redis: a hash of its values, and a sorted set of its keys for listing in order. Each write is
one script (`EVAL`), which Redis applies and appends to its log as a whole.

Sources: Redis commands, "EVAL", "ZRANGEBYLEX"; IANA URI schemes, `redis` and `rediss`.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from wasmcp.errors import HostError, StoreRequestError
from wasmcp.terminal import printable, without_password

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    OnState = Callable[[bool, str, str], None]
    """Called with False and the reason when a store cannot be reached, and with True when it can again; the second
    argument is the URL without secrets."""

SCHEMES = ("redis", "rediss")
PATIENCE = 1.0
"""Seconds that a request tries to connect."""

_FORM = "it must be `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, with `rediss` for TLS"
_OPTIONS = ("prefix", "timeout", "ca")
_TIMEOUT = 5.0  # seconds for one answer
_CONNECTIONS = 64
_FIRST_PAUSE = 0.05  # seconds between two attempts to connect; doubled after each, with a random part
_LONGEST_PAUSE = 5.0
_MESSAGE = 200  # maximum characters of an error of Redis
_UNREACHABLE = "the store cannot be reached at present"
_UNKNOWN = "the connection to the store was lost: the values may have been written or not"

_EXPIRE = """
if ARGV[1] ~= '' then
  redis.call('EXPIRE', KEYS[1], ARGV[1])
  redis.call('EXPIRE', KEYS[2], ARGV[1])
end"""
# KEYS: values, index. ARGV: seconds to live or nothing; key, value, ...
_PUT = f"""\
for n = 2, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[n], ARGV[n + 1])
  redis.call('ZADD', KEYS[2], 0, ARGV[n])
end{_EXPIRE}"""
# ARGV: key, ...
_DELETE = """\
for n = 1, #ARGV do
  redis.call('HDEL', KEYS[1], ARGV[n])
  redis.call('ZREM', KEYS[2], ARGV[n])
end"""
# ARGV: seconds to live or nothing; key, value, and the expected value if there has to be one
_EXCHANGE = f"""\
local found = redis.call('HGET', KEYS[1], ARGV[2])
if #ARGV == 3 then
  if found then return 0 end
elseif found ~= ARGV[4] then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
redis.call('ZADD', KEYS[2], 0, ARGV[2]){_EXPIRE}
return 1"""


@dataclass(frozen=True)
class Address:
    """The parts of a URL of Redis.

    Attributes:
        host: The name or address of the server.
        port: The port.
        database: The number of the database.
        user: The user's name, or None.
        password: The password, or None.
        tls: True for TLS; the certificate and its name are verified.
        prefix: The first part of all keys; the empty string if the URL has none.
        timeout: Seconds for one answer.
        ca: The file of the certificates that TLS trusts; the empty string for those of the system.
    """

    host: str
    port: int
    database: int
    user: str | None
    password: str | None
    tls: bool
    prefix: str
    timeout: float
    ca: str

    @property
    def shown(self) -> str:
        """The URL without user, password and options."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return printable(f"{'rediss' if self.tls else 'redis'}://{host}:{self.port}/{self.database}")

    @classmethod
    def parse(cls, url: str) -> Address:
        """Parse a URL.

        Raises:
            HostError: The URL is invalid. The message has no password.
        """

        def invalid(problem: str) -> HostError:
            # A password with `/`, `?` or `#` in it ends the part that `without_password` finds.
            shown = without_password(url) if "@" in url else url
            shown = shown if "@" not in shown.replace("***@", "", 1) else f"{url.partition(':')[0]}://***"
            return HostError(f"`{printable(shown)}` is not a key-value store: {problem}")

        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise invalid(_FORM) from None
        database = parts.path.removeprefix("/")
        if parts.scheme not in SCHEMES or not host or parts.fragment or not (database.isdecimal() or not database):
            raise invalid(_FORM)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        unknown = sorted(options.keys() - set(_OPTIONS))
        if unknown:
            raise invalid(f"the option `{unknown[0]}` is unknown; options are {', '.join(_OPTIONS)}")
        timeout = options.get("timeout", f"{_TIMEOUT:g}")
        if not timeout.replace(".", "", 1).isdecimal() or not 0.1 <= float(timeout) <= 60:
            raise invalid("`timeout` must be seconds from 0.1 to 60")
        if "prefix" in options and not 1 <= len(options["prefix"].encode()) <= 256:
            raise invalid("`prefix` must have 1 to 256 bytes")
        if options.get("ca") and parts.scheme == "redis":
            raise invalid("`ca` is for TLS, which has the scheme `rediss`")
        return cls(
            host=host,
            port=6379 if port is None else port,
            database=int(database or 0),
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            tls=parts.scheme == "rediss",
            prefix=options.get("prefix", ""),
            timeout=float(timeout),
            ca=options.get("ca", ""),
        )


def with_prefix(url: str, name: str) -> str:
    """Return the URL of a Redis store with a prefix of the server's name if it has none; other URLs unchanged."""
    if not url.startswith(tuple(f"{scheme}:" for scheme in SCHEMES)) or Address.parse(url).prefix:
        return url
    return f"{url}{'&' if '?' in url else '?'}prefix={quote(name, safe='')}"


class RedisStore:
    """Store in Redis that servers on several machines can use.

    A read is sent again when the connection is lost. A write is not: Redis may have applied it, and another client may
    have changed the values since. Connections are made again with growing pauses; during a pause requests fail at once.
    """

    def __init__(self, url: str, on_state: OnState | None = None) -> None:
        """Connect to Redis.

        Args:
            url: The URL; see `Address`.
            on_state: Called when Redis cannot be reached any more, and when it can be again.

        Raises:
            HostError: The URL is invalid, the extra `redis` is not installed, or Redis cannot be used.
        """
        address = Address.parse(url)
        try:
            import redis
            from redis.backoff import NoBackoff
            from redis.connection import BlockingConnectionPool, Connection, SSLConnection
            from redis.retry import Retry
        except ImportError:
            raise HostError(
                f"the key-value store `{address.shown}` needs the library redis: install `wasmcp[redis]`"
            ) from None
        if address.ca and not Path(address.ca).is_file():
            raise HostError(f"the key-value store `{address.shown}`: the file `{printable(address.ca)}` does not exist")
        self._address = address
        self._on_state: OnState = on_state or (lambda _reachable, _shown, _reason: None)
        self._prefix = (address.prefix or "wasmcp").encode()
        self._errors: Any = redis.exceptions
        self._lost = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError)
        tls = {"ssl_ca_certs": address.ca or None} if address.tls else {}
        pool: Any = BlockingConnectionPool
        self._pool: Any = pool(
            _CONNECTIONS,
            address.timeout,
            connection_class=SSLConnection if address.tls else Connection,
            host=address.host,
            port=address.port,
            db=address.database,
            username=address.user,
            password=address.password,
            socket_timeout=address.timeout,
            socket_connect_timeout=min(2.0, address.timeout),
            socket_keepalive=True,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            **tls,
        )
        self._lock = threading.Lock()
        self._failures = 0
        self._next_attempt = 0.0
        self._open()

    def _open(self) -> None:
        ends = monotonic() + self._address.timeout
        while True:
            connection = None
            try:
                connection = self._connect(self._address.timeout)
                # Shows at the start that the user may use scripts and these keys.
                self._exchange_on(connection, ("EVAL", _DELETE, 2, *self._names("")))
            except (self._errors.ResponseError, *self._lost) as error:
                if connection is not None:
                    connection.disconnect()
                if isinstance(error, self._errors.BusyLoadingError) and monotonic() < ends:
                    sleep(_FIRST_PAUSE)
                    continue
                self.close()
                raise HostError(
                    f"the key-value store `{self._address.shown}` cannot be used: {_words(error)}"
                ) from None
            else:
                return
            finally:
                if connection is not None:
                    self._pool.release(connection)

    def get(self, bucket: str, keys: Iterable[str]) -> dict[str, bytes]:
        """Return the values of the keys that exist."""
        wanted = list(keys)
        if not wanted:
            return {}
        values, _ = self._names(bucket)
        found = self._run("HMGET", values, *wanted, writes=False)
        return {key: value for key, value in zip(wanted, found, strict=True) if value is not None}

    def put(self, bucket: str, entries: Mapping[str, bytes], *, seconds: int | None = None) -> None:
        """Put all entries, or none. `seconds`: the bucket is deleted so long after the last write; None: never."""
        if entries:
            lifetime = "" if seconds is None else str(seconds)
            self._script(_PUT, bucket, [lifetime, *(part for entry in entries.items() for part in entry)])

    def delete(self, bucket: str, keys: Iterable[str]) -> None:
        """Delete the keys that exist."""
        wanted = list(keys)
        if wanted:
            self._script(_DELETE, bucket, wanted)

    def keys(self, bucket: str, after: str | None, most: int) -> list[str]:
        """Return at most `most` keys after `after`."""
        # Redis orders by bytes, which is the order of code points in UTF-8.
        _, index = self._names(bucket)
        begin = b"-" if after is None else b"(" + after.encode()
        found = self._run("ZRANGEBYLEX", index, begin, "+", "LIMIT", 0, most, writes=False)
        return [key.decode() for key in found]

    def exchange(
        self, bucket: str, key: str, expected: bytes | None, value: bytes, *, seconds: int | None = None
    ) -> bool:
        """Put a value if the current one equals `expected`. Return True if it did."""
        arguments: list[str | bytes] = ["" if seconds is None else str(seconds), key, value]
        if expected is not None:
            arguments.append(expected)
        return bool(self._script(_EXCHANGE, bucket, arguments))

    def close(self) -> None:
        """Close all connections."""
        self._pool.disconnect()

    def _names(self, bucket: str) -> tuple[bytes, bytes]:
        name = bucket.encode()
        return self._prefix + b":values:" + name, self._prefix + b":keys:" + name

    def _script(self, script: str, bucket: str, arguments: Sequence[str | bytes]) -> Any:
        return self._run("EVAL", script, 2, *self._names(bucket), *arguments, writes=True)

    def _run(self, *command: str | bytes | int, writes: bool) -> Any:
        """Return the answer to a command.

        Raises:
            StoreRequestError: Redis cannot be reached, or has answered with an error.
        """
        ends = monotonic() + PATIENCE
        again = not writes
        while True:
            try:
                connection = self._connect(PATIENCE)
            except self._lost:
                raise StoreRequestError(_UNREACHABLE) from None
            try:
                return self._exchange_on(connection, command)
            except self._errors.BusyLoadingError as error:  # a ConnectionError of the library; nothing was done
                if monotonic() > ends:
                    self._failed(error)
                    raise StoreRequestError(_UNREACHABLE) from None
                sleep(_FIRST_PAUSE)
            except self._errors.ReadOnlyError:
                connection.disconnect()  # after a failover the name may lead to another server
                raise StoreRequestError("the store cannot be written at present") from None
            except self._errors.ResponseError as error:
                raise StoreRequestError(f"the store failed: {_words(error)}") from None
            except self._lost as error:
                connection.disconnect()
                if not again:
                    self._failed(error)
                    raise StoreRequestError(_UNKNOWN if writes else _UNREACHABLE) from None
                again = False
            finally:
                self._pool.release(connection)

    @staticmethod
    def _exchange_on(connection: Any, command: Sequence[str | bytes | int]) -> Any:
        connection.send_command(*command)
        return connection.read_response()

    def _connect(self, patience: float) -> Any:
        """Return a connection, after several attempts if there is time.

        Raises:
            redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError: Redis cannot be reached.
        """
        ends = monotonic() + patience
        pause = _FIRST_PAUSE
        with self._lock:
            if monotonic() < self._next_attempt:
                raise self._errors.ConnectionError("too early for another attempt")
        while True:
            try:
                connection = self._pool.get_connection()
            except self._errors.AuthenticationError as error:
                self._failed(error)
                raise
            except self._lost as error:
                if monotonic() + pause > ends:
                    self._failed(error)
                    raise
                sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - spreads the attempts of several processes
                pause *= 2
            else:
                self._succeeded()
                return connection

    def _failed(self, error: Exception) -> None:
        with self._lock:
            self._failures += 1
            first = self._failures == 1
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(self._failures, 10))
            self._next_attempt = monotonic() + pause * random.uniform(0.5, 1)  # noqa: S311
        if first:
            self._on_state(False, self._address.shown, _words(error))  # noqa: FBT003 - a callback

    def _succeeded(self) -> None:
        with self._lock:
            failures, self._failures, self._next_attempt = self._failures, 0, 0.0
        if failures:
            self._on_state(True, self._address.shown, "")  # noqa: FBT003 - a callback


def _words(error: Exception) -> str:
    """Return the message of an error in one line."""
    return printable(without_password(str(error))[:_MESSAGE].rstrip(".")) or type(error).__name__
