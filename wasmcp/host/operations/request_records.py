"""Records of requests: methods and targets of their messages, verified identities, and the logs of them in files.

The server passes an identity that its authorization has verified to the host, in a header field of its response
(package `wasmcp:embedding`, `exchange`); the host itself verifies no token. The access log and the audit log are
written without delaying a request.
"""

from __future__ import annotations

import base64
import json
import os
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from wasmcp.errors import HostError
from wasmcp.host.engine import logs
from wasmcp.host.engine.logs import Log
from wasmcp.protocol import CLIENT_NOTIFICATIONS, METHODS, SKILL_METHODS, TASK_METHODS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

KNOWN_METHODS = frozenset({*METHODS, *CLIENT_NOTIFICATIONS, *TASK_METHODS, *SKILL_METHODS})
"""Methods of the specification and of the extensions. In metrics and names of spans others are one method, `other`."""

_LONGEST = 200


class Received(NamedTuple):
    """A message of a client.

    Attributes:
        method: The JSON-RPC method; the empty string for a response or an invalid message.
        target: The name of a tool or prompt, or the URI of a resource; or the empty string.
        id: The id of a request; None for other messages.
        arguments: The arguments of a tool or prompt; or None.
        meta: The member `_meta` of the parameters; or None.
    """

    method: str = ""
    target: str = ""
    id: str | int | None = None
    arguments: Any = None
    meta: dict[str, Any] | None = None


def received(body: bytes) -> list[Received]:
    """Return the messages of a body, more than one for a batch; an empty list if it is not JSON.

    Of members with the same name the last one counts, as in the server.
    """
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return []
    return [_message(one) for one in (parsed if isinstance(parsed, list) else [parsed])]


def _message(value: Any) -> Received:
    if not isinstance(value, dict) or not isinstance(value.get("method"), str):
        return Received()
    params = value.get("params")
    target = arguments = meta = None
    if isinstance(params, dict):
        target = params.get("name", params.get("uri"))
        if target is None and isinstance(params.get("ref"), dict):
            target = params["ref"].get("name", params["ref"].get("uri"))
        arguments = params.get("arguments")
        meta = params.get("_meta")
    identifier = value.get("id")
    return Received(
        value["method"][:_LONGEST],
        target[:_LONGEST] if isinstance(target, str) else "",
        identifier if isinstance(identifier, str | int) and not isinstance(identifier, bool) else None,
        arguments,
        meta if isinstance(meta, dict) else None,
    )


_MOST = 4096  # maximum number of tokens whose identity is kept


class Identity(NamedTuple):
    """A verified principal.

    Attributes:
        issuer: The issuer of its token; None if the token names none.
        subject: The subject.
    """

    issuer: str | None
    subject: str

    @classmethod
    def of(cls, field: bytes) -> Identity:
        """Parse the value of the header field: base64url of the issuer or nothing, LF, and the subject."""
        text = base64.urlsafe_b64decode(field + b"=" * (-len(field) % 4)).decode("utf-8", "replace")
        issuer, _, subject = text.partition("\n")
        return cls(issuer or None, subject)

    @property
    def client(self) -> str:
        """The name under which its requests are counted."""
        return f"identity {self.issuer or ''}\n{self.subject}"


