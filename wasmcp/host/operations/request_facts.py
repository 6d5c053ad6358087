"""Facts of requests that limits, logs and traces need: methods and targets of messages, and verified identities.

The server passes an identity that its authorization has verified to the host, in a header field of its response
(package `wasmcp:embedding`, `exchange`); the host itself verifies no token.
"""

from __future__ import annotations

import base64
import json
from collections import OrderedDict
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from wasmcp.protocol import CLIENT_NOTIFICATIONS, METHODS, SKILL_METHODS, TASK_METHODS

if TYPE_CHECKING:
    from collections.abc import Iterable


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