class Identities:
    """Identities of tokens that the server has verified, so that a request can be counted before it is processed.

    A token keeps its identity, also after its end: an identity from here grants nothing. Only digests of tokens are
    kept.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, Identity] = OrderedDict()

    def find(self, fields: Iterable[tuple[bytes, bytes]]) -> tuple[bytes | None, Identity | None]:
        """Return the digest of the credentials among the header fields, and their identity; None without one.

        Args:
            fields: The header fields of a request.
        """
        given = [value for name, value in fields if name == b"authorization"]
        if len(given) != 1:
            return None, None
        digest = sha256(given[0]).digest()
        identity = self._known.get(digest)
        if identity is not None:
            self._known.move_to_end(digest)
        return digest, identity

    def keep(self, digest: bytes, identity: Identity) -> None:
        """Keep the identity of credentials."""
        self._known[digest] = identity
        if len(self._known) > _MOST:
            self._known.popitem(last=False)


_WAITING = 4 << 20  # maximum bytes that wait to be written to a file
_FIELD = 2048  # maximum characters of a text of a client in a log
_ARGUMENTS = 64 << 10  # maximum characters of the arguments of one message in the audit log


class ResponseObserver(Protocol):
    """Observer of the response to a request. Its methods are called on the event loop, and must not block."""

    def sent(self, part: bytes) -> None:
        """Note a part of the body of the response."""

    def end(self, record: RequestRecord) -> None:
        """Note the end of the response."""


@dataclass(slots=True)
class RequestRecord:
    """An HTTP request that has ended.

    Attributes:
        time: The time of the request, in seconds since 1970.
        client: The address of the client; None if it is unknown.
        method: The HTTP method.
        path: The path and query as sent.
        version: The version of HTTP.
        status: The status of the response; 499 if the client disconnected before it.
        sent: The bytes of the body of the response.
        seconds: The duration.
        agent: The field `User-Agent`.
        session: The field `Mcp-Session-Id`.
        messages: The JSON-RPC messages of the body.
        limited: True if a rate limit was exceeded.
        identity: The identity that authorization has verified; None without one.
        trace: The spans of its messages; None without traces.
        port: The port of the client; 0 if it is unknown, as behind a proxy.
    """

    time: float
    client: str | None
    method: str
    path: str
    version: str
    agent: str = ""
    session: str | None = None
    status: int = 499
    sent: int = 0
    seconds: float = 0.0
    messages: Sequence[Received] = field(default_factory=tuple)
    limited: bool = False
    identity: Identity | None = None
    trace: ResponseObserver | None = None
    port: int = 0


class LogFile:
    """File to which lines are appended on a separate thread.

    Lines that do not fit into a buffer, or that cannot be written (the disk is full), are dropped, and a line reports
    how many bytes. Several processes can append to one file. `reopen` lets a program rotate it.
    """

    def __init__(self, path: Path, notice: Callable[[int], str]) -> None:
        """Open the file for appending; it is made if it does not exist, readable by its owner alone.

        Args:
            path: The file.
            notice: Function that returns the line for a number of bytes that were dropped.

        Raises:
            HostError: The file cannot be opened.
        """
        self._path = path
        self._descriptor = self._open()
        self._log = Log(self._descriptor, _WAITING, notice, self._report)
        self._is_closed = False

    def _open(self) -> int:
        try:
            return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise HostError(f"the log `{self._path}` cannot be written: {error.strerror or error}") from None

    def _report(self, error: OSError) -> None:
        """Log an error of the file; further ones are not reported until a line was written."""
        message = f"the log `{self._path}` cannot be written: {error.strerror}; what is dropped is counted"
        logs.log(logs.TRANSPORTS, logs.ERROR, message, path=self._path, error=error)

    def write(self, line: str) -> None:
        """Append a line."""
        if not self._is_closed:
            self._log.write(f"{line}\n".encode("utf-8", "backslashreplace"))

    def reopen(self) -> None:
        """Open the path again, because the file may have been moved.

        Raises:
            HostError: The file cannot be opened; the log goes on in the one before.
        """
        self._log.flush()
        new = self._open()
        if not os.path.sameopenfile(new, self._descriptor):
            self._log.is_torn = False
        os.dup2(new, self._descriptor, inheritable=False)
        os.close(new)

    def close(self) -> None:
        """Write what waits, for at most half a second, and close the file."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._log.flush():  # otherwise its thread still uses the descriptor
            os.close(self._descriptor)


def access_line(record: RequestRecord) -> str:
    """Return a line of the access log: the Combined Log Format of Apache, and the seconds of the request."""
    when = datetime.fromtimestamp(record.time, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
    request = f"{_quoted(record.method)} {_quoted(record.path)} HTTP/{record.version}"
    client = record.client or "-"
    agent = _quoted(record.agent) or "-"
    return f'{client} - - [{when}] "{request}" {record.status} {record.sent} "-" "{agent}" {record.seconds:.6f}'


def _quoted(text: str) -> str:
    """Escape a text of a client for a quoted field: no quotes, no control characters, ASCII only."""
    escaped = text[:_FIELD].encode("unicode_escape").decode("ascii")
    return escaped.replace('"', "\\x22")


def decision(record: RequestRecord) -> str:
    """Return the decision about a request: `allowed`, `denied` (by authorization or origin), `limited` or `failed`."""
    if record.limited:
        return "limited"
    if record.status in {401, 403}:
        return "denied"
    return "allowed" if record.status < 400 else "failed"


def audit_lines(record: RequestRecord, *, arguments: bool) -> list[str]:
    """Return the lines of the audit log, a JSON object for each message of the request, or one without a method.

    Args:
        record: The request.
        arguments: Include the arguments of tools and prompts.
    """
    common: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "client": record.client,
        "identity": record.identity
        and {key: value and value[:_FIELD] for key, value in record.identity._asdict().items()},
        "session": record.session and sha256(record.session.encode()).hexdigest()[:16],  # the id itself is a secret
    }
    end = {
        "decision": decision(record),
        "status": record.status,
        "duration_ms": round(record.seconds * 1000, 3),
    }
    lines = []
    for message in record.messages or [Received()]:
        named = {"method": message.method or f"HTTP {record.method[:20]}", "target": message.target or None}
        given = {"arguments": _bounded(message.arguments)} if arguments and message.arguments is not None else {}
        lines.append(json.dumps({**common, **named, **given, **end}, separators=(",", ":")))
    return lines


def _bounded(arguments: Any) -> Any:
    text = json.dumps(arguments)
    return arguments if len(text) <= _ARGUMENTS else f"{len(text)} characters"
